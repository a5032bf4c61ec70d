"""The lake: one Delta table per canonical table, written by one process at a time, read by any number.

The traps of Delta are met here once. Writers take the table's lease, because concurrent writers lose commits.
A write may carry a transaction `(application, version)`; one that the table already has is skipped, so that
repeating a load after a crash changes nothing. The same opened table is asked for it and written to, so Delta
itself refuses the commit of a writer that was overtaken in between. Rows are checked against the canonical
schema before they are written. Readers pin a version and read its list of files.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from sqlalchemy.exc import SQLAlchemyError
from sqlglot import exp

from aimwell.errors import AimwellError, StorageFullError, StoreError, WorkspaceError, nearest
from aimwell.store.delta import (
    AFTER_COMMIT,
    TARGET_FILE_BYTES,
    add_columns,
    add_files,
    added_files,
    append_rows,
    column_names,
    commit_mark,
    commits,
    files_of,
    has_commit,
    has_transaction,
    is_newest,
    is_widened,
    moment,
)
from aimwell.store.disk import Changes, is_full, place_file, remove_stale_parts, settle
from aimwell.store.leases import Held
from aimwell.store.rows import CheckedRows, check_file, check_table
from aimwell.store.sql import sql
from aimwell.store.tables import LAKE_TABLES, LakeTable
from aimwell.store.versions import Snapshot, TableVersion

__all__ = ["Lake", "Snapshot", "TableVersion", "empty_table", "refuse_unusable_path"]

_COMMIT_TRIES = 5
_PIN_TRIES = 1000  # each takes milliseconds, and a commit much longer
_FORBIDDEN = set("*[]?%")


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
        pinned: `pinned(table)` gives the versions that readers need; `vacuum` keeps them.
    """

    def __init__(
        self,
        root: Path,
        lease: Callable[[str], AbstractContextManager[Any]],
        pinned: Callable[[str], Collection[int]] = lambda _: (),
    ) -> None:
        refuse_unusable_path(root)
        self.root = root
        self._lease, self._pinned = lease, pinned
        self._newest: dict[str, tuple[tuple[int, ...], TableVersion]] = {}

    def create(self) -> None:
        """Create the canonical tables that are missing and add columns that a newer version knows."""
        for table in LAKE_TABLES.values():
            if self._lacks(table):
                with self._writing(table.name) as changes:
                    self._create(table)
                    settle(changes.new())

    def _lacks(self, table: LakeTable) -> bool:
        try:
            return not set(column_names(self._open(table.name))).issuperset(table.names)
        except TableNotFoundError:
            return True

    def _create(self, table: LakeTable) -> None:
        DeltaTable.create(
            self._path(table.name),
            schema=table.documented_schema,
            mode="ignore",
            name=table.name,
            description=table.row,
        )
        opened = self._open(table.name)
        if not set(column_names(opened)).issuperset(table.names):
            add_columns(opened, table.documented_schema)

    def pin(self, *names: str) -> Snapshot:
        """The newest version of each named table (all of them without names), for reading.

        The versions are a cut: there was a moment at which all of them were the newest. What was committed to one
        table after something else was committed to another is never seen without it.

        Raises:
            StoreError: A table is missing, or tables were written so fast that no such moment was found.
        """
        wanted = names or tuple(LAKE_TABLES)
        found = {name: self._newest_version(name) for name in wanted}
        # Versions only rise. One that was the newest when it was opened, and still is now, was so all the time
        # between; if none has changed, all of them were the newest when the last one had been opened.
        for _ in range(_PIN_TRIES):
            changed = [one for one in found.values() if not self._is_newest(one)]
            if not changed:
                return Snapshot(found)
            found.update((one.name, self._newest_version(one.name)) for one in changed)
        raise StoreError(
            f"The tables {', '.join(wanted)} were written again and again while they were pinned. "
            "Try again when fewer loads run."
        )

    def _is_newest(self, version: TableVersion) -> bool:
        return is_newest(self.root / version.name, version.version)

    def _newest_version(self, name: str) -> TableVersion:
        """The newest version; opened only where it is another than at the last look."""
        if name in self._newest:
            known, version = self._newest[name]
            if self._is_newest(version) and self._mark(version) == known:
                return version
        version = self._version(name, None)
        mark = self._mark(version)
        if mark is not None:
            self._newest[name] = mark, version
        return version

    def _mark(self, version: TableVersion) -> tuple[int, ...] | None:
        return commit_mark(self.root / version.name, version.version)

    def pinned(self, versions: Mapping[str, int]) -> Snapshot:
        """The given versions of tables. Raises StoreError where a version is gone (vacuumed)."""
        snapshot = Snapshot({name: self._version(name, nr) for name, nr in versions.items()})
        for table in snapshot.tables.values():
            if not all(Path(file).exists() for file in table.files):
                raise StoreError(
                    f"Version {table.version} of the table '{table.name}' has been removed by a vacuum. "
                    "Plan anew, from the newest version."
                )
        return snapshot

    def _version(self, name: str, number: int | None) -> TableVersion:
        try:
            table = self._open(name, number)
        except TableNotFoundError as error:
            raise StoreError(
                f"The lake in {self.root} lacks the table '{name}'. Repair the workspace with: aimwell init"
            ) from error
        except DeltaError as error:
            which = "The newest version" if number is None else f"Version {number}"
            raise StoreError(
                f"{which} of the table '{name}' cannot be read: {_first_line(error)}"
            ) from error
        return TableVersion(
            name,
            table.version(),
            files=files_of(table),
            schema=pa.schema(table.schema().to_arrow()),
            widened=is_widened(table),
        )

    def added(self, version: TableVersion, *, after: int) -> TableVersion | None:
        """The rows that came into a table after the version `after` and up to `version`, as a version to bind.

        None where that cannot be told any more, because the log or the files of that time are gone.
        """
        if after > version.version:
            return None
        files = added_files(self.root / version.name, after=after, until=version.version)
        return None if files is None else replace(version, files=files)

    def append(
        self,
        name: str,
        rows: pa.Table | Iterable[pa.RecordBatch],
        *,
        transaction: tuple[str, int] | None = None,
    ) -> bool:
        """Append `rows`, all or none; durable when this returns.

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
        stream = None if isinstance(rows, pa.Table) else CheckedRows(table, rows)
        data = stream.reader() if stream else check_table(table, rows)
        with self._writing(name) as changes:
            # A stream can be read once only, so only a table can be tried again.
            for tries_left in reversed(range(1 if stream else _COMMIT_TRIES)):
                opened, token = self._open(name), secrets.token_hex(8)
                if transaction is not None and has_transaction(opened, transaction):
                    return False
                try:
                    append_rows(opened, data, transaction=transaction, token=token)
                except (OSError, DeltaError) as error:
                    if not self._landed(name, token):
                        if stream and stream.error:
                            raise stream.error from None
                        if isinstance(error, CommitFailedError) and tries_left:
                            continue
                        raise
                settle(changes.new())
                return True
        raise AssertionError("every way through the loop returns or raises")

    def append_files(
        self, name: str, files: Sequence[Path], *, transaction: tuple[str, int]
    ) -> bool:
        """Append rows that already lie in Parquet files, all or none, without writing them a second time.

        The files get a second name inside the table's folder (a copy, where they lie on another disk), so
        the caller may delete them afterwards; nobody may change them.

        Args:
            name: The table.
            files: Parquet files with the canonical columns.
            transaction: As for `append`.

        Returns:
            False when the transaction was already there and nothing was added.

        Raises:
            SchemaMismatchError: Columns or types of a file differ from the canonical ones.
            StorageFullError: The disk is full; the table is as before.
        """
        table = _canonical(name)
        with self._writing(name) as changes:
            opened, token = self._open(name), secrets.token_hex(8)
            # What was prepared by a version that knew fewer columns comes in, too.
            for file in files:
                check_file(table, file, may_be_older=is_widened(opened))
            if has_transaction(opened, transaction):
                return False
            placed = [self.root / name / f"part-{token}-{n:05d}.parquet" for n in range(len(files))]
            for file, target in zip(files, placed, strict=True):
                place_file(file, target)
            settle(changes.new())  # the rows before the log that makes them count
            try:
                add_files(opened, placed, transaction=transaction, token=token)
            except (OSError, DeltaError):
                if not self._landed(name, token):
                    raise
            settle(changes.new())
        return True

    def _landed(self, name: str, token: str) -> bool:
        """Whether a commit is in the log although its writer raised: the work after it may fail too."""
        return has_commit(self._open(name), token)

    @contextmanager
    def _writing(self, name: str) -> Iterator[Changes]:
        """Hold the table's lease; on an error clean up what was half written, and say it in our words."""
        with self._lease(f"lake:{name}") as held:
            changes = Changes(self.root / name)
            try:
                yield changes
            except Exception as error:
                # Whoever took the lease over may be writing here too; then its files are not ours to judge.
                if _is_ours(held):
                    self._clean(name, changes)
                if isinstance(error, AimwellError):
                    raise
                raise _translated(error, name) from error

    def _clean(self, name: str, changes: Changes) -> None:
        try:
            used = files_of(self._open(name))
        except TableNotFoundError:
            return
        changes.remove_unused(used)

    def has_transaction(self, name: str, transaction: tuple[str, int]) -> bool:
        """Whether the table already has this application transaction or a later one."""
        return has_transaction(self._open(name), transaction)

    def delete_origins(
        self, name: str, origins: Sequence[str] | Mapping[str, datetime | None]
    ) -> None:
        """Rewrite the table without the rows of `origins` (erasure). Old versions go at the next vacuum.

        Args:
            name: The table.
            origins: Whose; as a mapping with the moment up to which rows were received that go (None: all).
        """
        if "origin_id" not in _canonical(name).names or not origins:
            return
        until = origins if isinstance(origins, Mapping) else dict.fromkeys(origins)
        groups: dict[datetime | None, list[str]] = {}
        for origin, received in until.items():
            groups.setdefault(received, []).append(origin)
        predicate = exp.or_(*(_rows_of(who, received) for received, who in groups.items()))
        with self._writing(name) as changes:
            self._open(name).delete(
                predicate.sql("postgres"), post_commithook_properties=AFTER_COMMIT
            )
            settle(changes.new())

    def compact(self, name: str) -> int:
        """Join small files; returns how many files went. Readers of older versions are not disturbed."""
        _canonical(name)
        with self._writing(name) as changes:
            metrics = self._open(name).optimize.compact(
                target_size=TARGET_FILE_BYTES, post_commithook_properties=AFTER_COMMIT
            )
            settle(changes.new())
        return int(metrics["numFilesRemoved"]) - int(metrics["numFilesAdded"])

    def vacuum(self, name: str, *, retention_hours: int, keep_versions: Sequence[int] = ()) -> int:
        """Delete files that no kept version needs, and what killed writers left.

        Kept are the newest version, pinned ones, `keep_versions`, and whatever went out of use less than
        `retention_hours` ago. Returns how many files went.
        """
        _canonical(name)
        with self._writing(name):
            table = self._open(name)
            keep = sorted({table.version(), *keep_versions, *self._pinned(name)})
            gone = table.vacuum(
                retention_hours=retention_hours,
                dry_run=False,
                enforce_retention_duration=False,
                full=True,
                keep_versions=keep,
                post_commithook_properties=AFTER_COMMIT,
            )
            if len(keep) == 1:
                table.cleanup_metadata()
            parts = remove_stale_parts(self.root / name, older_than_hours=retention_hours)
        return len(gone) + parts

    def history(self, name: str) -> list[tuple[int, datetime | None, str]]:
        """(version, when, operation) of the newest commits, newest first."""
        _canonical(name)
        return [
            (int(entry["version"]), moment(entry.get("timestamp")), str(entry.get("operation")))
            for entry in commits(self._open(name), limit=100)
        ]

    def _path(self, name: str) -> str:
        return str(self.root / _canonical(name).name)

    def _open(self, name: str, version: int | None = None) -> DeltaTable:
        return DeltaTable(self._path(name), version=version)


