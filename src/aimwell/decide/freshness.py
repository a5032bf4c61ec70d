"""Whether the orders that a plan rests on are recent: old data choose people who may long be elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import pairwise

__all__ = ["stale_orders"]

_DAYS = 14
_TIMES_USUAL = 3
_USUAL_SHARE = 0.95
_YEAR_DAYS = 365.25


def stale_orders(days: Sequence[date], *, moment: date) -> str | None:
    """A sentence where the newest order is old.

    Old is: longer before `moment` than 14 days, and than three times the usual gap between days with orders, which is
    the one that 95 % of gaps do not exceed. So a shop that sells on Saturdays, or a few times a year, is not warned.

    Args:
        days: Days with orders, in order, each once.
        moment: The plan's day.
    """
    if not days:
        return None
    gap = (moment - days[-1]).days
    gaps = sorted((later - earlier).days for earlier, later in pairwise(days))
    usual = gaps[min(len(gaps) - 1, int(_USUAL_SHARE * len(gaps)))] if gaps else 0
    if gap <= max(_DAYS, _TIMES_USUAL * usual):
        return None
    return (
        f"The newest order is of {days[-1]:%Y-%m-%d}, {_span(gap)} before the plan's moment. Collect newer orders first, "
        "or plan a trial as of that time (--trial --as-of)."
    )


def _span(days: int) -> str:
    years = int(days / _YEAR_DAYS)
    if years >= 2:
        return f"{years} years"
    months = int(days / (_YEAR_DAYS / 12))
    return f"{months} months" if months >= 3 else f"{days} days"
