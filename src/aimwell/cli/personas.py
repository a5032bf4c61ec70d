"""`aimwell segment personas`: who the people of each group are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from aimwell.cli.context import AsOfOption, JsonOption, Opened, WorkspaceOption, opened
from aimwell.cli.old_orders import note_old_orders
from aimwell.cli.whole_file import write_whole
from aimwell.history.moment import open_moment
from aimwell.segment.divisions import divide
from aimwell.segment.personas.model import Persona
from aimwell.segment.personas.page import personas_html
from aimwell.segment.personas.service import personas as compute_personas
from aimwell.segment.rules.leaves.rfm import group_words

__all__ = ["DivisionArgument", "personas", "show_personas"]

DivisionArgument = Annotated[
    str,
    typer.Argument(
        help="Whom to compare: rfm, lifecycle, clusters:NAME, trait:NAME, or segments:A,B (who is in none is a group, too)."
    ),
]


def personas(
    by: DivisionArgument = "rfm",
    top: Annotated[int, typer.Option(min=1, help="Differences and products to look for.")] = 5,
    html: Annotated[
        Path | None,
        typer.Option("--html", help="Write a page with charts, the groups side by side."),
    ] = None,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show each group with its size, its value and what sets it apart from everybody else."""
    with (
        opened(workspace, as_json=as_json) as ws,
        open_moment(
            ws.stores, as_of=ws.moment(as_of) or ws.now, engine=ws.stores.history_engine
        ) as moment,
    ):
        division = divide(moment, by)
        with ws.output.progress("Comparing groups"):
            faces = compute_personas(moment, division.groups, top=top, without=division.trait)
        note_old_orders(ws, moment)
        if division.note:
            ws.output.note(division.note)
        if html is not None:
            settings = ws.stores.settings
            page = personas_html(
                faces,
                title=division.title,
                note=division.note,
                as_of=moment.as_of,
                timezone=settings.timezone,
                currency=settings.currency,
            )
            write_whole(html, page, option="--html")
        if as_json:
            ws.output.json(faces)
            return
        if html is not None:
            ws.output.say(f"{len(faces)} personas are in {html}.")
            return
        show_personas(ws, faces)


def show_personas(ws: Opened, faces: Sequence[Persona]) -> None:
    """Each persona as a heading and a paragraph."""
    for one in faces:
        ws.output.heading(group_words(one.group))
        ws.output.say(one.sentence)
        ws.output.say()
