"""Orders that another source brought (a file, most often), to which messages add or from which something comes back.

Such an order counts by that source. Its sale stands for the Order Completed that no message told, or told a second
time; what the source itself took back is gone before messages take anything back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from aimwell.collect.known import GONE
from aimwell.collect.money import convert_money, first_rates
from aimwell.collect.tracking.commerce import COMPLETED, currency_of, number_text
from aimwell.collect.tracking.order_state import Brought, Line, Told
from aimwell.collect.tracking.sources import SAME_ORDER_DAYS, same_orders
from aimwell.collect.tracking.taking import Flush
from aimwell.store.sql import sql
from aimwell.store.tables import MONEY, TIME

__all__ = ["Key", "find_brought", "have_rows", "in_own_currency"]

Key = tuple[str, str]
"""The tracking source, and the number of the order."""

_T = pa.string()
_AMOUNTS = ("revenue", "total", "subtotal", "value", "shipping", "tax", "discount")
_LINE_AMOUNTS = ("price", "discount", "unit_cost", "cost")


def find_brought(flush: Flush, messages: Mapping[Key, Sequence[Told]]) -> dict[Key, Brought]:
    """Of these orders those whose sale another source brought, and this one did not.

    An order is the same as one of the same number if its source says so (see `same_orders`), and if it was made
    within days of the Order Completed; where there is none, not after the first message.
    """
    sellers = _sellers(flush, messages)
    if not sellers:
        return {}
    session = flush.session
    counted = [
        (*key, name, name == seller)
        for key, seller in sellers.items()
        for name in (seller, *_before(flush, key[0]))
        if name != key[0]
    ]
    columns = zip(*counted, strict=True)
    types = (_T, _T, _T, pa.bool_())
    names = ("source", "order_id", "counted", "sold")
    session.bind(
        "brought",
        pa.table(
            {n: pa.array(c, t) for n, c, t in zip(names, columns, types, strict=True)},
        ),
    )
    session.materialise(
        "brought_heads",
        sql(
            """
            SELECT b.source, b.order_id, b.counted, b.sold, o.order_id AS part_id, o.kind, o.origin_id, o.ordered_at,
                   o.tax, o.shipping, o.discount, o.quantity, o.revenue
            FROM brought AS b JOIN all_orders AS o
              ON o.source = b.counted AND coalesce(o.original_order_id, o.order_id) = b.order_id
            WHERE o.kind = 'return' OR b.sold
            """
        ),
    )
    session.materialise(
        "brought_parts", sql("SELECT DISTINCT part_id AS order_id FROM brought_heads")
    )
    flush.bind_orders("order_lines", "all_order_lines", "brought_parts")
    heads = session.rows(
        sql(
            """
            SELECT source, order_id, arg_min(origin_id, ordered_at) FILTER (WHERE kind = 'sale'),
                   min(ordered_at) FILTER (WHERE kind = 'sale'),
                   sum(tax) FILTER (WHERE kind <> 'return'), sum(shipping) FILTER (WHERE kind <> 'return'),
                   sum(tax) FILTER (WHERE kind = 'return'), sum(shipping) FILTER (WHERE kind = 'return'),
                   sum(discount) FILTER (WHERE kind <> 'return')
            FROM brought_heads GROUP BY source, order_id
            """
        )
    )
    lines = _lines(flush)
    found = {}
    for source, order_id, origin, at, tax, shipping, tax_back, shipping_back, discount in heads:
        sold, returned = lines.get((source, order_id), ([], []))
        found[source, order_id] = Brought(
            currency=flush.stores.settings.currency,
            origin_id=origin,
            ordered_at=at,
            lines=tuple(sold),
            returned=tuple(returned),
            tax=tax,
            shipping=shipping,
            discount=discount,
            tax_back=tax_back or Decimal(0),
            shipping_back=shipping_back or Decimal(0),
        )
    return found


def _sellers(flush: Flush, messages: Mapping[Key, Sequence[Told]]) -> dict[Key, str]:
    """Which source brought the sale of each order; orders whose sale came from nowhere else are left out."""
    if not messages:
        return {}
    asked = []
    for (source, order_id), told in messages.items():
        done = [one.occurred_at for one in told if one.event == COMPLETED]
        at = min(done) if done else min(one.occurred_at for one in told)
        asked.append((source, order_id, at, bool(done)))
    columns = zip(*asked, strict=True)
    types = (_T, _T, TIME, pa.bool_())
    names = ("source", "order_id", "moment", "completed")
    flush.session.bind(
        "asked_orders",
        pa.table({n: pa.array(c, t) for n, c, t in zip(names, columns, types, strict=True)}),
    )
    flush.bind_orders("orders", "all_orders", "asked_orders")
    rows = flush.session.rows(
        sql(
            """
            SELECT k.source, k.order_id, o.source, min(abs(date_diff('second', o.ordered_at, k.moment))) AS off
            FROM asked_orders AS k JOIN all_orders AS o
              ON o.order_id = k.order_id AND o.source <> k.source AND o.kind = 'sale'
            WHERE CASE WHEN k.completed THEN abs(date_diff('second', o.ordered_at, k.moment)) <= :most
                       ELSE date_diff('second', k.moment, o.ordered_at) <= :most END
              AND NOT EXISTS (
                SELECT 1 FROM all_orders AS own
                WHERE own.source = k.source AND own.order_id = k.order_id AND own.kind = 'sale'
              )
            GROUP BY k.source, k.order_id, o.source
            """,
            most=SAME_ORDER_DAYS * 86_400,
        )
    )
    nearest: dict[Key, tuple[int, str]] = {}
    for source, order_id, other, off in rows:
        if same_orders(flush.stores, flush.sources, source, other):
            key = (source, order_id)
            nearest[key] = min(nearest.get(key, (off, other)), (off, other))
    return {key: seller for key, (_, seller) in sorted(nearest.items())}


def _before(flush: Flush, source: str) -> list[str]:
    """Other tracking sources that may have taken something back of the same orders: those that come first by name.

    Each source knows of those before it alone, so what two of them tell at once comes to rest.
    """
    return [
        name
        for name in sorted(flush.sources)
        if name < source and same_orders(flush.stores, flush.sources, source, name)
    ]


def _lines(flush: Flush) -> dict[Key, tuple[list[Line], list[Line]]]:
    """What was sold of each order, and what has come back: lines of goods, by product and price."""
    rows = flush.session.rows(
        sql(
            """
            SELECT b.source, b.order_id, l.kind = 'return' AS back, l.sku, l.unit_price, sum(l.quantity), sum(l.discount),
                   sum(l.revenue), max(l.unit_cost)
            FROM (SELECT DISTINCT source, order_id, counted, sold, part_id FROM brought_heads) AS b
            JOIN all_order_lines AS l ON l.source = b.counted AND l.order_id = b.part_id
            WHERE l.goods AND (l.kind = 'return' OR (b.sold AND l.order_id = b.order_id))
            GROUP BY ALL ORDER BY ALL
            """
        )
    )
    found: dict[Key, tuple[list[Line], list[Line]]] = {}
    for source, order_id, back, sku, price, quantity, discount, revenue, cost in rows:
        line = Line(sku, quantity, price, discount, revenue, cost)
        found.setdefault((source, order_id), ([], []))[1 if back else 0].append(line)
    return found


def have_rows(brought: Mapping[Key, Brought]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The sales as rows of orders and of order lines that the lake has already, under the key of who asks."""
    heads: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    for (source, order_id), one in brought.items():
        shared = {
            "source": source,
            "order_id": order_id,
            "message": "",
            "kind": "sale",
            "origin_id": one.origin_id,
            "ordered_at": one.ordered_at,
        }
        heads.append(
            {
                **shared,
                "revenue": sum((line.revenue for line in one.lines), Decimal(0)),
                "discount": sum((line.discount for line in one.lines), Decimal(0)),
                "tax": one.tax,
                "shipping": one.shipping,
                "quantity": sum((line.quantity for line in one.lines), Decimal(0)),
                "lines": len(one.lines),
            }
        )
        lines.extend(
            {
                **shared,
                "sku": line.sku,
                "unit_price": line.unit_price,
                "quantity": line.quantity,
                "discount": line.discount,
                "revenue": line.revenue,
                "unit_cost": line.unit_cost,
            }
            for line in one.lines
        )
    return heads, lines


