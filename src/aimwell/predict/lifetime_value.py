"""Lifetime value: what a customer is expected to be worth over a horizon, and how sure that is.

value = Σ over months of (expected purchases in the month) · (expected spend per purchase) · margin · (1+d)^−(end of
the month, in months). A month is a twelfth of 365.25 days; what comes within a month counts at its end. The first
purchase is not part of it: the value is what is still to come.

Source: Fader, Hardie & Lee (2005), "RFM and CLV", with any law of buying for the purchases.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.linalg import block_diag

from aimwell.errors import PredictError
from aimwell.predict.buying_law import BuyingLaw
from aimwell.predict.gamma_gamma import GammaGamma
from aimwell.predict.possible import Tails, even_tails, possible_values
from aimwell.predict.purchases import PurchaseHistory
from aimwell.predict.ranges import Ranges, delta_ranges
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.samples import FloatArray

__all__ = ["MONTH_DAYS", "LifetimeValues", "lifetime_value"]

MONTH_DAYS = 365.25 / 12

_DELTA = "delta method on the logarithm"


@dataclass(frozen=True, slots=True, eq=False)
class LifetimeValues:
    """What each customer of a history is expected to be worth; rows in its order.

    Args:
        value: Expected value, in money, discounted; missing (NaN) where the spend is not known.
        likely: Interval of that expectation: what not knowing the parameters exactly adds.
        possible: Interval of what the customer will really bring, chance included; None where it was not drawn. Of who
            may bring nothing it begins at 0 and leaves all of the rest above it (`possible_values`).
        places: Where what came stands among the customer's draws (0-1); None where neither was given.
        expected_purchases: Within the horizon, not discounted.
        probability_alive: That the customer has not stopped for good.
        spend_per_purchase: Expected money per purchase, before margin.
        total: Sum of the known values, with its interval from the parameters.
        total_possible: What they will really bring together, parameters and chance; None where it was not drawn.
        measure: What `value` counts: "margin", or "revenue" where no margin is known.
        reason: Why it is revenue, or empty.
        missing: People without a value.
        warnings: What speaks against the figures, in words.
        confidence: Of all the intervals.
    """

    value: FloatArray
    likely: Ranges
    possible: Ranges | None
    places: FloatArray | None
    expected_purchases: FloatArray
    probability_alive: FloatArray
    spend_per_purchase: FloatArray
    total: Estimate
    total_possible: Estimate | None
    measure: Literal["margin", "revenue"]
    reason: str
    missing: int
    warnings: tuple[str, ...]
    horizon_days: float
    discount_monthly: float
    confidence: float


def lifetime_value(
    history: PurchaseHistory,
    buying: BuyingLaw,
    spending: GammaGamma,
    *,
    horizon_days: float,
    margin: float | None,
    discount_monthly: float = 0.01,
    confidence: float = DEFAULT_CONFIDENCE,
    draws: int = 400,
    seed: int = 0,
    tails: Tails | None = None,
    came: FloatArray | None = None,
) -> LifetimeValues:
    """The value of each customer over the coming `horizon_days`.

    Args:
        history: One row per customer, with spend.
        buying, spending: Models fitted to purchases in the same unit of time.
        horizon_days: How far ahead to count.
        margin: Share of revenue that is profit (above 0, at most 1); None where it is not known: the value is then
            revenue and says so.
        discount_monthly: Interest of a month; 0.01 makes money in a year worth 0.89 of money now.
        confidence: Share of repetitions (0-1) in which an interval should hold the truth.
        draws: Futures to draw per customer for `possible`; 0 leaves it out.
        seed: Of the draws; the same seed gives the same intervals.
        tails: Where the ends of a customer's interval lie among the draws; default: as much on each side.
        came: What each really brought within the horizon (money as `value` counts it), to see where it stands.

    Raises:
        PredictError: A setting is out of its range, the units of time differ, or the history has no spend.
    """
    _check_settings(horizon_days, margin, discount_monthly, draws)
    ends, weights = _months(horizon_days, discount_monthly)
    horizons = ends / buying.unit_days
    share = 1.0 if margin is None else margin
    expected = buying.expected_purchases(history, float(horizons[-1]))
    discounted = buying.weighted_purchases(history, horizons, weights)
    spend = spending.expected_spend(history)
    value = discounted * spend * share
    slopes = share * np.hstack(
        [
            buying.weighted_slopes(history, horizons, weights) * spend[:, None],
            spending.spend_slopes(history) * discounted[:, None],
        ]
    )
    # The two models are fitted apart: how often somebody buys says nothing about what they spend.
    covariance = block_diag(buying.covariance, spending.covariance)
    known = np.isfinite(value)
    possible = None
    if draws:
        weight = np.divide(discounted, expected, out=np.ones_like(expected), where=expected > 0)
        weight[~known] = np.nan
        possible = possible_values(
            history,
            buying,
            spending,
            horizon=float(horizons[-1]),
            weight=weight * share,
            tails=tails or even_tails(confidence),
            confidence=confidence,
            draws=draws,
            seed=seed,
            came=came,
        )
    return LifetimeValues(
        value=value,
        likely=delta_ranges(value, slopes, covariance, confidence=confidence),
        possible=None if possible is None else possible.ranges,
        places=None if possible is None else possible.places,
        expected_purchases=expected,
        probability_alive=buying.probability_alive(history),
        spend_per_purchase=spend,
        total=_total(value[known], slopes[known], covariance, confidence),
        total_possible=None if possible is None else possible.total,
        measure="revenue" if margin is None else "margin",
        reason=""
        if margin is not None
        else "No margin is known, so the value is revenue, not profit. Set a margin to see profit.",
        missing=int((~known).sum()),
        warnings=tuple(text for text in (buying.note_, spending.note_, spending.warning_) if text),
        horizon_days=horizon_days,
        discount_monthly=discount_monthly,
        confidence=confidence,
    )


def _months(horizon_days: float, discount_monthly: float) -> tuple[FloatArray, FloatArray]:
    """Ends of the months in days (the last may be cut short), and weights of the purchases up to each end.

    With factors f of the ends, Σ f_k·(E_k − E_{k−1}) = Σ E_k·(f_k − f_{k+1}), f beyond the last end being 0.
    """
    count = max(1, int(np.ceil(horizon_days / MONTH_DAYS - 1e-9)))
    ends = np.minimum(np.arange(1, count + 1) * MONTH_DAYS, horizon_days)
    factors = (1 + discount_monthly) ** -(ends / MONTH_DAYS)
    return ends, factors - np.append(factors[1:], 0.0)


def _total(
    values: FloatArray, slopes: FloatArray, covariance: FloatArray, confidence: float
) -> Estimate:
    """The sum over people. They share the parameters, so their errors do not average out."""
    if not len(values):
        return Estimate.missing("no customer has a value", method=_DELTA, confidence=confidence)
    together = delta_ranges(
        np.array([values.sum()]),
        slopes.sum(axis=0)[None, :],
        covariance,
        confidence=confidence,
    )
    return Estimate(
        estimate=float(values.sum()),
        lower=float(together.lower[0]),
        upper=float(together.upper[0]),
        confidence=confidence,
        method=_DELTA,
    )


def _check_settings(
    horizon_days: float, margin: float | None, discount_monthly: float, draws: int
) -> None:
    rules = (
        ("horizon_days", horizon_days, np.isfinite(horizon_days) and horizon_days > 0, "above 0"),
        ("margin", margin, margin is None or 0 < margin <= 1, "above 0 and at most 1, or None"),
        ("discount_monthly", discount_monthly, 0 <= discount_monthly < 1, "at least 0, below 1"),
        ("draws", draws, draws == 0 or draws >= 20, "0, or at least 20"),
    )
    for name, value, fine, allowed in rules:
        if not fine:
            raise PredictError(f"{name} must be {allowed}; found {value!r}.")
