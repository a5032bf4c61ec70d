"""What an offer takes off an order: pure arithmetic on the lines of many orders at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aimwell.definitions.kinds.offer import Bundle, BuyGet, Offer, Tier

__all__ = ["Baskets", "Given", "discount_of_value", "given"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Baskets:
    """Orders by their lines.

    Attributes:
        count: How many orders; they are numbered from 0.
        order: The order of each line.
        sku, category: Of each line, as texts; '' where unknown.
        quantity, value: Units, and what they cost together, in the workspace currency.
        shipping: Shipping charged, one figure an order.
    """

    count: int
    order: NDArray[np.int64]
    sku: NDArray[np.str_]
    category: NDArray[np.str_]
    quantity: FloatArray
    value: FloatArray
    shipping: FloatArray

    def sum(self, numbers: FloatArray) -> FloatArray:
        """The sum over the lines of each order."""
        return _sums(self.order, numbers, self.count)


@dataclass(frozen=True, eq=False)
class Given:
    """What the offer gives to each order.

    Attributes:
        qualifies: Whether the order meets the offer's conditions.
        discount: Taken off the order, in the workspace currency; 0 where it does not qualify.
        cost: The discount and what the redemption costs beyond it.
    """

    qualifies: NDArray[np.bool_]
    discount: FloatArray
    cost: FloatArray


def given(offer: Offer, baskets: Baskets) -> Given:
    """What each order would get off if it redeemed the offer. Conditions on people are not looked at."""
    eligible = _eligible(offer, baskets)
    value = np.maximum(np.where(eligible, baskets.value, 0.0), 0.0)
    worth = baskets.sum(value)
    benefit = offer.benefit
    if benefit.bundle is not None:
        discount = _bundle(benefit.bundle, baskets)
        reached = discount > 0
    elif benefit.buy_get is not None:
        discount = _buy_get(benefit.buy_get, baskets, eligible)
        reached = discount > 0
    elif benefit.free_shipping is not None:
        discount, reached = np.maximum(baskets.shipping, 0.0), worth > 0
    else:
        discount = discount_of_value(offer, worth)
        # Below the first step of tiers there is nothing to redeem.
        reached = worth > 0 if benefit.tiers is None else discount > 0
    qualifies = reached & (worth >= offer.minimum_spend)
    discount = np.where(qualifies, discount, 0.0)
    return Given(qualifies, discount, discount + np.where(qualifies, offer.cost_beyond, 0.0))


def discount_of_value(offer: Offer, value: FloatArray) -> FloatArray:
    """What percent, amount or tiers take off goods of this value; 0 for what does not depend on it."""
    benefit = offer.benefit
    value = np.maximum(value, 0.0)
    if benefit.percent is not None:
        return value * (benefit.percent / 100.0)
    if benefit.amount is not None:
        capped: FloatArray = np.minimum(benefit.amount, value)
        return capped
    if benefit.tiers is not None:
        return _tiers(benefit.tiers, value)
    return np.zeros_like(value)


def _eligible(offer: Offer, baskets: Baskets) -> NDArray[np.bool_]:
    found = np.ones(baskets.order.size, dtype=np.bool_)
    wanted = offer.conditions
    if wanted.products or wanted.categories:
        found = np.isin(baskets.sku, wanted.products) | np.isin(baskets.category, wanted.categories)
    barred = np.isin(baskets.sku, wanted.without_products)
    barred |= np.isin(baskets.category, wanted.without_categories)
    return found & ~barred


def _tiers(tiers: tuple[Tier, ...], value: FloatArray) -> FloatArray:
    reached = np.searchsorted([tier.from_spend for tier in tiers], value, side="right")
    percents = np.array([0.0, *((tier.percent or 0.0) for tier in tiers)])
    amounts = np.array([0.0, *((tier.amount or 0.0) for tier in tiers)])
    off: FloatArray = np.minimum(value * (percents[reached] / 100.0) + amounts[reached], value)
    return off


def _bundle(bundle: Bundle, baskets: Baskets) -> FloatArray:
    """As many whole bundles as the order holds; each product at its mean price in the order."""
    whole = np.full(baskets.count, np.inf)
    price = np.zeros(baskets.count)
    for sku in bundle.products:
        of = baskets.sku == sku
        units = baskets.sum(np.where(of, baskets.quantity, 0.0))
        worth = baskets.sum(np.where(of, baskets.value, 0.0))
        whole = np.minimum(whole, np.floor(np.maximum(units, 0.0)))
        price += np.divide(worth, units, out=np.zeros_like(worth), where=units > 0)
    off = (
        np.minimum(bundle.amount, price)
        if bundle.amount is not None
        else price * ((bundle.percent or 0.0) / 100.0)
    )
    total: FloatArray = whole * np.maximum(off, 0.0)
    return total


def _buy_get(rule: BuyGet, baskets: Baskets, eligible: NDArray[np.bool_]) -> FloatArray:
    lines = np.flatnonzero(eligible & (baskets.quantity >= 1) & (baskets.value > 0))
    units = np.floor(baskets.quantity[lines])
    price = baskets.value[lines] / baskets.quantity[lines]
    order = baskets.order[lines]
    sorting = np.lexsort((price, order))
    units, price, order = units[sorting], price[sorting], order[sorting]
    total = np.bincount(order, weights=units, minlength=baskets.count)
    cheap = np.floor(total / (rule.buy + rule.get)) * rule.get
    before = np.cumsum(units) - units
    starts = np.concatenate([[0.0], np.cumsum(total)])[:-1]
    taken = np.clip(cheap[order] - (before - starts[order]), 0.0, units)
    off = taken * price * (rule.percent / 100.0)
    return _sums(order, off, baskets.count)


def _sums(of: NDArray[np.int64], numbers: FloatArray, count: int) -> FloatArray:
    found: FloatArray = np.bincount(of, weights=numbers, minlength=count).astype(np.float64)
    return found
