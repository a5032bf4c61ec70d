"""Whose lake it is: a note in the lake's folder with the id of the workspace that the control database holds.

The keys, consents and suppressions lie in the control database. A lake that is opened with a new one would look well,
and would write to people who have unsubscribed; so rows are only ever opened with the database that they belong to.
"""

from __future__ import annotations

import json
import secrets
from contextlib import suppress
from pathlib import Path

from aimwell.errors import WorkspaceError
from aimwell.store.disk import settle

__all__ = [
    "RESTORE",
    "claim",
    "has_rows",
    "is_foreign",
    "lake_id",
    "refuse_foreign",
    "refuse_rows",
    "write_whole",
]

RESTORE = "restore the control database from a backup: this lake belongs to another one"
_FILE = "workspace.json"


def has_rows(lake: Path) -> bool:
    """Whether any table has, or lately had, a file of rows."""
    return any(lake.glob("*/*.parquet"))


def is_foreign(lake: Path, workspace_id: str) -> bool:
    """Whether the lake has rows and bears the id of another workspace."""
    return _owner(lake) not in {None, workspace_id} and has_rows(lake)


def refuse_rows(lake: Path, *, lacking: str) -> None:
    """Raise WorkspaceError where the lake has rows; `lacking` says what is not there for them."""
    if has_rows(lake):
        raise WorkspaceError(
            f"{lacking}, but the lake in {lake} has rows. Please {RESTORE}. With a new one the keys, consents "
            "and suppressions would be gone; to begin anew choose another folder."
        )


def refuse_foreign(lake: Path, workspace_id: str) -> None:
    """Raise WorkspaceError where the lake has rows of another workspace than this."""
    if is_foreign(lake, workspace_id):
        refuse_rows(lake, lacking="The control database is another workspace's")


def claim(lake: Path, workspace_id: str, own_id: str) -> None:
    """Note whose lake it is, and its own id; for a lake that is not foreign."""
    if lake_id(lake, workspace_id) == own_id:
        return
    note = {"workspace_id": workspace_id, "lake_id": own_id}
    # A lake that may only be read can be read without the note.
    with suppress(OSError):
        write_whole(lake / _FILE, json.dumps(note) + "\n")


def lake_id(lake: Path, workspace_id: str) -> str | None:
    """The id of the workspace's lake, by which two over one control database are told apart; None: it has none yet."""
    return _noted(lake, "lake_id") if _owner(lake) == workspace_id else None


def _owner(lake: Path) -> str | None:
    """The id of the workspace that is noted; None where there is none that can be read."""
    return _noted(lake, "workspace_id")


def _noted(lake: Path, name: str) -> str | None:
    try:
        found = json.loads((lake / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    value = found.get(name) if isinstance(found, dict) else None
    return value if isinstance(value, str) else None


def write_whole(file: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all."""
    part = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    try:
        part.write_text(text, encoding="utf-8")
        settle([part])
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
