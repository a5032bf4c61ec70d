"""The log-likelihood of BG/NBD with its first and second derivatives, over grouped rows.

Source: Fader, Hardie & Lee (2005), "Counting your customers" the easy way, Marketing Science 24(2), equation 6.
With D = ln a − ln(b+x−1) + (r+x)·ln((α+T)/(α+tₓ)), the log-odds that a repeat buyer has stopped, a customer adds

    ln Γ(r+x) − ln Γ(r) + r·ln α + ln B(a, b+x) − ln B(a, b) − (r+x)·ln(α+T) + [x > 0]·ln(1 + e^D)

so that derivatives need only the logistic function of D, and special functions only once per distinct x.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import digamma, expit, gammaln, polygamma

from aimwell.predict.grouping import distinct_rows
from aimwell.predict.purchases import PurchaseHistory
from aimwell.stats.samples import FloatArray

__all__ = ["BuyingRows", "log_likelihood", "log_odds_stopped"]


@dataclass(frozen=True, slots=True, eq=False)
class BuyingRows:
    """Customers grouped into distinct rows with counts, split by whether they came back.

    `counts` is how many customers share a level of `levels` (distinct x). Who bought once is told apart by age
    only (`once_age`, `once_count`); repeat buyers by all three.
    """

    levels: FloatArray
    counts: FloatArray
    once_age: FloatArray
    once_count: FloatArray
    frequency: FloatArray
    recency: FloatArray
    age: FloatArray
    count: FloatArray

    @classmethod
    def of(cls, history: PurchaseHistory, *, grouped: bool = True) -> BuyingRows:
        """Group a history; with `grouped=False` every customer keeps a row (to prove that both agree)."""
        levels, counts = np.unique(history.frequency, return_counts=True)
        once = history.frequency == 0
        repeat = ~once
        columns = (history.age[repeat], history.recency[repeat], history.frequency[repeat])
        if grouped:
            (once_age,), once_count, _ = distinct_rows(history.age[once])
            (age, recency, frequency), count, _ = distinct_rows(*columns)
        else:
            once_age, once_count = history.age[once], np.ones(int(once.sum()))
            (age, recency, frequency), count = columns, np.ones(int(repeat.sum()))
        return cls(
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


def log_likelihood(theta: FloatArray, rows: BuyingRows) -> tuple[float, FloatArray, FloatArray]:
    """Log-likelihood, gradient (4) and Hessian (4 × 4) in `theta` = ln (r, α, a, b)."""
    params = np.exp(theta)
    value, gradient, hessian = _counting_part(params, rows)
    for part in (_waiting_part(params, rows), _stopping_part(params, rows)):
        value += part[0]
        gradient += part[1]
        hessian += part[2]
    # From natural parameters to their logarithms: d/dθ = p·d/dp.
    gradient = params * gradient
    hessian = params[:, None] * hessian * params[None, :] + np.diag(gradient)
    return value, gradient, hessian


def log_odds_stopped(
    params: FloatArray, frequency: FloatArray, recency: FloatArray, age: FloatArray
) -> FloatArray:
    """D above: log-odds that a repeat buyer (frequency ≥ 1) has stopped buying."""
    r, alpha, a, b = params
    gap = np.log1p((age - recency) / (alpha + recency))
    return np.asarray(np.log(a) - np.log(b + frequency - 1) + (r + frequency) * gap)


def _counting_part(params: FloatArray, rows: BuyingRows) -> tuple[float, FloatArray, FloatArray]:
    """Terms that depend on x and the parameters alone."""
    r, alpha, a, b = params
    x, n = rows.levels, rows.counts
    total = n.sum()
    value = float(
        n
        @ (
            gammaln(r + x)
            - gammaln(r)
            + gammaln(b + x)
            - gammaln(b)
            + gammaln(a + b)
            - gammaln(a + b + x)
        )
        + total * r * np.log(alpha)
    )
    slope_r = n @ (digamma(r + x) - digamma(r)) + total * np.log(alpha)
    slope_a = n @ (digamma(a + b) - digamma(a + b + x))
    slope_b = slope_a + n @ (digamma(b + x) - digamma(b))
    bend_a = n @ (polygamma(1, a + b) - polygamma(1, a + b + x))
    hessian = np.zeros((4, 4))
    hessian[0, 0] = n @ (polygamma(1, r + x) - polygamma(1, r))
    hessian[0, 1] = hessian[1, 0] = total / alpha
    hessian[1, 1] = -total * r / alpha**2
    hessian[2, 2] = hessian[2, 3] = hessian[3, 2] = bend_a
    hessian[3, 3] = bend_a + n @ (polygamma(1, b + x) - polygamma(1, b))
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


def _stopping_part(params: FloatArray, rows: BuyingRows) -> tuple[float, FloatArray, FloatArray]:
    """The term ln(1 + e^D) of those who came back."""
    r, alpha, a, b = params
    n, shape, left = rows.count, r + rows.frequency, b + rows.frequency - 1
    odds = log_odds_stopped(params, rows.frequency, rows.recency, rows.age)
    stopped = expit(odds)
    late, early = 1 / (alpha + rows.age), 1 / (alpha + rows.recency)
    gap = np.log1p((rows.age - rows.recency) * early)
    slopes = np.stack([gap, shape * (late - early), np.full_like(gap, 1 / a), -1 / left])
    weight = n * stopped
    hessian = (slopes * (weight * (1 - stopped))) @ slopes.T
    hessian[0, 1] += weight @ (late - early)
    hessian[1, 0] = hessian[0, 1]
    hessian[1, 1] += weight @ (shape * (early**2 - late**2))
    hessian[2, 2] -= weight.sum() / a**2
    hessian[3, 3] += weight @ (1 / left**2)
    return float(n @ np.logaddexp(0, odds)), slopes @ weight, hessian
