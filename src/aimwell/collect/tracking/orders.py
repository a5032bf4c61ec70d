"""Orders that messages tell: what each order comes to now, less what the lake has of it already.

All messages about an order are kept in the control database. Whenever one comes, the order is worked out from all of
them, and the lake gets the difference: a sale, an addition to it, or a return. An order that another source brought
(see `brought`) is worked out again whenever anything was collected since, for the messages may have been there first.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlglot import exp

from aimwell.collect.known import GONE
from aimwell.collect.money import NO_RATE, convert_money, first_rates
from aimwell.collect.order_lines import hashed_id
from aimwell.collect.tracking.brought import Key, find_brought, have_rows, in_own_currency
from aimwell.collect.tracking.commerce import COMPLETED
from aimwell.collect.tracking.order_state import Brought, Order, Told, order_of
from aimwell.collect.tracking.sources import SAME_ORDER_DAYS, same_orders
from aimwell.collect.tracking.taking import Flush
from aimwell.store.control import insert_missing
from aimwell.store.listed import among
from aimwell.store.schema import metadata
from aimwell.store.sql import column, sql, union_all
from aimwell.store.stores import Stores
from aimwell.store.tables import MONEY, TIME

__all__ = ["collected_mark", "orders_may_change", "take_orders"]

_told = metadata.tables["tracked_orders"]
_loads = metadata.tables["loads"]
_BATCH = 5_000
_T = pa.string()

UNKNOWN, ELSEWHERE = "no_order_completed", "known_elsewhere"
"""Why an order waits: nothing has said that it was completed; or that it does not, because another source brought it."""

_LINES = pa.schema(
    [
        ("n", pa.int64()),
        *((name, _T) for name in ("source", "order_id", "message", "kind", "origin_id")),
        *((name, TIME) for name in ("ordered_at", "rate_at")),
        *((name, _T) for name in ("currency", "sku")),
        *((name, MONEY) for name in ("quantity", "unit_price", "discount", "revenue", "unit_cost")),
    ]
)
_HEADS = pa.schema(
    [
        ("n", pa.int64()),
        *((name, _T) for name in ("source", "order_id", "message", "kind", "origin_id")),
        *((name, TIME) for name in ("ordered_at", "rate_at")),
        ("currency", _T),
        *((name, MONEY) for name in ("tax", "shipping")),
        *((name, _T) for name in ("coupon", "shop_id", "payment_method")),
    ]
)

_OF_ROW = (
    *((name, _T) for name in ("source", "order_id", "message", "kind", "origin_id")),
    ("ordered_at", TIME),
    *((name, MONEY) for name in ("quantity", "discount", "revenue")),
)
_HAVE = {
    "orders": pa.schema([*_OF_ROW, ("tax", MONEY), ("shipping", MONEY), ("lines", pa.int64())]),
    "order_lines": pa.schema([*_OF_ROW, ("sku", _T), ("unit_price", MONEY), ("unit_cost", MONEY)]),
}
"""What of the lake's rows is compared."""


def take_orders(flush: Flush) -> tuple[dict[str, int], dict[str, int]]:
    """Write what the taken messages change of orders; returns rows by table, and reason → orders that wait."""
    touched = _keep_new(flush)
    touched |= _siblings(flush, touched) | _waiting(flush)
    if not touched:
        return {}, {}
    messages = _messages(flush, touched)
    brought = find_brought(flush, messages)
    told, unrated = in_own_currency(flush, {key: messages[key] for key in brought}, brought)
    waits: dict[Key, str] = dict.fromkeys(unrated, NO_RATE)
    orders: dict[Key, Order] = {}
    for key, found in messages.items():
        order = None if key in waits else order_of(told.get(key, found), brought.get(key))
        if order is not None:
            orders[key] = order
        else:
            waits.setdefault(key, UNKNOWN)
    elsewhere = dict.fromkeys(brought, ELSEWHERE) | _told_twice(flush, orders, brought)
    for key in elsewhere.keys() - brought.keys():
        del orders[key]
    for key in _without_rate(flush, orders):
        waits[key] = NO_RATE
        del orders[key]
    _note(flush, touched, elsewhere | waits)
    rows = _write(flush, orders, brought) if orders else {}
    return rows, dict(Counter(waits.values()))


