"""Files of orders with faults in them, and all that counts of a workspace after they were collected.

To compare what a crash and another run left with what one clean run gives.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from aimwell.store.schema import metadata
from collecting import COLUMNS, Shop

__all__ = ["content", "state"]

TABLES = ("orders", "order_lines", "products", "traits", "quarantine", "events")


def content(start: int, stop: int) -> str:
    """Order lines, some of them bad, some repeated, with mail addresses."""
    rows = [COLUMNS + ",email,country"]
    for n in range(start, stop):
        quantity = "many" if n % 50 == 7 else str(n % 5 + 1)
        rows.append(
            f"{n // 3},2026-01-{n // 3 % 28 + 1:02d},c{n // 3 % 97},sku-{n % 13},{quantity},{n % 40}.50,"
            f"c{n // 3 % 97}@example.com,{'GB' if n % 2 else 'FR'}"
        )
        if n % 40 == 3:
            rows.append(rows[-1])
    return "\n".join(rows) + "\n"


def state(shop: Shop) -> dict[str, Any]:
    """All that counts of a workspace, without what differs from run to run."""
    found: dict[str, Any] = {}
    for table in TABLES:
        found[table] = sorted(
            (
                tuple(v for k, v in row.items() if k not in ("received_at", "load_id"))
                for row in _dicts(shop, table)
            ),
            key=str,
        )
    with shop.stores.read_control() as connection:
        for name, columns in {
            "identifiers": ("kind", "value_hash", "origin_id", "first_seen_at"),
            "vault_people": ("origin_id", "customer_id", "email"),
            "vault_rows": ("row_hash", "content"),
            "consents": ("origin_id", "purpose", "channel", "state", "occurred_at"),
            "loads": ("load_id", "entity", "state"),
        }.items():
            table_ = metadata.tables[name]
            rows = connection.execute(sa.select(*(table_.c[c] for c in columns))).all()
            found[name] = sorted(map(tuple, rows), key=str)
    return found


def _dicts(shop: Shop, table: str) -> list[dict[str, Any]]:
    names = [field.name for field in shop.stores.lake.pin(table).tables[table].schema]
    return [dict(zip(names, row, strict=True)) for row in shop.rows(table, *names)]
