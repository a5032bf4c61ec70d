"""A plan's people into the control database, many at once: as columns into SQLite, as a copied stream into PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from aimwell.decide.people import PlanPeople
from aimwell.store.control import SQLITE_TIME, Money, insert_columns
from aimwell.store.schema import metadata

__all__ = ["write_people"]

_table = metadata.tables["plan_people"]
_BATCH = 50_000


def write_people(connection: sa.Connection, plan_id: str, people: PlanPeople) -> None:
    """Write all people of a plan in the transaction of the connection; in memory is one batch at a time."""
    for start in range(0, len(people), _BATCH):
        columns = people.columns(start, min(start + _BATCH, len(people)))
        columns["plan_id"] = [plan_id] * len(columns["profile_id"])
        if connection.dialect.name == "sqlite":
            insert_columns(connection, sa.insert(_table), _as_sqlite(columns, connection.dialect))
        else:
            _copy(connection, columns)


def _as_sqlite(columns: dict[str, list[Any]], dialect: sa.Dialect) -> dict[str, list[Any]]:
    return {
        **columns,
        "cost": _each(columns["cost"], lambda cost: _cost(cost, dialect)),
        "send_at": _each(columns["send_at"], lambda at: at.strftime(SQLITE_TIME)),
    }


def _copy(connection: sa.Connection, columns: dict[str, list[Any]]) -> None:
    columns = {**columns, "cost": _each(columns["cost"], lambda c: _cost(c, connection.dialect))}
    names = [column.name for column in _table.columns]
    driver: Any = connection.connection.driver_connection
    text = f"COPY {_table.name} ({', '.join(names)}) FROM STDIN"
    with driver.cursor() as cursor, cursor.copy(text) as copied:
        for row in _rows(columns, names):
            copied.write_row(row)


def _rows(columns: dict[str, list[Any]], names: list[str]) -> Iterator[tuple[Any, ...]]:
    return zip(*(columns[name] for name in names), strict=True)


def _cost(cost: float, dialect: sa.Dialect) -> int | Decimal:
    found: int | Decimal = Money().process_bind_param(Decimal(cost), dialect)
    return found


def _each(values: list[Any], turn: Any) -> list[Any]:
    """The values turned, each different one once; None stays."""
    known: dict[float | datetime, Any] = {
        value: turn(value) for value in set(values) if value is not None
    }
    return [None if value is None else known[value] for value in values]
