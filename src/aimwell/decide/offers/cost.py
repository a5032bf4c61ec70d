"""What an offer is expected to cost, also for people who would have bought anyway, and what it must add to pay."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from aimwell.decide.offers.discount import Given
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate, Figure
from aimwell.stats.intervals import wilson

__all__ = ["OfferCost", "expected_cost"]

_ORDERS_MIN = 30
_METHOD = "Student's t interval of a mean"


@dataclass(frozen=True, kw_only=True)
class OfferCost:
    """What past orders say of an offer.

    Attributes:
        people, orders: Whom and what it was worked out from.
        qualifying: Share of the orders that would have redeemed it.
        per_order: Mean cost of a redemption.
        anyway: Cost per person in the period, had everybody known of it and nobody bought differently: what goes
            to people who would have bought without it.
        margin: Mean margin of a qualifying order before the offer.
        break_even: Orders that it must add per person contacted, so that it pays for itself and the contact.
    """

    people: int
    orders: int
    qualifying: Estimate
    per_order: Estimate
    anyway: Estimate
    margin: Estimate
    break_even: Figure
    contact_cost: float
    days: float

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def expected_cost(
    found: Given,
    *,
    person: NDArray[np.int64],
    ordered: NDArray[np.int64],
    people: int,
    margin: NDArray[np.float64],
    per_person: int | None,
    contact_cost: float,
    days: float,
    confidence: float = DEFAULT_CONFIDENCE,
) -> OfferCost:
    """What the offer would have cost on these orders.

    Break-even: a person who is contacted costs `anyway + contact`; each added order brings its margin less a
    redemption. So the added orders x per person solve x · (margin − per_order) = anyway + contact. Nobody is
    taken to buy less often or less than before.

    Args:
        found: What each order would get.
        person: Position of who placed each order, 0 … people − 1; −1: somebody else.
        ordered: The place of each order in time (any number that rises), by which `per_person` counts.
        people: How many may be contacted.
        margin: Margin of each order before the offer; NaN where it is unknown.
        per_person: How often one person may redeem it; None: always.
        contact_cost: Of one message.
        days: Length of the period that the orders are from.
    """
    redeemed = found.qualifies & (person >= 0)
    if per_person is not None:
        redeemed &= _rank(person, ordered, redeemed) < per_person
    theirs = person >= 0
    orders = int(np.count_nonzero(theirs))
    cost = found.cost[redeemed]
    spent = np.bincount(person[redeemed], weights=cost, minlength=people).astype(np.float64)
    per_order = _mean(cost, confidence, least=_ORDERS_MIN, what="redeeming orders")
    anyway = _mean(spent, confidence, least=_ORDERS_MIN, what="people")
    margins = margin[redeemed]
    earned = (
        Estimate.missing(
            "the margin of some of these orders is unknown", method=_METHOD, confidence=confidence
        )
        if np.isnan(margins).any()
        else _mean(margins, confidence, least=_ORDERS_MIN, what="redeeming orders")
    )
    return OfferCost(
        people=people,
        orders=orders,
        qualifying=wilson(
            int(np.count_nonzero(found.qualifies & theirs)), orders, confidence=confidence
        ),
        per_order=per_order,
        anyway=anyway,
        margin=earned,
        break_even=_break_even(per_order, anyway, earned, contact_cost),
        contact_cost=contact_cost,
        days=days,
    )


def _rank(
    person: NDArray[np.int64], ordered: NDArray[np.int64], redeemed: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """The how-manieth redemption of the person each order is, from 0."""
    where = np.flatnonzero(redeemed)
    sorting = where[np.lexsort((ordered[where], person[where]))]
    whose = person[sorting]
    place = np.arange(whose.size)
    first = np.searchsorted(whose, whose, side="left")
    rank = np.zeros(person.size, dtype=np.int64)
    rank[sorting] = place - first
    return rank


def _mean(values: NDArray[np.float64], confidence: float, *, least: int, what: str) -> Estimate:
    if values.size < least:
        return Estimate.missing(
            f"it takes {least} {what} for an interval, and there are {values.size}",
            method=_METHOD,
            confidence=confidence,
        )
    mean = float(values.mean())
    error = float(values.std(ddof=1)) / math.sqrt(values.size)
    half = float(stdtrit(values.size - 1, 0.5 + confidence / 2)) * error
    return Estimate(
        estimate=mean, lower=mean - half, upper=mean + half, confidence=confidence, method=_METHOD
    )


def _break_even(per_order: Estimate, anyway: Estimate, margin: Estimate, contact: float) -> Figure:
    for figure in (per_order, anyway, margin):
        if figure.estimate is None:
            return Figure(value=None, reason=figure.reason)
    assert per_order.estimate is not None  # noqa: S101 - looked at above
    assert anyway.estimate is not None  # noqa: S101
    assert margin.estimate is not None  # noqa: S101
    left = margin.estimate - per_order.estimate
    if left <= 0:
        return Figure(
            value=None,
            reason="a redemption costs more than an order earns, so no number of added orders pays",
        )
    return Figure(value=(anyway.estimate + contact) / left)
