"""What the commands that learn models of people share: their options, and the definition that options stand for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from aimwell.cli.context import Opened
from aimwell.cli.whole_file import write_whole
from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.model import Model
from aimwell.segment.models.built import Built

__all__ = [
    "AmongOption",
    "ByOption",
    "HtmlOption",
    "SeedOption",
    "defined",
    "keep_page",
    "write_page",
]

ByOption = Annotated[
    list[str] | None,
    typer.Option(
        "--by",
        help="A feature, or a trait as trait:NAME; may be repeated.",
        show_default="what suits the kind of model",
    ),
]
AmongOption = Annotated[
    str, typer.Option("--among", help="buyers, everybody, or the name of a segment.")
]
SeedOption = Annotated[int, typer.Option(min=0, help="The same people and seed give the same.")]
HtmlOption = Annotated[
    Path | None, typer.Option("--html", help="Write a page with pictures to this file.")
]


def defined(fields: Mapping[str, Any]) -> Model:
    """The definition that options stand for; those without a value are left out. Raises DefinitionError."""
    given = {name: value for name, value in fields.items() if value not in (None, [], ())}
    found = check({"kind": "model", **given})
    assert isinstance(found, Model)  # noqa: S101 - by its kind
    return found


def write_page(ws: Opened, built: Built, html: Path | None, as_of: datetime) -> None:
    """Write the page, if one was asked for."""
    if html is None:
        return
    # Imported when it is needed, for whoever wants no page.
    from aimwell.segment.models.page import model_html

    settings = ws.stores.settings
    page = model_html(
        built, as_of=as_of, now=ws.now, timezone=settings.timezone, currency=settings.currency
    )
    keep_page(ws, page, html)


def keep_page(ws: Opened, page: str, html: Path) -> None:
    """Write a page to the file that was named."""
    write_whole(html, page, option="--html")
    ws.output.say(f"Written to {html}.")
