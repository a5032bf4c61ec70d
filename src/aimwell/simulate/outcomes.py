"""What people buy after the history, given who was contacted when with what: potential outcomes.

The orders that come without contact are drawn once for everybody and so are, for each message that a person
may get, whether it brings an order and which. Contact only decides which of them happen. So the outcome of
a person with and without contact are both known, and nobody's depends on who else was contacted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from aimwell.simulate.actions import Action
from aimwell.simulate.baskets import fill_baskets
from aimwell.simulate.cells import Cell, Trade, brought_number, join_trades, trade_after
from aimwell.simulate.orders import ordinary_orders
from aimwell.simulate.people import Floats, Ints
from aimwell.simulate.response import Response, respond
from aimwell.simulate.seasons import DAY
from aimwell.simulate.shop import Shop

__all__ = ["Contacts", "Outcome", "outcome"]

_NEVER = np.iinfo(np.int64).max // 2
_TIRED_SECONDS = 14 * DAY


@dataclass(frozen=True)
class Contacts:
    """Messages to the people of one cell, in order of person and time.

    `person` is the row in the cell, `action` an index of the actions, `message` the caller's own number.
    """

    person: Ints
    at: Ints
    action: Ints
    message: Ints

    @property
    def occurrence(self) -> Ints:
        """Which message of its person each one is, from 0."""
        return np.asarray(np.arange(self.person.size) - np.searchsorted(self.person, self.person))

    def turns(self) -> Iterator[Ints]:
        """The rows of everybody's first message, then of everybody's second, and so on."""
        occurrence = self.occurrence
        for turn in range(int(occurrence.max()) + 1 if occurrence.size else 0):
            yield np.flatnonzero(occurrence == turn)

    def tired(self) -> Ints:
        """How many messages the person got in the 14 days before each one."""
        if not self.person.size:
            return np.zeros(0, np.int64)
        span = int(self.at.max() - self.at.min()) + _TIRED_SECONDS + 1
        key = self.person * span + (self.at - self.at.min())
        floor = np.maximum(key - _TIRED_SECONDS, self.person * span)
        return np.asarray(np.arange(key.size) - np.searchsorted(key, floor))


@dataclass(frozen=True)
class Outcome:
    """What happens: all orders of known people after the history, and nameless sales.

    `responses` has one entry per action. `brought_after` tells of each contact how many seconds later the
    order came that it brought; -1 where it brought none.
    """

    trade: Trade
    nameless: Trade
    responses: list[Response]
    brought_after: Ints


def outcome(shop: Shop, cell: Cell, contacts: Contacts, actions: list[Action]) -> Outcome:
    """What the people of a cell do after the history if these contacts are made, and no others."""
    untouched, nameless = trade_after(shop, cell)
    responses = [respond(shop, cell.people, cell.life, action) for action in actions]
    trades = [_contacted(shop, cell, untouched, contacts, actions, responses)]
    after = np.full(contacts.person.size, -1)
    tired = contacts.tired()
    for turn, rows in enumerate(contacts.turns()):
        trade = _brought(shop, cell, contacts, rows, tired, actions, responses, turn=turn)
        ordered = np.full(len(cell.people), -1)
        ordered[trade.orders.person] = trade.orders.at
        who = contacts.person[rows]
        after[rows] = np.where(ordered[who] >= 0, ordered[who] - contacts.at[rows], -1)
        trades.append(trade)
    return Outcome(join_trades(trades), nameless, responses, after)


def _contacted(
    shop: Shop,
    cell: Cell,
    trade: Trade,
    contacts: Contacts,
    actions: list[Action],
    responses: list[Response],
) -> Trade:
    """The orders that come anyway, less those that contact drives away; offers are used on the others."""
    orders = trade.orders
    rng = shop.stream("contacted", cell=cell.index)
    chance_push, chance_redeem = rng.random((2, orders.at.size))
    pushed, offer = np.zeros(orders.at.size, np.bool_), np.full(orders.at.size, -1)
    for rows in contacts.turns():
        sent, action = _of_person(cell, contacts, rows)
        since, act = orders.at - sent[orders.person], action[orders.person]
        for index, response in enumerate(responses):
            reached = (since >= 0) & (act == index)
            push_seconds = shop.spec.push_days * DAY
            pushed |= (
                reached & (since < push_seconds) & (chance_push < response.push[orders.person])
            )
            valid = reached & (since < actions[index].valid_days * DAY)
            offer[valid & (chance_redeem < response.redeem[orders.person])] = index
    return _with_offers(Trade(orders, trade.baskets), offer, actions).keep(~pushed)


def _of_person(cell: Cell, contacts: Contacts, rows: Ints) -> tuple[Ints, Ints]:
    """For each person of the cell: when the contact of these rows was, and its action; never and -1 if none."""
    sent, action = np.full(len(cell.people), _NEVER), np.full(len(cell.people), -1)
    sent[contacts.person[rows]] = contacts.at[rows]
    action[contacts.person[rows]] = contacts.action[rows]
    return sent, action


def _with_offers(trade: Trade, offer: Ints, actions: list[Action]) -> Trade:
    """The orders with offers put on; a discount takes the place of the shop's own coupon."""
    shares = np.array([*(action.discount_share for action in actions), 0.0])
    free = np.array([*(action.free_shipping for action in actions), False])
    orders = trade.orders
    return Trade(
        replace(
            orders,
            offer=offer,
            discount_share=np.where(shares[offer] > 0, shares[offer], orders.discount_share),
            free_shipping=orders.free_shipping | free[offer],
        ),
        trade.baskets,
    )


def _brought(
    shop: Shop,
    cell: Cell,
    contacts: Contacts,
    rows: Ints,
    tired: Ints,
    actions: list[Action],
    responses: list[Response],
    *,
    turn: int,
) -> Trade:
    """The orders that everybody's message number `turn` brings. Drawn for all of the cell, contacted or not."""
    n = len(cell.people)
    rng = shop.stream("brought", cell=cell.index, occurrence=turn)
    chance: Floats = rng.random(n)
    delay = np.floor(rng.exponential(shop.spec.response_days, n) * DAY).astype(np.int64)
    person = np.arange(n)
    sent, action = _of_person(cell, contacts, rows)
    orders = ordinary_orders(
        rng,
        shop,
        cell.people,
        person=person,
        at=np.where(action >= 0, sent + delay, _NEVER),
        first_number=brought_number(cell.index, turn),
    )
    trade = Trade(orders, fill_baskets(rng, shop, cell.people, person))
    pull, worn = np.zeros(n), np.zeros(n)
    worn[contacts.person[rows]] = tired[rows]
    offer = np.full(n, -1)
    for index, response in enumerate(responses):
        here = action == index
        pull[here] = response.pull[here]
        offer[here & actions[index].has_offer & (delay < actions[index].valid_days * DAY)] = index
    moved = chance < pull * (1.0 - shop.spec.fatigue) ** worn
    return _with_offers(trade, offer, actions).keep(moved)
