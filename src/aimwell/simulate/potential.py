"""What each person would do with contact and without: potential outcomes, both known.

Figures count as in `truth`: orders within the window, revenue less what is returned of them at any time.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pyarrow as pa

from aimwell.simulate.actions import Action
from aimwell.simulate.cells import Cell, Trade, open_cell
from aimwell.simulate.orders import sums
from aimwell.simulate.outcomes import Contacts, outcome
from aimwell.simulate.people import Floats, Ints
from aimwell.simulate.shop import Shop
from aimwell.simulate.windows import person_columns, window_seconds

__all__ = ["bought_within", "potential_outcomes"]


def potential_outcomes(
    shop: Shop, action: Action, *, sent_at: datetime, window_days: float
) -> pa.Table:
    """What each person really does in this shop, both if contacted once and if not.

    The mean over any set of people of `with` less `without` is the effect in that very sample; `answer` with
    messages to some of them gives these orders for them, and those of `without` for the others.

    Returns:
        One row per person: `person`, `customer_id`, and `orders_…`, `revenue_…`, `margin_…` for `without`
        and `with`.

    Raises:
        SimulateError: As `true_effect`.
    """
    sent, window = window_seconds(shop, sent_at, window_days)
    return pa.concat_tables(
        [
            _outcomes_of_cell(shop, open_cell(shop, index), action, sent, window)
            for index in range(shop.cells)
        ]
    )


def _outcomes_of_cell(shop: Shop, cell: Cell, action: Action, sent: int, window: int) -> pa.Table:
    n = len(cell.people)
    nobody = Contacts(*(np.zeros(0, np.int64) for _ in range(4)))
    everybody = Contacts(np.arange(n), np.full(n, sent), np.zeros(n, np.int64), np.arange(n))
    numbers: dict[str, Floats] = {}
    for name, contacts in (("without", nobody), ("with", everybody)):
        trade = outcome(shop, cell, contacts, [action]).trade
        orders, revenue, margin = bought_within(shop, trade, n, sent, sent + window)
        numbers |= {f"orders_{name}": orders, f"revenue_{name}": revenue, f"margin_{name}": margin}
    return pa.table(person_columns(cell) | numbers)


def bought_within(
    shop: Shop, trade: Trade, n: int, first: int, end: int
) -> tuple[Floats, Floats, Floats]:
    """Orders, revenue and margin of each of the `n` people of a cell, between two moments in seconds."""
    trade = trade.keep((trade.orders.at >= first) & (trade.orders.at < end))
    orders, baskets = trade.orders, trade.baskets
    amounts = sums(shop, orders, baskets)
    buyer: Ints = orders.person[baskets.order]
    revenue = np.where(baskets.returned, 0, amounts.revenue)
    margin = revenue - np.where(baskets.returned, 0, amounts.cost)
    waived = orders.free_shipping & (orders.store < 0)
    shipping = np.bincount(orders.person, waived * round(shop.spec.shipping_fee * 100), n)
    return (
        np.bincount(orders.person, minlength=n).astype(np.float64),
        np.bincount(buyer, revenue, n) / 100,
        (np.bincount(buyer, margin, n) - shipping) / 100,
    )
