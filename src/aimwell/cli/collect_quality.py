"""`aimwell collect quality`: how good the data of each source are, over time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aimwell.cli.context import JsonOption, Opened, WorkspaceOption, opened
from aimwell.cli.whole_file import write_whole
from aimwell.collect.quality import FORMULAS, EntityQuality, share_words
from aimwell.collect.quality import quality as quality_of

__all__ = ["quality"]


def quality(
    source: Annotated[str | None, typer.Argument(help="Only of this source.")] = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write a page with charts to this file.")
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show completeness, validity, uniqueness, consistency and freshness of each source, load by load."""
    with opened(workspace, as_json=as_json) as ws:
        found = quality_of(ws.stores, source)
        if html is not None:
            # Here, because only a page needs templates.
            from aimwell.collect.quality_page import quality_html

            page = quality_html(found, now=ws.now, timezone=ws.stores.settings.timezone)
            write_whole(html, page, option="--html")
        if as_json:
            ws.output.json({"formulas": FORMULAS, "entities": found, "html": html})
            return
        if not found:
            ws.output.say("Nothing was collected yet.")
        for one in found:
            _show(ws, one)
        if html is not None:
            ws.output.say(f"Written to {html}.")


def _show(ws: Opened, one: EntityQuality) -> None:
    last = one.loads[-1]
    ws.output.heading(
        f"{one.source}, {one.what}: {last.rows:,} rows on {last.collected_at:%Y-%m-%d %H:%M} UTC"
    )
    ws.output.table(
        ["", "last load", "load before", f"lowest of {len(one.loads)}", "why it is missing"],
        [(name, *_values(one, name), last.measures[name].reason or "") for name in FORMULAS],
    )
    broken = [result for result in one.expectations if result.broken]
    if broken:
        ws.output.table(
            ["not as expected", "rows", "of", "they are"],
            [
                (
                    result.detail,
                    result.broken,
                    result.rows,
                    "kept aside" if result.severity == "quarantine" else "counted",
                )
                for result in broken
            ],
        )
    ws.output.say()


def _values(one: EntityQuality, name: str) -> tuple[str | None, str | None, str | None]:
    values = [load.measures[name].value for load in one.loads]
    there = [value for value in values if value is not None]
    before = values[-2] if len(values) > 1 else None
    return _words(values[-1]), _words(before), _words(min(there, default=None))


def _words(value: float | None) -> str | None:
    return share_words(value) if value is not None else None
