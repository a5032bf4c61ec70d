"""Rows that wait in quarantine, with their contents from the vault."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

import sqlalchemy as sa

from aimwell.collect.corrections import Correction, Waiting
from aimwell.collect.rejects import REJECT_DETAILS
from aimwell.collect.waiting import bind_waiting
from aimwell.errors import CollectError, SourceFileError
from aimwell.store.listed import among
from aimwell.store.schema import metadata
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = ["nothing_waits", "source_of_rows", "waiting_rows"]

_rows = metadata.tables["vault_rows"]
_BATCH = 10_000
_ROWS_MAX = 1_000_000


def waiting_rows(stores: Stores, source: str, *, reason: str | None = None) -> list[Waiting]:
    """All rows of a source that wait, in the order of their files, with their contents from the vault.

    Raises:
        CollectError: They are more than a million.
    """
    with stores.engine.session() as session:
        bind_waiting(stores, session, source, reason=reason)
        found = session.rows(
            sql(
                """
                SELECT row_hash, entity, reason, field, detail, file, line, sha256, seq FROM waiting
                WHERE NOT taken AND entity IS NOT NULL
                ORDER BY file, line NULLS LAST, row_hash LIMIT :most
                """,
                most=_ROWS_MAX + 1,
            )
        )
    if len(found) > _ROWS_MAX:
        raise CollectError(
            f"More than {_ROWS_MAX:,} rows of '{source}' wait. Take them by their reasons (--reason); or mend the "
            "mapping and collect the files again."
        )
    contents = _contents(stores, [row[0] for row in found])
    # A row whose content is gone, because its person was erased, cannot be taken any more.
    return [
        Waiting(
            row_hash=row[0],
            entity=row[1],
            reason=row[2],
            field=row[3],
            detail=row[4],
            file=row[5],
            line=row[6],
            sha256=row[7],
            seq=row[8],
            content=contents[row[0]],
            is_line=row[2] in REJECT_DETAILS and _is_one_line(contents[row[0]]),
        )
        for row in found
        if row[0] in contents
    ]


def source_of_rows(stores: Stores, corrections: Sequence[Correction], *, file: str) -> str:
    """The source whose rows a file of corrections holds.

    Raises:
        SourceFileError: They are of no source, or of several.
    """
    hashes = sorted({one.row_hash for one in corrections})
    with stores.read_control() as connection:
        query = sa.select(_rows.c.source).where(among(_rows.c.row_hash, hashes)).distinct()
        found = sorted(connection.execute(query).scalars())
    if len(found) == 1:
        return str(found[0])
    told = (
        "are of several sources; correct those of each in a file of its own"
        if found
        else "are in no quarantine of this workspace; leave the column '_row' as it was written"
    )
    raise SourceFileError(f"The rows of '{file}' {told}.", file=file)


def _contents(stores: Stores, hashes: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    with stores.read_control() as connection:
        for start in range(0, len(hashes), _BATCH):
            part = hashes[start : start + _BATCH]
            query = sa.select(_rows.c.row_hash, _rows.c.content).where(
                among(_rows.c.row_hash, part)
            )
            found |= {row.row_hash: row.content for row in connection.execute(query)}
    return found


def _is_one_line(content: str) -> bool:
    """Whether the content is that of a record that could not be cut."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and set(found) == {"line"}


def nothing_waits(stores: Stores, source: str, reason: str | None) -> CollectError:
    """The error to raise where no row waits, with the reasons for which others do."""
    waiting = Counter(row.reason for row in waiting_rows(stores, source)) if reason else Counter()
    if reason and waiting:
        shown = ", ".join(f"{name} ({count:,})" for name, count in waiting.most_common())
        return CollectError(
            f"No row of '{source}' waits for the reason '{reason}'. Waiting: {shown}."
        )
    return CollectError(f"No row of '{source}' is in quarantine.")
