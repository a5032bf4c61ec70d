"""`aimwell decide share-out`: one budget over the campaigns of a quarter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated

import typer

from aimwell.cli.context import JsonOption, Opened, WorkspaceOption, opened
from aimwell.cli.decide_panels import PLANS
from aimwell.cli.output import digits
from aimwell.decide.budget.bounded import Bound
from aimwell.decide.budget.shared import SegmentShare, SharedBudget
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
    at_least: Annotated[
        list[str] | None,
        typer.Option(help="SEGMENT=MONEY that its people get at least, over all campaigns."),
    ] = None,
    at_most: Annotated[
        list[str] | None, typer.Option(help="SEGMENT=MONEY that its people get at most.")
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Share one budget out over several campaigns, as of a quarter: each gets money as long as its next pound adds most."""
    with opened(workspace, as_json=as_json) as ws:
        bounds = _bounds(at_least or (), at_most or ())
        found = share_budget(ws.stores, plans, budget, points=points, bounds=bounds)
        if as_json:
            ws.output.json(found.to_dict())
            return
        _show(ws, found)


def _bounds(at_least: Sequence[str], at_most: Sequence[str]) -> list[Bound]:
    floors, ceilings = _moneys("--at-least", at_least), _moneys("--at-most", at_most)
    for segment in sorted(set(floors) & set(ceilings)):
        if floors[segment] > ceilings[segment]:
            raise typer.BadParameter(
                f"'{segment}' cannot get at least {floors[segment]:g} and at most {ceilings[segment]:g}."
            )
    return [
        Bound(segment, floors.get(segment), ceilings.get(segment))
        for segment in sorted({*floors, *ceilings})
    ]


def _moneys(option: str, given: Sequence[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for text in given:
        segment, _, money = text.rpartition("=")
        try:
            amount = float(money)
        except ValueError:
            amount = math.nan
        if not segment or not (math.isfinite(amount) and amount >= 0):
            raise typer.BadParameter(
                f"'{text}' is not SEGMENT=MONEY, as loyal=1000, with money of 0 or more.",
                param_hint=option,
            )
        if segment in found:
            raise typer.BadParameter(f"'{segment}' is named twice.", param_hint=option)
        found[segment] = amount
    return found


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
                digits(one.marginal),
            )
            for one in found.campaigns
        ],
    )
    out.say(
        f"{found.spent:,.2f} is spent; all together earn {_figure(found.profit)} ({_interval(found.profit)}), and one more "
        f"{found.currency} would add {digits(found.marginal)}."
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
    if found.segments:
        _show_segments(ws, found.segments)
    if any(one.most > 0 for one in found.campaigns):
        _show_curve(ws, found)
    else:
        out.say("No campaign is expected to earn more than it costs, so no budget would be spent.")
    for note in found.notes:
        out.note(f"Mind: {note}")


def _show_curve(ws: Opened, found: SharedBudget) -> None:
    names = [one.campaign for one in found.campaigns]
    ws.output.say("Profit against budget, shared out at best")
    ws.output.table(
        ["budget", *names, "profit", "95 %", "one more adds"],
        [
            (
                f"{point.budget:,.2f}",
                *(f"{point.shares[name]:,.2f}" for name in names),
                _figure(point.profit),
                _interval(point.profit),
                digits(point.marginal),
            )
            for point in found.curve
        ],
    )


def _show_segments(ws: Opened, segments: Sequence[SegmentShare]) -> None:
    out = ws.output
    out.table(
        ["segment", "gets", "at least", "at most", "people", "profit", "95 %", "its bound costs"],
        [
            (
                one.segment or "in none of them",
                f"{one.budget:,.2f}",
                "" if one.at_least is None else f"{one.at_least:,.2f}",
                "" if one.at_most is None else f"{one.at_most:,.2f}",
                sum(one.people.values()),
                _figure(one.profit),
                _interval(one.profit),
                digits(one.price) if one.price else "",
            )
            for one in segments
        ],
    )
    out.say("Who is in two segments counts in both. A bound costs so much a pound.")
    out.say()


def _figure(one: Estimate) -> str:
    return "not known" if one.estimate is None else f"{one.estimate:,.2f}"


def _interval(one: Estimate) -> str:
    return "" if one.lower is None or one.upper is None else f"{one.lower:,.2f} to {one.upper:,.2f}"
