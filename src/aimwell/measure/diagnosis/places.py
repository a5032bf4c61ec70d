"""In which places people are: segments, how they had bought before, and what they were given."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import numpy as np

from aimwell.decide.campaign_parts import CampaignParts
from aimwell.history.moment import Moment
from aimwell.history.outcomes import outcomes
from aimwell.measure.members import Grouping, InSegments
from aimwell.measure.people import BoolArray, Cell, People
from aimwell.store.sql import sql

__all__ = ["CART", "given_places", "grouping_of"]

CART = "cart"
"""Under this name `grouping_of` tells who put something into the cart; absent where no cart of anybody was recorded."""

_CARTED = "Product Added"
_RECENT = timedelta(days=90)

_BOUGHT = """
SELECT m.position, count(p.order_id) AS orders, coalesce(max(p.ordered_at) >= :recent, FALSE) AS recent
FROM members AS m
LEFT JOIN purchases AS p ON p.profile_id = m.profile_id AND p.kept
GROUP BY m.position
"""

_PUT = """
SELECT m.position FROM carts AS c JOIN members AS m ON m.profile_id = c.profile_id WHERE c.bought
"""


def grouping_of(inner: Grouping, prefix: str) -> Grouping:
    """The groups of `inner` as 'PREFIX NAME', what people had bought before the start, and who put something into the cart."""

    def members(moment: Moment, people: int) -> InSegments:
        found = inner(moment, people)
        named: dict[str, BoolArray] = {
            f"{prefix} {name}": mine for name, mine in found.members.items()
        }
        named |= _bought(moment, people)
        moment.session.bind("carts", outcomes(moment, event=_CARTED))
        carted = np.zeros(people, dtype=np.bool_)
        for (position,) in moment.session.rows(sql(_PUT)):
            carted[position] = True
        if carted.any():
            named[CART] = carted
        return InSegments(named, found.failures)

    return members


def _bought(moment: Moment, people: int) -> dict[str, BoolArray]:
    orders, recent = np.zeros(people, dtype=np.int64), np.zeros(people, dtype=np.bool_)
    rows = moment.session.rows(sql(_BOUGHT, recent=moment.as_of - _RECENT))
    for position, bought, lately in rows:
        orders[position], recent[position] = bought, lately
    return {
        "those who never bought": orders == 0,
        "those who bought once": orders == 1,
        "those who bought 2 to 4 times": (orders >= 2) & (orders <= 4),
        "those who bought 5 times or more": orders >= 5,
        "those who bought in the last 90 days": recent,
        "those who bought longer ago": (orders > 0) & ~recent,
    }


def given_places(people: People, parts: CampaignParts) -> Mapping[str, BoolArray]:
    """By channel, offer, action and variant of what each was given; in that order, as the first name stands for the same people."""
    actions = {action.key: action for action in parts.campaign.actions}
    found: dict[str, list[int]] = {}

    def put(name: str, number: int) -> None:
        found.setdefault(name, []).append(number)

    cells = [(number, cell) for number, cell in enumerate(people.cells) if cell.action in actions]
    for kind in ("channel", "offer", "action", "variant"):
        for number, cell in cells:
            put(f"{kind} {_name(kind, cell, parts)}", number)
    return {name: people.given(numbers) for name, numbers in found.items()}


def _name(kind: str, cell: Cell, parts: CampaignParts) -> str:
    action = next(one for one in parts.campaign.actions if one.key == cell.action)
    if kind == "channel":
        return action.channel
    if kind == "offer":
        return action.offer or "(none)"
    if kind == "action":
        return cell.action
    return f"{cell.action} {cell.variant or '(one)'}"
