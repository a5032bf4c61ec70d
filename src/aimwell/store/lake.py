"""The lake: one Delta table per canonical table, written by one process at a time, read by any number.

The traps of Delta are met here once. Writers take the table's lease, because concurrent writers lose commits.
A write may carry a transaction `(application, version)`; one that the table already has is skipped, so that
repeating a load after a crash changes nothing. Rows are checked against the canonical schema before they are
written, because the writer casts silently. Readers pin a version and read its list of files.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from aimwell.errors import (
    SchemaMismatchError,
    StorageFullError,
    StoreError,
    WorkspaceError,
    nearest,
)
from aimwell.store.tables import LAKE_TABLES, LakeTable

__all__ = ["Lake", "Snapshot", "TableVersion", "empty_table", "refuse_unusable_path"]

_COMMIT_TRIES = 5
_TARGET_FILE_BYTES = 128 * 1024 * 1024
_FORBIDDEN = set("*[]?%")


@dataclass(frozen=True)
class TableVersion:
    """One version of one table: what a reader needs to read exactly that."""

    name: str
    version: int
    files: tuple[str, ...]
    schema: pa.Schema


@dataclass(frozen=True)
class Snapshot:
    """Table versions that were pinned together."""

    tables: Mapping[str, TableVersion]

    @property
    def versions(self) -> dict[str, int]:
        """Table name → version, as a plan stores it."""
        return {name: table.version for name, table in self.tables.items()}


def refuse_unusable_path(path: Path) -> None:
    """Raise WorkspaceError for a path under which tables cannot lie: readers take `*[]?` for a pattern,
    and the Delta library decodes `%20` and the like."""
    bad = sorted(_FORBIDDEN & set(str(path)))
    if bad:
        raise WorkspaceError(
            f"A workspace cannot lie in {path}: the path holds {' '.join(bad)}. "
            "Choose a path without * [ ] ? %"
        )


def empty_table(name: str) -> pa.Table:
    """A table without rows that has the canonical columns of `name`."""
    return LAKE_TABLES[name].schema.empty_table()


class Lake:
    """The folder of Delta tables.

    Args:
        root: Folder that holds a folder per table.
        lease: `lease(name)` gives a context manager that holds the named lease of the workspace.
    """

    def __init__(self, root: Path, lease: Callable[[str], AbstractContextManager[Any]]) -> None:
        refuse_unusable_path(root)
        self.root = root
        self._lease = lease

    def create(self) -> None:
        """Create the canonical tables that are missing and add columns that a newer version knows."""
        for table in LAKE_TABLES.values():
            with self._lease(f"lake:{table.name}"):
                self._create(table)

    def _create(self, table: LakeTable) -> None:
        try:
            known = set(self._open(table.name).schema().to_arrow().names)
        except TableNotFoundError:
            DeltaTable.create(
                str(self.root / table.name),
                schema=table.schema,
                mode="ignore",
                name=table.name,
                description=table.row,
            )
            return
        if not known.issuperset(table.names):
            write_deltalake(
                str(self.root / table.name),
                table.schema.empty_table(),
                mode="append",
                schema_mode="merge",
            )

    def pin(self, *names: str) -> Snapshot:
        """The newest version of each named table (all of them without names), for reading."""
        return Snapshot({name: self._version(name, None) for name in names or tuple(LAKE_TABLES)})

    def pinned(self, versions: Mapping[str, int]) -> Snapshot:
        """The given versions of tables. Raises StoreError where a version is gone (vacuumed)."""
        return Snapshot({name: self._version(name, number) for name, number in versions.items()})

    def _version(self, name: str, number: int | None) -> TableVersion:
        try:
            table = self._open(name, number)
        except DeltaError as error:
            raise StoreError(
                f"Version {number} of the table '{name}' cannot be read: {error}"
            ) from error
        files = tuple(sorted(_local_path(uri) for uri in table.file_uris()))
        schema = pa.schema(table.schema().to_arrow())
        return TableVersion(name, table.version(), files, schema)

    def append(
        self,
        name: str,
        rows: pa.Table | Iterable[pa.RecordBatch],
        *,
        transaction: tuple[str, int] | None = None,
    ) -> bool:
        """Append `rows`; durable when this returns.

        Args:
            rows: A table, or a stream of batches (memory stays bounded), with the canonical columns.
            transaction: `(application, version)`, versions rising; one that the table already has is
                skipped.

        Returns:
            False when the transaction was already there and nothing was written.

        Raises:
            SchemaMismatchError: Columns or types differ from the canonical ones.
            StorageFullError: The disk is full; the table is as before.
        """
        table = _canonical(name)
        with self._lease(f"lake:{name}"):
            return self._append(table, rows, transaction)

    def _append(
        self,
        table: LakeTable,
        rows: pa.Table | Iterable[pa.RecordBatch],
        transaction: tuple[str, int] | None,
    ) -> bool:
        if transaction is not None and self._has(table.name, transaction):
            return False
        data = _checked(table, rows)
        # A stream can be read once only, so only a table can be tried again.
        tries = _COMMIT_TRIES if isinstance(data, pa.Table) else 1
        for attempt in range(1, tries + 1):
            try:
                self._write(table.name, data, transaction)
                return True
            except CommitFailedError:
                if transaction is not None and self._has(table.name, transaction):
                    return False
                if attempt == tries:
                    raise
            except (OSError, DeltaError) as error:
                raise _translated(error, table.name) from error
        return True

    def _write(
        self, name: str, data: pa.Table | pa.RecordBatchReader, transaction: tuple[str, int] | None
    ) -> None:
        marks = [Transaction(*transaction)] if transaction is not None else None
        write_deltalake(
            str(self.root / name),
            data,
            mode="append",
            target_file_size=_TARGET_FILE_BYTES,
            commit_properties=CommitProperties(app_transactions=marks),
        )

    def has_transaction(self, name: str, transaction: tuple[str, int]) -> bool:
        """Whether the table already has this application transaction or a later one."""
        return self._has(name, transaction)

    def _has(self, name: str, transaction: tuple[str, int]) -> bool:
        last = self._open(name).transaction_version(transaction[0])
        return last is not None and last >= transaction[1]

    def delete_origins(self, name: str, origins: Sequence[str]) -> None:
        """Rewrite the table without the rows of `origins` (erasure). Old versions go at the next vacuum."""
        if "origin_id" not in _canonical(name).names or not origins:
            return
        quoted = ", ".join("'" + origin.replace("'", "''") + "'" for origin in origins)
        with self._lease(f"lake:{name}"):
            self._open(name).delete(f"origin_id IN ({quoted})")

    def compact(self, name: str) -> int:
        """Join small files; returns how many files went. Readers of older versions are not disturbed."""
        _canonical(name)
        with self._lease(f"lake:{name}"):
            metrics = self._open(name).optimize.compact(target_size=_TARGET_FILE_BYTES)
        return int(metrics["numFilesRemoved"]) - int(metrics["numFilesAdded"])

    def vacuum(self, name: str, *, retention_hours: int, keep_versions: Sequence[int] = ()) -> int:
        """Delete files that no kept version needs: older than `retention_hours` and in none of
        `keep_versions`. Returns how many files went."""
        _canonical(name)
        with self._lease(f"lake:{name}"):
            gone = self._open(name).vacuum(
                retention_hours=retention_hours,
                dry_run=False,
                enforce_retention_duration=False,
                keep_versions=list(keep_versions) or None,
            )
        return len(gone)

    def history(self, name: str) -> list[tuple[int, datetime | None, str]]:
        """(version, when, operation) of the newest commits, newest first."""
        _canonical(name)
        entries = self._open(name).history(100)
        return [
            (int(e.get("version", 0)), e.get("timestamp"), str(e.get("operation"))) for e in entries
        ]

    def _open(self, name: str, version: int | None = None) -> DeltaTable:
        return DeltaTable(str(self.root / _canonical(name).name), version=version)


def _canonical(name: str) -> LakeTable:
    try:
        return LAKE_TABLES[name]
    except KeyError:
        raise StoreError(
            f"The lake has no table '{name}'. {nearest(name, list(LAKE_TABLES))}"
        ) from None


def _local_path(uri: str) -> str:
    """A file's path as the engine opens it; Delta gives percent-encoded ones."""
    if uri.startswith("file:"):
        return unquote(urlparse(uri).path)
    return unquote(uri)