def in_own_currency(
    flush: Flush, messages: Mapping[Key, Sequence[Told]], brought: Mapping[Key, Brought]
) -> tuple[dict[Key, list[Told]], list[Key]]:
    """The messages about brought orders in the workspace's currency, in which the lake has those orders.

    Returns:
        The messages, and the orders that must wait because there is no rate of their day.
    """
    own = flush.stores.settings.currency
    used = {
        (key, n): _currency(flush, key, told, n)
        for key, told in messages.items()
        for n in range(len(told))
    }
    market = flush.snapshot.tables["market"]
    firsts = first_rates(flush.session, market, sorted(set(used.values())), own)
    waiting = set()
    amounts: list[tuple[Key, int, datetime, str, Decimal]] = []
    for (key, n), currency in used.items():
        if currency == own:
            continue
        at, first = brought[key].ordered_at, firsts[currency]
        if first is None or first > at:
            waiting.add(key)
            continue
        amounts.extend((key, n, at, currency, one) for one in _amounts(messages[key][n].content))
    converted = iter(_converted(flush, [(at, c, amount) for _, _, at, c, amount in amounts]))
    whole: dict[tuple[Key, int], list[Decimal | None]] = {}
    for (key, n, *_), amount in zip(amounts, converted, strict=True):
        whole.setdefault((key, n), []).append(amount)
    found = {
        key: [
            replace(one, content=_with_amounts(one.content, iter(whole[key, n])))
            if (key, n) in whole
            else one
            for n, one in enumerate(told)
        ]
        for key, told in messages.items()
        if key not in waiting
    }
    return found, sorted(waiting)


