"""`aimwell measure compare` and `aimwell measure benchmarks`: key figures against targets, earlier campaigns and others."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from aimwell.cli.context import JsonOption, WorkspaceOption, opened
from aimwell.measure.benchmarks import import_benchmarks, kept_benchmarks
from aimwell.measure.compare_service import compare as compare_plan
from aimwell.measure.comparing import Compared
from aimwell.measure.formatting import minute_words
from aimwell.measure.model import plain
from aimwell.measure.shown import shown, shown_interval

__all__ = ["benchmarks", "compare"]


def compare(
    plan_id: Annotated[str, typer.Argument(help="Id of the plan, or latest:CAMPAIGN.")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hold the key figures of a measured plan against its targets, earlier campaigns and benchmarks."""
    with opened(workspace, as_json=as_json) as ws:
        found = compare_plan(ws.stores, plan_id)
        if as_json:
            ws.output.json(plain(found))
            return
        measured_at = datetime.fromisoformat(found.measured_at)
        measured = minute_words(measured_at, ws.stores.settings.timezone)
        ws.output.heading(f"{found.campaign} ({found.plan_id}), as measured {measured}")
        if found.rows:
            ws.output.table(
                ["figure", "value", "between", "against", "is", "verdict"],
                [_row(one, found.currency) for one in found.rows],
            )
            ws.output.say(
                "better and worse: the difference excludes zero at 95 %. Above and below: there is no interval to judge by."
            )
            ws.output.say(
                "Sums grow with the number of people, so they are held against targets alone."
            )
        for note in found.notes:
            ws.output.note(note)


def _row(one: Compared, currency: str) -> tuple[str, ...]:
    told = one.told
    assert told.value is not None  # noqa: S101 - others are not compared
    return (
        told.label,
        shown(told.value, told.unit, currency),
        "–" if told.interval is None else shown_interval(told.interval, told.unit, currency),
        one.source,
        shown(one.other, told.unit, currency),
        one.verdict,
    )


def benchmarks(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="CSV with the columns kpi, value, source, and if known low, high, year, channel. Default: show what was taken."
        ),
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take key figures of others from a CSV file, each with its source, or show those that were taken."""
    with opened(workspace, as_json=as_json) as ws:
        if file is not None:
            found = import_benchmarks(ws.stores, file, now=ws.now)
        else:
            found = kept_benchmarks(ws.stores)
        if as_json:
            ws.output.json({"benchmarks": plain(found)})
            return
        if not found:
            ws.output.say("No benchmarks were taken yet: aimwell measure benchmarks FILE.csv")
            return
        ws.output.table(
            ["key figure", "value", "low", "high", "source", "year", "channel"],
            [
                (
                    one.key,
                    one.value,
                    one.low,
                    one.high,
                    one.source,
                    one.year and str(one.year),
                    one.channel or "any",
                )
                for one in found
            ],
        )
