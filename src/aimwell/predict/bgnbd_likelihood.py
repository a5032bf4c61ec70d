"""The log-likelihood of BG/NBD with its first and second derivatives, over grouped rows.

Source: Fader, Hardie & Lee (2005), "Counting your customers" the easy way, Marketing Science 24(2), equation 6.
With D = ln a − ln(b+x−1) + (r+x)·ln((α+T)/(α+tₓ)), the log-odds that a repeat buyer has stopped, a customer adds

    ln Γ(r+x) − ln Γ(r) + r·ln α + ln B(a, b+x) − ln B(a, b) − (r+x)·ln(α+T) + [x > 0]·ln(1 + e^D)

so that derivatives need only the logistic function of D, and special functions only once per distinct x.

The modified law, MBG/NBD (see `mbgnbd`), gives customers one chance to stop more, after the first purchase: x + 1 stands
for x wherever x counts chances to stop, that is beside b, and everybody may have stopped. `first` is 1 for it, else 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import betaln, digamma, expit, gammaln, polygamma

from aimwell.predict.grouping import distinct_rows
from aimwell.predict.purchases import PurchaseHistory
from aimwell.stats.samples import FloatArray

__all__ = ["BuyingRows", "log_densities", "log_likelihood", "log_odds_stopped"]


# Rows taken at a time: so few that their arrays are never asked of the system anew, which costs more than the sums.
_BLOCK = 2_048


@dataclass(frozen=True, slots=True, eq=False)
class BuyingRows:
    """Customers grouped into distinct rows with counts, split by whether they may have stopped.

    `counts` is how many customers share a level of `levels` (distinct x). Who bought once and cannot have stopped is
    told apart by age only (`once_age`, `once_count`); the others by all three.
    """

    first: int
    levels: FloatArray
    counts: FloatArray
    once_age: FloatArray
    once_count: FloatArray
    frequency: FloatArray
    recency: FloatArray
    age: FloatArray
    count: FloatArray

    @classmethod
    def of(cls, history: PurchaseHistory, *, first: int = 0, grouped: bool = True) -> BuyingRows:
        """Group a history; with `grouped=False` every customer keeps a row (to prove that both agree)."""
        levels, counts = np.unique(history.frequency, return_counts=True)
        once = history.frequency + first == 0
        repeat = ~once
        columns = (history.age[repeat], history.recency[repeat], history.frequency[repeat])
        if grouped:
            (once_age,), once_count, _ = distinct_rows(history.age[once])
            (age, recency, frequency), count, _ = distinct_rows(*columns)
        else:
            once_age, once_count = history.age[once], np.ones(int(once.sum()))
            (age, recency, frequency), count = columns, np.ones(int(repeat.sum()))
        return cls(
            first=first,
            levels=levels,
            counts=counts.astype(np.float64),
            once_age=once_age,
            once_count=once_count,
            frequency=frequency,
            recency=recency,
            age=age,
            count=count,
        )

    @property
    def customers(self) -> int:
        return int(self.counts.sum())

    @property
    def repeat_buyers(self) -> int:
        return int(self.counts[self.levels > 0].sum())


def log_likelihood(theta: FloatArray, rows: BuyingRows) -> tuple[float, FloatArray, FloatArray]:
    """Log-likelihood, gradient (4) and Hessian (4 × 4) in `theta` = ln (r, α, a, b)."""
    params = np.exp(theta)
    value, gradient, hessian = _counting_part(params, rows)
    blocks = [slice(start, start + _BLOCK) for start in range(0, len(rows.count), _BLOCK)]
    for part in (
        _waiting_part(params, rows),
        *(_stopping_part(params, rows, block) for block in blocks),
    ):
        value += part[0]
        gradient += part[1]
        hessian += part[2]
    # From natural parameters to their logarithms: d/dθ = p·d/dp.
    gradient = params * gradient
    hessian = params[:, None] * hessian * params[None, :] + np.diag(gradient)
    return value, gradient, hessian


def log_odds_stopped(
    params: FloatArray, frequency: FloatArray, recency: FloatArray, age: FloatArray, *, first: int
) -> FloatArray:
    """D above: log-odds that somebody with at least one chance to stop (x + first ≥ 1) has stopped buying."""
    r, alpha, a, b = params
    gap = np.log1p((age - recency) / (alpha + recency))
    return np.asarray(np.log(a) - np.log(b + frequency + first - 1) + (r + frequency) * gap)


def log_densities(
    params: FloatArray, history: PurchaseHistory, odds: FloatArray, *, first: int
) -> FloatArray:
    """What each customer adds to the log-likelihood, from their log-odds of having stopped (−∞: cannot have)."""
    r, alpha, a, b = params
    x = history.frequency
    return np.asarray(
        gammaln(r + x)
        - gammaln(r)
        + r * np.log(alpha)
        + betaln(a, b + x + first)
        - betaln(a, b)
        - (r + x) * np.log(alpha + history.age)
        + np.logaddexp(0, odds)
    )


def _counting_part(params: FloatArray, rows: BuyingRows) -> tuple[float, FloatArray, FloatArray]:
    """Terms that depend on x and the parameters alone."""
    r, alpha, a, b = params
    x, n = rows.levels, rows.counts
    tries = x + rows.first
    total = n.sum()
    value = float(
        n
        @ (
            gammaln(r + x)
            - gammaln(r)
            + gammaln(b + tries)
            - gammaln(b)
            + gammaln(a + b)
            - gammaln(a + b + tries)
        )
        + total * r * np.log(alpha)
    )
    slope_r = n @ (digamma(r + x) - digamma(r)) + total * np.log(alpha)
    slope_a = n @ (digamma(a + b) - digamma(a + b + tries))
    slope_b = slope_a + n @ (digamma(b + tries) - digamma(b))
    bend_a = n @ (polygamma(1, a + b) - polygamma(1, a + b + tries))
    hessian = np.zeros((4, 4))
    hessian[0, 0] = n @ (polygamma(1, r + x) - polygamma(1, r))
    hessian[0, 1] = hessian[1, 0] = total / alpha
    hessian[1, 1] = -total * r / alpha**2
    hessian[2, 2] = hessian[2, 3] = hessian[3, 2] = bend_a
    hessian[3, 3] = bend_a + n @ (polygamma(1, b + tries) - polygamma(1, b))
    return value, np.array([slope_r, total * r / alpha, slope_a, slope_b]), hessian


def _waiting_part(params: FloatArray, rows: BuyingRows) -> tuple[float, FloatArray, FloatArray]:
    """The term −(r+x)·ln(α+T)."""
    r, alpha = params[0], params[1]
    value, gradient, hessian = 0.0, np.zeros(4), np.zeros((4, 4))
    for age, shape, n in (
        (rows.once_age, np.full_like(rows.once_age, r), rows.once_count),
        (rows.age, r + rows.frequency, rows.count),
    ):
        log_time = np.log(alpha + age)
        inverse = 1 / (alpha + age)
        weight = n * shape
        value -= float(weight @ log_time)
        gradient[0] -= n @ log_time
        gradient[1] -= weight @ inverse
        hessian[0, 1] -= n @ inverse
        hessian[1, 1] += weight @ inverse**2
    hessian[1, 0] = hessian[0, 1]
    return value, gradient, hessian


def _stopping_part(
    params: FloatArray, rows: BuyingRows, block: slice
) -> tuple[float, FloatArray, FloatArray]:
    """The term ln(1 + e^D) of some of those who may have stopped."""
    r, alpha, a, b = params
    n, frequency = rows.count[block], rows.frequency[block]
    recency, age = rows.recency[block], rows.age[block]
    shape, left = r + frequency, b + frequency + rows.first - 1
    odds = log_odds_stopped(params, frequency, recency, age, first=rows.first)
    stopped = expit(odds)
    late, early = 1 / (alpha + age), 1 / (alpha + recency)
    gap = np.log1p((age - recency) * early)
    slopes = np.stack([gap, shape * (late - early), np.full_like(gap, 1 / a), -1 / left])
    weight = n * stopped
    hessian = (slopes * (weight * (1 - stopped))) @ slopes.T
    hessian[0, 1] += weight @ (late - early)
    hessian[1, 0] = hessian[0, 1]
    hessian[1, 1] += weight @ (shape * (early**2 - late**2))
    hessian[2, 2] -= weight.sum() / a**2
    hessian[3, 3] += weight @ (1 / left**2)
    return float(n @ np.logaddexp(0, odds)), slopes @ weight, hessian
