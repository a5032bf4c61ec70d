"""What an order holds: lines of products by the person's taste, in quantities by the size of their baskets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aimwell.simulate.people import Flags, Floats, Ints, People
from aimwell.simulate.seasons import DAY
from aimwell.simulate.shop import Shop

__all__ = ["Baskets", "expected_value", "fill_baskets", "tasted_products"]

_RETURN_DAYS = (2.0, 20.0)


@dataclass(frozen=True)
class Baskets:
    """One row per line, in order of the orders: `order` is the row of the order that it belongs to.

    `line` numbers the lines of an order from 1; a line with `returned` comes back `return_seconds` later.
    """

    order: Ints
    line: Ints
    product: Ints
    quantity: Ints
    returned: Flags
    return_seconds: Ints

    def keep(self, orders: Flags) -> Baskets:
        """The lines of some of the orders, which are numbered anew."""
        rows = orders[self.order]
        place = np.cumsum(orders) - 1
        return Baskets(
            place[self.order[rows]],
            self.line[rows],
            self.product[rows],
            self.quantity[rows],
            self.returned[rows],
            self.return_seconds[rows],
        )


def fill_baskets(rng: np.random.Generator, shop: Shop, people: People, person: Ints) -> Baskets:
    """A basket for each order; `person` is the row of the buyer of each."""
    spec = shop.spec
    lines = 1 + rng.poisson(spec.lines_per_order - 1, person.size)
    order = np.repeat(np.arange(person.size), lines)
    who = person[order]
    n = order.size
    size = np.exp(spec.basket_spread * rng.standard_normal(person.size) - spec.basket_spread**2 / 2)
    product = tasted_products(rng, shop, people, who)
    days = rng.uniform(*_RETURN_DAYS, n)
    return Baskets(
        order=order,
        line=np.arange(n) - np.repeat(np.cumsum(lines) - lines, lines) + 1,
        product=product,
        quantity=1 + rng.poisson(people.extra_units[who] * size[order]),
        returned=rng.random(n) < spec.return_share,
        return_seconds=np.floor(days * DAY).astype(np.int64),
    )


def tasted_products(rng: np.random.Generator, shop: Shop, people: People, who: Ints) -> Ints:
    """A product for each row of `who`: a category by that person's taste, a product by popularity."""
    category = _tasted(rng, people, who)
    return shop.catalogue.pick(category, rng.random(who.size))


def _tasted(rng: np.random.Generator, people: People, who: Ints) -> Ints:
    """A category for each line by its buyer's taste."""
    edges = np.cumsum(people.taste, axis=1)[:, :-1]
    draw = rng.random(who.size)
    category = np.zeros(who.size, np.int64)
    for edge in edges.T:  # a column at a time: twelve at most, and no matrix of lines x categories
        category += draw >= edge[who]
    return category


def expected_value(shop: Shop, people: People) -> tuple[Floats, Floats]:
    """Expected price of all goods of an order of each person, and their expected cost, in minor units.

    Lines, quantities and products are independent given the person, so the means multiply.
    """
    units = shop.spec.lines_per_order * (1.0 + people.extra_units)
    return (
        units * (people.taste @ shop.catalogue.mean_price),
        units * (people.taste @ shop.catalogue.mean_cost),
    )
