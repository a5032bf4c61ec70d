"""What the web shop and the newsletter noted: products viewed and added, carts, opened and clicked e-mails.

Event names are those of the e-commerce and e-mail conventions (Product Viewed, Cart Viewed, Email Opened …).
Orders themselves are in the file of orders only, so that nothing is counted twice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aimwell.simulate.baskets import tasted_products
from aimwell.simulate.cells import Cell, Trade
from aimwell.simulate.columns import join_text, lookup, moments, money, optional
from aimwell.simulate.customers import opted_in_to_email
from aimwell.simulate.people import Floats, Ints
from aimwell.simulate.response import newsletter_openers
from aimwell.simulate.seasons import DAY
from aimwell.simulate.shop import Shop

__all__ = ["EVENT_SCHEMA", "event_lines", "event_table"]

EVENT_SCHEMA = pa.schema(
    [
        ("message_id", pa.string()),
        ("type", pa.string()),
        ("event", pa.string()),
        ("customer_id", pa.string()),
        ("timestamp", pa.timestamp("s", tz="UTC")),
        ("properties", pa.string()),
    ]
)
_NAMES = (
    "Product Viewed",
    "Product Added",
    "Cart Viewed",
    "Checkout Started",
    "Email Opened",
    "Email Link Clicked",
)
_VIEWED, _ADDED, _CART, _CHECKOUT, _OPENED, _CLICKED = range(6)
_MONTH_DAYS = 365.25 / 12


@dataclass(frozen=True)
class _Events:
    """One row per event: row of the person, UTC second, index of the name, product (-1: none)."""

    person: Ints
    at: Ints
    name: Ints
    product: Ints


def event_table(shop: Shop, cell: Cell, trade: Trade) -> pa.Table:
    """The events of a cell's history, in order of time; `trade` is the history of its known people.

    The visit that led to somebody's first order begins before they sign up, and is theirs all the same.
    """
    rng = shop.stream("events", cell=cell.index)
    parts = [
        *_before_orders(rng, shop, trade),
        *_browsing(rng, shop, cell),
        *_newsletters(rng, shop, cell),
    ]
    joined = {name: np.concatenate([vars(part)[name] for part in parts]) for name in vars(parts[0])}
    inside = (joined["at"] >= shop.start) & (joined["at"] < shop.end)
    rows = np.flatnonzero(inside)
    rows = rows[np.lexsort((joined["name"][rows], joined["person"][rows], joined["at"][rows]))]
    return _table(shop, cell, _Events(**{name: value[rows] for name, value in joined.items()}))


def _before_orders(rng: np.random.Generator, shop: Shop, trade: Trade) -> list[_Events]:
    """Before an order on the web its products were seen and put into the cart, and the cart was looked at."""
    orders, baskets = trade.orders, trade.baskets
    tracked = (orders.store < 0) & (rng.random(orders.at.size) < shop.spec.tracked_share)
    web_line = np.flatnonzero(tracked[baskets.order])
    order = baskets.order[web_line]
    at, person, product = orders.at[order], orders.person[order], baskets.product[web_line]
    minutes = 4 * (np.minimum(baskets.line[web_line], 20) + 1)
    web = np.flatnonzero(tracked)
    nothing = np.full(web.size, -1)
    return [
        _events(person, at - 60 * minutes, _VIEWED, product),
        _events(person, at - 60 * minutes + 70, _ADDED, product),
        _events(orders.person[web], orders.at[web] - 150, _CART, nothing),
        _events(orders.person[web], orders.at[web] - 90, _CHECKOUT, nothing),
    ]


def _events(person: Ints, at: Ints, name: int, product: Ints) -> _Events:
    return _Events(person, at, np.full(person.size, name), product)


def _browsing(rng: np.random.Generator, shop: Shop, cell: Cell) -> list[_Events]:
    """Visits that end without an order: some products are seen; one visit in five leaves a cart behind."""
    people, life = cell.people, cell.life
    until = np.where(life.there, people.end, _latest(shop, cell))
    lasting = np.maximum(until - people.signup, 0.0)
    pace = people.rate / np.where(people.prospect, max(shop.spec.prospect_pace, 0.05), 1.0)
    visits = rng.poisson(shop.spec.tracked_share * shop.spec.browse_per_order * pace * lasting)
    person = np.repeat(np.arange(len(people)), visits)
    when = people.signup[person] + lasting[person] * rng.random(person.size)
    at = shop.calendar.clock_time(people.habits.take(person), when)
    views = 1 + rng.poisson(1.6, person.size)
    visit = np.repeat(np.arange(person.size), views)
    step = np.arange(visit.size) - np.repeat(np.cumsum(views) - views, views)
    product = tasted_products(rng, shop, people, person[visit])
    left = np.flatnonzero(rng.random(person.size) < 0.2)
    last_view = np.cumsum(views)[left] - 1
    cart_at = at[left] + 75 * views[left]
    return [
        _events(person[visit], at[visit] + 75 * step, _VIEWED, product),
        _events(person[left], cart_at, _ADDED, product[last_view]),
        _events(person[left], cart_at + 40, _CART, np.full(left.size, -1)),
    ]


def _latest(shop: Shop, cell: Cell) -> Floats:
    return shop.calendar.season_time(cell.people.habits, cell.life.latest_at)


def _newsletters(rng: np.random.Generator, shop: Shop, cell: Cell) -> list[_Events]:
    """Opened newsletters of those who agreed, few of those who dislike contact; some are clicked."""
    months = (shop.end - cell.life.signup_at) / DAY / _MONTH_DAYS
    sent = shop.spec.newsletters_per_month * months * opted_in_to_email(shop, cell)
    opened = rng.poisson(sent * newsletter_openers(cell.people, cell.life))
    person = np.repeat(np.arange(len(cell.people)), opened)
    since = cell.life.signup_at[person]
    at = since + np.floor((shop.end - since) * rng.random(person.size)).astype(np.int64)
    clicked = np.flatnonzero(rng.random(person.size) < 0.12)
    nothing = np.full(person.size, -1)
    return [
        _events(person, at, _OPENED, nothing),
        _events(person[clicked], at[clicked] + 20, _CLICKED, nothing[clicked]),
    ]


def _table(shop: Shop, cell: Cell, events: _Events) -> pa.Table:
    n = events.at.size
    number = pa.array(cell.index * 10**8 + np.arange(n)).cast(pa.string())
    columns = {
        "message_id": join_text("e", number),
        "type": pa.repeat("track", n),
        "event": lookup(_NAMES, events.name),
        "customer_id": cell.accounts.ids(events.person, events.at),
        "timestamp": moments(events.at),
        "properties": _properties(shop, events),
    }
    return pa.table([columns[name] for name in EVENT_SCHEMA.names], schema=EVENT_SCHEMA)


def _properties(shop: Shop, events: _Events) -> pa.Array:
    """A JSON object: of products sku, category and price; of e-mails the campaign; of carts nothing."""
    goods = shop.catalogue
    about = join_text(
        '{"sku":"',
        pa.array(goods.sku),
        '","category":"',
        lookup(goods.category_names, goods.category),
        '","price":',
        money(goods.price).cast(pa.string()),
        "}",
    )
    others = pa.array(["{}", '{"campaign_name":"newsletter"}']).take(
        pa.array((events.name >= _OPENED).astype(np.int64))
    )
    has_product = events.product >= 0
    return pc.coalesce(
        optional(about.take(pa.array(np.maximum(events.product, 0))), has_product), others
    )


def event_lines(table: pa.Table) -> memoryview:
    """A table of events as JSON lines, in UTF-8.

    The lines are put together as one Arrow text column, whose buffer is the file. Nothing needs escaping: ids
    and names are this package's own, and message ids of a caller are checked by `answer`.
    """
    table = table.combine_chunks()
    lines = join_text(
        '{"message_id":"',
        table["message_id"],
        '","type":"',
        table["type"],
        '","event":"',
        table["event"],
        '","customer_id":"',
        table["customer_id"],
        '","timestamp":"',
        pc.replace_substring(table["timestamp"].cast(pa.string()), " ", "T"),
        '","properties":',
        table["properties"],
        "}\n",
    ).combine_chunks()
    if not len(lines):
        return memoryview(b"")
    offsets = np.frombuffer(lines.buffers()[1], np.int32)[
        lines.offset : lines.offset + len(lines) + 1
    ]
    return memoryview(lines.buffers()[2])[int(offsets[0]) : int(offsets[-1])]
