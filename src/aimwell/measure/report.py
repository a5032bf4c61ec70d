"""The page to show to one's boss: one self-contained HTML file, without script or outside request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from aimwell.decide.model import EXCLUSIONS
from aimwell.measure import charts
from aimwell.measure.formatting import (
    count,
    date_words,
    days_words,
    money,
    percent,
    places_for,
)
from aimwell.measure.ledger import STOP_REASONS
from aimwell.measure.model import (
    ActionResult,
    ArmFigures,
    CampaignResult,
    Kpi,
    Metric,
    Unit,
    Verdict,
)
from aimwell.measure.shown import p_words, shown, shown_interval, signed
from aimwell.stats.estimate import Estimate
from aimwell.version import VERSION

__all__ = ["report_html"]

_TEMPLATES = Path(__file__).parent / "templates"

_BADGES: dict[Verdict, str] = {
    "gain": "It paid",
    "loss": "It cost more than it brought",
    "unsure": "Not sure yet",
    "no_control": "Cannot tell: no control group",
    "not_sent": "Nothing sent",
    "trial": "Trial: nobody was contacted",
    "undefined": "Cannot tell",
    "mismatch": "Do not trust these figures yet",
}

_METRICS: dict[Metric, tuple[str, Unit]] = {
    "revenue": ("Revenue per person", "money"),
    "margin": ("Margin per person, after offer costs", "money"),
    "orders": ("Orders per person", "orders"),
    "conversion": ("Conversion rate", "share"),
}


@dataclass(frozen=True)
class _Row:
    """One estimate as a row of a chart: texts beside a drawing."""

    label: str
    figure: str
    interval: str
    drawing: Markup


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def report_html(result: CampaignResult) -> str:
    """The whole page as text. The same result gives the same page.

    Names and texts that people wrote are shown as they are and do nothing, whatever they hold.
    """
    style = (_TEMPLATES / "report.css").read_text(encoding="utf-8")
    return (
        _environment()
        .get_template("report.html")
        .render(
            style=Markup(style),  # noqa: S704 - our own style sheet
            version=VERSION,
            result=result,
            badge=_BADGES[result.verdict],
            when=_when(result),
            rows=_amounts(result),
            axis=_axis(result),
            growth=_growth(result),
            kpis=[_kpi(kpi, result.currency) for kpi in result.kpis],
            funnel=_funnel(result),
            lifts=_lifts(result),
            arms=_arms(result),
            actions=_actions(result.actions, result),
            variants=_actions(result.variants, result),
            truth=_truth(result),
            group=_group(result),
        )
    )


def _when(result: CampaignResult) -> str:
    span = result.span
    start = date_words(span.starts_at)
    if span.finished:
        return f"{days_words(span.days)} from {start}"
    return f"{days_words(span.days_measured)} so far of {days_words(span.days)} from {start}"


# --- the lift ------------------------------------------------------------------------------------------


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


def _amounts(result: CampaignResult) -> list[_Row]:
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
        )
        rows.append(_Row(label, figure, interval, drawing))
    return rows


def _axis(result: CampaignResult) -> Markup:
    found = [one for _label, _e, one in _whiskers(result)]
    if not found:
        return Markup("")
    scale = charts.whiskers_scale(found)
    ticks = [t for t in charts.nice_ticks(*scale, wanted=5) if scale[0] <= t <= scale[1]]
    places = _tick_places(ticks, result.currency)
    return charts.axis(scale, [(tick, money(tick, result.currency, places)) for tick in ticks])


def _tick_places(ticks: Sequence[float], currency: str) -> int:
    """No pennies where every label is a whole amount."""
    return 0 if all(tick == round(tick) for tick in ticks) else places_for(ticks, currency)


def _truth(result: CampaignResult) -> list[str]:
    """A sentence for each amount whose truth is known."""
    if result.truth is None:
        return []
    found = []
    for label, estimate, truth in _estimates(result):
        if truth is None or estimate.estimate is None:
            continue
        covered = "holds" if estimate.covers(truth) else "misses"
        found.append(
            f"{label}: the truth is {money(truth, result.currency)}, measured was "
            f"{money(estimate.estimate, result.currency)}; the interval {covered} the truth."
        )
    return found


def _lifts(result: CampaignResult) -> list[dict[str, str]]:
    rows = []
    for metric, lift in result.lifts.items():
        label, unit = _METRICS[metric]
        difference, relative = lift.difference, lift.relative
        if metric == "conversion":
            # The plain difference of the two rates, as beside the key figure: one number in both places.
            difference = result.conversion_difference.times(0.01)

        def plain(mean: float | None, unit: Unit = unit) -> str:
            if mean is None:
                return "–"
            return percent(100 * mean) if unit == "share" else _each(mean, unit, result.currency)

        rows.append(
            {
                "label": label,
                "treated": plain(lift.treated.mean),
                "control": plain(lift.control.mean),
                "difference": "–"
                if difference.estimate is None
                else signed(difference.estimate, unit, result.currency, _places(unit)),
                "interval": shown_interval(difference, unit, result.currency)
                or f"missing: {difference.reason}",
                "relative": "–"
                if relative.estimate is None or metric == "conversion"
                else signed(100 * relative.estimate, "percent", result.currency),
                "p": p_words(difference.p_value),
            }
        )
    return rows


def _places(unit: Unit) -> int | None:
    return 2 if unit == "money" else None


def _each(value: float, unit: Unit, currency: str) -> str:
    """A figure per person: money with its pennies, because it is small."""
    return shown(value, unit, currency, _places(unit))


# --- day by day ----------------------------------------------------------------------------------------


def _growth(result: CampaignResult) -> dict[str, Any] | None:
    if not result.daily:
        return None
    bands = []
    for arm, name, css in (
        ("control", "Held out", "control"),
        ("treatment", _group(result), "treated"),
    ):
        points = [(p.day, p.mean, p.lower, p.upper) for p in result.daily if p.arm == arm]
        if points:
            bands.append(charts.Band(name, css, ((0.0, 0.0, 0.0, 0.0), *points)))
    values = [v for band in bands for point in band.points for v in point[1:]]
    ticks = charts.nice_ticks(min(values), max(values), wanted=6)
    places = _tick_places(ticks, result.currency)
    last = max(point.day for point in result.daily)
    days = [0.0, *[t for t in charts.nice_ticks(0, last, wanted=5) if 0 < t < 0.92 * last], last]
    ends = {band.name: money(band.points[-1][1], result.currency, 2) for band in bands}
    drawing = charts.growth(
        bands,
        x_max=last,
        x_labels=[(day, "start" if day == 0 else f"day {day:g}") for day in days],
        y_labels=[(tick, money(tick, result.currency, places)) for tick in ticks],
        title="Revenue per person since the start",
        description="; ".join(
            f"{name} reached {amount} per person" for name, amount in ends.items()
        ),
    )
    legend = [{"name": band.name, "css": band.css, "end": ends[band.name]} for band in bands]
    return {"drawing": drawing, "legend": legend[::-1]}


def _group(result: CampaignResult) -> str:
    return "Would be contacted" if result.verdict == "trial" else "Contacted"


# --- figures -------------------------------------------------------------------------------------------


def _kpi(kpi: Kpi, currency: str) -> dict[str, Any]:
    value, causal = kpi.value, kpi.causal
    caused = ""
    if causal.estimate is not None:
        caused = signed(causal.estimate, kpi.causal_unit, currency)
        if kpi.causal_unit in {"ratio", "money"}:
            caused = caused.removeprefix("+")
    return {
        "label": kpi.label,
        "value": "" if value.value is None else shown(value.value, kpi.unit, currency),
        "reason": _sentence(value.reason),
        "interval": shown_interval(kpi.interval, kpi.unit, currency)
        if kpi.interval is not None and value.value is not None
        else "",
        "formula": kpi.formula,
        "worked": kpi.worked,
        "caused": caused,
        "caused_interval": shown_interval(causal, kpi.causal_unit, currency),
        "caused_label": kpi.causal_label,
        "caused_reason": _sentence(causal.reason),
        "notes": kpi.notes,
    }


def _sentence(text: str | None) -> str:
    return "" if not text else f"{text[0].upper()}{text[1:]}."


# --- the way of the audience ---------------------------------------------------------------------------


def _funnel(result: CampaignResult) -> list[dict[str, Any]]:
    delivery, size = result.delivery, max(result.audience_size, 1)
    eligible = result.audience_size - sum(result.excluded.values())
    rows: list[dict[str, Any]] = []

    def add(label: str, n: int, css: str, *, of: int | None = None, side: bool = False) -> None:
        share = f"{percent(100 * n / of)}" if of else ""
        rows.append(
            {
                "label": label,
                "n": count(n),
                "share": share,
                "bar": charts.bar(n / size, css),
                "side": side,
            }
        )

    add("Audience", result.audience_size, "whole")
    for reason, n in result.excluded.items():
        add(f"excluded: {EXCLUSIONS.get(reason, reason)}", n, "lost", of=size, side=True)
    add("Eligible", eligible, "whole", of=size)
    if result.control.people:
        add("Held out to compare", result.control.people, "held", of=eligible, side=True)
    add("To be contacted", result.treated.people, "sent", of=eligible)
    for reason, n in {**delivery.stopped, **delivery.failed}.items():
        add(f"not sent: {STOP_REASONS.get(reason, reason)}", n, "lost", side=True)
    if delivery.unknown:
        add("not known whether it arrived", delivery.unknown, "lost", side=True)
    if delivery.waiting:
        add("still waiting", delivery.waiting, "lost", side=True)
    add("Sent", delivery.sent, "sent", of=result.treated.people)
    add("Opened", delivery.opened, "sent", of=delivery.sent)
    add("opened by machines alone", delivery.opened_machine, "lost", side=True)
    add("Clicked", delivery.clicked, "sent", of=delivery.sent)
    if delivery.clicked_machine:
        add("clicked by machines alone", delivery.clicked_machine, "lost", side=True)
    if delivery.unsubscribed:
        add("unsubscribed", delivery.unsubscribed, "lost", of=delivery.sent, side=True)
    add("Bought", result.treated.buyers, "sent", of=result.treated.people)
    return rows


def _arms(result: CampaignResult) -> list[dict[str, str]]:
    pairs: list[tuple[str, str, str]] = []
    treated, control = result.treated, result.control

    def add(label: str, read: Any) -> None:
        pairs.append((label, read(treated), read(control)))

    def cash(value: float | None, places: int | None = None) -> str:
        return "–" if value is None else money(value, result.currency, places)

    def rate(arm: ArmFigures) -> str:
        return "–" if arm.conversion_percent is None else percent(arm.conversion_percent)

    add("People", lambda arm: count(arm.people))
    add("Converted", lambda arm: count(arm.converted))
    add("Conversion rate", rate)
    add("Orders", lambda arm: count(arm.orders))
    add("Revenue", lambda arm: cash(arm.revenue))
    add("Revenue per person", lambda arm: cash(arm.revenue_per_person, 2))
    if treated.margin is not None:
        add("Margin after offer costs", lambda arm: cash(arm.margin))
        add("Margin per person", lambda arm: cash(arm.margin_per_person, 2))
    return [{"label": label, "treated": left, "control": right} for label, left, right in pairs]


def _actions(rows: Sequence[ActionResult], result: CampaignResult) -> list[dict[str, str]]:
    currency = result.currency
    found = []
    for row in rows:
        difference, figures = row.difference, row.figures
        found.append(
            {
                "name": row.action if row.variant is None else f"{row.action} / {row.variant}",
                "channel": row.channel,
                "people": count(figures.people),
                "sent": count(row.sent),
                "conversion": "–"
                if figures.conversion_percent is None
                else percent(figures.conversion_percent),
                "each": "–"
                if figures.revenue_per_person is None
                else money(figures.revenue_per_person, currency, 2),
                "difference": "–"
                if difference.estimate is None
                else signed(difference.estimate, "money", currency, 2),
                "interval": shown_interval(difference, "money", currency)
                or f"missing: {difference.reason}",
                "p": p_words(row.p_adjusted),
                "profit": "–"
                if row.profit.estimate is None
                else signed(row.profit.estimate, "money", currency),
                "metric": row.metric,
            }
        )
    return found
