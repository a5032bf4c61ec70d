"""`aimwell decide share-out`: one budget over the campaigns of a quarter."""

from __future__ import annotations

from typing import Annotated

import typer

from aimwell.cli.context import JsonOption, Opened, WorkspaceOption, opened
from aimwell.cli.decide_panels import PLANS
from aimwell.decide.budget.sharing import SharedBudget
from aimwell.decide.share_service import share_budget
from aimwell.stats.estimate import Estimate

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Put the command under `aimwell decide`."""
    app.command("share-out", rich_help_panel=PLANS)(share_out)


def share_out(
    budget: Annotated[float, typer.Argument(min=0, help="What all campaigns may spend together.")],
    plans: Annotated[
        list[str], typer.Argument(help="Plans by id or latest:CAMPAIGN, one a campaign.")
    ],
    points: Annotated[
        int,
        typer.Option(
            min=1, max=100, help="Even parts of what could be spent that the curve tells."
        ),
    ] = 10,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Share one budget out over several campaigns, as of a quarter: each gets money as long as its next pound adds most."""
    with opened(workspace, as_json=as_json) as ws:
        found = share_budget(ws.stores, plans, budget, points=points)
        if as_json:
            ws.output.json(found.to_dict())
            return
        _show(ws, found)


def _show(ws: Opened, found: SharedBudget) -> None:
    out = ws.output
    out.heading(f"{found.budget:,.2f} {found.currency} over {len(found.campaigns)} campaigns")
    out.table(
        ["campaign", "gets", "of at most", "people", "profit", "95 %", "one more adds"],
        [
            (
                one.campaign,
                f"{one.budget:,.2f}",
                f"{one.most:,.2f}",
                sum(one.people.values()),
                _figure(one.profit),
                _interval(one.profit),
                f"{one.marginal:,.3g}",
            )
            for one in found.campaigns
        ],
    )
    out.say(
        f"{found.spent:,.2f} is spent; all together earn {_figure(found.profit)} ({_interval(found.profit)}), and one more "
        f"{found.currency} would add {found.marginal:,.3g}."
    )
    out.say()
    out.table(
        ["campaign", "action", "people"],
        [
            (one.campaign, action, people)
            for one in found.campaigns
            for action, people in one.people.items()
        ],
    )
    channels = ", ".join(f"{channel} {people:,}" for channel, people in found.channels.items())
    out.say(f"By channel: {channels}.")
    out.say()
    out.say("Profit against budget, shared out at best")
    names = [one.campaign for one in found.campaigns]
    out.table(
        ["budget", *names, "profit", "95 %", "one more adds"],
        [
            (
                f"{point.budget:,.2f}",
                *(f"{point.shares[name]:,.2f}" for name in names),
                _figure(point.profit),
                _interval(point.profit),
                f"{point.marginal:,.3g}",
            )
            for point in found.curve
        ],
    )
    for note in found.notes:
        out.note(f"Mind: {note}")


def _figure(one: Estimate) -> str:
    return "not known" if one.estimate is None else f"{one.estimate:,.2f}"


def _interval(one: Estimate) -> str:
    return "" if one.lower is None or one.upper is None else f"{one.lower:,.2f} to {one.upper:,.2f}"
