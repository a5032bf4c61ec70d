"""`aimwell segment validity` and `overlap`: are groups real, do they hold, and are they fair?"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from aimwell.cli.context import AsOfOption, JsonOption, WorkspaceOption, opened
from aimwell.cli.personas import DivisionArgument
from aimwell.cli.whole_file import write_whole
from aimwell.history.moment import open_moment
from aimwell.segment.membership.overlap import overlap as compute_overlap
from aimwell.segment.rules.leaves.rfm import group_words
from aimwell.segment.validity.page import shown, validity_html
from aimwell.segment.validity.service import validity as compute_validity

__all__ = ["overlap", "validity"]


def validity(
    by: DivisionArgument = "rfm",
    horizon: Annotated[
        int,
        typer.Option(
            min=1, max=3650, help="Days of what came after, by which the groups are judged."
        ),
    ] = 90,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write a page with charts to this file.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of resampling.")] = 0,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge groups by what did not form them: what came after, time, resampling; and flag stereotypes and proxies."""
    with opened(workspace, as_json=as_json) as ws:
        moment = ws.moment(as_of) or ws.now
        with ws.output.progress("Judging groups"):
            found = compute_validity(
                ws.stores, by, as_of=moment, horizon=timedelta(days=horizon), seed=seed
            )
        settings = ws.stores.settings
        if html is not None:
            page = validity_html(
                found, as_of=moment, timezone=settings.timezone, currency=settings.currency
            )
            write_whole(html, page, option="--html")
        if as_json:
            ws.output.json({**found.to_dict(), "html": html})
            return
        ws.output.heading(f"{found.title[:1].upper()}{found.title[1:]}: {found.people:,} people")
        ws.output.say(found.sentence)
        for text in found.warnings:
            ws.output.note(f"Warning: {text}")
        if found.after is not None:
            ws.output.say()
            ws.output.table(
                [
                    "group",
                    "people then",
                    f"bought in {horizon} days",
                    f"revenue a person ({settings.currency})",
                    "smallest rise seen, half held out",
                    "a tenth held out",
                ],
                [
                    (
                        group_words(one.group),
                        one.people,
                        shown(one.bought, share=True),
                        shown(one.revenue),
                        "none"
                        if size.half.value is None
                        else f"{100 * size.half.value:.1f} points",
                        "none"
                        if size.tenth.value is None
                        else f"{100 * size.tenth.value:.1f} points",
                    )
                    for one, size in zip(found.after.groups, found.sizes, strict=True)
                ],
            )
        if html is not None:
            ws.output.say(f"The page: {html}")


def overlap(
    names: Annotated[list[str] | None, typer.Argument(help="Segments; default: all.")] = None,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how many people are in both of any two segments, and which segments are nearly the same."""
    with opened(workspace, as_json=as_json) as ws:
        at, engine = ws.moment(as_of) or ws.now, ws.stores.history_engine
        with open_moment(ws.stores, as_of=at, engine=engine) as moment:
            found = compute_overlap(moment, names or None)
        if as_json:
            ws.output.json(found)
            return
        ws.output.table(
            ["of these …", "people", *[f"… in {name}" for name in found.segments]],
            [
                (
                    name,
                    found.both[place][place],
                    *[_share(found.share(place, other)) for other in range(len(found.segments))],
                )
                for place, name in enumerate(found.segments)
            ],
        )
        for text in found.warnings:
            ws.output.note(f"Warning: {text}")


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"
