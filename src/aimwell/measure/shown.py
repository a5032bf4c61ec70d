"""Figures of a result as texts: by unit, with their intervals; used by the page and by the command line."""

from __future__ import annotations

from aimwell.measure.formatting import (
    money,
    number,
    percent,
    places_for,
    points,
    points_interval,
    ratio,
)
from aimwell.measure.model import CampaignResult, Unit
from aimwell.stats.estimate import Estimate

__all__ = ["group_name", "p_words", "shown", "shown_interval", "signed"]


def shown(value: float, unit: Unit, currency: str, places: int | None = None) -> str:
    """One figure in its unit."""
    if unit == "money":
        return money(value, currency, places)
    if unit == "percent":
        return percent(value)
    if unit == "points":
        return points(value)
    if unit == "ratio":
        return ratio(value)
    if unit == "share":
        return points(100 * value)
    return number(value)


def signed(value: float, unit: Unit, currency: str, places: int | None = None) -> str:
    """The same with a plus where it is above zero, for differences."""
    text = shown(value, unit, currency, places)
    above = value > 0 and any(digit in text for digit in "123456789")
    return f"+{text}" if above and not text.startswith("+") else text


def shown_interval(estimate: Estimate, unit: Unit, currency: str) -> str:
    """Both bounds, as '−£40 to £660'; empty where there are none."""
    if estimate.lower is None or estimate.upper is None:
        return ""
    places = places_for([estimate.estimate, estimate.lower, estimate.upper], currency)
    if unit in {"points", "share"}:
        scale = 100 if unit == "share" else 1
        return points_interval(estimate.lower * scale, estimate.upper * scale)
    low = shown(estimate.lower, unit, currency, places)
    high = shown(estimate.upper, unit, currency, places)
    return f"{low} to {high}"


def p_words(p_value: float | None) -> str:
    """A p-value, as '0.03' or 'under 0.001'; a dash where there is none."""
    if p_value is None:
        return "–"
    return (
        "under 0.001"
        if p_value < 0.001
        else f"{p_value:.2f}"
        if p_value >= 0.1
        else f"{p_value:.3f}"
    )


def group_name(result: CampaignResult) -> str:
    """What to call the people who were not held out."""
    return "Would be contacted" if result.verdict == "trial" else "Contacted"
