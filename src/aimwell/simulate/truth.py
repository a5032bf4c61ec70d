"""The true effect of an action on each person, as expected by the model that makes the orders.

Everything counts orders placed within `window_days` of contact. Revenue is goods after discount, without tax
and shipping, less what is returned of these orders at any time; margin is revenue less the true cost of goods
and the shipping that an offer gave away; money is in the shop's currency.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pyarrow as pa

from aimwell.errors import SimulateError
from aimwell.simulate.accounts import people_of
from aimwell.simulate.actions import Action
from aimwell.simulate.baskets import expected_value
from aimwell.simulate.cells import Cell, open_cell
from aimwell.simulate.columns import lookup
from aimwell.simulate.lives import expected_orders
from aimwell.simulate.orders import MEAN_COUPON
from aimwell.simulate.people import GROUPS, Floats
from aimwell.simulate.response import Response, respond
from aimwell.simulate.seasons import DAY
from aimwell.simulate.shop import Shop
from aimwell.simulate.windows import person_columns, window_seconds

__all__ = ["average_effect", "effect_of_cell", "true_effect"]


def true_effect(shop: Shop, action: Action, *, sent_at: datetime, window_days: float) -> pa.Table:
    """The expected effect of one contact on each person, exactly, from the model that makes the orders.

    Args:
        shop: The shop.
        action: What is done.
        sent_at: When everybody is contacted; not before the end of the history.
        window_days: How long after it orders count.

    Returns:
        One row per person: `person` (number), `customer_id` (first account), `group`; `p_buy_without`,
        `p_buy_with` (probability of at least one order); `orders_without`, `orders_with`, `revenue_…`,
        `margin_…` (expected); `p_buy`, `orders`, `revenue`, `margin` (with less without); `offer_cost`
        (discount and shipping given away by the offer), `contact_cost`; `profit` (margin less contact cost).

    Raises:
        SimulateError: The window is not within what the shop can answer, or the action does not fit it.
    """
    sent, window = window_seconds(shop, sent_at, window_days)
    return pa.concat_tables(
        [
            effect_of_cell(shop, open_cell(shop, index), action, sent, window)
            for index in range(shop.cells)
        ]
    )


def average_effect(
    shop: Shop, effect: pa.Table, customer_ids: Sequence[str] | pa.Array
) -> dict[str, float]:
    """The mean of every number of a `true_effect` or `potential_outcomes` table over some people.

    A person counts once, with whichever of their ids.

    Raises:
        SimulateError: There is nobody, or an id is not of this shop.
    """
    numbers = np.unique(people_of(shop, customer_ids))
    if not numbers.size:
        raise SimulateError("There is nobody to average over; give at least one customer id.")
    rows = effect.take(pa.array(numbers))
    names = [field.name for field in effect.schema if pa.types.is_floating(field.type)]
    return {name: float(np.mean(rows[name].to_numpy())) for name in names}


def effect_of_cell(shop: Shop, cell: Cell, action: Action, sent: int, window: int) -> pa.Table:
    """The rows of `true_effect` for the people of one cell; both times in seconds."""
    people, spec = cell.people, shop.spec
    response = respond(shop, people, cell.life, action)
    valid, push = (
        min(window, round(action.valid_days * DAY)),
        min(window, round(spec.push_days * DAY)),
    )
    anyway, anyway_valid, anyway_push, anyway_both = (
        _orders_between(shop, cell, sent, sent + span)
        for span in (window, valid, push, min(valid, push))
    )
    brought = response.pull * _soon(shop, window)
    brought_on_offer = brought if action.has_offer else np.zeros(len(people))
    brought_on_offer = np.minimum(brought_on_offer, response.pull * _soon(shop, valid))
    kept = anyway - response.push * anyway_push
    on_offer = response.redeem * (anyway_valid - response.push * anyway_both) + brought_on_offer
    without = _money(shop, cell, orders=anyway, on_offer=np.zeros(len(people)), action=action)
    contacted = _money(shop, cell, orders=kept + brought, on_offer=on_offer, action=action)
    p_without, p_with = _chances(shop, cell, response, sent, window, push)
    cost = np.full(len(people), float(spec.channel_costs.get(action.channel, 0.0)))
    numbers = {
        "p_buy_without": p_without,
        "p_buy_with": p_with,
        "orders_without": anyway,
        "orders_with": kept + brought,
        "revenue_without": without[0],
        "revenue_with": contacted[0],
        "margin_without": without[1],
        "margin_with": contacted[1],
        "p_buy": p_with - p_without,
        "orders": kept + brought - anyway,
        "revenue": contacted[0] - without[0],
        "margin": contacted[1] - without[1],
        "offer_cost": contacted[2],
        "contact_cost": cost,
        "profit": contacted[1] - without[1] - cost,
    }
    return pa.table(person_columns(cell) | {"group": lookup(GROUPS, people.group)} | numbers)


def _season(shop: Shop, cell: Cell, second: int) -> Floats:
    return shop.calendar.season_time(cell.people.habits, np.full(len(cell.people), second))


def _orders_between(shop: Shop, cell: Cell, first: int, end: int) -> Floats:
    begin, until = _season(shop, cell, first), _season(shop, cell, end)
    return expected_orders(cell.people, cell.life, begin=begin, end=until)


def _soon(shop: Shop, seconds: int) -> float:
    """Chance that an order which contact brings comes within so many seconds."""
    return float(-np.expm1(-seconds / DAY / shop.spec.response_days))


def _money(
    shop: Shop, cell: Cell, *, orders: Floats, on_offer: Floats, action: Action
) -> tuple[Floats, Floats, Floats]:
    """Expected revenue, margin and cost of the offer of so many orders, of which so many use the offer."""
    value, cost = expected_value(shop, cell.people)
    kept = 1.0 - shop.spec.return_share
    coupon = cell.people.coupon_share * MEAN_COUPON
    offered = action.discount_share if action.discount_share > 0 else coupon
    revenue = kept * value * (orders * (1.0 - coupon) - on_offer * (offered - coupon))
    web = 1.0 - (shop.spec.store_share if shop.spec.shops else 0.0)
    shipping = (
        on_offer * web * shop.spec.shipping_fee * 100
        if action.free_shipping
        else np.zeros(len(on_offer))
    )
    discount = kept * value * on_offer * action.discount_share
    return (
        revenue / 100,
        (revenue - kept * cost * orders - shipping) / 100,
        (discount + shipping) / 100,
    )


def _chances(
    shop: Shop, cell: Cell, response: Response, sent: int, window: int, push: int
) -> tuple[Floats, Floats]:
    """Probability of at least one order in the window, without and with contact.

    While contact keeps somebody away (probability d for each order, dropout p, rate r), orders that happen
    come at rate r (1 - d); the state "still there, nothing bought" ends at rate r (1 - d (1 - p)).
    """
    people = cell.people
    begin = _season(shop, cell, sent)
    away = _season(shop, cell, sent + push) - begin
    rest = _season(shop, cell, sent + window) - begin - away
    there = np.where(
        cell.life.there, np.exp(-people.rate * people.dropout * (begin - people.end)), 0.0
    )
    without = there * -np.expm1(-people.rate * (away + rest))
    d, p = response.push, people.dropout
    ending = 1.0 - d * (1.0 - p)
    quiet = np.exp(-people.rate * ending * away)
    anyway = there * ((1.0 - d) / ending * (1.0 - quiet) + quiet * -np.expm1(-people.rate * rest))
    return without, 1.0 - (1.0 - anyway) * (1.0 - response.pull * _soon(shop, window))