def _rows_of(origins: list[str], received_until: datetime | None) -> exp.Expr:
    theirs = sql("origin_id IN :origins", origins=origins)
    if received_until is None:
        return theirs
    # As numbers: the library compares a moment in nanoseconds with a column in microseconds by refusing it.
    micros = round(received_until.timestamp() * 1_000_000)
    return sql("(:theirs AND CAST(received_at AS bigint) <= :until)", theirs=theirs, until=micros)


def _canonical(name: str) -> LakeTable:
    try:
        return LAKE_TABLES[name]
    except KeyError:
        raise StoreError(
            f"The lake has no table '{name}'. {nearest(name, list(LAKE_TABLES))}"
        ) from None


def _is_ours(held: Held | None) -> bool:
    """Whether the lease is certainly still held (None: a lake of one process, without leases)."""
    try:
        return held is None or held.is_mine
    except (StoreError, SQLAlchemyError):
        return False


def _translated(error: Exception, name: str) -> Exception:
    if is_full(error):
        return StorageFullError(
            f"The disk is full: nothing was added to the table '{name}'. Free some space and run the same "
            "command again; what is already there is recognised."
        )
    if isinstance(error, DeltaError):
        return StoreError(f"The table '{name}' refused the rows: {_first_line(error)}")
    return error


def _first_line(error: Exception) -> str:
    """What the library says; below it stands only where in its own code that was."""
    return (str(error).splitlines() or [type(error).__name__])[0]
