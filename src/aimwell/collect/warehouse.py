"""Tables of an existing warehouse, read where they lie: a Delta table's files, or a folder of Parquet files.

Nothing is copied: the engine reads the files of one version. A table that only grew since it was last taken gives only the
files that came; after anything else all of it is read again, and rows that are known are known.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
from pyarrow.lib import ArrowInvalid

from aimwell.collect.files import InputFile, Rows, hash_bytes
from aimwell.definitions.source_inputs import TableSpec
from aimwell.errors import SourceFileError, nearest

__all__ = ["find_table"]

_LOG = "_delta_log"
_COMMITS_MAX = 10_000
_REFUSED = {
    "deletionVectors": (
        "deletion vectors (rows that are marked as deleted in files that still hold them)",
        "REORG TABLE … APPLY (PURGE), then switch delta.enableDeletionVectors off",
    ),
    "columnMapping": (
        "column mapping (columns that have other names in the files)",
        "write it anew as a table without delta.columnMapping.mode",
    ),
}


def find_table(
    spec: TableSpec, root: Path, *, before: dict[str, Any]
) -> tuple[list[InputFile], dict[str, Any]]:
    """The files of a table, and how far that is.

    Args:
        spec: Which table.
        root: Folder that its path is relative to.
        before: How far it was read before.

    Raises:
        SourceFileError: There is no such table, or it has what cannot be applied.
    """
    folder = root / spec.table
    if not folder.is_dir():
        raise SourceFileError(_absent(folder), file=spec.table)
    if (folder / _LOG).is_dir():
        return _delta(spec, folder, before)
    if spec.version is not None:
        raise SourceFileError(
            f"'{spec.table}' is no Delta table, so it has no versions. Leave `version` out.",
            file=spec.table,
        )
    return _parquet(spec, folder), {}


def _absent(folder: Path) -> str:
    try:
        names = [path.name for path in folder.parent.iterdir() if path.is_dir()]
    except OSError:
        return f"There is no table {folder}, and no such folder."
    return f"There is no table {folder}. {nearest(folder.name, names)}"


def _parquet(spec: TableSpec, folder: Path) -> list[InputFile]:
    """All Parquet files below a folder; `name=value` folders are columns."""
    files = sorted(
        path
        for path in folder.rglob("*.parquet")
        if not any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)
    )
    if not files:
        raise SourceFileError(
            f"'{spec.table}' is neither a Delta table nor a folder with Parquet files.",
            file=spec.table,
        )
    found = []
    for path in files:
        size, sha256 = hash_bytes(path)
        inside = path.relative_to(folder)
        constants = [part.split("=", 1) for part in inside.parts[:-1] if "=" in part]
        values = tuple(
            (key, None if value == "__HIVE_DEFAULT_PARTITION__" else unquote(value))
            for key, value in constants
        )
        name = f"{spec.table.rstrip('/')}/{inside.as_posix()}"
        found.append(
            InputFile(path, name, size, sha256, rows=Rows(_columns(path, name, values), values))
        )
    return found


def _columns(
    path: Path, name: str, constants: tuple[tuple[str, str | None], ...]
) -> tuple[str, ...]:
    known = {key for key, _ in constants}
    try:
        return tuple(column for column in pq.read_schema(path).names if column not in known)
    except FileNotFoundError as error:
        raise SourceFileError(
            f"The table's file '{name}' is gone; it was cleaned away meanwhile. Try again.",
            file=name,
        ) from error
    except (OSError, ArrowInvalid) as error:
        raise SourceFileError(
            f"'{name}' is not a whole Parquet file. Nothing was taken.", file=name
        ) from error


def _delta(
    spec: TableSpec, folder: Path, before: dict[str, Any]
) -> tuple[list[InputFile], dict[str, Any]]:
    try:
        table = DeltaTable(str(folder), version=spec.version)
        actions = pa.table(table.get_add_actions(flatten=True)).to_pylist()
        features = set(table.protocol().reader_features or ())
        settings = table.metadata().configuration
    except (DeltaError, OSError, ValueError) as error:
        version = f" of version {spec.version}" if spec.version is not None else ""
        raise SourceFileError(
            f"The Delta table '{spec.table}'{version} cannot be opened: its log is damaged, or has no such version. "
            "Nothing was taken.",
            file=spec.table,
        ) from error
    _refuse(spec, features, settings)
    partitions = table.metadata().partition_columns
    files = {
        action["path"]: _file(spec, folder, action, partitions)
        for action in sorted(actions, key=lambda one: str(one["path"]))
    }
    chosen = _chosen(folder, table, files, before)
    state = {"table": table.metadata().id, "version": table.version(), "files": chosen}
    return [files[path] for path in chosen], state


def _chosen(
    folder: Path, table: DeltaTable, files: dict[str, InputFile], before: dict[str, Any]
) -> list[str]:
    """The files to be read: those that came since, else all. Where no version came, the same as then, which are known."""
    if before.get("table") == table.metadata().id:
        if before["version"] == table.version() and files.keys() >= set(before["files"]):
            return list(before["files"])
        added = _added(folder, int(before["version"]), table.version())
        if added and added <= files.keys():
            return sorted(added)
    return list(files)


def _refuse(spec: TableSpec, features: set[str], settings: dict[str, str]) -> None:
    """Refuse what would be read wrongly from the files alone."""
    found = features & _REFUSED.keys()
    if settings.get("delta.columnMapping.mode", "none") != "none":
        found.add("columnMapping")
    if settings.get("delta.enableDeletionVectors", "false").lower() == "true":
        found.add("deletionVectors")
    for name in sorted(found):
        what, remedy = _REFUSED[name]
        raise SourceFileError(
            f"The Delta table '{spec.table}' has {what}, which cannot be applied here, so rows would be wrong. Nothing was "
            f"taken. Without them it can be read: {remedy}; or export it as Parquet.",
            file=spec.table,
        )


def _file(
    spec: TableSpec, folder: Path, action: dict[str, Any], partitions: list[str]
) -> InputFile:
    path = str(action["path"])
    if "://" in path or path.startswith("/"):
        raise SourceFileError(
            f"The Delta table '{spec.table}' has files outside its folder (it is a shallow clone). Read the table that it "
            "was cloned from.",
            file=spec.table,
        )
    name = f"{spec.table.rstrip('/')}/{unquote(path)}"
    constants = tuple((key, _text(action.get(f"partition.{key}"))) for key in partitions)
    where = folder / unquote(path)
    # A data file is never changed under its name, so its entry in the log stands for its bytes.
    entry = [path, action["size_bytes"], action["modification_time"], constants]
    sha256 = hashlib.sha256(json.dumps(entry).encode()).hexdigest()
    columns = _columns(where, name, constants)
    return InputFile(where, name, int(action["size_bytes"]), sha256, rows=Rows(columns, constants))


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _added(folder: Path, after: int, until: int) -> set[str] | None:
    """The files that came after one version, up to another; None where rows were also changed or deleted, or the log does
    not reach back so far. Files that were only put together anew changed no rows."""
    if until < after or until - after > _COMMITS_MAX:
        return None
    added: set[str] = set()
    for version in range(after + 1, until + 1):
        commit = folder / _LOG / f"{version:020}.json"
        if not commit.exists():
            return None
        for line in commit.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            change = entry.get("remove") or entry.get("add")
            if change is None or not change.get("dataChange", True):
                continue
            if "remove" in entry:
                return None
            added.add(str(change["path"]))
    return added
