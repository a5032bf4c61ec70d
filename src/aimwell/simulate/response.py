"""How each person responds to each action: the chance to be moved, to be driven away, and to use an offer.

These are the known truth of the shop. They hold for one contact and nobody but the person contacted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aimwell.simulate.actions import Action, featured_column
from aimwell.simulate.lives import Life
from aimwell.simulate.people import Floats, People
from aimwell.simulate.seasons import DAY
from aimwell.simulate.shop import Shop
from aimwell.simulate.spec import CHANNELS

__all__ = ["Response", "newsletter_openers", "respond"]

_INTRUSION = {"email": 1.0, "sms": 1.3, "push": 1.1, "post": 0.7}
_OPENS = {"email": 0.32}  # only e-mail tells that it was opened
_BEST_RECENCY_DAYS, _RECENCY_SPREAD_DAYS = 100.0, 90.0
_MOST = 0.95


@dataclass(frozen=True)
class Response:
    """One row per person of a cell, for one action; every number is a probability.

    `pull`: contact brings one order more. `push`: each order that would have come within `push_days` of
    contact does not. `redeem`: an order that comes anyway while the offer is valid uses it (an order that
    contact brought always does). `open`, `click` (of those who open) and `unsubscribe` after contact.
    """

    pull: Floats
    push: Floats
    redeem: Floats
    open: Floats
    click: Floats
    unsubscribe: Floats


def respond(shop: Shop, people: People, life: Life, action: Action) -> Response:
    """The response of each person of a cell to an action."""
    spec = shop.spec
    affinity = people.affinity[:, CHANNELS.index(action.channel)]
    moved = spec.pull * affinity * _incentive(people, action) * _interest(shop, people, action)
    moved = moved * _recency(shop, life) * spec.effect_strength
    driven = spec.push * _INTRUSION[action.channel] * (1.6 - 0.6 * affinity) * spec.effect_strength
    disturbed = people.is_group("do_not_disturb")
    takes = 0.25 + 0.7 * (people.bargain if action.discount_share > 0 else people.freight)
    return Response(
        pull=np.where(people.is_group("persuadable"), np.clip(moved, 0.0, _MOST), 0.0),
        push=np.where(disturbed, np.clip(driven, 0.0, _MOST), 0.0),
        redeem=takes if action.has_offer else np.zeros(len(people)),
        open=np.clip(_OPENS.get(action.channel, 0.0) * affinity, 0.0, _MOST),
        click=np.full(len(people), 0.12),
        unsubscribe=np.where(disturbed, 0.03, 0.0015 + 0.004 * people.aversion),
    )


def newsletter_openers(people: People, life: Life) -> Floats:
    """Each person's chance to open a newsletter of the history; those who left open a quarter as many."""
    affinity = people.affinity[:, CHANNELS.index("email")]
    return np.asarray(_OPENS["email"] * affinity * np.where(life.there, 1.0, 0.25))


def _incentive(people: People, action: Action) -> Floats:
    """0.4 for a plain reminder; more with the discount for lovers of bargains, and with free shipping."""
    depth: float = min(action.discount_share / 0.10, 4.0) ** 0.7
    cheaper_post = 0.7 * people.freight if action.free_shipping else np.zeros(len(people))
    return np.asarray(0.4 + 1.1 * people.bargain * depth + cheaper_post)


def _interest(shop: Shop, people: People, action: Action) -> Floats:
    """1 where nothing is featured; else 0.5 to 2.5, more for those who buy the featured category."""
    column = featured_column(shop, action)
    if column is None:
        return np.ones(len(people))
    relative = people.taste[:, column] * people.taste.shape[1]
    return np.asarray(np.clip(0.5 + 0.6 * relative, 0.5, 2.5))


def _recency(shop: Shop, life: Life) -> Floats:
    """0.4 to 1.3: most for those whose last order (or sign-up) was about 100 days before the history's end."""
    days = (shop.end - life.latest_at) / DAY
    return np.asarray(
        0.4 + 0.9 * np.exp(-(((days - _BEST_RECENCY_DAYS) / _RECENCY_SPREAD_DAYS) ** 2))
    )
