"""`aimwell measure segments`: what a campaign earned in each segment."""

from __future__ import annotations

from typing import Annotated

import typer

from aimwell.cli.context import JsonOption, Opened, WorkspaceOption, opened
from aimwell.measure.by_segment import SURE, SegmentLifts
from aimwell.measure.formatting import signed_number
from aimwell.measure.model import Metric
from aimwell.measure.service import measure_segments
from aimwell.measure.shown import p_words
from aimwell.stats.group_sums import GroupLift

__all__ = ["segments"]


def segments(
    plan_id: Annotated[str, typer.Argument(help="Id of the plan, or latest:CAMPAIGN.")],
    segment: Annotated[
        list[str] | None, typer.Option("--segment", help="Only this segment; may be repeated.")
    ] = None,
    metric: Annotated[
        Metric, typer.Option(help="What people did: the table shows one.")
    ] = "revenue",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """What sending added in each segment, per person, and whether that differs from the effect on everybody else."""
    with opened(workspace, as_json=as_json) as ws:
        with ws.output.progress("Measuring"):
            found = measure_segments(
                ws.stores,
                plan_id,
                now=ws.now,
                segments=segment,
                metrics=None if as_json else [metric],
            )
        if as_json:
            ws.output.json(found.to_dict())
            return
        _show(ws, found, metric)


def _show(ws: Opened, found: SegmentLifts, metric: Metric) -> None:
    out = ws.output
    out.heading(found.sentence)
    out.say()
    unit = f" ({found.currency})" if metric in ("revenue", "margin") else ""
    rows = sorted(found.rows, key=lambda row: (row.p_adjusted is None, row.p_adjusted, row.group))
    out.table(
        [
            "segment",
            "contacted",
            "held out",
            f"{metric} added{unit}",
            "at least",
            "at most",
            "p",
            "more than others",
            "p",
        ],
        [_row(row) for row in (*found.everyone, *rows)],
    )
    out.say()
    out.say(
        "Added per person; the others are all who are not in the segment. p is corrected for the number of rows."
    )
    for row in rows:
        if row.difference.reason is not None and row.treated_n + row.control_n:
            out.note(f"{row.group}: {row.difference.reason}.")
    for note in found.notes:
        out.note(note)


def _row(row: GroupLift) -> tuple[object, ...]:
    one, other = row.difference, row.against_others
    everyone = row.group == "everyone"
    return (
        row.group,
        row.treated_n,
        row.control_n,
        _figure(one.estimate),
        _figure(one.lower),
        _figure(one.upper),
        p_words(one.p_value if everyone else row.p_adjusted)
        + ("*" if row.p_adjusted is not None and row.p_adjusted <= SURE else ""),
        _figure(other.estimate),
        "–" if everyone else p_words(row.p_adjusted_others),
    )


def _figure(value: float | None) -> str:
    return "–" if value is None else signed_number(value)
