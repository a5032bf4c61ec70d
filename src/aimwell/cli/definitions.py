"""`aimwell apply`, `get`, `schema`, `remove`: the documents."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from aimwell.cli.calls import as_typed
from aimwell.cli.context import JsonOption, Opened, WorkspaceOption, opened
from aimwell.cli.output import Output
from aimwell.definitions import service
from aimwell.definitions.base import Definition
from aimwell.definitions.catalogue import KINDS, json_schema
from aimwell.definitions.kinds.prediction import Prediction
from aimwell.definitions.kinds.segment import Segment
from aimwell.definitions.reading import find_files, read_documents, render_yaml
from aimwell.errors import nearest

__all__ = ["apply", "get", "remove", "schema"]


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
        files = find_files(path)
        documents = read_documents(files)
        definitions = service.check_all(documents)
        _refuse_other_questions(ws, definitions)
        changes = service.apply(
            ws.stores.control, definitions, now=ws.now, by=ws.by, dry_run=dry_run
        )
        if not dry_run and any(change.kind == "source" for change in changes):
            _sync_schedules(ws)
        for empty in sorted({file.name for file in files} - {one.file for one in documents}):
            ws.output.note(
                f"Warning: {empty} holds no document; it is empty, or has only comments."
            )
        for warning in _unknown_names(ws, definitions):
            ws.output.note(f"Warning: {warning}")
        if as_json:
            ws.output.json({"dry_run": dry_run, "changes": changes})
            return
        words = "would be " if dry_run else ""
        for change in changes:
            verb = change.action if change.action == "unchanged" else words + change.action
            ws.output.say(f"{change.kind} {change.name}: {verb} (revision {change.revision})")
            if dry_run and change.diff:
                ws.output.say(change.diff)


def _refuse_other_questions(ws: Opened, definitions: Sequence[Definition]) -> None:
    """Predictions that ask something else than the models of their names answer."""
    if not any(isinstance(one, Prediction) for one in definitions):
        return
    # Here, because other definitions need not wait until predicting is loaded.
    from aimwell.predict.care.questions import refuse_other_questions

    refuse_other_questions(ws.stores, definitions)


def _sync_schedules(ws: Opened) -> None:
    """Sources that are collected by the clock, as they are written now."""
    # Here, because other definitions need not wait until collecting is loaded.
    from aimwell.collect.scheduling import sync_schedules

    sync_schedules(ws.stores)


def _unknown_names(ws: Opened, definitions: Sequence[Definition]) -> Iterator[str]:
    """What the rules of segments name that was never collected; data may come later, so it is no fault."""
    segments = [one for one in definitions if isinstance(one, Segment)]
    if not segments:
        return
    # Here, because other definitions need not wait until the engine is loaded.
    from aimwell.segment.service import unknown

    for segment in segments:
        for words in unknown(ws.stores, segment, as_of=ws.now):
            yield f"segment {segment.name}: {words}"


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
    _check_kind(kind)
    with opened(workspace, as_json=as_json) as ws:
        if kind is None or name is None:
            names = service.names(ws.stores.control, kind)
            if as_json:
                ws.output.json([{"kind": k, "name": n} for k, n in names])
            elif not names:
                what = "Nothing" if kind is None else f"No {kind}"
                ws.output.say(f"{what} is defined yet. Define it with: aimwell apply FILE")
            else:
                ws.output.table(["kind", "name"], names)
            return
        if history:
            revisions = service.revisions(ws.stores.control, kind, name)
            if as_json:
                ws.output.json(revisions)
            for found in revisions:
                ws.output.heading(
                    f"revision {found.revision} · {found.changed_at:%Y-%m-%d %H:%M} UTC · {found.changed_by}"
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
    as_json: Annotated[bool, typer.Option("--json", help="It is JSON in any case.")] = True,
) -> None:
    """Print the JSON Schema of a kind of document."""
    with as_typed():
        Output(as_json=as_json).json(json_schema(kind))


def remove(
    kind: Annotated[str, typer.Argument(help="Kind.")],
    name: Annotated[str, typer.Argument(help="Name.")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove a definition that nothing refers to; its revisions stay."""
    _check_kind(kind)
    with opened(workspace, as_json=as_json) as ws:
        service.remove(ws.stores.control, kind, name, now=ws.now, by=ws.by)
        if kind == "source":
            _sync_schedules(ws)
        if as_json:
            ws.output.json({"removed": {"kind": kind, "name": name}})
        ws.output.say(f"{kind} {name}: removed")


def _check_kind(kind: str | None) -> None:
    if kind is not None and kind not in KINDS:
        raise typer.BadParameter(
            f"'{kind}' is no kind of definition. {nearest(kind, list(KINDS))}", param_hint="KIND"
        )