def _keep_new(flush: Flush) -> set[Key]:
    """Keep the new messages about orders; returns which orders they are about."""
    query = sql(
        """
        SELECT f.source, f.event_id, o.order_id, f.event, f.origin_id, f.occurred_at, o.content
        FROM said_orders AS o JOIN taken AS f ON f.n = o.n
        WHERE o.reason IS NULL ORDER BY f.source, f.event_id
        """
    )
    found: set[Key] = set()
    for batch in flush.session.batches(query, rows=_BATCH):
        values = [{**row, "waits": UNKNOWN} for row in batch.to_pylist()]
        found.update((row["source"], row["order_id"]) for row in values)
        with flush.stores.control.begin() as connection:
            insert_missing(connection, _told, values)
    return found


def _siblings(flush: Flush, touched: Collection[Key]) -> set[Key]:
    """Orders of the same numbers of which other tracking sources told."""
    if not touched or len(flush.sources) < 2:
        return set()
    numbers = sorted({order_id for _, order_id in touched})
    query = (
        sa.select(_told.c.source, _told.c.order_id)
        .where(among(_told.c.order_id, numbers))
        .distinct()
    )
    with flush.stores.control.read() as connection:
        return {(row.source, row.order_id) for row in connection.execute(query)}


def _waiting(flush: Flush) -> set[Key]:
    """Orders that waited for a rate, which may have come; and for their sale, if anything was collected since."""
    waits = _told.c.waits == NO_RATE
    if flush.recheck:
        waits = sa.or_(waits, _may_change())
    query = sa.select(_told.c.source, _told.c.order_id).where(waits).distinct()
    with flush.stores.control.read() as connection:
        return {(row.source, row.order_id) for row in connection.execute(query)}


def _may_change() -> sa.ColumnElement[bool]:
    changes = sa.and_(_told.c.waits == ELSEWHERE, _told.c.event != COMPLETED)
    return sa.or_(_told.c.waits.in_([NO_RATE, UNKNOWN]), changes)


def collected_mark(stores: Stores) -> str:
    """Another text whenever something was collected: a rate, or an order of which messages told, may have come."""
    query = sa.select(sa.func.count(), sa.func.max(_loads.c.finished_at)).where(
        _loads.c.state == "done"
    )
    with stores.control.read() as connection:
        count, last = connection.execute(query).one()
    return f"{count}:{last.isoformat() if last is not None else ''}"


def orders_may_change(stores: Stores) -> bool:
    """Whether any order waits, or changes what another source brings."""
    with stores.control.read() as connection:
        found = connection.execute(sa.select(_told.c.source).where(_may_change()).limit(1))
        return found.first() is not None


def _messages(flush: Flush, touched: Iterable[Key]) -> dict[Key, list[Told]]:
    wanted = set(touched)
    query = sa.select(_told).where(
        among(_told.c.order_id, sorted({order_id for _, order_id in wanted}))
    )
    found: dict[Key, list[Told]] = {}
    with flush.stores.control.read() as connection:
        for row in connection.execute(query):
            if (key := (row.source, row.order_id)) in wanted:
                told = Told(
                    row.event_id,
                    row.event,
                    row.origin_id,
                    row.occurred_at,
                    json.loads(row.content),
                )
                found.setdefault(key, []).append(told)
    return found


