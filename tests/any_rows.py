"""Rows of any table of the lake that happened at a given time, drawn so that every feature hangs on some of them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from aimwell.history.moment import TIME_COLUMNS
from aimwell.store.stores import Stores
from aimwell.store.tables import LAKE_TABLES
from shop import append, day, origin

__all__ = ["PEOPLE", "add_rows", "row"]

PEOPLE = [f"c{n}" for n in range(12)]
WORDS: dict[str, list[Any]] = {
    "event": ["Product Viewed", "Product Added", "Products Searched", "Login", "Order Completed"],
    "sku": ["sku 1", "sku 2", "sku 3"],
    "category": ["mugs", "tea"],
    "kind": ["sale", "sale", "sale", "return", "addition"],
    "coupon": [None, "SPRING"],
    "subscription_id": ["s1", "s2", "s3"],
    "plan": ["basic", "plus"],
    "state": ["active", "past_due", "paused", "ended", "trial"],
    "payment_id": [f"p{n}" for n in range(9)],
    "segment": ["vip"],
    "change": ["entered", "left"],
    "survey": ["a", "b"],
    "question": ["q1", "q2"],
    "name": ["one", "two"],
    "programme": ["x", "y"],
    "rating_max": [5.0],
    "rating": [1.0, 4.0, 5.0],
    "channel": ["email"],
    "account_id": ["a1", "a2"],
    "shop_id": ["north"],
    "currency": ["GBP"],
}
BY_TABLE: dict[tuple[str, str], list[Any]] = {
    ("touches", "event"): ["Email Sent", "Email Opened", "Email Link Clicked", "SMS Sent"],
    ("payments", "state"): ["paid", "late", "failed"],
    ("payments", "kind"): ["payment"],
    ("account_members", "state"): ["member", "left"],
    ("usage", "name"): ["minutes", "logins"],
}


def row(
    table: str, stores: Stores, draw: random.Random, when: datetime, sold: list[int]
) -> dict[str, Any]:
    """A row of any table that happened then; every other time in it, and when it came, lies anywhere.

    `sold` are numbers of orders, to which what is sold here is added.
    """
    found: dict[str, Any] = {}
    for column in LAKE_TABLES[table].columns:
        anywhere = day(draw.uniform(-100, 1500))
        if column.name == TIME_COLUMNS[table]:
            value: Any = when
        elif column.name == "origin_id":
            value = origin(stores, draw.choice(PEOPLE))
        elif (table, column.name) in BY_TABLE:
            value = draw.choice(BY_TABLE[table, column.name])
        elif column.name in WORDS:
            value = draw.choice(WORDS[column.name])
        elif pa.types.is_timestamp(column.type):
            value = None if not column.required and draw.random() < 0.5 else anywhere
        elif pa.types.is_decimal(column.type):
            value = draw.randint(1, 90)
        elif pa.types.is_floating(column.type):
            value = draw.randint(1, 9) / 10
        elif pa.types.is_integer(column.type):
            value = draw.randint(1, 5)
        elif pa.types.is_boolean(column.type):
            value = draw.random() < 0.5
        elif column.name in ("source", "properties", "load_id"):
            continue
        else:
            value = f"{draw.random()}" if column.name.endswith("_id") else draw.choice("xyz")
        found[column.name] = value
    if table in ("orders", "order_lines"):
        found.update(_order(table, draw, found["kind"], sold))
    if table in ("events", "touches"):  # what machines did counts for nothing
        found["machine"] = None if table == "events" else False
    return found


def _order(table: str, draw: random.Random, kind: str, sold: list[int]) -> dict[str, Any]:
    """Sales and returns have numbers of their own; what is added, and lines, are of an order that there may be."""
    other = f"o{draw.choice(sold)}" if sold else "o0"
    if table == "order_lines":
        return {"order_id": other, "goods": True}
    mine = draw.randrange(10**12)
    if kind == "sale":
        sold.append(mine)
    return {
        "order_id": other if kind == "addition" else f"o{mine}",
        "original_order_id": other if kind == "return" and draw.random() < 0.5 else None,
    }


def add_rows(stores: Stores, tables: Sequence[str], seed: int, start: float, end: float) -> None:
    """Some rows of these tables from one day to another."""
    draw = random.Random(seed)  # noqa: S311
    sold: list[int] = []
    for table in tables:
        rows = [
            row(table, stores, draw, day(draw.uniform(start, end)), sold)
            for _ in range(draw.randint(4, 12))
        ]
        append(stores, table, rows)
