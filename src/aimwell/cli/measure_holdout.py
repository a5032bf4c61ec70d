"""`aimwell measure holdout`: what all promotion does together, by the people whom no campaign may contact."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Annotated

import typer

from aimwell.cli.context import JsonOption, Opened, WorkspaceOption, opened
from aimwell.measure.formatting import money_interval
from aimwell.measure.global_holdout import HoldoutEffect, HoldoutPeriod, measure_holdout
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
    out = ws.output
    out.heading(found.sentence)
    if not found.periods:
        return
    told = [one for one in found.periods if one.difference.defined]
    if told:
        _table(ws, found, told)
    for why, alike in groupby(found.periods, _doubt):
        if why is not None:
            some = list(alike)
            since, until = ws.day(some[0].starts_at), ws.day(some[-1].measured_until)
            out.note(f"From {since} to {until}: {why}.")
    out.say()
    if told:
        out.say(f"  by: {told[-1].difference.method}")
    out.say("  All who were known when a period began count, whether a campaign chose them or not.")


def _doubt(period: HoldoutPeriod) -> str | None:
    """Why a period tells nothing, or is not to be trusted."""
    return period.problem or period.difference.reason


def _table(ws: Opened, found: HoldoutEffect, periods: Sequence[HoldoutPeriod]) -> None:
    ws.output.say()
    ws.output.table(
        ["from", "to", "others", "held out", f"{found.metric} per person", "between"],
        [
            (
                ws.day(one.starts_at),
                f"{ws.day(one.measured_until)}{'' if one.finished else ' so far'}",
                one.people,
                one.held_out,
                signed(one.difference.estimate, "money", found.currency, 2)
                if one.difference.estimate is not None
                else "–",
                money_interval(one.difference, found.currency),
            )
            for one in periods
        ],
    )
