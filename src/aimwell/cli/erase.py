"""`aimwell erase`: a person who asks to be forgotten."""

from __future__ import annotations

from typing import Annotated

import typer

from aimwell.cli.calls import call_is_right
from aimwell.cli.context import JsonOption, WorkspaceOption, opened
from aimwell.privacy.erasure import Receipt, receipts
from aimwell.unify.lookup import find_profile
from aimwell.workspace.erasing import erase_person, purge_erased

__all__ = ["erase"]


def erase(
    who: Annotated[
        str | None,
        typer.Argument(help="Profile id, customer id, e-mail address or telephone number."),
    ] = None,
    reason: Annotated[
        str | None,
        typer.Option(help="As the number of the request; it is kept, so nothing personal."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask again.")] = False,
    purge: Annotated[
        bool,
        typer.Option(
            "--purge", help="Take all who were erased out of every file now, not tonight."
        ),
    ] = False,
    list_: Annotated[bool, typer.Option("--list", help="Show the receipts.")] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Erase a person: at once out of sight and out of the vault, by night (or --purge) out of every file.

    It cannot be undone. What is left is a receipt with counts, and that their addresses must not be contacted where they
    had said so. Who comes again under the same address is a new person.
    """
    call_is_right(
        who is not None or purge or list_, "Say who is to be erased, or give --purge or --list."
    )
    with opened(workspace, as_json=as_json) as ws:
        made: list[Receipt] = []
        if who is not None:
            if not yes and not as_json:
                find_profile(ws.stores, who)  # nobody is asked about somebody unknown
                typer.confirm("Erase this person? It cannot be undone.", abort=True)
            made = [erase_person(ws.stores, who, now=ws.now, by=ws.by, reason=reason)]
        ended = purge_erased(ws.stores, now=ws.now) if purge else []
        if as_json:
            shown = receipts(ws.stores) if list_ else [*made, *ended]
            ws.output.json([one.to_dict() for one in shown])
            return
        for one in made:
            ws.output.say(
                f"Erased. Receipt {one.erasure_id}: {sum(one.rows.values()):,} rows in {len(one.rows)} tables. "
                + (
                    ""
                    if purge
                    else "The files are rewritten by night while `aimwell run` works, or now with --purge."
                )
            )
        if purge:
            ws.output.say(f"{len(ended):,} erasures are out of every file.")
        if list_:
            ws.output.table(
                ["receipt", "erased", "by", "reason", "out of every file"],
                [
                    (
                        r.erasure_id,
                        r.erased_at,
                        r.erased_by,
                        r.reason or "",
                        r.purged_at or "not yet",
                    )
                    for r in receipts(ws.stores)
                ],
            )
