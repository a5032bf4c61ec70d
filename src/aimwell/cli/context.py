"""What every command needs: the workspace, the output, who is asking, and what time it is."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from aimwell.cli.output import Output
from aimwell.settings import FILE_NAME
from aimwell.store.stores import Stores, open_stores

__all__ = [
    "AsOfOption",
    "JsonLinesOption",
    "JsonOption",
    "WorkspaceOption",
    "find_workspace",
    "moment",
    "opened",
    "user_name",
]

WorkspaceOption = Annotated[
    Path | None,
    typer.Option(
        "--workspace",
        "-w",
        help="Folder of the workspace. Default: AIMWELL_WORKSPACE, else this folder or the nearest above it.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Write one JSON document to stdout.")]
JsonLinesOption = Annotated[
    bool, typer.Option("--json", help="Write one JSON document a line to stdout for each event.")
]
AsOfOption = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        help="A day or moment in the past (2011-09-01, or with time and offset); nothing later is looked at.",
        show_default="now",
    ),
]

_EARLIEST_YEAR = 1900
"""Windows before an earlier moment would end before the calendar begins."""


@dataclass(frozen=True)
class Opened:
    """An opened workspace and how to speak."""

    stores: Stores
    output: Output
    now: datetime
    by: str

    def moment(self, text: str | None) -> datetime | None:
        """A moment that was typed; days and times without an offset are in the workspace's zone."""
        return None if text is None else moment(text, zone=self.stores.settings.timezone)

    def local(self, when: datetime) -> datetime:
        """A moment in the firm's time zone, to be shown."""
        return when.astimezone(ZoneInfo(self.stores.settings.timezone))

    def day(self, when: datetime) -> str:
        """Its day there, as 2026-03-01."""
        return f"{self.local(when):%Y-%m-%d}"


def user_name() -> str:
    """Who is asking, for revisions and the audit log."""
    try:
        return os.environ.get("AIMWELL_USER") or getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def find_workspace(given: Path | None) -> Path:
    """The workspace that was named, else AIMWELL_WORKSPACE, else this folder or the nearest above it."""
    named = given or (
        Path(os.environ["AIMWELL_WORKSPACE"]) if os.environ.get("AIMWELL_WORKSPACE") else None
    )
    if named is not None:
        return named
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / FILE_NAME).exists():
            return folder
    return here


@contextmanager
def opened(workspace: Path | None, *, as_json: bool = False) -> Iterator[Opened]:
    """Open the workspace for one command."""
    stores = open_stores(find_workspace(workspace))
    try:
        yield Opened(stores, Output(as_json=as_json), datetime.now(UTC), user_name())
    finally:
        stores.close()


def moment(text: str, *, zone: str) -> datetime:
    """A typed day or moment as an aware time. Raises BadParameter that says what is allowed."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"'{text}' is no day or moment. Write 2011-09-01, 2011-09-01T12:00 or 2011-09-01T12:00+01:00."
        ) from None
    if found.year < _EARLIEST_YEAR:
        raise typer.BadParameter(
            f"'{text}' lies before {_EARLIEST_YEAR}, of which nothing is known. Write a later day, as 2011-09-01."
        )
    return found if found.tzinfo is not None else found.replace(tzinfo=ZoneInfo(zone))
