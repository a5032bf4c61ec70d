"""Who was erased and is not yet out of the lake's files: their rows are hidden from every reader."""

from __future__ import annotations

import pyarrow as pa
import sqlalchemy as sa
from sqlglot import exp

from aimwell.store.engine import Session
from aimwell.store.schema import metadata
from aimwell.store.sql import sql
from aimwell.store.stores import Stores
from aimwell.store.tables import TIME

__all__ = ["ERASED", "bind_erased", "not_erased"]

ERASED = "erased_origins"

_origins = metadata.tables["erased_origins"]


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
