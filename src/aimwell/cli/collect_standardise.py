"""`aimwell collect standardise`: changed rules of form applied to what was collected before."""

from __future__ import annotations

from typing import Annotated

import typer

from aimwell.cli.context import JsonOption, WorkspaceOption, opened
from aimwell.collect.loads import not_unified
from aimwell.collect.restandardising import restandardise
from aimwell.history.current import bring_collected_up_to_date

__all__ = ["standardise"]


def standardise(
    name: Annotated[str, typer.Argument(help="The source, as it is applied now.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only count what would change; nothing is written.")
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring personal fields and traits of a source into form anew, from the texts as they came.

    For when `standardise`, `country`, `dates` or `nobody` of its definition have changed and the files are not there
    to be collected again.
    """
    with opened(workspace, as_json=as_json) as ws:
        with ws.output.progress("Standardising"):
            found = restandardise(ws.stores, name, now=ws.now, dry_run=dry_run)
        if found.applied:
            ws.stores.audit("standardised again", actor=ws.by, subject=name, people=found.people)
        if not_unified(ws.stores):
            with ws.output.progress("Unifying"):
                bring_collected_up_to_date(ws.stores, now=ws.now)
        if as_json:
            ws.output.json(found)
            return
        if not found.changed:
            ws.output.say(f"All that is kept of {name} has the form that its definition asks for.")
            return
        ws.output.table(
            ["field", "values", "of which nothing can be made now"],
            [
                (one, number, found.lost.get(one) or None)
                for one, number in sorted(found.changed.items())
            ],
        )
        people = f"{found.people:,} {'person' if found.people == 1 else 'people'}"
        if found.applied:
            ws.output.say(f"{people} of {name} have values in another form now.")
        else:
            ws.output.say(f"{people} of {name} would have values in another form.")
            ws.output.say(f"To do it: aimwell collect standardise {name}")
