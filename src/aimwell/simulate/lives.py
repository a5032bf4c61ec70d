"""When people order: a renewal of exponential gaps in season time, with a chance to leave after each order.

This is the process that BG/NBD assumes (Fader, Hardie and Lee 2005), with seasons. The end of the history
does not disturb it: gaps have no memory, so who is still there at the end goes on from there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aimwell.simulate.people import Floats, Ints, People
from aimwell.simulate.shop import Shop

__all__ = ["Life", "OrderTimes", "expected_orders", "live", "live_on"]


@dataclass(frozen=True)
class OrderTimes:
    """One row per order: the row of its person in the cell, and the UTC second of the order."""

    person: Ints
    at: Ints


@dataclass(frozen=True)
class Life:
    """The history's orders, and how each person of the cell stands at its end.

    `signup_at` and `latest_at` are UTC seconds; `latest_at` is the last order's time, or the sign-up's where
    there is none. `there` tells who has not left.
    """

    orders: OrderTimes
    signup_at: Ints
    latest_at: Ints
    there: NDArray[np.bool_]


def live(shop: Shop, people: People, *, cell: int) -> Life:
    """The orders of the history. A customer's first order is at sign-up; a prospect has none."""
    rng = shop.stream("life", cell=cell)
    signup_at = _seconds(shop, people, np.arange(len(people)), people.signup, shop.start, shop.end)
    buyers = np.flatnonzero(~people.prospect)
    who, when, there = _renew(rng, people, buyers, people.signup, until=people.end)
    person = np.concatenate([buyers, who])
    at = np.concatenate(
        [signup_at[buyers], _seconds(shop, people, who, when, shop.start, shop.end)]
    )
    latest_at = signup_at.copy()
    np.maximum.at(latest_at, person, at)
    return Life(_in_time(person, at), signup_at, latest_at, there)


def live_on(shop: Shop, people: People, life: Life, *, cell: int) -> OrderTimes:
    """The orders after the history, to the last simulated day, if nobody is contacted."""
    rng = shop.stream("life after", cell=cell)
    last = shop.calendar.season_time(people.habits, np.full(len(people), shop.last))
    waiting = np.flatnonzero(life.there)
    first = people.end.copy()
    first[waiting] += rng.exponential(size=waiting.size) / people.rate[waiting]
    buyers = waiting[first[waiting] < last[waiting]]
    who, when, _ = _renew(rng, people, buyers, first, until=last)
    person = np.concatenate([buyers, who])
    when = np.concatenate([first[buyers], when])
    return _in_time(person, _seconds(shop, people, person, when, shop.end, shop.last))


def _renew(
    rng: np.random.Generator, people: People, buyers: Ints, first: Floats, *, until: Floats
) -> tuple[Ints, Floats, NDArray[np.bool_]]:
    """The orders that follow a first order: who, at what season time; and who is still there at the end."""
    there = np.ones(len(people), np.bool_)
    who, now = buyers, first[buyers]
    all_who, all_now = [np.zeros(0, np.int64)], [np.zeros(0)]
    while who.size:
        leaves = rng.random(who.size) < people.dropout[who]
        there[who[leaves]] = False
        now = now + rng.exponential(size=who.size) / people.rate[who]
        goes_on = ~leaves & (now < until[who])
        who, now = who[goes_on], now[goes_on]
        all_who.append(who)
        all_now.append(now)
    return np.concatenate(all_who), np.concatenate(all_now), there


def _seconds(shop: Shop, people: People, who: Ints, when: Floats, first: int, end: int) -> Ints:
    """UTC seconds of season times; rounding never carries an order out of its period."""
    seconds = shop.calendar.clock_time(people.habits.take(who), when)
    return np.clip(seconds, first, end - 1)


def _in_time(person: Ints, at: Ints) -> OrderTimes:
    order = np.lexsort((person, at))
    return OrderTimes(person[order], at[order])


def expected_orders(people: People, life: Life, *, begin: Floats, end: Floats) -> Floats:
    """Expected orders of each person between two season times after the history, if nobody is contacted.

    Somebody who is there orders at `rate` and leaves after an order with probability `dropout`, so is still
    there with probability exp(-rate · dropout · t); orders up to t: (1 - exp(-rate · dropout · t)) / dropout.
    Source: Fader, Hardie and Lee (2005), equation (7).
    """
    leaving = people.rate * people.dropout
    before = -np.expm1(-leaving * np.maximum(begin - people.end, 0.0))
    upto = -np.expm1(-leaving * np.maximum(end - people.end, 0.0))
    return np.where(life.there, (upto - before) / people.dropout, 0.0)