def _told_twice(
    flush: Flush, orders: Mapping[Key, Order], brought: Mapping[Key, Brought]
) -> dict[Key, str]:
    """Orders that two tracking sources completed at once: the first of them by name counts, the other finds it later."""
    found: dict[Key, str] = {}
    first: dict[str, list[Key]] = {}
    for key in sorted(orders.keys() - brought.keys()):
        source, order_id = key
        same = [
            other
            for other in first.get(order_id, ())
            if same_orders(flush.stores, flush.sources, source, other[0])
            and abs(orders[other].ordered_at - orders[key].ordered_at)
            <= timedelta(days=SAME_ORDER_DAYS)
        ]
        if same:
            found[key] = ELSEWHERE
        else:
            first.setdefault(order_id, []).append(key)
    return found


def _currency(flush: Flush, source: str, order: Order) -> str:
    found = flush.sources.get(source)
    return order.currency or (found.currency if found else None) or flush.stores.settings.currency


def _without_rate(flush: Flush, orders: Mapping[Key, Order]) -> list[Key]:
    """Orders in a currency for which no rate held yet when they were made."""
    own = flush.stores.settings.currency
    used = {key: _currency(flush, key[0], order) for key, order in orders.items()}
    market = flush.snapshot.tables["market"]
    firsts = first_rates(flush.session, market, sorted(set(used.values())), own)
    return [
        key
        for key, order in orders.items()
        if used[key] in firsts and not _holds(firsts[used[key]], order.ordered_at)
    ]


def _holds(first: datetime | None, at: datetime) -> bool:
    return first is not None and first <= at


def _note(flush: Flush, touched: Iterable[Key], waits: Mapping[Key, str]) -> None:
    """Note of each order whether it waits, and for what."""
    by_reason: dict[tuple[str, str | None], list[str]] = {}
    for source, order_id in sorted(touched):
        key = (source, waits.get((source, order_id)))
        by_reason.setdefault(key, []).append(order_id)
    with flush.stores.control.begin() as connection:
        for (source, reason), order_ids in by_reason.items():
            connection.execute(
                sa.update(_told)
                .where(_told.c.source == source, among(_told.c.order_id, order_ids))
                .values(waits=reason)
            )


def _write(
    flush: Flush, orders: Mapping[Key, Order], brought: Mapping[Key, Brought]
) -> dict[str, int]:
    _bind_wanted(flush, orders)
    _bind_known(flush, orders, {key: one for key, one in brought.items() if key in orders})
    return {
        "order_lines": flush.write("order_lines", _line_differences(flush)),
        "orders": flush.write("orders", _order_differences(flush)),
    }


def _bind_wanted(flush: Flush, orders: Mapping[Key, Order]) -> None:
    """`want_lines` and `want_heads`: what the orders come to, in the workspace's currency."""
    heads: list[tuple[Any, ...]] = []
    lines: list[tuple[Any, ...]] = []
    for (source, order_id), order in orders.items():
        currency = _currency(flush, source, order)
        for part in order.parts:
            kind = "return" if part.message else "sale"
            head = (source, order_id, part.message, kind, part.origin_id, part.ordered_at)
            # The whole order at one rate, so that what comes back whole leaves nothing.
            paid = (order.ordered_at, currency)
            heads.append(
                (
                    len(heads),
                    *head,
                    *paid,
                    *(part.tax, part.shipping, part.coupon, part.shop_id, part.payment_method),
                )
            )
            lines.extend(
                (
                    len(lines) + place,
                    *head,
                    *paid,
                    *(one.sku, one.quantity, one.unit_price, one.discount, one.revenue),
                    one.unit_cost,
                )
                for place, one in enumerate(part.lines)
            )
    _convert(flush, "want_heads", _table(heads, _HEADS), ("tax", "shipping"))
    money = ("unit_price", "discount", "revenue", "unit_cost")
    _convert(flush, "want_lines", _table(lines, _LINES), money)


