"""One cell of people with their accounts and their trade: before the history's end, and after it untouched."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aimwell.simulate.accounts import Accounts, open_accounts
from aimwell.simulate.baskets import Baskets, fill_baskets
from aimwell.simulate.lives import Life, live, live_on
from aimwell.simulate.orders import Orders, ordinary_orders
from aimwell.simulate.people import Flags, Ints, People, simulate_people
from aimwell.simulate.shop import Shop

__all__ = [
    "Cell",
    "Trade",
    "brought_number",
    "join_trades",
    "open_cell",
    "trade_after",
    "trade_before",
]

_BEFORE, _BEFORE_ANONYMOUS, _AFTER, _AFTER_ANONYMOUS, _BROUGHT = 1, 2, 3, 4, 5


@dataclass(frozen=True)
class Cell:
    """The people of a cell, how they lived up to the history's end, and their customer ids."""

    index: int
    people: People
    life: Life
    accounts: Accounts


@dataclass(frozen=True)
class Trade:
    """Orders with what they hold."""

    orders: Orders
    baskets: Baskets

    def keep(self, rows: Flags) -> Trade:
        """Some of the orders, with their baskets."""
        return Trade(self.orders.keep(rows), self.baskets.keep(rows))


def open_cell(shop: Shop, index: int) -> Cell:
    """Simulate the people of a cell up to the end of the history."""
    people = simulate_people(shop, index)
    life = live(shop, people, cell=index)
    return Cell(index, people, life, open_accounts(shop, people, life, cell=index))


def trade_before(shop: Shop, cell: Cell) -> tuple[Trade, Trade]:
    """The orders of the history: of people whom the shop knows, and without a name."""
    rng = shop.stream("trade", cell=cell.index)
    times = cell.life.orders
    named = _trade(rng, shop, cell, times.person, times.at, kind=_BEFORE)
    who, at = _strangers(rng, shop, cell.people, len(times.at), shop.start, shop.end)
    return named, _trade(rng, shop, cell, who, at, kind=_BEFORE_ANONYMOUS)


def trade_after(shop: Shop, cell: Cell) -> tuple[Trade, Trade]:
    """The orders after the history, to the last simulated day, if nobody is contacted; known and nameless."""
    rng = shop.stream("trade after", cell=cell.index)
    times = live_on(shop, cell.people, cell.life, cell=cell.index)
    named = _trade(rng, shop, cell, times.person, times.at, kind=_AFTER)
    who, at = _strangers(rng, shop, cell.people, len(times.at), shop.end, shop.last)
    return named, _trade(rng, shop, cell, who, at, kind=_AFTER_ANONYMOUS)


def _trade(
    rng: np.random.Generator, shop: Shop, cell: Cell, person: Ints, at: Ints, *, kind: int
) -> Trade:
    orders = ordinary_orders(
        rng,
        shop,
        cell.people,
        person=person,
        at=at,
        first_number=_number(kind, cell.index),
        named=kind not in (_BEFORE_ANONYMOUS, _AFTER_ANONYMOUS),
    )
    return Trade(orders, fill_baskets(rng, shop, cell.people, person))


def _strangers(
    rng: np.random.Generator, shop: Shop, people: People, known_orders: int, first: int, end: int
) -> tuple[Ints, Ints]:
    """Sales without a customer: each borrows the taste of somebody in the cell, at any time."""
    count = int(rng.poisson(shop.spec.anonymous_share * known_orders))
    return rng.integers(len(people), size=count), np.sort(rng.integers(first, end, size=count))


def _number(kind: int, cell: int) -> int:
    """The first order number of a kind of trade in a cell; room for a thousand million each."""
    return kind * 10**15 + cell * 10**9


def brought_number(cell: int, occurrence: int) -> int:
    """The first order number of the orders that the messages of one occurrence bring to a cell's people."""
    return _number(_BROUGHT, cell) + occurrence * 10**5


def join_trades(trades: list[Trade]) -> Trade:
    """Several trades as one."""
    shifts = np.cumsum([0, *(trade.orders.at.size for trade in trades[:-1])])
    lines = [vars(trade.baskets) for trade in trades]
    joined = {name: np.concatenate([line[name] for line in lines]) for name in lines[0]}
    shift = np.repeat(shifts, [line["order"].size for line in lines])
    orders = [vars(trade.orders) for trade in trades]
    return Trade(
        Orders(**{name: np.concatenate([part[name] for part in orders]) for name in orders[0]}),
        Baskets(**(joined | {"order": joined["order"] + shift})),
    )
