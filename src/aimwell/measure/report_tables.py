"""The tables and cards of a report as texts, ready for the template."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aimwell.decide.model import EXCLUSIONS
from aimwell.measure.formatting import count, money, percent
from aimwell.measure.ledger import STOP_REASONS
from aimwell.measure.model import ActionResult, ArmFigures, CampaignResult, Kpi, Metric, Unit
from aimwell.measure.shown import p_words, shown, shown_interval, signed
from aimwell.pages import charts
from aimwell.stats.lift import WinsorisedLift

__all__ = [
    "action_rows",
    "arm_rows",
    "chosen_rows",
    "funnel",
    "kpi_card",
    "lift_rows",
    "why_not_chosen",
]

_METRICS: dict[Metric, tuple[str, Unit]] = {
    "revenue": ("Revenue per person", "money"),
    "margin": ("Margin per person, after offer costs", "money"),
    "orders": ("Orders per person", "orders"),
    "conversion": ("Conversion rate", "share"),
}


def lift_rows(result: CampaignResult) -> list[dict[str, str]]:
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
                "tame": _tame(lift.winsorised, unit, result.currency),
                "relative": "–"
                if relative.estimate is None or metric == "conversion"
                else signed(100 * relative.estimate, "percent", result.currency),
                "p": p_words(difference.p_value),
            }
        )
    return rows


def _tame(tame: WinsorisedLift | None, unit: Unit, currency: str) -> str:
    """The winsorised difference, where there is one that says anything; a share has no extremes to pull in."""
    if tame is None or tame.difference.estimate is None or unit == "share":
        return ""
    return f"winsorised: {signed(tame.difference.estimate, unit, currency, _places(unit))}"


def _places(unit: Unit) -> int | None:
    return 2 if unit == "money" else None


def _each(value: float, unit: Unit, currency: str) -> str:
    """A figure per person: money with its pennies, because it is small."""
    return shown(value, unit, currency, _places(unit))


def kpi_card(kpi: Kpi, currency: str) -> dict[str, Any]:
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


def funnel(result: CampaignResult) -> list[dict[str, Any]]:
    delivery, size = result.delivery, max(result.audience_size, 1)
    eligible = result.audience_size - sum(result.excluded.values())
    audience, able = (size, "of audience"), (eligible, "of eligible")
    asked, sent = (result.treated.people, "of group"), (delivery.sent, "of sent")
    rows: list[dict[str, Any]] = []

    def add(
        label: str, n: int, css: str, *, of: tuple[int, str] | None = None, side: bool = False
    ) -> None:
        rows.append(
            {
                "label": label,
                "n": count(n),
                "share": percent(100 * n / of[0]) if of and of[0] else "",
                "of": of[1] if of and of[0] else "",
                "bar": charts.bar(n / size, css),
                "side": side,
            }
        )

    add("Audience", result.audience_size, "whole")
    for reason, n in result.excluded.items():
        add(f"excluded: {EXCLUSIONS.get(reason, reason)}", n, "lost", of=audience, side=True)
    add("Eligible", eligible, "whole", of=audience)
    if result.control.people:
        add("Held out to compare", result.control.people, "held", of=able, side=True)
    add("To be contacted", result.treated.people, "sent", of=able)
    for reason, n in {**delivery.stopped, **delivery.failed}.items():
        add(f"not sent: {STOP_REASONS.get(reason, reason)}", n, "lost", side=True)
    if delivery.unknown:
        add("not known whether it arrived", delivery.unknown, "lost", side=True)
    if delivery.waiting:
        add("still waiting", delivery.waiting, "lost", side=True)
    add("Sent as a trial" if result.verdict == "trial" else "Sent", delivery.sent, "sent", of=asked)
    add("Opened", delivery.opened, "sent", of=sent)
    if delivery.opened_machine:
        add("opened by machines alone", delivery.opened_machine, "lost", side=True)
    add("Clicked", delivery.clicked, "sent", of=sent)
    if delivery.clicked_machine:
        add("clicked by machines alone", delivery.clicked_machine, "lost", side=True)
    if delivery.unsubscribed:
        add("unsubscribed", delivery.unsubscribed, "lost", of=sent, side=True)
    if result.treated.converted != result.treated.buyers:
        add("Reached the goal", result.treated.converted, "sent", of=asked)
    add("Bought", result.treated.buyers, "sent", of=asked)
    return rows


def arm_rows(result: CampaignResult) -> list[dict[str, str]]:
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


def action_rows(rows: Sequence[ActionResult], result: CampaignResult) -> list[dict[str, str]]:
    currency = result.currency
    found = []
    for row in rows:
        difference, figures = row.difference, row.figures
        found.append(
            {
                "name": row.action if row.variant is None else f"{row.action} / {row.variant}",
                "channel": row.channel,
                "people": count(figures.people),
                "effective": "" if row.effective is None else count(round(row.effective)),
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
                "profit": ""
                if row.chosen is not None
                else "–"
                if row.profit.estimate is None
                else signed(row.profit.estimate, "money", currency),
                "of_all": ""
                if row.effective is None or row.profit_of_all.estimate is None
                else f"{signed(row.profit_of_all.estimate, 'money', currency)} if everybody got it "
                f"({shown_interval(row.profit_of_all, 'money', currency)})",
                "metric": row.metric,
            }
        )
    return found


def chosen_rows(rows: Sequence[ActionResult], result: CampaignResult) -> list[dict[str, str]]:
    """What each action earned among those for whom a policy chose it; empty where none chose."""
    currency = result.currency
    found = []
    for row in rows:
        one = row.chosen
        if one is None:
            continue
        difference, profit = one.difference, row.profit
        found.append(
            {
                "name": row.action if row.variant is None else f"{row.action} / {row.variant}",
                "people": count(one.people),
                "held_out": count(one.held_out),
                "got": "" if one.got == one.people else count(one.got),
                "before": count(one.drawn_before) if one.drawn_before else "",
                "difference": "–"
                if difference.estimate is None
                else signed(difference.estimate, "money", currency, 2),
                "interval": shown_interval(difference, "money", currency),
                "cost": money(one.contact_cost, currency),
                "profit": "–"
                if profit.estimate is None
                else signed(profit.estimate, "money", currency),
                "range": shown_interval(profit, "money", currency),
                "missing": difference.reason or profit.reason or "",
                "metric": row.metric,
            }
        )
    return found


def why_not_chosen(rows: Sequence[ActionResult]) -> str:
    """Why nothing tells what they earned among those for whom they were chosen, where people had different chances; '' where it is told."""
    if any(row.chosen is not None for row in rows):
        return ""
    told = [row for row in rows if row.effective is not None and row.difference.defined]
    return next((row.profit.reason for row in told if row.profit.reason), "")
