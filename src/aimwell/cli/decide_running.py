"""`aimwell decide status`: the waves of a campaign, its guardrails and its stops; and what a plan shows of exploring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from aimwell.cli.context import JsonOption, Opened, WorkspaceOption, opened
from aimwell.cli.decide_panels import PLANS
from aimwell.cli.output import digits
from aimwell.decide.model import Plan
from aimwell.decide.stops import Stop, stops_of
from aimwell.decide.stored import list_plans
from aimwell.deliver.guarding import Looked, look
from aimwell.errors import DecideError

__all__ = ["register", "show_exploring"]


def register(app: typer.Typer) -> None:
    """Put the command under `aimwell decide`."""
    app.command("status", rich_help_panel=PLANS)(status)


def status(
    campaign: Annotated[str, typer.Argument(help="Name of the campaign.")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the waves of a campaign, what its guardrails say, and what stopped it."""
    with opened(workspace, as_json=as_json) as ws:
        plans = list_plans(ws.stores.control, campaign)
        if not plans:
            raise DecideError(
                f"The campaign '{campaign}' has no plan yet. Make one with: aimwell decide plan {campaign}"
            )
        newest = next((one for one in plans if one.started_at and not one.trial), None)
        with ws.stores.read_control() as connection:
            stops = stops_of(connection, campaign)
            looked = [] if newest is None else look(connection, newest)
        if as_json:
            ws.output.json(
                {
                    "campaign": campaign,
                    "stopped": any(one.resumed_at is None for one in stops),
                    "waves": [_wave(one) for one in plans],
                    "guardrails": [
                        {**asdict(one), "since": one.since.isoformat(), "plan_id": newest.plan_id}
                        for one in looked
                        if newest is not None
                    ],
                    "stops": [one.to_dict() for one in stops],
                }
            )
            return
        _show(ws, campaign, plans, looked, stops)


def _wave(plan: Plan) -> dict[str, Any]:
    return {
        "plan_id": plan.plan_id,
        "state": plan.state,
        "trial": plan.trial,
        "starts_at": plan.starts_at.isoformat(),
        "window_ends": _window_ends(plan).isoformat(),
        "contacted": plan.summary["treated"],
        "held_out": plan.summary["control"],
        "planned_by": plan.planned_by,
    }


def _window_ends(plan: Plan) -> datetime:
    return plan.starts_at + timedelta(days=plan.summary["window_days"])


def _show(
    ws: Opened,
    campaign: str,
    plans: list[Plan],
    looked: list[Looked],
    stops: list[Stop],
) -> None:
    is_over = all(one.resumed_at is not None for one in stops)
    ws.output.heading(f"Campaign {campaign}{'' if is_over else ': stopped'}")
    ws.output.table(
        ["wave", "state", "starts", "window ends", "to contact", "held out"],
        [
            (
                one["plan_id"],
                f"{one['state']} (trial)" if one["trial"] else one["state"],
                ws.day(plan.starts_at),
                ws.day(_window_ends(plan)),
                one["contacted"],
                one["held_out"],
            )
            for plan in plans
            for one in [_wave(plan)]
        ],
    )
    for one in looked:
        ws.output.say(f"{one.harm.words[0].upper()}{one.harm.words[1:]}")
    for stop in stops:
        ws.output.say()
        ws.output.say(f"{_at(ws, stop.stopped_at)}: {stop.evidence['words']} ({stop.plan_id})")
        if stop.resumed_at is None:
            ws.output.note(
                f"It waits. Let it go on with: aimwell deliver resume {stop.plan_id} --reason '…', or give it up: aimwell deliver "
                f"cancel {stop.plan_id}"
            )
        else:
            ws.output.say(
                f"{_at(ws, stop.resumed_at)}: {stop.resumed_by} let it go on: {stop.reason}"
            )


def _at(ws: Opened, moment: datetime) -> str:
    return f"{ws.local(moment):%Y-%m-%d %H:%M %Z}"


def show_exploring(ws: Opened, found: Mapping[str, Any] | None) -> None:
    """Print what earlier waves say of each action, and how likely it is the best."""
    if found is None:
        return
    ws.output.say()
    ws.output.say(
        f"Thompson sampling: each action is drawn with the probability that it is the best, and by {found['share']:.0%} of the "
        "people at random"
    )
    ws.output.table(
        ["action", "over nobody, a person", "95 %", "people told of", "the best with"],
        [
            (
                one["arm"],
                "never drawn" if not one["people"] else digits(one["mean"]),
                "" if one["lower"] is None else f"{digits(one['lower'])} to {digits(one['upper'])}",
                f"{one['people']:,.0f}",
                f"{one['best']:.1%}",
            )
            for one in found["arms"]
        ],
    )
    ws.output.say(f"Learnt from {', '.join(found['sources'])}.")
