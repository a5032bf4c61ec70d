"""Workspaces with data put straight into the lake, for tests of the stages above collect.

Rows look as collect and unify leave them: an origin is the keyed hash of its customer id, each origin has its
identifier and its profile, orders of one row a sale, returns negative.

    stores = make_stores(tmp_path, currency="EUR")
    add_orders(stores, [
        {"customer": "ann", "order_id": "1", "ordered_at": day(3), "lines": [("mug", 2, 4.50)]},
        {"customer": "ann", "order_id": "2", "ordered_at": day(9), "revenue": 20, "coupon": "SPRING"},
        {"customer": "ann", "order_id": "C1", "ordered_at": day(10), "kind": "return",
         "original_order_id": "1", "lines": [("mug", 1, 4.50)]},
        {"customer": None, "order_id": "3", "ordered_at": day(9), "revenue": 5},
    ])
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import sqlalchemy as sa

from aimwell.privacy.hashing import identifier_hash
from aimwell.privacy.vault import keep_people
from aimwell.store.control import insert_missing, upsert
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from aimwell.store.tables import LAKE_TABLES, TIME
from data_folder import data_path
from workspaces import new_workspace

__all__ = [
    "ALWAYS",
    "IDENTITY_KEY",
    "RECEIVED_AT",
    "START",
    "add_events",
    "add_orders",
    "add_people",
    "add_products",
    "add_touches",
    "add_traits",
    "append",
    "day",
    "make_stores",
    "merge_people",
    "online_retail",
    "origin",
]

Row = Mapping[str, Any]

IDENTITY_KEY = bytes(range(32))
"""The key of every workspace made here, so that the same customer has the same id in every test."""

ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
"""From when a statement without a date holds."""

START = datetime(2026, 1, 1, tzinfo=UTC)
"""Day 0 of `day`."""

RECEIVED_AT = datetime(2026, 12, 31, tzinfo=UTC)
"""When all rows were taken."""

_PROFILES = metadata.tables["profiles"]
_IDENTIFIERS = metadata.tables["identifiers"]
_OVERRIDES = metadata.tables["identity_overrides"]
_numbers = count(1)


def day(number: float) -> datetime:
    """The moment so many days after START."""
    return START + timedelta(days=number)


def make_stores(tmp_path: Path, control_url: str | None = None, **settings: Any) -> Stores:
    """A new workspace in the folder `tmp_path / "workspace"`; settings as in aimwell.toml."""
    return new_workspace(
        tmp_path / "workspace", identity_key=IDENTITY_KEY, control_url=control_url, **settings
    )


def origin(stores: Stores, customer: str) -> str:
    """The origin, and while nobody is merged the profile, of a customer id."""
    return identifier_hash(stores.identity_key, "customer_id", customer)


def add_orders(stores: Stores, rows: Iterable[Row]) -> None:
    """Add orders with their lines.

    Keys of a row: `customer` (None: anonymous), `order_id`, `ordered_at`; then either `revenue`, or `lines`:
    tuples (sku, quantity, unit price) or mappings with sku, quantity, unit_price, discount, unit_cost, goods.
    Also `kind` ('sale', 'addition', 'return'), `discount`, `tax`, `shipping`, `coupon`, `shop_id`,
    `payment_method`, `original_order_id`, `properties`, `source`, `received_at`. Lines of a return are written
    as they were sold, and stored negative, as is its revenue.
    """
    orders: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    seen: list[tuple[str, datetime, int]] = []
    for row in rows:
        order, its_lines = _order(stores, row)
        orders.append(order)
        lines.extend(its_lines)
        if order["origin_id"] is not None:
            seen.append((row["customer"], row["ordered_at"], int(order["kind"] == "sale")))
    append(stores, "orders", orders)
    append(stores, "order_lines", lines)
    _know(stores, seen)


def _order(stores: Stores, row: Row) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    kind = row.get("kind", "sale")
    sign = -1 if kind == "return" else 1
    customer = row["customer"]
    shared = {
        "order_id": row["order_id"],
        "origin_id": None if customer is None else origin(stores, customer),
        "ordered_at": row["ordered_at"],
        **{name: row[name] for name in ("source", "received_at") if name in row},
    }
    lines = [_line(line) for line in row.get("lines", ())]
    goods = [line for line in lines if line["goods"]]
    revenue = sign * sum((line["revenue"] for line in goods), start=Decimal(0))
    if "revenue" in row:
        given = _money(row["revenue"])
        revenue = -abs(given) if kind == "return" else given
    order = {
        **shared,
        "kind": kind,
        "revenue": revenue,
        "discount": row.get(
            "discount", sum((line["discount"] for line in goods), start=Decimal(0))
        ),
        "quantity": sign * sum((line["quantity"] for line in goods), start=Decimal(0)),
        "lines": len(lines),
        **{name: row.get(name) for name in ("tax", "shipping", "coupon", "shop_id")},
        **{name: row.get(name) for name in ("payment_method", "original_order_id", "properties")},
    }
    for number, line in enumerate(lines):
        line.update(shared)
        line["line_id"] = f"{row.get('source', 'test')}:{row['order_id']}:{kind}:{number}"
        line["kind"] = "return" if kind == "return" else "sale"
        line["quantity"] *= sign
        line["revenue"] *= sign
    return order, lines


def _line(line: Any) -> dict[str, Any]:
    if not isinstance(line, Mapping):
        line = dict(zip(("sku", "quantity", "unit_price"), line, strict=True))
    quantity, price = _money(line.get("quantity", 1)), _money(line["unit_price"])
    discount = _money(line.get("discount", 0))
    return {
        "sku": line["sku"],
        "goods": line.get("goods", True),
        "quantity": quantity,
        "unit_price": price,
        "discount": discount,
        "revenue": quantity * price - discount,
        "unit_cost": line.get("unit_cost"),
    }


def add_events(stores: Stores, rows: Iterable[Row]) -> None:
    """Add events. Keys: `customer`, `event`, `occurred_at`; further columns of the table as they are named
    there; `properties` as a mapping."""
    _add_dated(stores, "events", "event_id", rows)


def add_touches(stores: Stores, rows: Iterable[Row]) -> None:
    """Add touches. Keys: `customer`, `event`, `occurred_at`; `machine` (default False) and further columns."""
    _add_dated(stores, "touches", "touch_id", [{"machine": False, **row} for row in rows])


def _add_dated(stores: Stores, table: str, key: str, rows: Iterable[Row]) -> None:
    given = list(rows)
    made = []
    for row in given:
        body = {name: value for name, value in row.items() if name != "customer"}
        made.append(
            {key: f"{key}-{next(_numbers)}", "origin_id": origin(stores, row["customer"]), **body}
        )
    append(stores, table, made)
    _know(stores, [(row["customer"], row["occurred_at"], 0) for row in given])


def add_traits(stores: Stores, rows: Iterable[Row]) -> None:
    """Add traits. Keys: `customer`, `name`, `value` (None: withdrawn), `set_at` (default: always).

    A trait from always makes nobody known; say with `add_people` since when they are, if nothing else does.
    """
    given = [{"set_at": ALWAYS, **row} for row in rows]
    append(
        stores,
        "traits",
        [
            {
                **{name: value for name, value in row.items() if name != "customer"},
                "origin_id": origin(stores, row["customer"]),
            }
            for row in given
        ],
    )
    _know(stores, [(row["customer"], row["set_at"], 0) for row in given if row["set_at"] > ALWAYS])


def add_products(stores: Stores, rows: Iterable[Row]) -> None:
    """Add products. Keys: `sku` and further columns; `set_at` is always unless given."""
    append(stores, "products", [{"set_at": ALWAYS, **row} for row in rows])


def add_people(stores: Stores, rows: Iterable[Row]) -> None:
    """Make people known. Keys: `customer`, `first_seen_at` (default: START), `timezone`, and fields of the
    vault as `email`; an e-mail address becomes an identifier of the same origin too."""
    given = list(rows)
    _know(stores, [(row["customer"], row.get("first_seen_at", START), 0) for row in given])
    with stores.control.begin() as connection:
        for row in given:
            key = origin(stores, row["customer"])
            if row.get("timezone"):
                connection.execute(
                    sa.update(_PROFILES)
                    .where(_PROFILES.c.profile_id == key)
                    .values(timezone=row["timezone"])
                )
            if row.get("email"):
                value = identifier_hash(stores.identity_key, "email", row["email"])
                insert_missing(connection, _IDENTIFIERS, [_identifier("email", value, key, START)])
    personal = [
        {
            "origin_id": origin(stores, row["customer"]),
            **{
                name: value
                for name, value in row.items()
                if name not in {"customer", "first_seen_at", "timezone"}
            },
        }
        for row in given
        if set(row) - {"customer", "first_seen_at", "timezone"}
    ]
    if personal:
        keep_people(stores, pa.Table.from_pylist(personal), source="test", set_at=START)


def merge_people(stores: Stores, customers: Sequence[str]) -> str:
    """Make one profile of several customers, as unify does; returns its id."""
    keys = sorted(origin(stores, customer) for customer in customers)
    with stores.control.begin() as connection:
        rows = connection.execute(
            sa.select(_PROFILES).where(_PROFILES.c.profile_id.in_(keys))
        ).all()
        for key in keys[1:]:
            connection.execute(
                sa.insert(_OVERRIDES).values(
                    origin_id=key, profile_id=keys[0], evidence=["email"], merged_at=RECEIVED_AT
                )
            )
            connection.execute(sa.delete(_PROFILES).where(_PROFILES.c.profile_id == key))
        state = {
            "first_seen_at": min(row.first_seen_at for row in rows),
            "last_seen_at": max(row.last_seen_at for row in rows),
            "orders": sum(row.orders for row in rows),
        }
        connection.execute(
            sa.update(_PROFILES).where(_PROFILES.c.profile_id == keys[0]).values(**state)
        )
    return keys[0]


def append(stores: Stores, table: str, rows: Sequence[Row]) -> None:
    """Append rows to a table of the lake as they are; columns that a row lacks are null, and provenance is
    filled in."""
    if not rows:
        return
    schema = LAKE_TABLES[table].schema
    columns = {
        field.name: pa.array([_value(row, field) for row in rows], field.type) for field in schema
    }
    stores.lake.append(table, pa.table(columns, schema=schema))


def _value(row: Row, field: pa.Field) -> Any:
    value = row.get(field.name)
    if value is None and field.name == "source":
        return "test"
    if value is None and field.name == "received_at":
        return RECEIVED_AT
    if value is not None and pa.types.is_decimal(field.type):
        return _money(value)
    if field.name == "properties" and isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False)
    return value


def _money(value: Any) -> Decimal:
    return Decimal(str(value)).quantize(Decimal("0.0001"))


def _know(stores: Stores, seen: Iterable[tuple[str, datetime, int]]) -> None:
    """Give each customer an identifier and a profile that spans what was seen; sales add up."""
    spans: dict[str, tuple[datetime, datetime, int]] = {}
    for customer, when, sales in seen:
        key = origin(stores, customer)
        first, last, before = spans.get(key, (when, when, 0))
        spans[key] = (min(first, when), max(last, when), before + sales)
    if not spans:
        return
    with stores.control.begin() as connection:
        merged = dict(
            connection.execute(sa.select(_OVERRIDES.c.origin_id, _OVERRIDES.c.profile_id)).all()
        )
        known = {
            row.profile_id: row
            for row in connection.execute(
                sa.select(_PROFILES).where(
                    _PROFILES.c.profile_id.in_([merged.get(key, key) for key in spans])
                )
            )
        }
        states = []
        for key, (first, last, sales) in spans.items():
            old = known.get(merged.get(key, key))
            states.append(
                {
                    "profile_id": merged.get(key, key),
                    "first_seen_at": min(first, old.first_seen_at) if old else first,
                    "last_seen_at": max(last, old.last_seen_at) if old else last,
                    "orders": sales + (old.orders if old else 0),
                    "traits": {},
                    "updated_at": RECEIVED_AT,
                }
            )
        insert_missing(
            connection,
            _IDENTIFIERS,
            [_identifier("customer_id", key, key, first) for key, (first, _, _) in spans.items()],
        )
        upsert(
            connection,
            _PROFILES,
            states,
            update=("first_seen_at", "last_seen_at", "orders", "updated_at"),
        )


def _identifier(kind: str, value: str, key: str, first: datetime) -> dict[str, Any]:
    return {
        "kind": kind,
        "value_hash": value,
        "origin_id": key,
        "source": "test",
        "first_seen_at": first,
    }


# --- Online Retail --------------------------------------------------------------------------------------

_RETAIL_LINES = """
CREATE TABLE lines AS
SELECT InvoiceNo AS order_id,
       CASE WHEN CustomerID IS NOT NULL THEN
         substr(sha256($prefix || split_part(CustomerID, '.', 1)), 1, 24) END AS origin_id,
       CASE WHEN InvoiceNo LIKE 'C%' THEN 'return' ELSE 'sale' END AS kind,
       min(CAST(InvoiceDate AS timestamp)) OVER (PARTITION BY InvoiceNo)
         AT TIME ZONE 'Europe/London' AS ordered_at,
       StockCode AS sku, Description AS name, Country AS country,
       regexp_matches(StockCode, '^[0-9]{5}') AS goods,
       CAST(Quantity AS decimal(18, 4)) AS quantity,
       CAST(UnitPrice AS decimal(18, 4)) AS unit_price,
       row_number() OVER (PARTITION BY InvoiceNo ORDER BY StockCode, Quantity, UnitPrice, Description)
         AS number
