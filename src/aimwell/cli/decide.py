"""`aimwell decide`: plan, explain, approve, cancel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from aimwell.cli import (
    decide_plans,
    decide_policy,
    decide_running,
    decide_share,
    decide_simulate,
    decide_timing,
    decide_uplift,
)
from aimwell.cli.context import AsOfOption, JsonOption, Opened, WorkspaceOption, opened
from aimwell.cli.decide_experiments import experiment, holdout, power, rollout
from aimwell.cli.decide_offers import codes_app, offer, points, redemptions, referrals
from aimwell.cli.decide_panels import EXPERIMENTS, OFFERS, PLANS
from aimwell.cli.decide_plans import show_chosen
from aimwell.decide import service
from aimwell.decide.campaign_parts import parts_of_plan
from aimwell.decide.detectable import in_words
from aimwell.decide.model import EXCLUSIONS, Detectable, Plan
from aimwell.decide.public_address import address_warning
from aimwell.decide.stored import list_plans, load_plan
from aimwell.segment.membership.active import active_names, too_many

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Plan a campaign, look at the plan, approve it.")

PlanArgument = Annotated[str, typer.Argument(help="Id of the plan, or latest:CAMPAIGN.")]


@app.command("plan", rich_help_panel=PLANS)
def plan(
    campaign: Annotated[str, typer.Argument(help="Campaign definition.")],
    as_of: AsOfOption = None,
    trial: Annotated[
        bool | None,
        typer.Option(
            "--trial/--real", help="A trial reaches nobody.", show_default="as the campaign says"
        ),
    ] = None,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace", help="Give up the campaign's approved plan of which nothing is sent yet."
        ),
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Work out who gets what, and store it. Nothing is sent."""
    with opened(workspace, as_json=as_json) as ws:
        with ws.output.progress("Planning"):
            made = service.plan(
                ws.stores,
                campaign,
                now=ws.now,
                by=ws.by,
                as_of=ws.moment(as_of),
                trial=trial,
                replace_open=replace,
            )
        show(ws, made)
        ws.output.say()
        ws.output.say(f"Approve it with: aimwell decide approve {made.plan_id}")


