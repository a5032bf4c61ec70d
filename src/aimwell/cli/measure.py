"""`aimwell measure`: what a campaign earned."""

from __future__ import annotations

from typing import Annotated

import typer

from aimwell.cli.context import JsonOption, Opened, WorkspaceOption, opened
from aimwell.decide.stored import load_plan
from aimwell.measure.formatting import money
from aimwell.measure.model import CampaignResult
from aimwell.measure.service import measure, store_report
from aimwell.stats.estimate import Estimate

__all__ = ["app", "show"]

app = typer.Typer(
    no_args_is_help=True, help="Measure what a campaign earned, with a control group."
)

PlanArgument = Annotated[str, typer.Argument(help="Id of the plan, or latest:CAMPAIGN.")]


@app.command("report")
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
    """Measure a plan and write its report (HTML and JSON) into the workspace's folder reports/."""
    with opened(workspace, as_json=as_json) as ws:
        plan = load_plan(ws.stores.control, plan_id)
        result = measure(ws.stores, plan.plan_id, now=ws.now, seed=seed)
        stored = store_report(ws.stores, result)
        if as_json:
            ws.output.json({**result.to_dict(), "html": str(stored.html)})
            return
        show(ws, result)
        ws.output.say()
        ws.output.say(f"The report: {stored.html}")


def show(ws: Opened, result: CampaignResult) -> None:
    """Print the sentence, both arms, and what sending added."""
    out, currency = ws.output, result.currency
    out.heading(result.sentence)
    out.say()
    out.table(
        ["", "people", "bought", "orders", f"revenue ({currency})", "per person"],
        [
            (name, a.people, a.buyers, a.orders, a.revenue, a.revenue_per_person)
            for name, a in (("contacted", result.treated), ("held out", result.control))
        ],
    )
    out.say()
    rows = [("revenue added", result.lifts["revenue"].total)] if "revenue" in result.lifts else []
    rows.append(("profit added", result.profit))
    out.table(
        ["what sending added", "estimate", "at least", "at most", "how"],
        [(name, *_amounts(one, currency)) for name, one in rows],
    )
    for kpi in result.kpis:
        value = "–" if kpi.value.value is None else f"{kpi.value.value:,.2f}"
        out.say(f"{kpi.label}: {value}   ({kpi.formula})")
    for caveat in result.caveats:
        out.note(caveat)


def _amounts(one: Estimate, currency: str) -> tuple[str, str, str, str]:
    if one.estimate is None or one.lower is None or one.upper is None:
        return "–", "–", "–", one.reason or ""
    return (
        money(one.estimate, currency),
        money(one.lower, currency),
        money(one.upper, currency),
        one.method,
    )