FROM (SELECT DISTINCT * FROM read_csv($file, all_varchar = true))
-- Neither sales nor returns: damaged stock (negative without a 'C', no price) and bad debts ('A').
WHERE NOT (CAST(Quantity AS integer) <= 0 AND InvoiceNo NOT LIKE 'C%') AND InvoiceNo NOT LIKE 'A%'
"""

_RETAIL: dict[str, str] = {
    "order_lines": """
        SELECT 'online-retail:' || order_id || ':' || number AS line_id, order_id, origin_id, kind,
               ordered_at, sku, goods, quantity, unit_price, CAST(0 AS decimal(18, 4)) AS discount,
               CAST(quantity * unit_price AS decimal(18, 4)) AS revenue
        FROM lines
        """,
    "orders": """
        SELECT order_id, any_value(origin_id) AS origin_id, any_value(kind) AS kind,
               min(ordered_at) AS ordered_at,
               CAST(coalesce(sum(quantity * unit_price) FILTER (goods), 0) AS decimal(18, 4)) AS revenue,
               CAST(coalesce(sum(quantity) FILTER (goods), 0) AS decimal(18, 4)) AS quantity,
               count(*) AS lines
        FROM lines GROUP BY order_id
        """,
    "products": """
        SELECT sku, arg_max(name, (ordered_at, name)) AS name, $always AS set_at
        FROM lines WHERE goods GROUP BY sku
        """,
    "traits": """
        SELECT origin_id, 'country' AS name, arg_max(country, (ordered_at, country)) AS value,
               $always AS set_at
        FROM lines WHERE origin_id IS NOT NULL GROUP BY origin_id
        """,
}

_RETAIL_PEOPLE = """
SELECT origin_id, min(ordered_at) AS first_seen_at, max(ordered_at) AS last_seen_at,
       count(DISTINCT order_id) FILTER (kind = 'sale') AS orders
