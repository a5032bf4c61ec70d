"""Delta tables as the lake uses them: the library's calls with our settings, and its answers made plain."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import (
    CommitProperties,
    DeltaTable,
    PostCommitHookProperties,
    Transaction,
    write_deltalake,
)
from deltalake.transaction import AddAction, RemoveAction

__all__ = [
    "AFTER_COMMIT",
    "TARGET_FILE_BYTES",
    "add_columns",
    "add_files",
    "added_files",
    "append_rows",
    "column_names",
    "commit_mark",
    "commits",
    "files_of",
    "has_commit",
    "has_transaction",
    "is_newest",
    "is_widened",
    "moment",
]

TARGET_FILE_BYTES = 128 * 1024 * 1024
# The log of old versions is cleaned by a vacuum, which knows what is pinned.
AFTER_COMMIT = PostCommitHookProperties(create_checkpoint=True, cleanup_expired_logs=False)
_WIDENED = "aimwell.widened"  # a property of tables that got columns after their first rows
_COMMIT = "aimwell.commit"  # under this name the log keeps the token of who made a commit


def append_rows(
    table: DeltaTable,
    rows: pa.Table | pa.RecordBatchReader,
    *,
    transaction: tuple[str, int] | None,
    token: str,
) -> None:
    """Append to the version that `table` has open.

    A transaction that came into the table after that version was opened makes the commit fail.
    """
    write_deltalake(
        table,
        rows,
        mode="append",
        target_file_size=TARGET_FILE_BYTES,
        commit_properties=CommitProperties(
            custom_metadata={_COMMIT: token},
            app_transactions=[Transaction(*transaction)] if transaction is not None else None,
        ),
        post_commithook_properties=AFTER_COMMIT,
    )


def add_files(
    table: DeltaTable, files: Sequence[Path], *, transaction: tuple[str, int], token: str
) -> None:
    """Make Parquet files that already lie in the table's folder a part of the version that `table` has open.

    As with `append_rows`, a transaction that came meanwhile makes the commit fail.
    """
    actions: list[AddAction | RemoveAction] = [
        AddAction(
            path=file.name,
            size=file.stat().st_size,
            partition_values={},
            modification_time=int(time.time() * 1000),
            data_change=True,
            stats=json.dumps({"numRecords": pq.read_metadata(file).num_rows}),
        )
        for file in files
    ]
    table.create_write_transaction(
        actions,
        mode="append",
        schema=table.schema(),
        commit_properties=CommitProperties(
            custom_metadata={_COMMIT: token}, app_transactions=[Transaction(*transaction)]
        ),
        post_commithook_properties=AFTER_COMMIT,
    )


def commits(table: DeltaTable, *, limit: int) -> Iterator[dict[str, Any]]:
    """What the log says of each commit, the newest first, with its `version`; not of those cleaned away.

    Read here, because the library's own history is empty where the path holds a `#`.
    """
    log = Path(_path(table.table_uri)) / "_delta_log"
    for version in range(table.version(), max(table.version() - limit, -1), -1):
        file = log / f"{version:020}.json"
        if not file.exists():
            return
        for line in file.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line).get("commitInfo")
            if entry is not None:
                yield {**entry, "version": version}


def has_commit(table: DeltaTable, token: str) -> bool:
    """Whether the commit with this token (see `append_rows`) is among the newest of the table."""
    return any(entry.get(_COMMIT) == token for entry in commits(table, limit=5))


def has_transaction(table: DeltaTable, transaction: tuple[str, int]) -> bool:
    """Whether the table has this application transaction or a later one."""
    last = table.transaction_version(transaction[0])
    return last is not None and last >= transaction[1]


def is_newest(folder: Path, version: int) -> bool:
    """Whether no commit came after this version: the next one would lie in the log under its number."""
    return not (folder / "_delta_log" / f"{version + 1:020}.json").exists()


def commit_mark(folder: Path, version: int) -> tuple[int, ...] | None:
    """What tells this version's commit from another under the same number; None where the log lost it.

    A log is shortened from its beginning: where this commit is, later ones are too.
    """
    try:
        found = (folder / "_delta_log" / f"{version:020}.json").stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def column_names(table: DeltaTable) -> list[str]:
    """The columns, in order."""
    return list(table.schema().to_arrow().names)


def add_columns(table: DeltaTable, schema: pa.Schema) -> None:
    """Add the columns of `schema` that the table lacks; rows that are there have nulls in them."""
    # The mark first: a reader that sees the new columns must know that old files lack them.
    table.alter.set_table_properties({_WIDENED: "true"}, raise_if_not_exists=False)
    # The columns that are there as they are: a comment that was written anew since would be refused.
    known = pa.schema(table.schema().to_arrow())
    new = [field for field in schema if field.name not in known.names]
    merged = pa.schema([*known, *new])
    write_deltalake(table, merged.empty_table(), mode="append", schema_mode="merge")


def is_widened(table: DeltaTable) -> bool:
    """Whether columns were added after the table was created, so that old files may lack some."""
    return _WIDENED in table.metadata().configuration


def files_of(table: DeltaTable) -> tuple[str, ...]:
    """The data files of the version that is open, as paths; the library gives percent-encoded addresses."""
    return tuple(sorted(_path(address) for address in table.file_uris()))


def added_files(folder: Path, *, after: int, until: int) -> tuple[str, ...] | None:
    """Files that brought new rows in the commits after one version up to another; None where the log does not say.

    What compaction wrote holds no new rows, and what a deletion left was there before.
    """
    found: list[str] = []
    for version in range(after + 1, until + 1):
        file = folder / "_delta_log" / f"{version:020}.json"
        if not file.exists():
            return None
        actions = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        if any(one.get("commitInfo", {}).get("operation") == "DELETE" for one in actions):
            continue
        for one in actions:
            if one.get("add", {}).get("dataChange"):
                found.append(str(folder / unquote(one["add"]["path"])))
    return tuple(found) if all(Path(one).exists() for one in found) else None


def _path(address: str) -> str:
    return unquote(urlparse(address).path if address.startswith("file:") else address)


def moment(milliseconds: int | None) -> datetime | None:
    """A time of the log."""
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)
