"""Cohorts and funnels: who comes back, and where people are lost on their way.

Both describe what people did. Neither says what made them do it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlglot import exp

from aimwell.errors import MeasureError
from aimwell.history.moment import open_moment
from aimwell.measure.formatting import days_words
from aimwell.stats.estimate import Estimate
from aimwell.stats.intervals import wilson
from aimwell.store.sql import identifier, sql
from aimwell.store.stores import Stores

__all__ = [
    "CohortRow",
    "Cohorts",
    "Every",
    "Funnel",
    "FunnelStep",
    "cohort_rows",
    "cohorts",
    "funnel",
]

Every = Literal["week", "month", "quarter"]
_MONTHS: Mapping[Every, int] = {"month": 1, "quarter": 3}
_STEPS_MAX = 12

_RETURNED = """
WITH active AS (
  SELECT DISTINCT profile_id, CAST(date_trunc(:every, timezone(:zone, ordered_at)) AS date) AS period
  FROM purchases WHERE kept AND profile_id IS NOT NULL
),
firsts AS (SELECT profile_id, min(period) AS cohort FROM active GROUP BY profile_id)
SELECT f.cohort, a.period, count(*) AS people
FROM active AS a JOIN firsts AS f ON f.profile_id = a.profile_id
GROUP BY f.cohort, a.period ORDER BY f.cohort, a.period
"""

_FIRST_STEP = """
SELECT profile_id, min(occurred_at) AS began, min(occurred_at) AS at
FROM :activity
WHERE event = :event AND NOT machine AND profile_id IS NOT NULL AND occurred_at >= :since
GROUP BY profile_id
HAVING min(occurred_at) < :latest
"""

_NEXT_STEP = """
SELECT s.profile_id, s.began, min(a.occurred_at) AS at
FROM :before AS s JOIN :activity AS a ON a.profile_id = s.profile_id
WHERE a.event = :event AND NOT a.machine
  AND (a.occurred_at > s.at OR (a.occurred_at = s.at AND NOT :same))
  AND a.occurred_at <= s.began + to_seconds(:seconds)
GROUP BY s.profile_id, s.began
"""

_COUNTED = """
SELECT count(*), CAST(quantile_disc(epoch_us(at) - epoch_us(began), 0.5) AS double) / 86400000000.0
FROM :step
"""


@dataclass(frozen=True, kw_only=True)
class CohortRow:
    """People who first bought in one period, and the share that bought in each later one.

    Attributes:
        returned: Place k is the share k + 1 periods later, with its interval; only periods that are over.
    """

    starts: date
    people: int
    returned: tuple[Estimate, ...]


@dataclass(frozen=True, kw_only=True)
class Cohorts:
    """All cohorts, the earliest first, and the share of all people who could return, k + 1 periods later.

    `until`: up to when orders are known.
    """

    every: Every
    until: datetime
    rows: tuple[CohortRow, ...]
    together: tuple[Estimate, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON; dates in ISO 8601."""
        body = asdict(self)
        body["until"] = self.until.isoformat()
        for row in body["rows"]:
            row["starts"] = row["starts"].isoformat()
        return body


@dataclass(frozen=True, kw_only=True)
class FunnelStep:
    """One step: how many reached it, of those before and of the first step, and the usual time since the first.

    Attributes:
        of_before, of_first: Shares, 0–1; of the first step itself missing and 1.
        median_days: From the first step; None where nobody came so far.
    """

    event: str
    people: int
    of_before: Estimate
    of_first: Estimate
    median_days: float | None


@dataclass(frozen=True, kw_only=True)
class Funnel:
    """People by how far they came. `weakest`: the place of the step to which the smallest share of those before went on."""

    since: datetime | None
    until: datetime
    within_days: float
    steps: tuple[FunnelStep, ...]
    weakest: int | None

    def to_dict(self) -> dict[str, Any]:
        """For JSON; times in ISO 8601."""
        body = asdict(self)
        body["since"] = self.since.isoformat() if self.since else None
        body["until"] = self.until.isoformat()
        return body