FROM lines WHERE origin_id IS NOT NULL GROUP BY origin_id
"""


def online_retail(stores: Stores) -> None:
    """Put all of Online Retail (2010-12-01 to 2011-12-09) into the lake and make its people known.

    Goods are stock codes that start with five digits; cancellations are negative; lines without a customer
    are anonymous; exact duplicates are dropped. Times are London's. Skips the test where the data is absent.
    """
    file = data_path("online-retail/online_retail.csv.gz")
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_progress_bar = false")
        prefix = f"{stores.identity_key.hex()}:customer_id:"
        connection.execute(_RETAIL_LINES, {"prefix": prefix, "file": str(file)})
        for table, query in _RETAIL.items():
            parameters = {"always": ALWAYS} if "$always" in query else None
            rows = connection.sql(query, params=parameters).to_arrow_table()
            stores.lake.append(table, _completed(table, rows))
        people = connection.sql(_RETAIL_PEOPLE).to_arrow_table().to_pylist()
    with stores.control.begin() as writing:
        insert_missing(
            writing,
            _IDENTIFIERS,
            [
                _identifier("customer_id", row["origin_id"], row["origin_id"], row["first_seen_at"])
                for row in people
            ],
        )
        upsert(
            writing,
            _PROFILES,
            [
                {
                    "profile_id": row["origin_id"],
                    **{n: row[n] for n in ("first_seen_at", "last_seen_at", "orders")},
                    "traits": {},
                    "updated_at": RECEIVED_AT,
                }
                for row in people
            ],
            update=("first_seen_at", "last_seen_at", "orders", "updated_at"),
        )


def _completed(table: str, rows: pa.Table) -> pa.Table:
    """The rows with the canonical columns; missing ones null, provenance filled in."""
    filled = {
        "source": pa.array(["online-retail"] * rows.num_rows, pa.string()),
        "received_at": pa.array([RECEIVED_AT] * rows.num_rows, TIME),
    }
    columns = []
    for field in LAKE_TABLES[table].schema:
        if field.name in rows.schema.names:
            columns.append(rows.column(field.name).cast(field.type))
        else:
            columns.append(filled.get(field.name, pa.nulls(rows.num_rows, field.type)))
    return pa.table(columns, schema=LAKE_TABLES[table].schema)
