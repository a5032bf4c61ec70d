"""Whether the orders that a choice of people rests on are recent: by old ones, people may long be elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import pairwise

from aimwell.history.moment import Moment
from aimwell.store.sql import sql

__all__ = ["order_days", "stale_orders"]

_DAYS = 14
_TIMES_USUAL = 3
_USUAL_SHARE = 0.95
_YEAR_DAYS = 365.25
_PLAN_ADVICE = "Collect newer orders first, or plan a trial as of that time (--trial --as-of)."


def order_days(moment: Moment) -> list[date]:
    """The days of the firm's time zone with orders that are known at a moment, in order, each once."""
    # Minutes first: to bring each of many millions of orders into the zone would take seconds.
    rows = moment.session.rows(
        sql(
            """
            SELECT DISTINCT CAST(timezone(:zone, o.minute_at) AS DATE) AS day
            FROM (SELECT DISTINCT date_trunc('minute', ordered_at) AS minute_at FROM orders) AS o
            ORDER BY day
            """,
            zone=moment.stores.settings.timezone,
        )
    )
    return [row[0] for row in rows]


def stale_orders(
    days: Sequence[date],
    *,
    moment: date,
    what: str = "the plan's moment",
    advice: str = _PLAN_ADVICE,
) -> str | None:
    """A sentence where the newest order is old.

    Old is: longer before `moment` than 14 days, and than three times the usual gap between days with orders, which is
    the one that 95 % of gaps do not exceed. So a shop that sells on Saturdays, or a few times a year, is not warned.

    Args:
        days: Days with orders, in order, each once.
        moment: The day that is looked from, in the same time zone.
        what: That day in words.
        advice: What to do, as a sentence.
    """
    if not days:
        return None
    gap = (moment - days[-1]).days
    gaps = sorted((later - earlier).days for earlier, later in pairwise(days))
    usual = gaps[min(len(gaps) - 1, int(_USUAL_SHARE * len(gaps)))] if gaps else 0
    if gap <= max(_DAYS, _TIMES_USUAL * usual):
        return None
    return f"The newest order is of {days[-1]:%Y-%m-%d}, {_span(gap)} before {what}. {advice}"


def _span(days: int) -> str:
    years = int(days / _YEAR_DAYS)
    if years >= 2:
        return f"{years} years"
    months = int(days / (_YEAR_DAYS / 12))
    return f"{months} months" if months >= 3 else f"{days} days"