@app.command("explain", rich_help_panel=PLANS)
def explain(
    plan_id: PlanArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> None:
    """Show a plan: reach, exclusions with their reasons, arms, cost, what it can find out."""
    with opened(workspace, as_json=as_json) as ws:
        show(ws, load_plan(ws.stores.control, plan_id))


@app.command("approve", rich_help_panel=PLANS)
def approve(
    plan_id: PlanArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> None:
    """Say that a plan may be sent."""
    with opened(workspace, as_json=as_json) as ws:
        done = service.approve(ws.stores, plan_id, now=ws.now, by=ws.by)
        parts = parts_of_plan(done.document)
        found = [
            warning
            for warning in (
                address_warning(parts, ws.stores.settings, trial=done.trial),
                None if done.trial else too_many(active_names(ws.stores)),
            )
            if warning is not None
        ]
        if as_json:
            ws.output.json({"plan_id": done.plan_id, "state": done.state, "warnings": found})
        for warning in found:
            ws.output.note(f"Warning: {warning}")
        ws.output.say(
            f"{done.plan_id} is approved. Send it with: aimwell deliver run {done.plan_id}"
        )


@app.command("cancel", rich_help_panel=PLANS)
def cancel(
    plan_id: PlanArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> None:
    """Give a plan up; what has not been sent will not be."""
    with opened(workspace, as_json=as_json) as ws:
        done = service.cancel(ws.stores, plan_id, now=ws.now, by=ws.by)
        if as_json:
            ws.output.json({"plan_id": done.plan_id, "state": done.state})
        ws.output.say(f"{done.plan_id} is cancelled.")


@app.command("plans", rich_help_panel=PLANS)
def plans(
    campaign: Annotated[str | None, typer.Argument(help="Only of this campaign.")] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the plans, newest first."""
    with opened(workspace, as_json=as_json) as ws:
        found = list_plans(ws.stores.control, campaign)
        if as_json:
            ws.output.json([_brief(p) for p in found])
        if not found:
            of = "" if campaign is None else f" of '{campaign}'"
            ws.output.say(
                f"There is no plan{of} yet. Make one with: aimwell decide plan {campaign or 'CAMPAIGN'}"
            )
            return
        zone = ZoneInfo(ws.stores.settings.timezone)
        ws.output.table(
            ["plan", "campaign", "state", "trial", "as of", "made", "to contact", "held out"],
            [
                (
                    p.plan_id,
                    p.campaign,
                    p.state,
                    p.trial,
                    p.as_of.astimezone(zone),
                    f"{p.planned_at.astimezone(zone):%m-%d %H:%M:%S}",
                    p.summary["treated"],
                    p.summary["control"],
                )
                for p in found
            ],
        )


def _brief(plan_: Plan) -> dict[str, Any]:
    return {
        "plan_id": plan_.plan_id,
        "campaign": plan_.campaign,
        "revision": plan_.revision,
        "state": plan_.state,
        "trial": plan_.trial,
        "as_of": plan_.as_of,
        "planned_at": plan_.planned_at,
        "planned_by": plan_.planned_by,
        "lake_versions": plan_.lake_versions,
        "summary": plan_.summary,
    }


def show(ws: Opened, plan_: Plan) -> None:
    """Print what a plan would do."""
    if ws.output.as_json:
        ws.output.json(_brief(plan_))
        return
    summary = plan_.summary
    kind = "trial (reaches nobody)" if plan_.trial else "real"
    ws.output.heading(f"Plan {plan_.plan_id} · {plan_.state} · {kind}")
    zone = ZoneInfo(ws.stores.settings.timezone)
    ws.output.say(
        f"As of {plan_.as_of.astimezone(zone):%Y-%m-%d %H:%M %Z}; outcomes count for "
        f"{summary['window_days']:g} {'day' if summary['window_days'] == 1 else 'days'} from {plan_.starts_at.astimezone(zone):%Y-%m-%d %H:%M %Z}: "
        f"{summary['goal']}."
    )
    ws.output.say()
    ws.output.table(["", "people"], _funnel(summary))
    ws.output.say()
    ws.output.table(
        ["action", "through", "people", f"cost ({summary['currency']})", "variants"],
        [
            (a["action"], a["channel"], a["people"], a["cost"], _variants(a["variants"]))
            for a in summary["actions"]
        ],
    )
    ws.output.say()
    budget = "no budget set" if summary["budget"] is None else f"budget {summary['budget']:,.2f}"
    ws.output.say(f"Cost of contact: {summary['cost']:,.2f} {summary['currency']} ({budget}).")
    ws.output.say(summary["choice"])
    show_chosen(ws, summary)
    decide_timing.show_predicted(ws, summary)
    for note in summary["notes"]:
        ws.output.say(note)
    for line in in_words([Detectable(**figure) for figure in summary["detectable"]]):
        ws.output.say(line)
    for warning in summary["warnings"]:
        ws.output.note(f"Warning: {warning}")


def _funnel(summary: Mapping[str, Any]) -> list[tuple[str, int]]:
    rows = [(f"Audience ({summary['audience']})", summary["audience_size"])]
    rows += [
        (f"  left out: {EXCLUSIONS[reason]}", count)
        for reason, count in summary["excluded"].items()
    ]
    rows.append(("Eligible", summary["eligible"]))
    rows.append((f"  held out to compare ({summary['holdout']:.0%} planned)", summary["control"]))
    if summary.get("passed"):
        rows.append(("  passed over by the policy", summary["passed"]))
    rows.append(("  to be contacted", summary["treated"]))
    return rows


def _variants(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name}: {count:,}" for name, count in counts.items())


# Last, so that the campaign's own commands stand first in the help.
decide_plans.register(app)
decide_share.register(app)
decide_simulate.register(app)
decide_running.register(app)
decide_uplift.register(app)
decide_policy.register(app)
decide_timing.register(app)

app.command("experiment", rich_help_panel=EXPERIMENTS)(experiment)
app.command("power", rich_help_panel=EXPERIMENTS)(power)
app.command("rollout", rich_help_panel=EXPERIMENTS)(rollout)
app.command("holdout", rich_help_panel=EXPERIMENTS)(holdout)
app.command("offer", rich_help_panel=OFFERS)(offer)
app.command("redemptions", rich_help_panel=OFFERS)(redemptions)
app.command("referrals", rich_help_panel=OFFERS)(referrals)
app.command("points", rich_help_panel=OFFERS)(points)
app.add_typer(codes_app, name="codes", rich_help_panel=OFFERS)