def _checked(
    table: LakeTable, rows: pa.Table | Iterable[pa.RecordBatch]
) -> pa.Table | pa.RecordBatchReader:
    """The rows in canonical order; refuses other columns or types, because the writer would cast."""
    if isinstance(rows, pa.Table):
        _compare(table, rows.schema)
        ordered = rows.select(list(table.names)).cast(table.schema)
        _no_missing(table, ordered)
        return ordered

    def stream() -> Iterable[pa.RecordBatch]:
        for batch in rows:
            _compare(table, batch.schema)
            ordered = batch.select(list(table.names)).cast(table.schema)
            _no_missing(table, ordered)
            yield ordered

    return pa.RecordBatchReader.from_batches(table.schema, stream())


def _compare(table: LakeTable, schema: pa.Schema) -> None:
    missing = [name for name in table.names if name not in schema.names]
    extra = [name for name in schema.names if name not in table.names]
    wrong = [
        f"{field.name} is {schema.field(field.name).type}, not {field.type}"
        for field in table.schema
        if field.name in schema.names and schema.field(field.name).type != field.type
    ]
    if missing or extra or wrong:
        parts = [
            f"missing: {', '.join(missing)}" if missing else "",
            f"unknown: {', '.join(extra)}" if extra else "",
            "; ".join(wrong),
        ]
        raise SchemaMismatchError(
            f"Rows for the table '{table.name}' do not fit: {'; '.join(p for p in parts if p)}."
        )


def _no_missing(table: LakeTable, rows: pa.Table | pa.RecordBatch) -> None:
    for column in table.columns:
        if column.required and rows.column(column.name).null_count:
            raise SchemaMismatchError(f"Rows for '{table.name}' lack the required {column.name}.")


def _translated(error: Exception, name: str) -> Exception:
    full = isinstance(error, OSError) and error.errno == errno.ENOSPC
    if full or "No space left" in str(error) or "os error 28" in str(error):
        return StorageFullError(
            f"The disk is full: nothing was added to the table '{name}'. Free some space and run the same "
            "command again; what is already there is recognised."
        )
    if isinstance(error, DeltaError):
        return StoreError(f"The table '{name}' refused the rows: {error}")
    return error
