"""Rows of the quarantine that are wrong for good: they wait no longer, and are nothing new in a later file.

Who dismissed them, when and why is kept beside their hashes; the lake's rows stay as they are, so that what a load
found is found in its figures. `take_back` lets them wait again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from aimwell.collect.corrections import Correction
from aimwell.collect.loads import hold_source
from aimwell.collect.waiting import bind_waiting
from aimwell.errors import CollectError
from aimwell.store.control import insert_missing
from aimwell.store.listed import among
from aimwell.store.schema import metadata
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = ["dismiss", "dismissed_rows", "take_back"]

_table = metadata.tables["quarantine_dismissed"]
_BATCH = 5_000
_WHY_CHARACTERS_MAX = 500


def dismiss(
    stores: Stores,
    source: str,
    *,
    why: str,
    by: str,
    now: datetime,
    corrections: Sequence[Correction] | None = None,
    reason: str | None = None,
) -> int:
    """Dismiss rows of a source that wait; the audit log records it.

    Args:
        stores: The workspace.
        source: Name of the source.
        why: In a person's words; not personal.
        by: Who says so.
        now: The present.
        corrections: Only the rows of this file, whatever their values are now.
        reason: Only rows that wait for this reason.

    Returns:
        How many rows left the quarantine.

    Raises:
        CollectError: None of them waits, or it is not said why.
    """
    why = " ".join(why.split())
    if not 0 < len(why) <= _WHY_CHARACTERS_MAX:
        raise CollectError(
            f"Say why these rows are wrong for good, in {_WHY_CHARACTERS_MAX} characters at most; it is kept."
        )
    # A replay that runs may be taking the same rows; it comes first.
    with hold_source(stores, source):
        with stores.engine.session() as session:
            bind_waiting(stores, session, source, reason=reason)
            waiting = session.rows(
                sql("SELECT row_hash, count(*) FROM waiting WHERE NOT taken GROUP BY 1")
            )
        named = None if corrections is None else {one.row_hash for one in corrections}
        found = {row_hash: rows for row_hash, rows in waiting if named is None or row_hash in named}
        if not found:
            told = (
                f" for the reason '{reason}'" if reason else " that the file names" if named else ""
            )
            raise CollectError(f"No row of '{source}' waits in quarantine{told}.")
        rest = {"source": source, "why": why, "dismissed_by": by, "dismissed_at": now}
        hashes = sorted(found)
        with stores.control.begin() as connection:
            for start in range(0, len(hashes), _BATCH):
                values = [{"row_hash": one, **rest} for one in hashes[start : start + _BATCH]]
                insert_missing(connection, _table, values)
    rows = sum(int(number) for number in found.values())
    stores.audit("quarantine dismissed", actor=by, subject=source, rows=rows)
    return rows


def take_back(
    stores: Stores,
    source: str,
    *,
    by: str,
    corrections: Sequence[Correction] | None = None,
) -> int:
    """Let rows of a source that were dismissed (all, or those of a file) wait again; returns how many.

    Raises:
        CollectError: None of them was dismissed.
    """
    theirs = _table.c.source == source
    if corrections is not None:
        theirs = sa.and_(theirs, among(_table.c.row_hash, {one.row_hash for one in corrections}))
    with stores.control.begin() as connection:
        rows = connection.execute(sa.delete(_table).where(theirs)).rowcount
    if not rows:
        raise CollectError(f"No row of '{source}' was dismissed.")
    stores.audit("quarantine dismissal undone", actor=by, subject=source, rows=rows)
    return rows


def dismissed_rows(stores: Stores, source: str | None = None) -> int:
    """How many different rows were dismissed."""
    query = sa.select(sa.func.count()).select_from(_table)
    if source is not None:
        query = query.where(_table.c.source == source)
    with stores.read_control() as connection:
        return int(connection.execute(query).scalar_one())
