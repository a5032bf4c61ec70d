"""Views of a campaign's effect as texts and as CSV: what the page and the command line show."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

from aimwell.measure.formatting import days_words, ratio, signed_number
from aimwell.measure.model import CampaignResult, Metric, Unit
from aimwell.measure.planned_looks import Look
from aimwell.measure.shown import p_words, shown, shown_interval, signed
from aimwell.measure.view_model import LiftView, ViewGroup
from aimwell.stats.estimate import Estimate

__all__ = ["QUESTIONS", "lift_csv", "look_rows", "metric_units", "view_rows"]

QUESTIONS: Mapping[ViewGroup, str] = {
    "reached": "On those whom it reached",
    "ratio": "What orders and answers look like",
    "quantile": "The usual and the large order",
    "way": "Revenue per person by other ways of taking out noise",
    "kind": "By what people had spent before",
    "time": "Does it wear off?",
    "interference": "Did it reach the held-out?",
}
"""Group of views → its heading, in the order in which they are shown."""

metric_units: Mapping[Metric, Unit] = {
    "revenue": "money",
    "margin": "money",
    "orders": "orders",
    "conversion": "share",
}
_COLUMNS = (
    "plan_id", "campaign", "figure", "label", "unit", "contacted", "held_out", "estimate", "lower", "upper", "confidence",
    "p_value", "p_adjusted", "method", "missing_because",
)  # fmt: skip
_VERDICTS = {
    "gain": "stop: a gain",
    "loss": "stop: a loss",
    "hopeless": "stop: hopeless",
    "go on": "go on",
    "nothing": "no difference found",
    "to come": "to come",
    "after": "after the end",
}


def view_rows(result: CampaignResult, group: ViewGroup) -> list[dict[str, str]]:
    """The views of one question, each with label, both arms, estimate, interval, p-value and what it says.

    `between_of` is the column whose figure the interval belongs to: difference, treated or control.
    """
    views = () if result.views is None else result.views.of(group)
    return [_row(one, result.currency) for one in views]


def _row(view: LiftView, currency: str) -> dict[str, str]:
    unit, one = view.unit, view.estimate
    places = 2 if unit == "money" else None
    level = (view.control is None and view.treated is not None) or view.group == "interference"

    def text(value: float | None) -> str:
        if value is None:
            return "–"
        if unit == "share":
            return shown(100 * value, "percent", currency)
        return shown(value, unit, currency, places)

    difference = "–"
    if one.estimate is not None and not level:
        difference = signed(one.estimate, unit, currency, places)
    return {
        "label": view.label,
        "treated": text(view.treated),
        "control": text(view.control),
        "difference": difference,
        "interval": _interval(one, unit, currency, level=level) or f"missing: {one.reason}",
        "between_of": "difference"
        if not level
        else "control"
        if view.treated is None
        else "treated",
        "p": p_words(one.p_value if view.p_adjusted is None else view.p_adjusted),
        "method": one.method,
        "says": view.says,
    }


def _interval(one: Estimate, unit: Unit, currency: str, *, level: bool) -> str:
    """A share by itself is no difference, so it has no sign."""
    if level and unit == "share":
        return shown_interval(one.times(100.0), "percent", currency)
    return shown_interval(one, unit, currency)


def look_rows(result: CampaignResult) -> list[dict[str, str]]:
    """The looks that were planned, each with its day, its bound, what was seen and what it said."""
    views = result.views
    return [] if views is None or views.looks is None else [_look(one) for one in views.looks.looks]


def _look(one: Look) -> dict[str, str]:
    return {
        "day": days_words(one.day),
        "bound": f"{one.bound:.2f}",
        "hopeless": "–" if one.hopeless is None else ratio(one.hopeless),
        "seen": "–" if one.deviations is None else signed_number(one.deviations),
        "says": _VERDICTS[one.verdict],
    }


def lift_csv(result: CampaignResult) -> str:
    """Every lift and every view as CSV, a row each, with interval, method and the reason where it is missing."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    views = result.views
    adjusted: Mapping[str, float | None] = {} if views is None else views.metrics_adjusted
    for metric, lift in result.lifts.items():
        unit = metric_units[metric]
        arms = lift.treated.mean, lift.control.mean
        line = _line(
            f"{metric}_per_person", f"{metric.capitalize()} per person", unit, arms, lift.difference
        )
        writer.writerow(_of(result, [*line, adjusted.get(metric)], lift.difference))
        total = [f"{metric}_added", f"{metric.capitalize()} added", unit, None, None]
        writer.writerow(_of(result, [*total, *_numbers(lift.total), None], lift.total))
    profit = ["profit_added", "Profit added", "money", None, None]
    writer.writerow(_of(result, [*profit, *_numbers(result.profit), None], result.profit))
    for row in result.actions:
        among = (
            "" if row.chosen is None else f", among the {row.chosen.people} for whom it was chosen"
        )
        action = [f"profit_added:{row.action}", f"Profit added by {row.action}{among}"]
        numbers = ["money", None, None, *_numbers(row.profit), None]
        writer.writerow(_of(result, [*action, *numbers], row.profit))
    for one in () if views is None else views.views:
        line = _line(one.key, one.label, one.unit, (one.treated, one.control), one.estimate)
        writer.writerow(_of(result, [*line, one.p_adjusted], one.estimate))
    if views is not None and views.looks is not None:
        final = views.looks.final
        looks = ["planned_looks", "Revenue per person by the planned looks", "money", None, None]
        writer.writerow(_of(result, [*looks, *_numbers(final), None], final))
    return out.getvalue()


def _line(
    key: str, label: str, unit: Unit, arms: tuple[float | None, float | None], one: Estimate
) -> list[Any]:
    return [key, label, unit, *arms, *_numbers(one)]


def _numbers(one: Estimate) -> list[Any]:
    return [one.estimate, one.lower, one.upper, one.confidence, one.p_value]


def _of(result: CampaignResult, cells: list[Any], one: Estimate) -> list[Any]:
    return [result.plan_id, result.campaign, *cells, one.method, one.reason or ""]
