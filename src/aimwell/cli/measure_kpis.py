"""`aimwell measure kpis`: the key figures of all campaigns, by channel, offer, month, segment and so on."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, cast

import typer

from aimwell.cli.calls import call_is_right
from aimwell.cli.context import JsonOption, Opened, WorkspaceOption, opened
from aimwell.cli.measure_earnings import PeriodOption, bounds
from aimwell.measure.formatting import percent
from aimwell.measure.pieces import SlicedBy
from aimwell.measure.segment_pieces import segment_pieces
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
    OCCASION = "occasion"
    SEGMENT = "segment"
    MICRO_SEGMENT = "micro-segment"


_OF_PEOPLE: dict[SliceName, SlicedBy] = {
    SliceName.SEGMENT: "segment",
    SliceName.MICRO_SEGMENT: "segment",
}
"""Told apart by who people were, so that each plan is read again."""


def kpis(
    by: Annotated[SliceName, typer.Option("--by", help="What the figures are told apart by.")] = (
        SliceName.CAMPAIGN
    ),
    segment: Annotated[
        list[str] | None,
        typer.Option("--segment", help="By segment: only this one; may be repeated."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", help="By micro-segment: the kept model that tells them."),
    ] = None,
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
    call_is_right(
        (by is SliceName.MICRO_SEGMENT) == (model is not None),
        "--model NAME goes with --by micro-segment, and that with --model.",
    )
    call_is_right(segment is None or by is SliceName.SEGMENT, "--segment goes with --by segment.")
    with opened(workspace, as_json=as_json) as ws:
        since, until = bounds(period, ws.stores.settings.timezone) if period else (None, ws.now)
        found = read_pieces(ws.stores, since=since, until=until)
        if refresh:
            with ws.output.progress("Measuring"):
                bring_up_to_date(ws.stores, found, now=ws.now)
            found = read_pieces(ws.stores, since=since, until=until)
        pieces, notes = found.pieces, tuple[str, ...]()
        if by in _OF_PEOPLE:
            with ws.output.progress("Looking at segments"):
                told = segment_pieces(
                    ws.stores,
                    sorted({one.plan_id for one in found.pieces}),
                    segments=segment,
                    model=model,
                    now=ws.now,
                )
            pieces, notes = told.pieces, told.notes
        made = slices(pieces, _OF_PEOPLE.get(by) or cast("SlicedBy", by.value))
        if as_json:
            ws.output.json(
                {
                    "by": by.value,
                    "currency": ws.stores.settings.currency,
                    "slices": made,
                    "formulas": {key: formula for key, (_l, _u, formula) in FIGURES.items()},
                    "unmeasured": found.unmeasured,
                    "running": found.running,
                    "notes": notes,
                }
            )
            return
        for start in range(0, len(made), _MOST_ACROSS):
            _show(ws, made[start : start + _MOST_ACROSS])
        if made:
            _reasons(ws, made)
        for note in notes:
            ws.output.note(note)
        if found.unmeasured or found.running:
            ws.output.note(
                f"{len(found.unmeasured)} plans were never measured and the window of {len(found.running)} was open when they "
                "were; --refresh measures them."
            )
        if not made:
            when = "" if period is None else " of this time"
            ws.output.say(
                f"No campaign{when} that reached people was measured (trials do not count): aimwell measure report PLAN"
            )


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
