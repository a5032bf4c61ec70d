"""`aimwell segment micro`: the smallest groups that still respond differently."""

from __future__ import annotations

import re
from collections.abc import Container
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from aimwell.cli.context import AsOfOption, JsonOption, Opened, WorkspaceOption, opened
from aimwell.cli.whole_file import write_whole
from aimwell.definitions import service as definitions
from aimwell.segment.micro.model import micro_definitions
from aimwell.segment.micro.page import micro_html, response_unit, response_words
from aimwell.segment.micro.service import MicroSegments, micro_segments

__all__ = ["micro", "show_micro"]


def micro(
    response: Annotated[
        str,
        typer.Option(
            help="bought, revenue, or EXPERIMENT/OUTCOME as a past experiment reports it."
        ),
    ] = "revenue",
    horizon: Annotated[
        int, typer.Option(min=1, max=3650, help="Days in which the response is counted.")
    ] = 90,
    cross: Annotated[
        list[str] | None,
        typer.Option(
            help="Groups to cross, beside features and traits: rfm, lifecycle, clusters:NAME, segments:A,B. May be repeated.",
            show_default="rfm, lifecycle",
        ),
    ] = None,
    fewest: Annotated[int, typer.Option(min=10, help="People in a group, at least.")] = 100,
    deepest: Annotated[int, typer.Option(min=1, max=8, help="Questions in a row, at most.")] = 4,
    define: Annotated[
        str | None,
        typer.Option(
            "--define", help="Make a segment of each group: NAME-1, NAME-2 …, the best first."
        ),
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write a page with charts to this file.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the halves and of shuffling.")] = 0,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Cross what is known of people to the smallest groups that still respond differently, judged by people who did not form them."""
    with opened(workspace, as_json=as_json) as ws:
        when = ws.moment(as_of) or ws.now
        with ws.output.progress("Parting people"):
            found = micro_segments(
                ws.stores,
                as_of=when,
                horizon=timedelta(days=horizon),
                response=response,
                crossed=cross,
                fewest=fewest,
                deepest=deepest,
                seed=seed,
            )
        changes = (
            definitions.apply(
                ws.stores.control, micro_definitions(found, define), now=ws.now, by=ws.by
            )
            if define is not None
            else []
        )
        if html is not None:
            settings = ws.stores.settings
            page = micro_html(
                found, as_of=when, timezone=settings.timezone, currency=settings.currency
            )
            write_whole(html, page, option="--html")
        if as_json:
            segments = {one.name: one.action for one in changes}
            ws.output.json({**found.to_dict(), "segments": segments, "html": html})
            return
        show_micro(ws, found)
        for change in changes:
            ws.output.say(f"segment {change.name}: {change.action}")
        for name in _left_over(ws, define, {one.name for one in changes}):
            ws.output.note(
                f"The segment '{name}' is of an earlier run, which found more groups. Remove it where it is not in use: "
                f"aimwell remove segment {name}"
            )
        if html is not None:
            ws.output.say(f"The page: {html}")


def show_micro(ws: Opened, found: MicroSegments) -> None:
    """Say what was found, and show the groups with their response."""
    ws.output.say(found.sentence)
    for text in found.warnings:
        ws.output.note(f"Warning: {text}")
    unit = response_unit(found.response, ws.stores.settings.currency)
    ws.output.say()
    ws.output.table(
        [
            "group",
            "people",
            f"{found.response} ({unit})" if unit else found.response,
            "share of it",
            "people so far",
            "share so far",
        ],
        [
            (
                place,
                one.people,
                response_words(one.response, found.kind),
                _share(one.value_share),
                _share(one.cumulative_people),
                _share(one.cumulative_value),
            )
            for place, one in enumerate(found.groups, start=1)
        ],
    )
    ws.output.say()
    for place, one in enumerate(found.groups, start=1):
        ws.output.say(f"{place}: {one.words}")


def _left_over(ws: Opened, define: str | None, made: Container[str]) -> list[str]:
    """Segments that an earlier run made under this name, and this one did not."""
    if define is None:
        return []
    mine = re.compile(rf"{re.escape(define)}-[0-9]+")
    names = [name for _kind, name in definitions.names(ws.stores.control, "segment")]
    return [name for name in names if mine.fullmatch(name) and name not in made]


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"
