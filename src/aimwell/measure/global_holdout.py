"""What all promotion does together: people whom no campaign may contact against all others, period by period of a global holdout.

A campaign's own holdout shows what that campaign adds in its window. Who is held out from everything shows also what campaigns take from
each other, how people tire of them, and sales that are only moved, because nothing that is sent reaches these people for a whole period. Who
is held out is drawn of all people, so all who were known when the period began are compared, contacted or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import sqlalchemy as sa

from aimwell.decide.holdouts import Period, held_out, period_at
from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.holdout import Holdout
from aimwell.errors import MeasureError
from aimwell.history.moment import open_moment
from aimwell.history.outcomes import outcomes
from aimwell.measure.formatting import count_of, date_words, money, money_interval
from aimwell.measure.model import plain_fields
from aimwell.stats.arms import Arm
from aimwell.stats.buckets import BUCKETS
from aimwell.stats.estimate import Estimate
from aimwell.stats.lift import measure_lift
from aimwell.stats.randomisation import DEFAULT_PERMUTATIONS
from aimwell.stats.srm import check_ratio
from aimwell.stats.together import together
from aimwell.store.schema import metadata
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = ["HoldoutEffect", "HoldoutPeriod", "measure_holdout", "measure_holdouts"]

_messages = metadata.tables["messages"]
_plans = metadata.tables["plans"]
_NOTHING_SENT = " Mind: Aimwell sent nobody anything in this time, so unless another sender left these people out, what differs is chance."

_PEOPLE = """
SELECT k.profile_id, CAST(coalesce(o.revenue, 0) AS double) AS revenue,
       CASE WHEN o.profile_id IS NULL THEN CAST(0 AS double) ELSE CAST(o.margin AS double) END AS margin,
       CAST(coalesce(s.spend, 0) AS double) AS spend
