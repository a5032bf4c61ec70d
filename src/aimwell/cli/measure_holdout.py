"""`aimwell measure holdout`: what all promotion does together, by the people whom no campaign may contact."""

from __future__ import annotations

from typing import Annotated

import typer

from aimwell.cli.context import JsonOption, Opened, WorkspaceOption, opened
from aimwell.measure.formatting import money_interval
from aimwell.measure.global_holdout import HoldoutEffect, measure_holdout
from aimwell.measure.shown import signed

__all__ = ["holdout"]


def holdout(
    name: Annotated[str, typer.Argument(help="Name of a global holdout (kind: holdout).")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """What all promotion added: people whom no campaign may contact against all others, period by period."""
    with opened(workspace, as_json=as_json) as ws:
        with ws.output.progress("Measuring"):
            found = measure_holdout(ws.stores, name, until=ws.now, now=ws.now)
        if as_json:
            ws.output.json(found.to_dict())
            return
        _show(ws, found)


def _show(ws: Opened, found: HoldoutEffect) -> None:
    out, currency = ws.output, found.currency
    out.heading(found.sentence)
    if not found.periods:
        return
    out.say()
    out.table(
        ["from", "to", "others", "held out", f"{found.metric} per person", "between"],
        [
            (
                ws.day(one.starts_at),
                f"{ws.day(one.measured_until)}{'' if one.finished else ' so far'}",
                one.people,
                one.held_out,
                "–"
                if one.difference.estimate is None
                else signed(one.difference.estimate, "money", currency, 2),
                money_interval(one.difference, currency) if one.difference.defined else "–",
            )
            for one in found.periods
        ],
    )
    for one in found.periods:
        if one.problem or one.difference.reason:
            out.note(f"From {ws.day(one.starts_at)}: {one.problem or one.difference.reason}.")
    out.say()
    out.say(f"  by: {found.periods[-1].difference.method}")
    out.say("  All who were known when a period began count, whether a campaign chose them or not.")