def _after(start: date, every: Every, periods: int) -> date:
    """The first day of the period so many periods later."""
    if every == "week":
        return start + timedelta(weeks=periods)
    month = start.year * 12 + start.month - 1 + periods * _MONTHS[every]
    return date(month // 12, month % 12 + 1, 1)


def cohort_rows(
    counts: Mapping[tuple[date, date], int], *, every: Every, today: date
) -> tuple[tuple[CohortRow, ...], tuple[Estimate, ...]]:
    """Cohorts from people by period of their first purchase and period in which they bought.

    Args:
        counts: (cohort, period) → people. A cohort's own period holds all of it.
        every: How long a period is.
        today: Periods that are not over by then are left out, of every cohort.

    Returns:
        The cohorts; and together, by age, the share of all people whose period of that age is over.
    """
    rows, done, able = [], dict[int, int](), dict[int, int]()
    for start in sorted({cohort for cohort, _period in counts}):
        people, returned, age = counts[start, start], list[Estimate](), 1
        if _after(start, every, 1) > today:
            continue
        while _after(start, every, age + 1) <= today:
            back = counts.get((start, _after(start, every, age)), 0)
            returned.append(wilson(back, people))
            done[age], able[age] = done.get(age, 0) + back, able.get(age, 0) + people
            age += 1
        rows.append(CohortRow(starts=start, people=people, returned=tuple(returned)))
    return tuple(rows), tuple(wilson(done[age], able[age]) for age in sorted(done))


def cohorts(stores: Stores, *, until: datetime, every: Every = "month") -> Cohorts:
    """Retention by cohort: of those who first bought in a period, who bought again in which later one.

    Orders that were wholly returned do not count. Periods are those of the workspace's time zone; one that the newest
    order lies in, or that comes after it, is not over: nobody knows yet who will have come back in it.

    Raises:
        MeasureError: Nobody whose period is over has bought.
    """
    zone = stores.settings.timezone
    with open_moment(stores, as_of=until) as moment:
        found = moment.session.rows(sql(_RETURNED, every=every, zone=zone))
        newest = moment.session.rows(sql("SELECT max(ordered_at) FROM orders"))[0][0]
    known_until = until if newest is None else min(until, newest)
    rows, together = cohort_rows(
        {(cohort, period): people for cohort, period, people in found},
        every=every,
        today=known_until.astimezone(ZoneInfo(zone)).date(),
    )
    if not rows:
        raise MeasureError(f"Nobody bought in a {every} that is over, so there are no cohorts yet.")
    return Cohorts(every=every, until=known_until, rows=rows, together=together)


def funnel(
    stores: Stores,
    steps: Sequence[str],
    *,
    until: datetime,
    since: datetime | None = None,
    within_days: float = 7.0,
) -> Funnel:
    """How many people went from step to step, in this order, each within a time of their first step.

    A person counts once, from the first time they did the first step in the period. Only those whose time is over by
    `until` count, so that nobody is held for lost who may still go on. What machines did does not count.

    Args:
        steps: Names of events, two at least; the same name twice means: again.
        until, since: The period; nothing from `until` on is looked at.
        within_days: How long after the first step the others may happen.

    Raises:
        MeasureError: There are too few or too many steps, the time is not positive, or nobody did the first.
    """
    if not 2 <= len(steps) <= _STEPS_MAX:
        raise MeasureError(f"A funnel has 2 to {_STEPS_MAX} steps, not {len(steps)}.")
    if not within_days > 0:
        raise MeasureError(f"The time is {within_days!r} days. Give a positive number of days.")
    window = timedelta(days=within_days)
    beginning = since or datetime(1970, 1, 1, tzinfo=ZoneInfo("UTC"))
    counted: list[tuple[int, float | None]] = []
    with open_moment(stores, as_of=until) as moment:
        session = moment.session
        for place, event in enumerate(steps):
            source = exp.Table(this=identifier("activity"))
            if place == 0:
                query = sql(
                    _FIRST_STEP,
                    activity=source,
                    event=event,
                    since=beginning,
                    latest=until - window,
                )
            else:
                query = sql(
                    _NEXT_STEP,
                    activity=source,
                    before=exp.Table(this=identifier(f"step_{place - 1}")),
                    event=event,
                    same=event == steps[place - 1],
                    seconds=window.total_seconds(),
                )
            session.materialise(f"step_{place}", query)
            step = exp.Table(this=identifier(f"step_{place}"))
            counted.append(session.rows(sql(_COUNTED, step=step))[0])
    first = counted[0][0]
    if not first:
        raise MeasureError(
            f"Nobody did '{steps[0]}' in the period and early enough that {days_words(within_days)} are over. Look at its name, "
            "or give a shorter --within."
        )
    made = []
    for place, (event, (people, days)) in enumerate(zip(steps, counted, strict=True)):
        of_before = (
            Estimate.missing("it is the first step", method=wilson(1, 1).method)
            if place == 0
            else wilson(people, counted[place - 1][0])
        )
        made.append(
            FunnelStep(
                event=event,
                people=people,
                of_before=of_before,
                of_first=wilson(people, first),
                median_days=days,
            )
        )
    known = [
        (one.of_before.estimate, place)
        for place, one in enumerate(made)
        if one.of_before.estimate is not None
    ]
    return Funnel(
        since=since,
        until=until,
        within_days=within_days,
        steps=tuple(made),
        weakest=min(known)[1] if known else None,
    )
