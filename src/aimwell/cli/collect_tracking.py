"""`aimwell collect keys` and `aimwell collect flush`: who may send tracking messages, and their way into the lake."""

from __future__ import annotations

import os
import select
import sys
import time
from datetime import UTC, datetime
from typing import Annotated

import typer

from aimwell.cli.context import JsonOption, Opened, WorkspaceOption, opened
from aimwell.collect.tracking.keys import WriteKey, create_key, list_keys, revoke_key
from aimwell.collect.tracking.sources import ensure_tracking_source
from aimwell.errors import AimwellError
from aimwell.history.current import refresh_state
from aimwell.segment.jobs import Follower
from aimwell.unify.live import flush_and_unify

__all__ = ["flush", "keys_app"]

_PAUSE_SECONDS_MIN = 0.05

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


def flush(
    every: Annotated[
        float | None,
        typer.Option(
            min=0.05,
            help="Go on for ever, and begin anew each so many seconds, or at once where it took longer.",
            metavar="SECONDS",
        ),
    ] = None,
    while_stdin: Annotated[
        bool, typer.Option("--while-stdin", hidden=True, help="End when standard input is closed.")
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Carry the tracking messages that wait in the inbox into the lake, and look at their people.

    `aimwell serve` and `aimwell run` do this by themselves. A segment that the server still writes is taken next time.
    """
    with opened(workspace, as_json=as_json) as ws:
        if every is not None:
            _flush_on(ws, every, while_stdin=while_stdin)
            return
        with ws.output.progress("Flushing") as step:
            report = flush_and_unify(
                ws.stores,
                now=ws.now,
                refresh=refresh_state,
                progress=lambda what, done, total: step(done, total, what),
            )
            Follower(ws.stores)(touched=bool(report.profiles))
        flushed = report.flush
        if as_json:
            ws.output.json({**flushed.to_dict(), "profiles": len(report.profiles)})
            return
        if not flushed.messages:
            ws.output.say("Nothing waits in the inbox.")
            return
        ws.output.say(
            f"{flushed.messages:,} messages: {flushed.taken:,} taken, {flushed.duplicates:,} known before, "
            f"{sum(flushed.quarantined.values()):,} set aside."
        )
        for reason, number in sorted(flushed.quarantined.items()):
            ws.output.say(f"  {reason}: {number:,}")
        ws.output.say(f"{len(report.profiles):,} people were touched.")


def _flush_on(ws: Opened, seconds: float, *, while_stdin: bool) -> None:
    """Flush again and again. Troubles that pass are waited out; what was acknowledged waits in the inbox."""
    trouble = ""
    follower = Follower(ws.stores)
    while True:
        began = time.monotonic()
        try:
            report = flush_and_unify(
                ws.stores, now=datetime.now(UTC), wait_seconds=0.0, refresh=refresh_state
            )
            follower(touched=bool(report.profiles))
            trouble = ""
        except AimwellError as error:
            if not error.retryable and str(error) != trouble:
                trouble = str(error)
                ws.output.error(trouble)
        # From one beginning to the next: what somebody does while a flush is at work must not wait twice.
        pause = max(_PAUSE_SECONDS_MIN, seconds - (time.monotonic() - began))
        if not while_stdin:
            time.sleep(pause)
        elif select.select([sys.stdin], [], [], pause)[0] and not os.read(0, 1):
            return
