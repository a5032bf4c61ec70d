"""What offers cost where the orders' revenue does not show it: discounts, gifts and shipping given away.

An order redeems an offer with a code when it bears the code. An offer without a code is taken to be redeemed by every
order, placed while it held and of at least its minimum spend, of the people who got it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from aimwell.decide.offers.discount import discount_of_value
from aimwell.definitions.kinds.offer import Offer

__all__ = ["Purchase", "Redeemed", "redeemed"]


@dataclass(frozen=True)
class Purchase:
    """One order in the window. `person` is a position among the people; `revenue` is net of returns."""

    person: int
    ordered_at: datetime
    revenue: float
    coupon: str | None


@dataclass(frozen=True)
class Redeemed:
    """What one person's redemptions cost, and how many there were."""

    cost: float
    orders: int


def redeemed(
    purchases: Sequence[Purchase],
    *,
    offers: Mapping[str, Offer],
    offer_of: Mapping[int, str],
    codes: Mapping[str, str] | None = None,
) -> dict[int, Redeemed]:
    """Person → cost and number of redemptions; who redeemed nothing is not there.

    Args:
        purchases: All orders in the window.
        offers: The campaign's offers by name.
        offer_of: Person → name of the offer they got. A code counts whoever uses it.
        codes: Case-folded code of a pool → name of its offer.
    """
    by_code = {
        offer.code.strip().casefold(): offer for offer in offers.values() if offer.code is not None
    }
    by_code |= {code: offers[name] for code, name in (codes or {}).items()}
    found: dict[int, Redeemed] = {}
    for purchase in purchases:
        offer = by_code.get((purchase.coupon or "").strip().casefold())
        if offer is None:
            offer = _automatic(purchase, offers.get(offer_of.get(purchase.person, "")))
        if offer is None:
            continue
        before = found.get(purchase.person, Redeemed(0.0, 0))
        found[purchase.person] = Redeemed(
            before.cost + _cost(offer, max(purchase.revenue, 0.0)), before.orders + 1
        )
    return found


def _automatic(purchase: Purchase, offer: Offer | None) -> Offer | None:
    """The offer that needs no code, where this order meets its terms."""
    if offer is None or offer.code is not None or offer.codes is not None or not _gives(offer):
        return None
    valid = offer.valid.begun(purchase.ordered_at) and not offer.valid.ended(purchase.ordered_at)
    return offer if valid and purchase.revenue >= offer.minimum_spend else None


def _gives(offer: Offer) -> bool:
    """Whether the offer promises anything; one without a benefit only informs."""
    benefit = offer.benefit.model_dump(exclude_none=True)
    return bool(benefit) or offer.cost_beyond > 0


def _cost(offer: Offer, revenue: float) -> float:
    if offer.discount_in_orders:
        return offer.cost_beyond
    return offer.cost_beyond + float(discount_of_value(offer, np.array([revenue]))[0])
