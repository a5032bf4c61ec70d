"""`aimwell measure days` and `aimwell measure alerts`: each day's sums, and what is worse than it should be."""

from __future__ import annotations

from typing import Annotated

import typer

from aimwell.cli.context import JsonOption, Opened, WorkspaceOption, opened
from aimwell.cli.measure_feedback import show_shifts
from aimwell.decide.stored import load_plan
from aimwell.errors import MeasureError
from aimwell.measure.day_sums.service import Brought, bring_forward, sums_of_days
from aimwell.measure.day_sums.telling import RATES, DayFigures, figures_of_days
from aimwell.measure.feedback.shifts_service import feedback_shifts, tell_shifts
from aimwell.measure.formatting import percent
from aimwell.measure.model import plain
from aimwell.measure.shown import p_words
from aimwell.measure.watch_service import tell_alerts, watch
from aimwell.measure.watching import ALPHA
from aimwell.stats.estimate import Estimate

__all__ = ["alerts", "days"]


def days(
    plan_id: Annotated[
        str | None,
        typer.Argument(help="Id of the plan, or latest:CAMPAIGN. Default: all plans."),
    ] = None,
    anew: Annotated[
        bool, typer.Option("--anew", help="Count everything again, not only what is new.")
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show each day's messages, rates, orders and revenue, after counting what is new since the last time."""
    with opened(workspace, as_json=as_json) as ws:
        plan = None if plan_id is None else load_plan(ws.stores.control, plan_id)
        if plan is not None and plan.trial:
            raise MeasureError("A trial reaches nobody, so its days are not counted.")
        plans = None if plan is None else [plan.plan_id]
        with ws.output.progress("Counting"):
            brought = bring_forward(ws.stores, now=ws.now, anew=anew)
        messages, orders = sums_of_days(ws.stores, plans)
        found = figures_of_days(messages, orders)
        if as_json:
            ws.output.json(
                {
                    "brought": plain(brought),
                    "currency": ws.stores.settings.currency,
                    "formulas": {key: formula for key, (_label, formula) in RATES.items()},
                    "days": plain(found),
                }
            )
            return
        _show(ws, found, brought, plan.plan_id if plan else None)


def _show(ws: Opened, found: tuple[DayFigures, ...], brought: Brought, plan_id: str | None) -> None:
    out, currency = ws.output, ws.stores.settings.currency
    if not found:
        out.say(
            "No campaign has sent anything yet; trials are not counted."
            if plan_id is None
            else f"{plan_id} has sent nothing yet."
        )
        return
    for shown in dict.fromkeys(one.plan_id for one in found):
        out.heading(shown)
        out.table(
            [
                "day",
                "sent",
                "opened",
                "clicked",
                "unsubscribed",
                "orders",
                f"revenue ({currency})",
                "held out: orders",
                "revenue",
            ],
            [
                (
                    one.day,
                    one.sent,
                    *[
                        _rate(one.rates[key])
                        for key in ("open_rate", "click_rate", "unsubscribe_rate")
                    ],
                    one.orders,
                    one.revenue,
                    one.held_orders,
                    one.held_revenue,
                )
                for one in found
                if one.plan_id == shown
            ],
        )
        out.say()
    out.say(
        "Rates are of the messages sent on the day, whenever it befell; orders and returns count on their own day."
    )
    for label, formula in RATES.values():
        out.say(f"{label} = {formula}")
    how = (
        "Everything was counted"
        if brought.anew
        else f"Orders of {brought.people} people were counted"
    )
    out.note(f"{how}{f', as {brought.anew}' if brought.anew else ''}.")


def _rate(one: Estimate) -> str:
    return "–" if one.estimate is None else percent(one.estimate)


def alerts(
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look whether a running campaign is worse than its targets, than earlier ones, or loses money, or feedback shifted; raise alerts."""
    with opened(workspace, as_json=as_json) as ws:
        with ws.output.progress("Looking"):
            found = watch(ws.stores, now=ws.now)
            said = feedback_shifts(ws.stores, now=ws.now)
        standing = tell_alerts(ws.stores, found, now=ws.now)
        standing += tell_shifts(ws.stores, said.found, now=ws.now)
        if as_json:
            ws.output.json(
                {
                    "alpha": ALPHA,
                    "watched": plain(found),
                    "feedback": said.to_dict(),
                    "alerts": standing,
                }
            )
            return
        if not found:
            ws.output.say("No campaign is running: nothing to watch.")
        else:
            ws.output.table(
                ["campaign", "figure", "is", "p", ""],
                [
                    (
                        one.campaign,
                        one.label,
                        one.words,
                        p_words(one.p_value),
                        "ALARM" if one.alarm else "",
                    )
                    for one in found
                ],
            )
            ws.output.say(
                f"p holds at all looks together, so looking daily is safe: of one figure of one campaign a false alarm comes {percent(100 * ALPHA)} of the time at most."
            )
        if said.found:
            ws.output.say()
            show_shifts(ws, said)
        if standing:
            ws.output.say("Take one off the list with: aimwell jobs alerts acknowledge KEY")