FROM known AS k
LEFT JOIN done AS o ON o.profile_id = k.profile_id
LEFT JOIN (SELECT profile_id, sum(revenue) AS spend FROM orders GROUP BY profile_id) AS s ON s.profile_id = k.profile_id
WHERE NOT k.visitor ORDER BY k.profile_id
"""


@dataclass(frozen=True, kw_only=True)
class HoldoutPeriod:
    """One period: the same people were held out all the time.

    Attributes:
        people, held_out: Whom campaigns might contact, and whom none might; all were known when the period began.
        difference: Per person, the former less the latter.
        total: The difference times the former: what all promotion added.
        problem: Why the period is not to be trusted; None where it is.
    """

    starts_at: datetime
    measured_until: datetime
    finished: bool
    people: int
    held_out: int
    difference: Estimate
    total: Estimate
    problem: str | None


@dataclass(frozen=True, kw_only=True)
class HoldoutEffect:
    """What all promotion added, by one global holdout.

    Attributes:
        metric: margin where all of it is known, else revenue; before the cost of messages.
        periods: In the order of time.
        total: Of all periods that are to be trusted.
        sent: Whether Aimwell has sent anything to anybody in these periods, trials left out.
        sentence: What a reader should take from it.
    """

    holdout: str
    metric: str
    currency: str
    periods: tuple[HoldoutPeriod, ...]
    total: Estimate
    sent: bool
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """For JSON: plain values, times in ISO 8601."""
        return plain_fields(self)


def measure_holdouts(
    stores: Stores, *, since: datetime | None, until: datetime, now: datetime
) -> tuple[HoldoutEffect, ...]:
    """Every global holdout that held in the time."""
    names = sorted(definitions.documents(stores.control, "holdout"))
    found = [measure_holdout(stores, name, since=since, until=until, now=now) for name in names]
    return tuple(one for one in found if one.periods)


def measure_holdout(
    stores: Stores,
    name: str,
    *,
    since: datetime | None = None,
    until: datetime,
    now: datetime,
    permutations: int = DEFAULT_PERMUTATIONS,
) -> HoldoutEffect:
    """The periods of a holdout that began in the time, each to its end or to the present.

    Args:
        since: None: from the beginning of the holdout.
        until: Periods that begin before it.
        now: The present moment.

    Raises:
        UnknownDefinitionError: There is no such holdout.
        MeasureError: `now` has no time zone.
    """
    if now.tzinfo is None:
        raise MeasureError(f"The moment {now.isoformat()} has no time zone; give an aware time.")
    holdout = definitions.find(stores.control, Holdout, name)
    read = [_read(stores, holdout, one, now) for one in _periods(holdout, since, until, now)]
    known = all(not np.isnan(people["margin"]).any() for _period, people in read)
    metric = "margin" if known else "revenue"
    periods = tuple(_measured(period, people, metric, now, permutations) for period, people in read)
    total = together([one.total for one in periods if one.problem is None])
    currency, zone = stores.settings.currency, stores.settings.timezone
    sent = _anything_sent(stores, periods)
    return HoldoutEffect(
        holdout=name,
        metric=metric,
        currency=currency,
        periods=periods,
        total=total,
        sent=sent,
        sentence=_sentence(name, periods, total, metric, currency, zone)
        + (_NOTHING_SENT if periods and not sent else ""),
    )


def _anything_sent(stores: Stores, periods: Sequence[HoldoutPeriod]) -> bool:
    if not periods:
        return False
    trials = sa.select(_plans.c.plan_id).where(_plans.c.trial.is_(True))
    query = sa.select(
        sa.exists().where(
            _messages.c.state == "sent",
            _messages.c.sent_at >= periods[0].starts_at,
            _messages.c.sent_at < periods[-1].measured_until,
            _messages.c.plan_id.not_in(trials),
        )
    )
    with stores.read_control() as connection:
        return bool(connection.execute(query).scalar_one())


def _periods(
    holdout: Holdout, since: datetime | None, until: datetime, now: datetime
) -> list[Period]:
    first = datetime.combine(holdout.starts, datetime.min.time(), tzinfo=UTC)
    found = []
    moment = first
    while moment < min(until, now) and (period := period_at(holdout, moment)) is not None:
        if since is None or period.starts_at >= since:
            found.append(period)
        moment = period.ends_at
    return found


def _read(
    stores: Stores, holdout: Holdout, period: Period, now: datetime
) -> tuple[Period, dict[str, Any]]:
    until = min(period.ends_at, now)
    with open_moment(stores, as_of=period.starts_at, horizon=until - period.starts_at) as moment:
        moment.session.bind("done", outcomes(moment))
        table = moment.session.table(sql(_PEOPLE))
    names = table.column("profile_id").to_pylist()
    columns = {name: table.column(name).to_numpy() for name in ("revenue", "margin", "spend")}
    return period, {**columns, "held": held_out(holdout, names, moment=period.starts_at)}


def _measured(
    period: Period, people: dict[str, Any], metric: str, now: datetime, permutations: int
) -> HoldoutPeriod:
    held = people["held"]
    until = min(period.ends_at, now)
    finished = until >= period.ends_at
    share = period.width / BUCKETS
    fraction = (
        None if finished else (until - period.starts_at) / (period.ends_at - period.starts_at)
    )
    lift = measure_lift(
        Arm.of(people[metric][~held], people["spend"][~held]),
        Arm.of(people[metric][held], people["spend"][held]),
        seed=period.number,
        permutations=permutations,
        fraction=fraction,
    )
    counts = {"others": int((~held).sum()), "held out": int(held.sum())}
    check = check_ratio(counts, {"others": 1.0 - share, "held out": share}) if len(held) else None
    return HoldoutPeriod(
        starts_at=period.starts_at,
        measured_until=until,
        finished=finished,
        people=counts["others"],
        held_out=counts["held out"],
        difference=lift.difference,
        total=lift.total,
        problem=check.message if check is not None and check.mismatch else None,
    )


def _sentence(
    name: str,
    periods: Sequence[HoldoutPeriod],
    total: Estimate,
    metric: str,
    currency: str,
    timezone: str,
) -> str:
    if not periods:
        return f"No period of the global holdout '{name}' began in this time."
    since = date_words(periods[0].starts_at, timezone)
    told = [one.held_out for one in periods if one.problem is None and one.total.defined]
    held = told or [one.held_out for one in periods]
    who = (
        f"the {count_of(held[0], 'person', 'people')} whom no campaign could contact since {since} ('{name}')"
        if len(held) == 1
        else f"the people whom no campaign could contact since {since} ('{name}', {len(held)} periods of {min(held):,} to {max(held):,} people)"
    )
    start = f"Against {who}"
    if total.estimate is None:
        reason = next((one.problem or one.total.reason for one in periods), total.reason)
        return f"{start} nothing can be said of all promotion together: {reason}"
    verb = "added" if total.estimate >= 0 else "took away"
    sure = "" if total.excludes_zero else ", so whether it adds anything is not sure"
    then = (
        "Keep the holdout: another period narrows that."
        if not total.excludes_zero
        else "Go on, and keep the holdout."
        if total.estimate > 0
        else "Send less, and keep the holdout to see whether that helps."
    )
    return (
        f"{start} all promotion together {verb} {money(abs(total.estimate), currency)} of {metric} ({money_interval(total, currency)}){sure}. "
        f"That counts in what campaigns take from each other and sales that were only moved, and not yet the cost of messages. {then}"
    )
