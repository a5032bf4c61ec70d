"""The log-likelihood of Pareto/NBD with its first and second derivatives, by quadrature instead of ₂F₁.

With I the odds that a customer has stopped, a customer adds

    ln Γ(r+x) − ln Γ(r) + r·ln α + s·ln β − (r+x)·ln(α+T) − s·ln(β+T) + ln(1 + I),

    I = ∫ s·((α+T)/(α+y))^(r+x) · ((β+T)/(β+y))^s / (β+y) dy  over y from tₓ to T, the moments of stopping.

The textbook (Schmittlein, Morrison & Colombo 1987; Fader & Hardie 2005, A note on deriving the Pareto/NBD model) writes I
as a difference of two ₂F₁, which loses all digits where they nearly cancel and overflows for frequent buyers. The integral
loses none: its terms are positive, and its logarithm is summed. Gauss-Legendre nodes lie in v = ln((m+y)/(m+tₓ)) with m
the smaller of α and β, where the integrand is analytic in a strip of width 2π, so that `_NODES` give at least ten digits.
Where it falls by more than e^−`_REACH` before T (frequent buyers long silent), the nodes lie in front of that.

The bounds do not depend on the parameters, so derivatives go under the integral.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.polynomial.legendre import leggauss
from scipy.special import digamma, expit, gammaln, polygamma

from aimwell.predict.grouping import distinct_rows
from aimwell.predict.purchases import PurchaseHistory
from aimwell.stats.samples import FloatArray

__all__ = ["ParetoRows", "log_densities", "log_likelihood", "log_odds_stopped"]

_NODES = 32
_REACH = 40.0
# Rows whose nodes are held at a time: so small that their arrays are never asked of the system anew, which costs more
# than the sums.
_BLOCK = 128

_PLACES, _WEIGHTS = leggauss(_NODES)
_PLACES, _LOG_WEIGHTS = (1 + _PLACES) / 2, np.log(_WEIGHTS / 2)


@dataclass(frozen=True, slots=True, eq=False)
class ParetoRows:
    """Customers grouped into distinct (x, tₓ, T) with counts; `levels` and `level_counts` group them by x alone."""

    frequency: FloatArray
    recency: FloatArray
    age: FloatArray
    count: FloatArray
    levels: FloatArray
    level_counts: FloatArray

    @classmethod
    def of(cls, history: PurchaseHistory) -> ParetoRows:
        """Group a history."""
        columns = (history.age, history.recency, history.frequency)
        (age, recency, frequency), count, _ = distinct_rows(*columns)
        levels, counts = np.unique(history.frequency, return_counts=True)
        return cls(frequency, recency, age, count, levels, counts.astype(np.float64))

    @property
    def customers(self) -> int:
        return int(self.count.sum())

    @property
    def repeat_buyers(self) -> int:
        return int(self.level_counts[self.levels > 0].sum())


class _Nodes(NamedTuple):
    """Moments of stopping y, the logarithms of (α+T)/(α+y) and (β+T)/(β+y), and of what each adds to I; rows × nodes."""

    moment: FloatArray
    log_alpha: FloatArray
    log_beta: FloatArray
    log_parts: FloatArray


def log_odds_stopped(
    params: FloatArray, frequency: FloatArray, recency: FloatArray, age: FloatArray
) -> FloatArray:
    """ln I of each row; −∞ where the last purchase was at the moment of observation."""
    odds = np.empty(len(frequency))
    for start in range(0, len(frequency), _BLOCK):
        rows = slice(start, start + _BLOCK)
        parts = _nodes(params, frequency[rows], recency[rows], age[rows]).log_parts
        peak = _peak(parts)
        with np.errstate(divide="ignore"):
            odds[rows] = np.log(np.exp(parts - peak[:, None]).sum(axis=1)) + peak
    return odds


def log_densities(params: FloatArray, history: PurchaseHistory, odds: FloatArray) -> FloatArray:
    """What each customer adds to the log-likelihood, from their log-odds of having stopped."""
    r, alpha, s, beta = params
    x, age = history.frequency, history.age
    return np.asarray(
        gammaln(r + x)
        - gammaln(r)
        + r * np.log(alpha)
        - (r + x) * np.log(alpha + age)
        - s * np.log1p(age / beta)
        + np.logaddexp(0, odds)
    )


def log_likelihood(theta: FloatArray, rows: ParetoRows) -> tuple[float, FloatArray, FloatArray]:
    """Log-likelihood, gradient (4) and Hessian (4 × 4) in `theta` = ln (r, α, s, β)."""
    params = np.exp(theta)
    value, gradient, hessian = _active_part(params, rows)
    for start in range(0, len(rows.count), _BLOCK):
        part = _stopping_part(params, rows, slice(start, start + _BLOCK))
        value += part[0]
        gradient += part[1]
        hessian += part[2]
    # From natural parameters to their logarithms: d/dθ = p·d/dp.
    gradient = params * gradient
    hessian = params[:, None] * hessian * params[None, :] + np.diag(gradient)
    return value, gradient, hessian


def _nodes(
    params: FloatArray, frequency: FloatArray, recency: FloatArray, age: FloatArray
) -> _Nodes:
    r, alpha, s, beta = params
    power = r + frequency
    near, far = min(alpha, beta), max(alpha, beta)
    near_power, far_power = (power, s) if alpha <= beta else (s, power)
    with np.errstate(over="ignore", divide="ignore"):
        length = np.log1p((age - recency) / (near + recency))
        by_far = np.log1p((far + recency) * np.expm1(_REACH / far_power) / (near + recency))
        length = np.minimum(np.minimum(length, _REACH / near_power), by_far)
        log_length = np.log(length)
    log_grown = np.log(near + recency)[:, None] + length[:, None] * _PLACES
    moment = np.exp(log_grown) - near
    log_near = np.log(near + age)[:, None] - log_grown
    log_far = np.log(far + age)[:, None] - np.log(far + moment)
    log_alpha, log_beta = (log_near, log_far) if alpha <= beta else (log_far, log_near)
    fixed = np.log(s) + log_length - np.log(beta + age)
    parts = power[:, None] * log_alpha + (s + 1) * log_beta + log_grown + fixed[:, None]
    return _Nodes(moment, log_alpha, log_beta, parts + _LOG_WEIGHTS)


def _peak(parts: FloatArray) -> FloatArray:
    """The largest of each row, 0 where there is nothing but −∞."""
    peak = parts.max(axis=1)
    return np.where(np.isfinite(peak), peak, 0.0)


def _active_part(params: FloatArray, rows: ParetoRows) -> tuple[float, FloatArray, FloatArray]:
    """All terms but ln(1 + I)."""
    r, alpha, s, beta = params
    x, n = rows.levels, rows.level_counts
    total = n.sum()
    counts, power = rows.count, r + rows.frequency
    log_alpha, log_beta = np.log(alpha + rows.age), np.log(beta + rows.age)
    by_alpha, by_beta = 1 / (alpha + rows.age), 1 / (beta + rows.age)
    value = float(
        n @ (gammaln(r + x) - gammaln(r))
        + total * (r * np.log(alpha) + s * np.log(beta))
        - (counts * power) @ log_alpha
        - s * (counts @ log_beta)
    )
    gradient = np.array(
        [
            n @ (digamma(r + x) - digamma(r)) + total * np.log(alpha) - counts @ log_alpha,
            total * r / alpha - (counts * power) @ by_alpha,
            total * np.log(beta) - counts @ log_beta,
            total * s / beta - s * (counts @ by_beta),
        ]
    )
    hessian = np.zeros((4, 4))
    hessian[0, 0] = n @ (polygamma(1, r + x) - polygamma(1, r))
    hessian[0, 1] = hessian[1, 0] = total / alpha - counts @ by_alpha
    hessian[1, 1] = -total * r / alpha**2 + (counts * power) @ by_alpha**2
    hessian[2, 3] = hessian[3, 2] = total / beta - counts @ by_beta
    hessian[3, 3] = -total * s / beta**2 + s * (counts @ by_beta**2)
    return value, gradient, hessian


def _stopping_part(
    params: FloatArray, rows: ParetoRows, block: slice
) -> tuple[float, FloatArray, FloatArray]:
    """The term ln(1 + I) of some rows; derivatives of the integrand, weighed by what each node adds to I."""
    r, alpha, s, beta = params
    age, count = rows.age[block], rows.count[block]
    power = (r + rows.frequency[block])[:, None]
    moment, log_alpha, log_beta, parts = _nodes(
        params, rows.frequency[block], rows.recency[block], age
    )
    peak = _peak(parts)
    shares = np.exp(parts - peak[:, None])
    sums = shares.sum(axis=1)
    with np.errstate(divide="ignore"):
        odds = np.log(sums) + peak
    stopped = expit(odds)
    shares *= np.divide(stopped, sums, out=np.zeros_like(sums), where=sums > 0)[:, None]
    late_alpha, late_beta = 1 / (alpha + age)[:, None], 1 / (beta + age)[:, None]
    early_alpha, early_beta = 1 / (alpha + moment), 1 / (beta + moment)
    by_alpha, by_beta = late_alpha - early_alpha, late_beta - early_beta
    slopes = np.stack(
        [
            log_alpha,
            power * by_alpha,
            1 / s + log_beta,
            s * by_beta - early_beta,
        ]
    )
    means = np.einsum("pij,ij->pi", slopes, shares)
    weights = count[:, None] * shares
    flat = slopes.reshape(4, -1)
    hessian = (flat * weights.ravel()) @ flat.T - (means * count) @ means.T
    hessian[0, 1] += np.vdot(weights, by_alpha)
    hessian[1, 0] = hessian[0, 1]
    hessian[1, 1] += np.vdot(weights, power * (early_alpha**2 - late_alpha**2))
    hessian[2, 2] -= weights.sum() / s**2
    hessian[2, 3] += np.vdot(weights, by_beta)
    hessian[3, 2] = hessian[2, 3]
    hessian[3, 3] += np.vdot(weights, (1 + s) * early_beta**2 - s * late_beta**2)
    return float(count @ np.logaddexp(0, odds)), means @ count, hessian
