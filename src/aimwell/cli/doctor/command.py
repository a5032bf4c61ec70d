"""The command: each check in turn; one that cannot be made keeps those that need it from being made."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import typer
from sqlalchemy.exc import DBAPIError

from aimwell.cli.calls import WRONG_INPUT
from aimwell.cli.context import JsonOption, WorkspaceOption, find_workspace
from aimwell.cli.doctor.finding import Finding, fault, fine
from aimwell.cli.doctor.places import (
    check_belonging,
    check_control,
    check_disk,
    check_folders,
    check_keys,
    check_lake,
    no_control,
)
from aimwell.cli.doctor.work import (
    check_channels,
    check_clock,
    check_inboxes,
    check_jobs,
    check_leases,
    check_segments,
    check_sources,
    check_switch,
)
from aimwell.cli.output import Output
from aimwell.errors import AimwellError
from aimwell.settings import FILE_NAME, Settings, load_settings
from aimwell.store.stores import Stores, connect, control_file, open_stores

__all__ = ["doctor", "examine"]

_REACH = "Start the database, or restore its file from a backup, then run this again."
_MARKS = {"fine": "ok", "warning": "warning", "fault": "FAULT"}


def doctor(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Check the workspace, and say in words what to do about each fault.

    Ends with 1 where there is a fault; warnings alone end with 0. Nothing is changed.
    """
    root = find_workspace(workspace).absolute()
    output = Output(as_json=as_json)
    with output.progress("Looking"):
        found = list(examine(root, now=datetime.now(UTC)))
    faults = sum(one.state == "fault" for one in found)
    warnings = sum(one.state == "warning" for one in found)
    if as_json:
        output.json({"workspace": root, "healthy": not faults, "findings": found})
    for one in found:
        output.say(f"{_MARKS[one.state]:>7}  {one.check}: {one.told}")
        if one.remedy:
            output.say(f"{'':>7}  What to do: {one.remedy}")
    output.say()
    output.heading(_summary(faults, warnings))
    if faults:
        raise typer.Exit(WRONG_INPUT)


def examine(root: Path, *, now: datetime) -> Iterator[Finding]:
    """Everything that can be looked at, as far as what it needs is there."""
    settings = yield from _settings(root)
    if settings is None:
        return
    yield from check_folders(root)
    yield from check_disk(root)
    stores = yield from _stores(root, settings)
    if stores is None:
        return
    try:
        yield check_clock(stores, now=now)
        yield from check_leases(stores, now=now)
        yield from check_inboxes(stores, now=now)
        yield from check_lake(stores)
        yield from check_jobs(stores)
        yield from check_sources(stores, now=now)
        yield from check_segments(stores)
        yield from check_switch(stores)
        yield from check_channels(stores)
    finally:
        stores.close()


def _settings(root: Path) -> Generator[Finding, None, Settings | None]:
    """The settings; None where nothing further can be looked at."""
    file = root / FILE_NAME
    if not file.exists():
        yield fault(
            "settings",
            f"{root} is not a workspace (it has no {FILE_NAME}).",
            f"Name the folder with --workspace, or make one with: aimwell init {root}",
        )
        return None
    try:
        settings = load_settings(file)
    except (AimwellError, OSError) as error:
        yield fault(
            "settings", str(error), f"Put {file} right; docs/settings.md says what is allowed."
        )
        return None
    yield fine("settings", f"{file.name} can be read.")
    return settings


def _stores(root: Path, settings: Settings) -> Generator[Finding, None, Stores | None]:
    """The stores, once the control database and the keys have been found well."""
    file = control_file(root, settings)
    if file is not None and not file.exists():
        yield no_control(root, f"Its file {file} is not there.")
        return None
    try:
        control = connect(root, settings, read_only=True)
    except AimwellError as error:
        yield fault("control database", str(error), _REACH)
        return None
    try:
        first = check_control(control, root)
        yield first
        if first.state != "fine":
            return None
        keys = list(check_keys(control, root))
        yield from keys
        if any(one.state == "fault" and "secret" not in one.told for one in keys):
            return None
        if foreign := check_belonging(control, root):
            yield foreign
            return None
    except (AimwellError, DBAPIError) as error:
        cause = error if isinstance(error, AimwellError) else type(error).__name__
        yield fault("control database", f"It cannot be read: {cause}", _REACH)
        return None
    finally:
        control.close()
    return open_stores(root)


def _summary(faults: int, warnings: int) -> str:
    if not faults and not warnings:
        return "The workspace is well."
    told = [
        f"{number} {word}{'' if number == 1 else 's'}"
        for number, word in ((faults, "fault"), (warnings, "warning"))
        if number
    ]
    return f"{' and '.join(told)}."
