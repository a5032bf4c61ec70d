"""A made-up shop whose buyers have tastes: each buys mostly from a few products of one taste, and some of them again."""

from __future__ import annotations

import random
from typing import Any

from aimwell.store.stores import Stores
from shop import add_orders, add_products, day

__all__ = ["LAST_DAY", "TASTES", "add_tastes", "taste_of"]

LAST_DAY = 200.0
TASTES, PRODUCTS = ("cook", "read", "ride"), 12


def taste_of(sku: str) -> str:
    """The taste of a product."""
    return sku.split("-")[0]


def add_tastes(
    stores: Stores,
    people: int,
    *,
    seed: int = 1,
    own: float = 0.9,
    stock: bool = False,
    called: str = "buyer ",
) -> None:
    """Orders from day 0 to LAST_DAY; a share `own` of the products is of the buyer's taste, the others are of any.

    Every product has a category (its taste), a name, a price that rises with its number, and with `stock` a stock, which is
    0 for number 0 of each taste. A unit costs half of its price. Buyers are called so, with a number behind.
    """
    add_products(
        stores,
        [
            {
                "sku": f"{taste}-{number:02}",
                "name": f"Thing {number} to {taste}",
                "category": taste,
                "price": 2 + number,
                "unit_cost": (2 + number) / 2,
                **({"properties": {"stock": number}} if stock else {}),
            }
            for taste in TASTES
            for number in range(PRODUCTS)
        ],
    )
    draw = random.Random(seed)  # noqa: S311
    add_orders(
        stores, [row for number in range(people) for row in _life(draw, number, own, called)]
    )


def _life(draw: random.Random, number: int, own: float, called: str) -> list[dict[str, Any]]:
    taste = TASTES[number % len(TASTES)]
    staple = f"{taste}-{draw.randrange(PRODUCTS):02}"
    rows = []
    when = draw.uniform(0, 30)
    while when < LAST_DAY:
        skus = {staple} if draw.random() < 0.6 else set()
        while len(skus) < 3:
            of = taste if draw.random() < own else draw.choice(TASTES)
            skus.add(f"{of}-{draw.randrange(PRODUCTS):02}")
        rows.append(
            {
                "customer": f"{called}{number}",
                "order_id": f"{number}-{len(rows)}",
                "ordered_at": day(when),
                "lines": [(sku, 1, 2 + int(sku[-2:])) for sku in sorted(skus)],
            }
        )
        when += draw.uniform(20, 60)
    return rows