def _currency(flush: Flush, key: Key, told: Sequence[Told], n: int) -> str:
    """A message's currency: its own, else what another message about the order says, else its source's."""
    said = [currency_of(told[n].content.get("currency"))]
    said += [currency_of(one.content.get("currency")) for one in told]
    source = flush.sources.get(key[0])
    default = (source.currency if source else None) or flush.stores.settings.currency
    return next((one for one in said if one is not None), default)


def _places(content: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], str]]:
    yield from ((content, name) for name in _AMOUNTS)
    for line in content.get("products") or ():
        yield from ((line, name) for name in _LINE_AMOUNTS)


def _amounts(content: Mapping[str, Any]) -> Iterator[Decimal]:
    for holder, name in _places(content):
        text = number_text(holder.get(name))
        if text is not None:
            yield Decimal(text)


def _with_amounts(content: Mapping[str, Any], amounts: Iterator[Decimal | None]) -> dict[str, Any]:
    """The content with its amounts replaced, in the order in which `_amounts` gave them."""
    lines = [dict(line) for line in content.get("products") or ()]
    found = {**content, "products": lines} if lines else dict(content)
    for holder, name in _places(found):
        if number_text(holder.get(name)) is not None:
            amount = next(amounts)
            assert isinstance(holder, dict)  # noqa: S101 - made so above
            holder[name] = None if amount is None else f"{amount:f}"
    return found


_AMOUNT_MAX = Decimal(10) ** 13


def _converted(
    flush: Flush, asked: Iterable[tuple[datetime, str, Decimal]]
) -> list[Decimal | None]:
    """The amounts in the workspace's currency; None: absurd."""
    rows = [
        (n, at, currency, amount.quantize(Decimal("0.0001")))
        for n, (at, currency, amount) in enumerate(asked)
    ]
    names = ("n", "rate_at", "currency", "amount")
    sound = [dict(zip(names, row, strict=True)) for row in rows if abs(row[3]) < _AMOUNT_MAX]
    found: list[Decimal | None] = [None] * len(rows)
    if not sound:
        return found
    schema = pa.schema([("n", pa.int64()), ("rate_at", TIME), ("currency", _T), ("amount", MONEY)])
    session = flush.session
    session.bind("fresh", pa.Table.from_pylist(sound, schema=schema))
    session.materialise(GONE, sql("SELECT CAST(0 AS bigint) AS n, '' AS why WHERE FALSE"))
    convert_money(
        session,
        flush.snapshot.tables["market"],
        money=["amount"],
        time="rate_at",
        to=flush.stores.settings.currency,
        now=flush.now,
    )
    for n, amount in session.rows(sql("SELECT n, amount FROM fresh")):
        found[n] = amount
    return found
