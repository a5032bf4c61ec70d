"""The texts from which personal fields were made: a telephone number as it was written, a name before its case changed.

Each form that was made has the text that made it last, by source, so that nothing is lost where a rule was wrong. They
are personal like what was made of them: they go with the person.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

import pyarrow as pa
import sqlalchemy as sa

from aimwell.privacy.erased import without_erased
from aimwell.store.control import insert_statement
from aimwell.store.listed import among
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = ["keep_originals", "read_originals", "written_contacts"]

_table = metadata.tables["vault_originals"]
_BATCH = 5_000
_CONTACTS = ("email", "phone")


def keep_originals(
    stores: Stores,
    rows: pa.Table,
    *,
    source: str,
    set_at: datetime,
    received_at: datetime | None = None,
) -> int:
    """Keep originals: origin_id, field, value (empty: nothing was made), written, how; the newest of each form stands.

    `received_at` as for `vault.keep_people`.

    Returns:
        Number of rows.
    """
    statement = insert_statement(stores.control.is_sqlite, _table)
    new, old = statement.excluded, _table.c
    statement = statement.on_conflict_do_update(
        index_elements=["origin_id", "source", "field", "value"],
        set_={name: new[name] for name in ("written", "how", "set_at")},
        where=new.set_at >= old.set_at,
    )
    for batch in rows.to_batches(max_chunksize=_BATCH):
        with stores.control.begin() as connection:
            kept = without_erased(connection, batch, received_at)
            values = [{**row, "source": source, "set_at": set_at} for row in kept.to_pylist()]
            if values:
                connection.execute(statement, values)
    return int(rows.num_rows)


def read_originals(
    connection: sa.Connection, origins: Collection[str]
) -> Mapping[tuple[str, str], str]:
    """(field, value) → the text that made it last; of what nothing could be made of the value is empty."""
    query = (
        sa.select(_table.c.field, _table.c.value, _table.c.written)
        .where(among(_table.c.origin_id, origins))
        .order_by(_table.c.set_at, _table.c.origin_id, _table.c.source)
    )
    return {(row.field, row.value): row.written for row in connection.execute(query)}


def written_contacts(connection: sa.Connection, origins: Collection[str]) -> set[str]:
    """The addresses and numbers of some people in each spelling in which they came."""
    query = sa.select(_table.c.written).where(
        among(_table.c.origin_id, origins), _table.c.field.in_(_CONTACTS)
    )
    return set(connection.execute(query).scalars())
