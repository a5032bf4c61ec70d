"""How people move between the stages of the life cycle, month by month.

Limits between stages are learned once, as of the last moment, and hold for all months, so that a flow is a change of people
and not of the measure. A month is one of the firm's time zone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pyarrow as pa

from aimwell.definitions.leaves.lifecycle import LIFE_STAGES, MARKETING_STAGES
from aimwell.errors import SegmentError
from aimwell.history.moment import Moment
from aimwell.segment.lifecycle import Rhythm, limits, rhythm, states_query
from aimwell.store.sql import sql

__all__ = ["Flow", "Flows", "Kind", "StageCount", "flows", "month_starts"]

Kind = Literal["life", "marketing"]
MONTHS_MAX = 60


@dataclass(frozen=True)
class StageCount:
    """How many stood at a stage at a bound (`place` is its number)."""

    place: int
    stage: str
    people: int


@dataclass(frozen=True)
class Flow:
    """How many went from a stage at the bound before to a stage at bound `place`; from None: not known before."""

    place: int
    from_stage: str | None
    to_stage: str
    people: int


@dataclass(frozen=True)
class Flows:
    """Stages at each bound and what flowed between them.

    `bounds` are ends of months, the last one the moment itself. `note` says what to know of the first months.
    """

    kind: Kind
    stages: tuple[str, ...]
    bounds: tuple[datetime, ...]
    counts: tuple[StageCount, ...]
    flows: tuple[Flow, ...]
    rhythm: Rhythm
    note: str | None

    def people(self, place: int, stage: str) -> int:
        """How many stood there."""
        return sum(one.people for one in self.counts if (one.place, one.stage) == (place, stage))

    def table(self) -> pa.Table:
        """One row a flow: from_at, to_at, from_stage (null: not known before), to_stage, people."""
        return pa.table(
            {
                "from_at": pa.array(
                    [self.bounds[one.place - 1] for one in self.flows], pa.timestamp("us", tz="UTC")
                ),
                "to_at": pa.array(
                    [self.bounds[one.place] for one in self.flows], pa.timestamp("us", tz="UTC")
                ),
                "from_stage": pa.array([one.from_stage for one in self.flows], pa.string()),
                "to_stage": pa.array([one.to_stage for one in self.flows], pa.string()),
                "people": pa.array([one.people for one in self.flows], pa.int64()),
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "kind": self.kind,
            "rhythm": self.rhythm.to_dict(),
            "stages": [
                {"at": self.bounds[one.place].isoformat(), "stage": one.stage, "people": one.people}
                for one in self.counts
            ],
            "flows": [
                {
                    "from_at": self.bounds[one.place - 1].isoformat(),
                    "to_at": self.bounds[one.place].isoformat(),
                    **{key: value for key, value in asdict(one).items() if key != "place"},
                }
                for one in self.flows
            ],
            "note": self.note,
        }


def flows(moment: Moment, *, months: int = 6, kind: Kind = "life") -> Flows:
    """Stages at the ends of the last months and at the moment, and the flows between them. Mere visitors are left out.

    Args:
        moment: The cut session.
        months: How many whole months before the moment, 1 to 60; fewer where nobody was known then.
        kind: Stages of life, or marketing stages.

    Raises:
        SegmentError: Nobody was known by then, or `months` is out of range.
    """
    if not 1 <= months <= MONTHS_MAX:
        raise SegmentError(f"{months} months cannot be shown; ask for 1 to {MONTHS_MAX}.")
    moment.bind_profiles()
    moment.bind_known()
    (first,) = moment.session.rows(sql("SELECT min(first_seen_at) AS first_at FROM profiles"))
    if first[0] is None:
        raise SegmentError("Nobody was known by then. Collect orders or customers first.")
    begun = first[0].astimezone(UTC)
    timezone = moment.stores.settings.timezone
    bounds = [one for one in month_starts(moment.as_of, months, timezone) if one > begun]
    own = rhythm(moment)
    states = states_query(moment, bounds, limits(moment, None, None))
    column = "stage" if kind == "life" else "marketing"
    moment.session.materialise("life_states", states)
    rows = moment.session.rows(
        sql(
            """
            SELECT place, before, stage, count(*) AS people
            FROM (
              SELECT place, :stage AS stage,
                     lag(:stage) OVER (PARTITION BY profile_id ORDER BY place) AS before
              FROM life_states WHERE NOT profile_id IN (SELECT profile_id FROM known WHERE visitor)
            ) AS s
            GROUP BY place, before, stage
            """,
            stage=sql(column),
        )
    )
    stages: Sequence[str] = LIFE_STAGES if kind == "life" else MARKETING_STAGES
    order = {stage: number for number, stage in enumerate(stages)}
    found = sorted(
        (Flow(place, before, stage, people) for place, before, stage, people in rows),
        key=lambda one: (one.place, order.get(one.from_stage or "", -1), order[one.to_stage]),
    )
    counts = tuple(
        StageCount(
            place, stage, sum(f.people for f in found if (f.place, f.to_stage) == (place, stage))
        )
        for place in range(len(bounds))
        for stage in stages
    )
    return Flows(
        kind,
        tuple(stages),
        tuple(bounds),
        tuple(one for one in counts if one.people),
        tuple(one for one in found if one.place),
        own,
        _note(begun, bounds[0], own),
    )


def month_starts(as_of: datetime, months: int, timezone: str) -> list[datetime]:
    """The last so many starts of months before the moment, in UTC, and the moment itself."""
    zone = ZoneInfo(timezone)
    local = as_of.astimezone(zone)
    year, month = local.year, local.month
    found = [as_of]
    while len(found) <= months:
        start = datetime(year, month, 1, tzinfo=zone).astimezone(UTC)
        if start < as_of:
            found.append(start)
        year, month = (year, month - 1) if month > 1 else (year - 1, 12)
        if year < 1:
            break
    return found[::-1]


def _note(begun: datetime, first: datetime, own: Rhythm) -> str | None:
    """Early on, a first order in the data need not be the person's first."""
    until = begun + timedelta(days=own.lapsed_days)
    if first >= until:
        return None
    return (
        f"The data begin on {begun:%-d %B %Y}; up to {until:%-d %B %Y} whoever bought before that "
        "day looks new, and nobody can have lapsed yet."
    )
