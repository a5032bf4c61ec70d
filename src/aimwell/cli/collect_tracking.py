"""`aimwell collect keys` and `aimwell collect flush`: who may send tracking messages, and their way into the lake."""

from __future__ import annotations

from typing import Annotated

import typer

from aimwell.cli.context import JsonOption, WorkspaceOption, opened
from aimwell.collect.tracking.keys import WriteKey, create_key, list_keys, revoke_key
from aimwell.collect.tracking.sources import ensure_tracking_source

__all__ = ["keys_app"]

keys_app = typer.Typer(
    no_args_is_help=True, help="Write keys, with which tracking clients send messages."
)


def _shown(key: WriteKey) -> dict[str, object]:
    return {
        "key_id": key.key_id,
        "source": key.source,
        "label": key.label,
        "created_at": key.created_at.isoformat(),
        "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
    }


@keys_app.command("create")
def create(
    source: Annotated[str, typer.Argument(help="Source of the messages; made where it is new.")],
    label: Annotated[str, typer.Option(help="What it is for, as 'web shop'.")] = "",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a write key. It is shown this once; it only lets messages in, so it may stand in a page."""
    with opened(workspace, as_json=as_json) as ws:
        _source, made = ensure_tracking_source(ws.stores, source, now=ws.now, by=ws.by)
        key, entry = create_key(ws.stores, source, label=label, now=ws.now, by=ws.by)
        if as_json:
            ws.output.json({"write_key": key, "source_made": made, **_shown(entry)})
            return
        if made:
            ws.output.say(f"The tracking source '{source}' was made.")
        ws.output.say(f"Write key of '{source}' ({entry.key_id}), shown this once:")
        ws.output.say(key)


@keys_app.command("list")
def list_(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """List the write keys by their ids; the keys themselves are kept nowhere."""
    with opened(workspace, as_json=as_json) as ws:
        found = list_keys(ws.stores)
        if as_json:
            ws.output.json([_shown(key) for key in found])
            return
        ws.output.table(
            ["key", "source", "label", "made", "revoked"],
            [(k.key_id, k.source, k.label, k.created_at, k.revoked_at) for k in found],
        )


@keys_app.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(help="Its id, as `list` shows it.")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let nothing in any more with a key; servers that run follow within seconds."""
    with opened(workspace, as_json=as_json) as ws:
        key = revoke_key(ws.stores, key_id, now=ws.now, by=ws.by)
        if as_json:
            ws.output.json(_shown(key))
        ws.output.say(f"The write key {key.key_id} of '{key.source}' lets nothing in any more.")
