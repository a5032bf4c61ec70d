"""One at a time: a transaction that waits until no other one of the same name is under way."""

from __future__ import annotations

import sqlalchemy as sa

__all__ = ["take_turn"]


def take_turn(connection: sa.Connection, name: str) -> None:
    """Keep others that ask for the same name waiting until the transaction ends. SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        key = sa.func.hashtextextended(name, 0)
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))
