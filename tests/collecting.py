"""What tests of collect share: small files, sources over them, and what the lake holds afterwards.

shop = Shop(stores, folder)
report = shop.collect("order,day,qty,price\\n1,2026-01-05,2,4.50\\n")
shop.rows("order_lines")
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlglot import exp

from aimwell.collect import DataReport, LoadReport, collect
from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.source import Source
from aimwell.privacy.hashing import identifier_hash
from aimwell.store.schema import metadata
from aimwell.store.sql import column
from aimwell.store.stores import Stores

__all__ = ["COLUMNS", "NOW", "ORDERS", "Shop", "balanced", "source_of"]

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)

COLUMNS = "order,day,customer,sku,qty,price"
"""Header of the files that ORDERS maps."""

ORDERS: dict[str, Any] = {
    "entity": "orders",
    "map": {
        "order_id": "order",
        "ordered_at": "day",
        "customer_id": "customer",
        "sku": "sku",
        "quantity": "qty",
        "unit_price": "price",
    },
}


def source_of(*entities: Mapping[str, Any], files: Any = "orders.csv", **settings: Any) -> Source:
    """A source, by default named 'shop' and of one file."""
    document = {
        "kind": "source",
        "name": "shop",
        "currency": "GBP",
        "timezone": "UTC",
        "files": files if isinstance(files, dict) else {"file": files},
        "entities": list(entities or [ORDERS]),
        **settings,
    }
    checked = check(document)
    assert isinstance(checked, Source)
    return checked


def balanced(load: LoadReport) -> bool:
    """Whether every row that was read is accounted for."""
    ends = (load.rows_taken, load.duplicates, load.known, load.changed, load.quarantined)
    return load.rows_read == sum(ends) + load.ignored


class Shop:
    """A workspace and the folder that its files come from."""

    def __init__(self, stores: Stores, folder: Path) -> None:
        self.stores, self.folder = stores, folder

    def write(self, content: str | bytes, name: str = "orders.csv") -> Path:
        """Put a file there."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def report(
        self, content: str | bytes | None = None, source: Source | None = None, now: datetime = NOW
    ) -> DataReport:
        """Write `orders.csv` and collect the source; checks that no row is lost."""
        if content is not None:
            self.write(content)
        report = collect(self.stores, source or source_of(), root=self.folder, now=now)
        assert all(balanced(load) for load in report.loads), report
        return report

    def collect(
        self, content: str | bytes | None = None, source: Source | None = None, now: datetime = NOW
    ) -> LoadReport:
        """As `report`, for a source of one entity."""
        [load] = self.report(content, source, now).loads
        return load

    def rows(self, table: str, *columns: str, order: str = "") -> list[tuple[Any, ...]]:
        """Columns of a table of the lake (all without names), in order of `order` or of all columns."""
        with self.stores.engine.session() as session:
            session.bind("t", self.stores.lake.pin(table).tables[table])
            wanted = [column(c) for c in columns] or [exp.Star()]
            query = exp.select(*wanted).from_("t")
            found = session.rows(query.order_by(column(order)) if order else query)
        return found if order else sorted(found, key=str)

    def control_rows(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        """These columns of a table of the control database."""
        named = metadata.tables[table]
        with self.stores.read_control() as connection:
            rows = connection.execute(sa.select(*(named.c[name] for name in columns)))
            return [tuple(row) for row in rows]

    def one(self, table: str) -> dict[str, Any]:
        """The only row of a table."""
        with self.stores.engine.session() as session:
            session.bind("t", self.stores.lake.pin(table).tables[table])
            [row] = session.table(exp.select("*").from_("t")).to_pylist()
        return dict(row)

    def quarantined(self) -> list[tuple[Any, ...]]:
        """(line, field, reason) of what is in quarantine."""
        return self.rows("quarantine", "line", "field", "reason")

    def origin(self, customer: str, kind: str = "customer_id") -> str:
        """The origin of a customer id, e-mail address or telephone number."""
        return identifier_hash(self.stores.identity_key, kind, customer)
