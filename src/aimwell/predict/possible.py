"""What customers may really bring, chance included: of each an interval, of them all together one of the sum.

Futures are drawn: each draw moves the parameters by as much as the fits leave open, the same for everybody, then draws who
still buys, how often and for how much. Errors of parameters are shared, so they do not even out in a sum; chance does.

**A heap at 0.** Most customers bring nothing, so the lower end of most intervals is 0 and nothing lies below it. The tail that
cannot be used there goes to the other side: of somebody who may bring nothing an interval of 95 % leaves 5 % above it, not
2.5 %. Where nothing is likelier than the interval's own share, the interval is the point 0, and holds more often than it says:
no interval can hold less.

**Where what came stands.** The share of somebody's draws that lie below what came, those equal to it divided by chance
(randomised probability integral transform; Czado, Gneiting & Held 2009, Biometrics 65, 1254-1261). Where the draws are right,
these places lie evenly between 0 and 1, heap or no heap.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from aimwell.predict.buying_law import BuyingLaw
from aimwell.predict.futures import draw_purchases, draw_shifts, draw_spend
from aimwell.predict.gamma_gamma import GammaGamma
from aimwell.predict.purchases import IntArray, PurchaseHistory
from aimwell.predict.ranges import Ranges
from aimwell.stats.estimate import Estimate
from aimwell.stats.samples import FloatArray

__all__ = ["Possible", "Tails", "even_tails", "possible_values"]

# People whose futures are drawn at a time: bounds the memory to this × draws × 8 bytes.
_BLOCK = 20_000
_DRAWN = "drawn futures: parameters and chance"


@dataclass(frozen=True, slots=True)
class Tails:
    """At which shares (0-1) of a person's draws the two ends of an interval lie; the upper one is the larger."""

    lower: float
    upper: float


def even_tails(confidence: float) -> Tails:
    """As much on each side."""
    return Tails((1 - confidence) / 2, (1 + confidence) / 2)


@dataclass(frozen=True, slots=True, eq=False)
class Possible:
    """What may really come.

    Args:
        ranges: Interval of each person, in the order of the history; missing (NaN) where the weight is.
        total: The middle (median) and the interval of the sum over everybody whose weight is known.
        places: Where what came stands among each person's draws (0-1); None where it was not given.
    """

    ranges: Ranges
    total: Estimate
    places: FloatArray | None


def possible_values(
    history: PurchaseHistory,
    buying: BuyingLaw,
    spending: GammaGamma,
    *,
    horizon: float,
    weight: FloatArray,
    tails: Tails,
    confidence: float,
    draws: int,
    seed: int,
    came: FloatArray | None = None,
) -> Possible:
    """Intervals from drawn futures.

    Args:
        history: One row per customer, with spend.
        buying, spending: The fitted laws.
        horizon: How far ahead, in units of time.
        weight: What a drawn amount of each person is multiplied by (margin, discount); NaN leaves the person out.
        tails: Ends of a person's interval.
        confidence: Of the interval of the sum.
        draws: How many futures; they bound how fine a tail can be told.
        seed: The same seed gives the same figures.
        came: What each really brought, to see where it stands.
    """
    known = np.isfinite(weight)
    factors = np.where(known, weight, 0.0)
    lower, upper = np.full(len(history), np.nan), np.full(len(history), np.nan)
    places = None if came is None else np.full(len(history), np.nan)
    sums = np.zeros(draws)
    for rows, drawn in _drawn(history, buying, spending, horizon, draws=draws, seed=seed):
        drawn *= factors[rows]
        sums += drawn.sum(axis=1)
        lower[rows], upper[rows] = _edges(drawn, tails)
        if places is not None and came is not None:
            rng = np.random.default_rng([seed, 2, int(rows[0])])
            places[rows] = _places(drawn, came[rows], rng)
    for side in (lower, upper, *(() if places is None else (places,))):
        side[~known] = np.nan
    return Possible(Ranges(lower, upper), _sum(sums, known, confidence), places)


def _drawn(
    history: PurchaseHistory,
    buying: BuyingLaw,
    spending: GammaGamma,
    horizon: float,
    *,
    draws: int,
    seed: int,
) -> Iterator[tuple[IntArray, FloatArray]]:
    """Some rows at a time with their futures in money (draws × rows), without weights."""
    shifts_rng = np.random.default_rng([seed, 0])
    buying_shifts = draw_shifts(buying.covariance, draws, shifts_rng)
    spending_shifts = draw_shifts(spending.covariance, draws, shifts_rng)
    for block in range(0, len(history), _BLOCK):
        rows = np.arange(block, min(block + _BLOCK, len(history)))
        part = history.take(rows)
        rng = np.random.default_rng([seed, 1, block])
        drawn = np.empty((draws, len(rows)))
        for draw in range(draws):
            purchases = draw_purchases(buying.moved(buying_shifts[draw]), part, horizon, rng=rng)
            drawn[draw] = draw_spend(
                spending.moved(spending_shifts[draw]), part, purchases, rng=rng
            )
        yield rows, drawn


def _edges(drawn: FloatArray, tails: Tails) -> tuple[FloatArray, FloatArray]:
    low, high, from_nothing = np.quantile(
        drawn, [tails.lower, tails.upper, tails.upper - tails.lower], axis=0
    )
    return low, np.where(low > 0, high, from_nothing)


def _places(drawn: FloatArray, came: FloatArray, rng: np.random.Generator) -> FloatArray:
    below = (drawn < came).sum(axis=0)
    equal = (drawn == came).sum(axis=0)
    # One more draw than there are: what came is itself one of them.
    return np.asarray((below + rng.random(len(came)) * (equal + 1)) / (len(drawn) + 1))


def _sum(sums: FloatArray, known: FloatArray, confidence: float) -> Estimate:
    if not known.any():
        return Estimate.missing("no customer has a value", method=_DRAWN, confidence=confidence)
    tails = even_tails(confidence)
    low, middle, high = np.quantile(sums, [tails.lower, 0.5, tails.upper])
    return Estimate(
        estimate=float(middle),
        lower=float(low),
        upper=float(high),
        confidence=confidence,
        method=_DRAWN,
    )
