"""`aimwell measure`: what a campaign earned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from aimwell.cli import (
    measure_attribution,
    measure_earnings,
    measure_feedback,
    measure_kpis,
    measure_retention,
)
from aimwell.cli.context import JsonOption, Opened, WorkspaceOption, opened
from aimwell.cli.measure_compare import benchmarks, compare
from aimwell.cli.measure_days import alerts, days
from aimwell.cli.measure_diagnose import diagnose
from aimwell.cli.measure_experiments import experiment
from aimwell.cli.measure_holdout import holdout
from aimwell.cli.measure_lift import lift
from aimwell.cli.measure_over_time import over_time
from aimwell.cli.measure_panels import CAMPAIGN, CUSTOMERS, EXPERIMENTS, TOGETHER
from aimwell.cli.measure_rows import show_actions, show_series, show_stops
from aimwell.cli.measure_segment_report import segment_report
from aimwell.cli.measure_segments import segments
from aimwell.cli.output import Output
from aimwell.decide.stored import load_plan
from aimwell.measure.formatting import money
from aimwell.measure.model import CampaignResult
from aimwell.measure.report_tables import kpi_card
from aimwell.measure.service import measure, store_report
from aimwell.measure.words import nothing_to_compare
from aimwell.stats.estimate import Estimate

__all__ = ["app", "show"]

app = typer.Typer(
    no_args_is_help=True, help="Measure what a campaign earned, with a control group."
)

PlanArgument = Annotated[str, typer.Argument(help="Id of the plan, or latest:CAMPAIGN.")]


@app.command("report", rich_help_panel=CAMPAIGN)
def report(
    plan_id: PlanArgument,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0, help="Seed of the randomisation test; one of the plan's own if absent."
        ),
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure a plan and write its report (HTML, JSON and CSV) into the workspace's folder reports/."""
    with opened(workspace, as_json=as_json) as ws:
        plan = load_plan(ws.stores.control, plan_id)
        with ws.output.progress("Measuring"):
            result = measure(ws.stores, plan.plan_id, now=ws.now, seed=seed)
        stored = store_report(ws.stores, result)
        if as_json:
            ws.output.json({**result.to_dict(), "html": str(stored.html)})
            return
        show(ws, result)
        ws.output.say()
        ws.output.say(f"The report: {stored.html}")


def show(ws: Opened, result: CampaignResult) -> None:
    """Print the sentence, both arms, what sending added, and each key figure with what sending caused."""
    out, currency = ws.output, result.currency
    out.heading(result.sentence)
    if result.headline == "profit" and "earned" in result.sentence:
        out.say("(Earned means profit: margin less the cost of offers and messages.)")
    show_stops(out, result)
    nothing = nothing_to_compare(result)
    if nothing:
        out.say()
        out.say(nothing)
        _notes(out, result.caveats)
        return
    out.say()
    out.table(
        ["", "people", "bought", "orders", f"revenue ({currency})", "per person"],
        [
            (name, a.people, a.buyers, a.orders, a.revenue, a.revenue_per_person)
            for name, a in (("contacted", result.treated), ("held out", result.control))
        ],
    )
    out.say()
    _added(out, result)
    if result.views is not None and result.views.strength.underpowered:
        out.say(result.views.strength.sentence)
    show_actions(out, result)
    show_series(out, result)
    for kpi in result.kpis:
        _figure(out, kpi_card(kpi, currency), trial=result.verdict == "trial")
    out.say()
    _notes(out, result.caveats)


def _notes(out: Output, caveats: Sequence[str]) -> None:
    for caveat in caveats:
        out.note(caveat)


def _added(out: Output, result: CampaignResult) -> None:
    """Revenue and profit that sending added: a table of those that are defined, a sentence for each that is not."""
    rows = [("revenue added", result.lifts["revenue"].total)] if "revenue" in result.lifts else []
    rows.append(("profit added", result.profit))
    defined = [(name, _amounts(one, result.currency)) for name, one in rows if one.defined]
    if defined:
        out.table(
            ["what sending added", "estimate", "at least", "at most"],
            [(name, *amounts) for name, amounts in defined],
        )
        for method in dict.fromkeys(one.method for _, one in rows if one.defined):
            out.say(f"  by: {method}")
    for name, one in rows:
        if not one.defined:
            out.say(f"{name}: not known. {_sentence(one.reason)}")


def _figure(out: Output, card: dict[str, Any], *, trial: bool) -> None:
    """A key figure in up to four lines: value, formula, and what sending caused, or why there is none."""
    out.say()
    value = f"{card['value']}{_range(card['interval'])}" if card["value"] else "not defined"
    out.heading(f"{card['label']}: {value}")
    if not card["value"]:
        out.say(f"  {card['reason']}")
    out.say(f"  = {card['formula']}")
    if card["worked"]:
        out.say(f"  = {card['worked']}")
    word = "difference by chance" if trial else "caused by sending"
    if card["caused"]:
        out.say(f"  {word}: {card['caused']}{_range(card['caused_interval'])}")
        out.say(f"    {card['caused_label']}")
    elif card["caused_reason"] != card["reason"]:
        out.say(f"  {word}: not known.")
        out.say(f"    {card['caused_reason']}")


def _range(interval: str) -> str:
    return f" ({interval})" if interval else ""


def _sentence(text: str | None) -> str:
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _amounts(one: Estimate, currency: str) -> tuple[str, ...]:
    return tuple(
        "–" if value is None else money(value, currency)
        for value in (one.estimate, one.lower, one.upper)
    )


app.command("lift", rich_help_panel=CAMPAIGN)(lift)
app.command("segments", rich_help_panel=CAMPAIGN)(segments)
app.command("over-time", rich_help_panel=CAMPAIGN)(over_time)
app.command("later", rich_help_panel=CAMPAIGN)(measure_earnings.later)
app.command("compare", rich_help_panel=CAMPAIGN)(compare)
app.command("diagnose", rich_help_panel=CAMPAIGN)(diagnose)
app.command("days", rich_help_panel=TOGETHER)(days)
app.command("alerts", rich_help_panel=TOGETHER)(alerts)
app.command("benchmarks", rich_help_panel=TOGETHER)(benchmarks)
app.command("holdout", rich_help_panel=EXPERIMENTS)(holdout)
app.command("experiment", rich_help_panel=EXPERIMENTS)(experiment)
app.command("kpis", rich_help_panel=TOGETHER)(measure_kpis.kpis)
app.command("ledger", rich_help_panel=TOGETHER)(measure_earnings.ledger)
app.command("executive", rich_help_panel=TOGETHER)(measure_earnings.executive)
app.command("attribution", rich_help_panel=TOGETHER)(measure_attribution.attribution)
app.command("segment-report", rich_help_panel=CUSTOMERS)(segment_report)
app.command("cohorts", rich_help_panel=CUSTOMERS)(measure_retention.cohorts)
app.command("funnel", rich_help_panel=CUSTOMERS)(measure_retention.funnel)
app.command("feedback", rich_help_panel=CUSTOMERS)(measure_feedback.feedback)
