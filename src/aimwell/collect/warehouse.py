"""Tables of an existing warehouse, read where they lie: a Delta table's files, or a folder of Parquet files (see
`table_places` for where that may be).

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
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from aimwell.collect.files import InputFile
from aimwell.collect.table_places import Constants, TablePlace, constants_of, open_place
from aimwell.definitions.source_inputs import TableSpec
from aimwell.errors import SourceFileError
from aimwell.store.stores import Stores

__all__ = ["find_table"]

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
    stores: Stores, spec: TableSpec, root: Path, folder: Path, *, before: dict[str, Any]
) -> tuple[list[InputFile], dict[str, Any]]:
    """The files of a table, and how far that is.

    Args:
        stores: With the secrets of an object store.
        spec: Which table.
        root: Folder that its path is relative to.
        folder: Where files of an object store go once their rows are needed.
        before: How far it was read before.

    Raises:
        SourceFileError: There is no such table, or it has what cannot be applied.
        SourceAwayError: Its store cannot be reached now.
    """
    place = open_place(stores, spec, root, folder)
    if place.has_log:
        return _delta(spec, place, before)
    if spec.version is not None:
        raise SourceFileError(
            f"'{spec.table}' is no Delta table, so it has no versions. Leave `version` out.",
            file=spec.table,
        )
    return _parquet(spec, place), {}


def _parquet(spec: TableSpec, place: TablePlace) -> list[InputFile]:
    """All Parquet files below a folder; `name=value` folders are columns."""
    files = place.parquet_files()
    if not files:
        raise SourceFileError(
            f"'{spec.table}' is neither a Delta table nor a folder with Parquet files.",
            file=spec.table,
        )
    return [
        place.file(inside, size=size, sha256=sha256, constants=constants_of(inside))
        for inside, size, sha256 in files
    ]


def _delta(
    spec: TableSpec, place: TablePlace, before: dict[str, Any]
) -> tuple[list[InputFile], dict[str, Any]]:
    try:
        table = place.open_delta(spec.version)
        actions = pa.table(table.get_add_actions(flatten=True)).to_pylist()
        features = set(table.protocol().reader_features or ())
        settings = table.metadata().configuration
    except (DeltaError, OSError, ValueError) as error:
        place.look()  # where its store went away meanwhile, that is what is told
        version = f" of version {spec.version}" if spec.version is not None else ""
        raise SourceFileError(
            f"The Delta table '{spec.table}'{version} cannot be opened: its log is damaged, or has no such version. "
            "Nothing was taken.",
            file=spec.table,
        ) from error
    _refuse(spec, features, settings)
    partitions = table.metadata().partition_columns
    files = {str(one["path"]): one for one in sorted(actions, key=lambda one: str(one["path"]))}
    chosen = _chosen(place, table, files, before)
    state = {"table": table.metadata().id, "version": table.version(), "files": chosen}
    return [_file(spec, place, files[path], partitions) for path in chosen], state


def _chosen(
    place: TablePlace, table: DeltaTable, files: dict[str, Any], before: dict[str, Any]
) -> list[str]:
    """The files to be read: those that came since, else all. Where no version came, the same as then, which are known."""
    if before.get("table") == table.metadata().id:
        if before["version"] == table.version() and files.keys() >= set(before["files"]):
            return list(before["files"])
        added = _added(place, int(before["version"]), table.version())
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
    spec: TableSpec, place: TablePlace, action: dict[str, Any], partitions: list[str]
) -> InputFile:
    path = str(action["path"])
    if "://" in path or path.startswith("/"):
        raise SourceFileError(
            f"The Delta table '{spec.table}' has files outside its folder (it is a shallow clone). Read the table that it "
            "was cloned from.",
            file=spec.table,
        )
    constants: Constants = tuple((key, _text(action.get(f"partition.{key}"))) for key in partitions)
    # A data file is never changed under its name, so its entry in the log stands for its bytes.
    entry = [path, action["size_bytes"], action["modification_time"], constants]
    sha256 = hashlib.sha256(json.dumps(entry).encode()).hexdigest()
    size = int(action["size_bytes"])
    return place.file(unquote(path), size=size, sha256=sha256, constants=constants)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _added(place: TablePlace, after: int, until: int) -> set[str] | None:
    """The files that came after one version, up to another; None where rows were also changed or deleted, or the log does
    not reach back so far. Files that were only put together anew changed no rows."""
    if until < after or until - after > _COMMITS_MAX:
        return None
    added: set[str] = set()
    for version in range(after + 1, until + 1):
        commit = place.commit(version)
        if commit is None:
            return None
        for line in commit.splitlines():
            entry = json.loads(line)
            change = entry.get("remove") or entry.get("add")
            if change is None or not change.get("dataChange", True):
                continue
            if "remove" in entry:
                return None
            added.add(str(change["path"]))
    return added
