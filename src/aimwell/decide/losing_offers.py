"""Offers that take more of an order than it leaves, by what the audience's orders left lately.

Where a policy has learnt from an experiment, what an offer costs is in what it earned. Where chance chooses nothing has looked at it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from aimwell.definitions.kinds.offer import Offer

__all__ = ["UsualOrder", "losing_offers"]

_ORDERS_MIN = 20


@dataclass(frozen=True, slots=True)
class UsualOrder:
    """Means of the orders of whom the margin is known, in the workspace currency.

    Args:
        orders: How many.
        value: What was paid for one.
        margin: What it left.
    """

    orders: int
    value: float
    margin: float


def losing_offers(offers: Iterable[Offer], usual: UsualOrder | None, currency: str) -> list[str]:
    """A warning for each offer that makes the usual order lose money.

    Offers for some orders only (from a spend on, of some products, in steps, by line) are not told of: their orders are not
    the usual ones. `aimwell decide offer NAME` works those out order by order.

    Args:
        offers: Of the plan.
        usual: Of its audience; None where no margin is known. Fewer than 20 orders say nothing.
        currency: Of the workspace.
    """
    if usual is None or usual.orders < _ORDERS_MIN or usual.margin <= 0:
        return []
    found = []
    for offer in offers:
        takes = _takes(offer, usual.value)
        if takes is not None and takes > usual.margin:
            found.append(
                f"The offer '{offer.name}' takes about {takes:,.2f} {currency} of an order, which leaves {usual.margin:,.2f} {currency} "
                f"of margin without it ({usual.orders:,} orders of {usual.value:,.2f} {currency} of this audience in the window before). "
                "So each order with it loses money, those too that it adds."
            )
    return found


def _takes(offer: Offer, value: float) -> float | None:
    """Of an order of that value; None where it holds for some orders only."""
    limits, gives = offer.conditions, offer.benefit
    if offer.minimum_spend or limits.first_order_only:
        return None
    if limits.products or limits.categories or limits.without_products or limits.without_categories:
        return None
    if gives.tiers is not None or gives.bundle is not None or gives.buy_get is not None:
        return None
    taken = offer.cost_fixed
    if gives.percent is not None:
        taken += value * gives.percent / 100
    if gives.amount is not None:
        taken += min(gives.amount, value)
    if gives.points is not None:
        taken += gives.points * (offer.point_value or 0.0)
    return taken
