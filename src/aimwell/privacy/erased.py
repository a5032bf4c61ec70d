"""Who was erased and is not yet out of the lake's files: their rows are hidden from every reader.

What a load that is under way keeps of people is kept without them. A row that it sets aside bears no origin: whether it
is one of theirs is told by the words in it, of which a keyed hash is held until the purge.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from sqlglot import exp

from aimwell.privacy.hashing import identifier_hash
from aimwell.store.engine import Session
from aimwell.store.schema import metadata
from aimwell.store.sql import sql
from aimwell.store.stores import Stores
from aimwell.store.tables import TIME

__all__ = [
    "ERASED",
    "bind_erased",
    "keep_values",
    "lock_for_erasing",
    "not_erased",
    "not_naming_erased",
    "without_erased",
]

ERASED = "erased_origins"

_origins = metadata.tables["erased_origins"]
_values = metadata.tables["erased_values"]
_erasures = metadata.tables["erasures"]
_KIND = "erased"
_BETWEEN_WORDS = re.compile(r"[\s,;|\"'<>()\[\]{}]+")
_Rows = TypeVar("_Rows", pa.Table, pa.RecordBatch)


def lock_for_erasing(connection: sa.Connection) -> None:
    """The first statement of an erasure: whoever keeps something of people just now ends first, and sees it afterwards.

    On SQLite writers come one after another anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("LOCK TABLE erased_origins IN EXCLUSIVE MODE"))


def without_erased(connection: sa.Connection, rows: _Rows, received_at: datetime | None) -> _Rows:
    """The rows (with `origin_id`) without those of people who were erased since: for a transaction that keeps them.

    It holds off erasures until the transaction ends, so it is the first statement of one that is short.

    Args:
        connection: A writing transaction.
        rows: What is to be kept.
        received_at: When it was received; None: just now, so that it is all kept.
    """
    if received_at is None or not rows.num_rows:
        return rows
    _hold_off(connection)
    since = sa.select(_origins.c.origin_id).where(_origins.c.erased_at >= received_at)
    gone = connection.execute(since).scalars().all()
    if not gone:
        return rows
    theirs = pc.is_in(rows.column("origin_id"), value_set=pa.array(gone, pa.string()))
    return rows.filter(pc.invert(theirs))


def _hold_off(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("LOCK TABLE erased_origins IN SHARE MODE"))


def keep_values(
    connection: sa.Connection, key: bytes, values: Collection[str], erasure_id: str
) -> None:
    """Hold until the purge by which words an erased person stands in rows."""
    hashes = sorted({_hash(key, value) for value in values})
    if hashes:
        connection.execute(
            sa.insert(_values), [{"value_hash": one, "erasure_id": erasure_id} for one in hashes]
        )


def not_naming_erased(
    connection: sa.Connection, key: bytes, contents: Sequence[str], received_at: datetime
) -> list[bool]:
    """For each row (JSON text) whether it may be kept: it names nobody who was erased since it was received.

    It holds off erasures until the transaction ends, as `without_erased` does.
    """
    _hold_off(connection)
    query = sa.select(_values.c.value_hash).join(
        _erasures, _erasures.c.erasure_id == _values.c.erasure_id
    )
    gone = set(connection.execute(query.where(_erasures.c.erased_at >= received_at)).scalars())
    if not gone:
        return [True] * len(contents)
    return [
        gone.isdisjoint(_hash(key, word) for word in set(_words(content))) for content in contents
    ]


def _hash(key: bytes, value: str) -> str:
    return identifier_hash(key, _KIND, value.strip().casefold())


def _words(content: str) -> Iterator[str]:
    """All that a row may name somebody by: each value in it, and each word of a value."""
    try:
        waiting: list[Any] = [json.loads(content)]
    except (ValueError, RecursionError):
        waiting = [content]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif value is not None:
            text = str(value)
            yield text
            yield from _BETWEEN_WORDS.split(text)


def bind_erased(stores: Stores, session: Session) -> bool:
    """Bind `erased_origins` (origin_id, erased_at); False where nobody is, so that nothing need be looked up."""
    with stores.read_control() as connection:
        rows = connection.execute(sa.select(_origins.c.origin_id, _origins.c.erased_at)).all()
    session.bind(
        ERASED,
        pa.table(
            {
                "origin_id": pa.array([row[0] for row in rows], pa.string()),
                "erased_at": pa.array([row[1] for row in rows], TIME),
            }
        ),
    )
    return bool(rows)


def not_erased(table: str, *, received_in: str | None = None) -> exp.Expr:
    """A condition on rows with `origin_id` and `received_at`: they are not an erased person's.

    What comes later under the same identifier is a new person's.

    Args:
        table: Whose column `origin_id` it is.
        received_in: Whose column `received_at`; the same table's by default.
    """
    return sql(
        """
        NOT EXISTS (SELECT 1 FROM erased_origins AS gone
                    WHERE gone.origin_id = :origin AND :received <= gone.erased_at)
        """,
        origin=exp.column("origin_id", table=table),
        received=exp.column("received_at", table=received_in or table),
    )
