"""`aimwell measure over-time`: how a campaign's effect developed."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from aimwell.cli.context import JsonOption, Opened, WorkspaceOption, opened
from aimwell.measure.formatting import signed_number
from aimwell.measure.over_time import OverTime
from aimwell.measure.service import measure_over_time
from aimwell.stats.effect_over_time import Period
from aimwell.stats.estimate import Estimate

__all__ = ["over_time"]


def over_time(
    plan_id: Annotated[str, typer.Argument(help="Id of the plan, or latest:CAMPAIGN.")],
    after: Annotated[
        float | None,
        typer.Option(
            "--after",
            min=0,
            max=3650,
            help="Days after the window to look at; default: as many as it has.",
        ),
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """What sending added to revenue by period: whether it fades, and whether sales were only pulled forward."""
    with opened(workspace, as_json=as_json) as ws:
        with ws.output.progress("Measuring"):
            found = measure_over_time(
                ws.stores,
                plan_id,
                now=ws.now,
                after=None if after is None else timedelta(days=after),
            )
        if as_json:
            ws.output.json(found.to_dict())
            return
        _show(ws, found)


def _show(ws: Opened, found: OverTime) -> None:
    out = ws.output
    out.heading(found.sentence)
    out.say()
    out.table(
        [
            "days",
            f"revenue added ({found.currency})",
            "at least",
            "at most",
            "so far",
            "at least",
            "at most",
        ],
        [_row(period, found) for period in found.periods],
    )
    out.say()
    out.say("Added per person assigned; 'so far' is from the start to the end of the period.")
    for note in found.notes:
        out.note(note)


def _row(period: Period, found: OverTime) -> tuple[str, ...]:
    days = f"{period.first:.4g} to {period.end:.4g}"
    later = " (after the window)" if period.first >= found.span.days else ""
    return (f"{days}{later}", *_figures(period.effect), *_figures(period.so_far))


def _figures(one: Estimate) -> tuple[str, str, str]:
    if one.estimate is None or one.lower is None or one.upper is None:
        return "–", "–", "–"
    return signed_number(one.estimate), signed_number(one.lower), signed_number(one.upper)
