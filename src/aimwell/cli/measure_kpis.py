"""`aimwell measure kpis`: the key figures of all campaigns, by channel, offer, month and so on."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from aimwell.cli.context import JsonOption, Opened, WorkspaceOption, opened
from aimwell.cli.measure_earnings import PeriodOption, bounds
from aimwell.measure.formatting import percent
from aimwell.measure.shown import shown, shown_interval
from aimwell.measure.slice_reading import bring_up_to_date, read_pieces
from aimwell.measure.slices import FIGURES, Slice, slices

__all__ = ["kpis"]

_MOST_ACROSS = 3


class SliceName(StrEnum):
    """By what the figures are told apart."""

    CAMPAIGN = "campaign"
    CHANNEL = "channel"
    OFFER = "offer"
    ACTION = "action"
    VARIANT = "variant"
    AUDIENCE = "audience"
    MONTH = "month"


def kpis(
    by: Annotated[SliceName, typer.Option("--by", help="What the figures are told apart by.")] = (
        SliceName.CAMPAIGN
    ),
    period: PeriodOption = None,
    refresh: Annotated[
        bool,
        typer.Option(
            "--refresh", help="First measure plans that were not, or whose window was open."
        ),
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the key figures of measured campaigns side by side, each with its interval or why it is missing."""
    with opened(workspace, as_json=as_json) as ws:
        since, until = bounds(period, ws.stores.settings.timezone) if period else (None, ws.now)
        found = read_pieces(ws.stores, since=since, until=until)
        if refresh:
            with ws.output.progress("Measuring"):
                bring_up_to_date(ws.stores, found, now=ws.now)
            found = read_pieces(ws.stores, since=since, until=until)
        made = slices(found.pieces, by.value)
        if as_json:
            ws.output.json(
                {
                    "by": by.value,
                    "currency": ws.stores.settings.currency,
                    "slices": made,
                    "formulas": {key: formula for key, (_l, _u, formula) in FIGURES.items()},
                    "unmeasured": found.unmeasured,
                    "running": found.running,
                }
            )
            return
        for start in range(0, len(made), _MOST_ACROSS):
            _show(ws, made[start : start + _MOST_ACROSS])
        _reasons(ws, made)
        if found.unmeasured or found.running:
            ws.output.note(
                f"{len(found.unmeasured)} plans were never measured and the window of {len(found.running)} was open when they "
                "were; --refresh measures them."
            )
        if not made:
            ws.output.say("No campaign has been measured yet: aimwell measure report PLAN")


def _show(ws: Opened, made: tuple[Slice, ...]) -> None:
    currency = ws.stores.settings.currency
    rows: list[tuple[object, ...]] = [
        ("Plans", *[one.plans for one in made]),
        ("Targeted people", *[one.people for one in made]),
        ("Messages sent", *[one.sent for one in made]),
    ]
    for key, (label, unit, _formula) in FIGURES.items():
        cells = []
        for one in made:
            figure = one.figure(key)
            if figure.value.value is None:
                cells.append("–")
                continue
            text = (
                f"{figure.value.value:,.0f}"
                if unit == "orders"
                else percent(figure.value.value)
                if unit == "percent"
                else shown(figure.value.value, unit, currency)
            )
            if figure.interval is not None:
                text += f" ({shown_interval(figure.interval, unit, currency)})"
            cells.append(text)
        rows.append((label, *cells))
    ws.output.table(["", *[one.name for one in made]], rows)
    ws.output.say()


def _reasons(ws: Opened, made: tuple[Slice, ...]) -> None:
    """Why figures are missing, each reason once."""
    for key, (label, _unit, formula) in FIGURES.items():
        why = {one.figure(key).value.reason for one in made} - {None}
        ws.output.say(f"{label} = {formula}")
        for reason in sorted(one for one in why if one):
            ws.output.say(f"  – where {reason}.")
