"""The charts of a report, with the words that stand beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from aimwell.measure.formatting import money, percent, places_for
from aimwell.measure.model import CampaignResult
from aimwell.measure.shown import group_name, shown_interval, signed
from aimwell.pages import charts
from aimwell.stats.estimate import Estimate

__all__ = [
    "Row",
    "amounts",
    "amounts_axis",
    "beside_truth",
    "growth",
    "money_ticks",
    "whisker_rows",
]


@dataclass(frozen=True)
class Row:
    """One estimate as a row of a chart: texts beside a drawing."""

    label: str
    figure: str
    interval: str
    drawing: Markup


def _estimates(result: CampaignResult) -> list[tuple[str, Estimate, float | None]]:
    """The amounts that the first chart shows: label, estimate, truth."""
    truth = result.truth
    found = []
    if result.headline == "profit":
        found.append(("Profit added", result.profit, truth.profit if truth else None))
    revenue = result.lifts["revenue"].total
    found.append(("Revenue added", revenue, truth.revenue if truth else None))
    return found


def _whiskers(result: CampaignResult) -> list[tuple[str, Estimate, charts.Whisker]]:
    return [
        (label, e, charts.Whisker(e.estimate, e.lower, e.upper, truth))
        for label, e, truth in _estimates(result)
        if e.estimate is not None and e.lower is not None and e.upper is not None
    ]


def amounts(result: CampaignResult) -> list[Row]:
    found = _whiskers(result)
    scale = charts.whiskers_scale([one for _label, _e, one in found])
    rows = []
    for label, estimate, one in found:
        places = places_for([one.estimate, one.lower, one.upper], result.currency)
        figure = signed(one.estimate, "money", result.currency, places)
        interval = shown_interval(estimate, "money", result.currency)
        true = (
            "" if one.truth is None else f" The true value is {money(one.truth, result.currency)}."
        )
        drawing = charts.whisker(
            one,
            scale,
            title=f"{label} by sending",
            description=f"Estimate {figure}, {percent(100 * result.confidence, 0)} interval {interval}.{true}",
            ticks=[tick for tick, _label in money_ticks(scale, result.currency)],
        )
        rows.append(Row(label, figure, interval, drawing))
    return rows


def amounts_axis(result: CampaignResult) -> Markup:
    found = [one for _label, _e, one in _whiskers(result)]
    if not found:
        return Markup("")
    scale = charts.whiskers_scale(found)
    return charts.axis(scale, money_ticks(scale, result.currency))


def whisker_rows(
    named: Sequence[tuple[str, Estimate]], currency: str, *, what: str
) -> tuple[list[Row], Markup]:
    """A row for each estimate that is there, all on one scale, and the axis below; `what` says in a word what they are."""
    known = [
        (label, one, charts.Whisker(one.estimate, one.lower, one.upper))
        for label, one in named
        if one.estimate is not None and one.lower is not None and one.upper is not None
    ]
    if not known:
        return [], Markup("")
    scale = charts.whiskers_scale([whisker for _label, _one, whisker in known])
    ticks = money_ticks(scale, currency)
    rows = []
    for label, one, whisker in known:
        places = places_for([whisker.estimate, whisker.lower, whisker.upper], currency)
        figure = signed(whisker.estimate, "money", currency, places)
        interval = shown_interval(one, "money", currency)
        drawing = charts.whisker(
            whisker,
            scale,
            title=f"{what}: {label}",
            description=f"Estimate {figure}, {percent(100 * one.confidence, 0)} interval {interval}.",
            ticks=[tick for tick, _label in ticks],
        )
        rows.append(Row(label, figure, interval, drawing))
    return rows, charts.axis(scale, ticks)


def money_ticks(scale: tuple[float, float], currency: str) -> list[tuple[float, str]]:
    """Round amounts on a scale, with their labels."""

    def labels(ticks: Sequence[float]) -> list[str]:
        places = _tick_places(ticks, currency)
        return [money(tick, currency, places) for tick in ticks]

    return charts.fitting_ticks(scale, labels)


def _tick_places(ticks: Sequence[float], currency: str) -> int:
    """No pennies where every label is a whole amount."""
    return 0 if all(tick == round(tick) for tick in ticks) else places_for(ticks, currency)


def beside_truth(result: CampaignResult) -> list[str]:
    """A sentence for each amount whose truth is known."""
    if result.truth is None:
        return []
    found = []
    for label, estimate, truth in _estimates(result):
        if truth is None:
            continue
        known = f"{label}: the truth is {money(truth, result.currency)}"
        if estimate.estimate is None:
            found.append(f"{known}; nothing could be measured yet.")
            continue
        covered = "holds" if estimate.covers(truth) else "misses"
        found.append(
            f"{known}, measured was {money(estimate.estimate, result.currency)}; the interval {covered} the truth."
        )
    return found


def growth(result: CampaignResult) -> dict[str, Any] | None:
    last = max((point.day for point in result.daily), default=0.0)
    if last < 1:  # a line of a single point says nothing
        return None
    bands = []
    for arm, name, css in (
        ("control", "Held out", "control"),
        ("treatment", group_name(result), "treated"),
    ):
        points = [(p.day, p.mean, p.lower, p.upper) for p in result.daily if p.arm == arm]
        if points:
            bands.append(charts.Band(name, css, ((0.0, 0.0, 0.0, 0.0), *points)))
    # The scale begins at zero unless a mean itself is below: an interval of Student's t would have it below at first
    # in nearly every campaign, where nobody can have spent less than nothing.
    low = min(mean for band in bands for _day, mean, _lower, _upper in band.points)
    high = max(upper for band in bands for _day, _mean, _lower, upper in band.points)
    ticks = charts.nice_ticks(low, high, wanted=6)
    places = _tick_places(ticks, result.currency)
    days = [0.0, *[t for t in charts.nice_ticks(0, last, wanted=6) if 0 < t < 0.85 * last], last]
    ends = {band.name: money(band.points[-1][1], result.currency, 2) for band in bands}
    drawing = charts.growth(
        bands,
        x_max=last,
        x_labels=[(day, "start" if day == 0 else f"day {round(day, 1):g}") for day in days],
        y_labels=[(tick, money(tick, result.currency, places)) for tick in ticks],
        title="Revenue per person since the start",
        description="; ".join(
            f"{name} reached {amount} per person" for name, amount in ends.items()
        ),
    )
    legend = [{"name": band.name, "css": band.css, "end": ends[band.name]} for band in bands]
    return {"drawing": drawing, "legend": legend[::-1]}