def _table(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    columns = zip(*rows, strict=True)
    return pa.table(
        [pa.array(list(values), field.type) for values, field in zip(columns, schema, strict=True)],
        schema=schema,
    )


def _convert(flush: Flush, name: str, rows: pa.Table, money: Sequence[str]) -> None:
    session = flush.session
    session.bind("fresh", rows)
    session.materialise(GONE, sql("SELECT CAST(0 AS bigint) AS n, '' AS why WHERE FALSE"))
    convert_money(
        session,
        flush.snapshot.tables["market"],
        money=money,
        time="rate_at",
        to=flush.stores.settings.currency,
        now=flush.now,
    )
    session.materialise(name, sql("SELECT * FROM fresh"))


def _bind_known(flush: Flush, orders: Mapping[Key, Order], brought: Mapping[Key, Brought]) -> None:
    """`have_orders` and `have_order_lines`: what the lake has of these orders, from their sources and as it was brought."""
    session = flush.session
    session.bind(
        "asked_orders",
        pa.table(
            {
                "source": pa.array([source for source, _ in orders], _T),
                "order_id": pa.array([order_id for _, order_id in orders], _T),
            }
        ),
    )
    for table, more in zip(("orders", "order_lines"), have_rows(brought), strict=True):
        flush.bind_orders(table, f"all_{table}", "asked_orders")
        schema = _HAVE[table]
        session.bind("as_brought", pa.Table.from_pylist(more, schema=schema))
        own = sql(
            """
            SELECT t.*, coalesce(json_extract_string(t.properties, '$.message'), '') AS message
            FROM :rows AS t SEMI JOIN asked_orders AS k ON k.source = t.source AND k.order_id = t.order_id
            """,
            rows=exp.to_table(f"all_{table}"),
        )
        assert isinstance(own, exp.Select)  # noqa: S101 - the text above is one
        session.materialise(
            f"have_{table}",
            union_all(
                [
                    exp.select(*map(column, schema.names)).from_(own.subquery("own")),
                    exp.select(*map(column, schema.names)).from_("as_brought"),
                ]
            ),
        )


def _line_differences(flush: Flush) -> exp.Expr:
    """`order_lines`: of each product at each price of each part, what the lake lacks."""
    names = ("d.source", "d.order_id", "d.message", "d.sku")
    numbers = ("CAST(d.unit_price AS varchar)", "CAST(d.known AS varchar)")
    parts = [sql(text) for text in (*names, *numbers)]
    flush.session.materialise(
        "line_sums",
        sql(
            """
            SELECT source, order_id, message, sku, unit_price, max(kind) AS kind, max(origin_id) AS origin_id,
                   max(ordered_at) AS ordered_at, max(unit_cost) AS unit_cost,
                   CAST(sum(quantity) AS decimal(18, 4)) AS quantity,
                   CAST(sum(discount) AS decimal(18, 4)) AS discount,
                   CAST(sum(revenue) AS decimal(18, 4)) AS revenue,
                   count(*) FILTER (WHERE NOT wanted) AS known
            FROM (
              SELECT source, order_id, message, kind, origin_id, ordered_at, sku, unit_price, quantity, discount,
                     revenue, unit_cost, TRUE AS wanted FROM want_lines
              UNION ALL
              SELECT source, order_id, message, kind, origin_id, ordered_at, sku, unit_price, -quantity, -discount,
                     -revenue, unit_cost, FALSE AS wanted FROM have_order_lines
            ) AS sides GROUP BY source, order_id, message, sku, unit_price
            """
        ),
    )
    query = sql(
        """
        SELECT d.order_id, :line_id AS line_id, d.origin_id, d.kind, d.ordered_at, d.sku, TRUE AS goods,
               d.quantity, d.unit_price, d.discount, d.revenue, d.unit_cost, :properties AS properties
        FROM line_sums AS d WHERE d.quantity <> 0 OR d.discount <> 0 OR d.revenue <> 0
        """,
        line_id=hashed_id("tracking", flush.stores.identity_key, parts),
        properties=_MESSAGE.copy(),
    )
    return _with_provenance(flush, query)


_MESSAGE = sql(
    "CASE d.message WHEN '' THEN NULL ELSE CAST(json_object('message', d.message) AS varchar) END"
)
"""The properties by which a return's rows know the message that told it."""


def _order_differences(flush: Flush) -> exp.Expr:
    """`orders`: of each part, what the lake lacks; the first row of a sale is the sale, what follows adds to it."""
    amounts = ("revenue", "discount", "tax", "shipping", "quantity")
    session = flush.session
    session.materialise(
        "want_orders",
        sql(
            """
            SELECT h.*, l.revenue, l.discount, l.quantity, l.lines FROM want_heads AS h JOIN (
              SELECT source, order_id, message, sum(revenue) AS revenue, sum(discount) AS discount,
                     sum(quantity) AS quantity, count(*) AS lines
              FROM want_lines GROUP BY source, order_id, message
            ) AS l ON l.source = h.source AND l.order_id = h.order_id AND l.message = h.message
            """
        ),
    )
    session.materialise(
        "have_sums",
        sql(
            """
            SELECT source, order_id, message, max(kind) FILTER (WHERE kind <> 'addition') AS kind,
                   max(origin_id) AS origin_id, min(ordered_at) AS ordered_at, sum(revenue) AS revenue,
                   sum(discount) AS discount, sum(tax) AS tax, sum(shipping) AS shipping, sum(quantity) AS quantity,
                   CAST(sum(lines) AS bigint) AS lines
            FROM have_orders GROUP BY source, order_id, message
            """
        ),
    )
    differences = [
        exp.alias_(
            sql(
                """
                CAST(CASE WHEN h.source IS NULL THEN :want
                          WHEN coalesce(:want, :have) IS NULL THEN NULL
                          ELSE coalesce(:want, 0) - coalesce(:have, 0) END AS decimal(18, 4))
                """,
                want=column(name, "w"),
                have=column(name, "h"),
            ),
            name,
        )
        for name in amounts
    ]
    joined = (
        exp.select(
            *(
                sql(f"coalesce(w.{n}, h.{n}) AS {n}")
                for n in ("source", "order_id", "message", "origin_id", "ordered_at")
            ),
            sql(
                """
                CASE WHEN h.source IS NULL THEN w.kind WHEN h.kind = 'return' THEN 'return'
                     ELSE 'addition' END AS kind
                """
            ),
            *differences,
            sql("CAST(coalesce(w.lines, 0) - coalesce(h.lines, 0) AS bigint) AS lines"),
            *("w.coupon", "w.shop_id", "w.payment_method", "h.source IS NULL AS is_new"),
        )
        .from_(exp.to_table("want_orders").as_("w"))
        .join(
            exp.to_table("have_sums").as_("h"),
            on="h.source = w.source AND h.order_id = w.order_id AND h.message = w.message",
            join_type="full",
        )
    )
    query = sql(
        """
        SELECT d.order_id, d.origin_id, d.kind, d.ordered_at, d.revenue, d.discount, d.tax, d.shipping, d.quantity,
               d.lines, d.coupon, d.shop_id, d.payment_method,
               CASE d.message WHEN '' THEN NULL ELSE d.order_id END AS original_order_id,
               :properties AS properties
        FROM :rows AS d
        WHERE d.is_new OR d.revenue <> 0 OR coalesce(d.discount, 0) <> 0 OR coalesce(d.tax, 0) <> 0
           OR coalesce(d.shipping, 0) <> 0 OR d.quantity <> 0
        """,
        properties=_MESSAGE.copy(),
        rows=joined,
    )
    return _with_provenance(flush, query)


def _with_provenance(flush: Flush, query: exp.Expr) -> exp.Expr:
    assert isinstance(query, exp.Select)  # noqa: S101 - the texts above are
    received = sql(":now AS received_at", now=flush.now)
    return query.select(*flush.provenance("d.source")[:2], received)
