"""`aimwell apply`, `get`, `schema`, `remove`: the documents."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from aimwell.cli.context import JsonOption, WorkspaceOption, opened
from aimwell.cli.output import Output
from aimwell.definitions import service
from aimwell.definitions.catalogue import json_schema
from aimwell.definitions.reading import find_files, read_documents, render_yaml

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("apply", rich_help_panel="Definitions")(apply)
    app.command("get", rich_help_panel="Definitions")(get)
    app.command("schema", rich_help_panel="Definitions")(schema)
    app.command("remove", rich_help_panel="Definitions")(remove)


def apply(
    path: Annotated[Path, typer.Argument(help="A YAML or JSON file, or a folder of them.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change; change nothing.")
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create or update the definitions in PATH: all of them, or none where one is wrong."""
    with opened(workspace, as_json=as_json) as ws:
        definitions = service.check_all(read_documents(find_files(path)))
        changes = service.apply(
            ws.stores.control, definitions, now=ws.now, by=ws.by, dry_run=dry_run
        )
        if as_json:
            ws.output.json({"dry_run": dry_run, "changes": changes})
            return
        words = "would be " if dry_run else ""
        for change in changes:
            verb = change.action if change.action == "unchanged" else words + change.action
            ws.output.say(f"{change.kind} {change.name}: {verb} (revision {change.revision})")
            if dry_run and change.diff:
                ws.output.say(change.diff)


def get(
    kind: Annotated[str | None, typer.Argument(help="Kind; without it all are listed.")] = None,
    name: Annotated[
        str | None, typer.Argument(help="Name; without it those of the kind are listed.")
    ] = None,
    form: Annotated[str, typer.Option("--output", "-o", help="yaml or json.")] = "yaml",
    revision: Annotated[int | None, typer.Option(help="An older revision.")] = None,
    history: Annotated[bool, typer.Option("--history", help="List the revisions.")] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a definition as it was written, its revisions, or the list."""
    if form not in {"yaml", "json"}:
        raise typer.BadParameter(
            f"'{form}' is no form. Allowed: yaml, json.", param_hint="--output"
        )
    as_json = as_json or form == "json"
    with opened(workspace, as_json=as_json) as ws:
        if kind is None or name is None:
            names = service.names(ws.stores.control, kind)
            if as_json:
                ws.output.json([{"kind": k, "name": n} for k, n in names])
            else:
                ws.output.table(["kind", "name"], names)
            return
        if history:
            revisions = service.revisions(ws.stores.control, kind, name)
            if as_json:
                ws.output.json(revisions)
            for found in revisions:
                ws.output.heading(
                    f"revision {found.revision} · {found.changed_at:%Y-%m-%d %H:%M} · {found.changed_by}"
                )
                ws.output.say(found.diff)
            return
        definition, _number = service.get(ws.stores.control, kind, name, revision=revision)
        if as_json:
            ws.output.json(definition.document())
        else:
            sys.stdout.write(render_yaml([definition.document()]))


def schema(
    kind: Annotated[str, typer.Argument(help="Kind of document, as campaign.")],
) -> None:
    """Print the JSON Schema of a kind of document."""
    Output(as_json=True).json(json_schema(kind))


def remove(
    kind: Annotated[str, typer.Argument(help="Kind.")],
    name: Annotated[str, typer.Argument(help="Name.")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove a definition that nothing refers to; its revisions stay."""
    with opened(workspace, as_json=as_json) as ws:
        service.remove(ws.stores.control, kind, name, now=ws.now, by=ws.by)
        if as_json:
            ws.output.json({"removed": {"kind": kind, "name": name}})
        ws.output.say(f"{kind} {name}: removed")
