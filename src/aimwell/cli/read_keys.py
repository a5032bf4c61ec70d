"""`aimwell read-keys`: who may ask the server what is expected of a person."""

from __future__ import annotations

from typing import Annotated

import typer

from aimwell.cli.context import JsonOption, WorkspaceOption, opened
from aimwell.privacy.read_keys import create_read_key, list_read_keys, revoke_read_key

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True, help="Keys with which other systems ask for people's scores."
)


@app.command("create")
def create(
    label: Annotated[str, typer.Argument(help="Who asks with it, as 'web shop'.")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a read key. It is shown this once; it lets scores of people out, so it belongs on servers alone."""
    with opened(workspace, as_json=as_json) as ws:
        key, entry = create_read_key(ws.stores, label, now=ws.now, by=ws.by)
        if as_json:
            ws.output.json({"read_key": key, **entry.to_dict()})
            return
        ws.output.say(f"Read key of '{label}' ({entry.key_id}), shown this once:")
        ws.output.say(key)


@app.command("list")
def list_(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """List the read keys by their ids; the keys themselves are kept nowhere."""
    with opened(workspace, as_json=as_json) as ws:
        found = list_read_keys(ws.stores)
        if as_json:
            ws.output.json([key.to_dict() for key in found])
            return
        ws.output.table(
            ["key", "who", "made", "revoked"],
            [(k.key_id, k.label, k.created_at, k.revoked_at) for k in found],
        )


@app.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(help="Its id, as `list` shows it.")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let nothing out any more with a key; servers that run follow within seconds."""
    with opened(workspace, as_json=as_json) as ws:
        key = revoke_read_key(ws.stores, key_id, now=ws.now, by=ws.by)
        if as_json:
            ws.output.json(key.to_dict())
            return
        ws.output.say(f"The read key {key.key_id} of '{key.label}' lets nothing out any more.")
