"""Expected purchases of a customer who is still active, by BG/NBD, kept exact where the formula breaks down.

The textbook formula (Fader, Hardie & Lee 2005, equation 10) multiplies a ₂F₁ that overflows for frequent buyers by
a power that underflows. Euler's transformation takes both into ₂F₁(a+b−1−r, a−1; a+b+x−1; z), which stays near 1:

    E = (a+b+x−1)/(a−1) · [1 − (1−z)^(a−1) · ₂F₁(a+b−1−r, a−1; a+b+x−1; z)],   z = t/(α+T+t)

Two holes remain. At a = 1 and at a+b+x = 1 it is 0/0, though E itself is smooth: it is read off between two
neighbours. And it fails where a is so large that the power underflows again, or where r−a is a whole number (a limit
that scipy's ₂F₁ misses for large x, giving NaN). There quadrature steps in,

    E = ∫ Beta(p; a, b+x) · (1 − (1 + pt/(α+T))^−(r+x))/p dp,

with few nodes where a large a settles p, with many elsewhere.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import eigh_tridiagonal
from scipy.special import hyp2f1

from aimwell.stats.samples import FloatArray

__all__ = ["expected_while_active"]

_SETTLED = 50.0
_FEW_NODES, _MANY_NODES = 24, 400
# Nearer to a hole than this the formula loses more than six of sixteen digits; a straight line between two
# neighbours errs by the square of their distance.
_HOLE = 1e-6
_STRIDE = 1e-5


def expected_while_active(
    parameters: FloatArray, frequency: FloatArray, age: FloatArray, horizon: float
) -> FloatArray:
    """Purchases within `horizon` of customers who are active at their `age`; one number per row.

    Args:
        parameters: (r, α, a, b).
        frequency: Repeat purchases so far.
        age: Time since the first purchase.
        horizon: How far to look ahead, in the unit of `age`; 0 gives 0.
    """
    a = float(parameters[2])
    if a > _SETTLED:
        return _by_quadrature(parameters, frequency, age, horizon, nodes=_FEW_NODES)
    purchases = np.zeros(len(frequency))
    for edge, weight in _around_holes(parameters):
        purchases += weight * _by_euler(edge, frequency, age, horizon)
    broken = ~np.isfinite(purchases)
    if broken.any():
        purchases[broken] = _by_quadrature(
            parameters, frequency[broken], age[broken], horizon, nodes=_MANY_NODES
        )
    return purchases


def _around_holes(parameters: FloatArray) -> list[tuple[FloatArray, float]]:
    """The parameters, or two neighbours with weights where the formula is 0/0 at the parameters themselves."""
    a, b = float(parameters[2]), float(parameters[3])
    if abs(a - 1) < _HOLE:
        place, value, stride = 2, a, _STRIDE
    elif abs(a + b - 1) < _HOLE:
        place, value, stride = 3, b, min(_STRIDE, b / 2)
    else:
        return [(parameters, 1.0)]
    middle = 1.0 if place == 2 else 1.0 - a
    below, above = parameters.copy(), parameters.copy()
    below[place], above[place] = middle - stride, middle + stride
    share = (value - below[place]) / (2 * stride)
    return [(below, 1 - share), (above, share)]


def _by_euler(
    parameters: FloatArray,
    frequency: FloatArray,
    age: FloatArray,
    horizon: float,
) -> FloatArray:
    r, alpha, a, b = parameters
    last = a + b + frequency - 1
    z = horizon / (alpha + age + horizon)
    # log1p(-z) would lose digits for long horizons; the ratio does not.
    log_rest = np.log((alpha + age) / (alpha + age + horizon))
    with np.errstate(over="ignore", invalid="ignore"):
        series = hyp2f1(a + b - 1 - r, a - 1, last, z)
        return np.asarray(last / (a - 1) * (1 - np.exp((a - 1) * log_rest) * series))


def _by_quadrature(
    parameters: FloatArray,
    frequency: FloatArray,
    age: FloatArray,
    horizon: float,
    *,
    nodes: int,
) -> FloatArray:
    r, alpha, a, b = parameters
    result = np.empty(len(frequency))
    for level in np.unique(frequency):
        rows = frequency == level
        p, weights = _beta_nodes(a, b + level, nodes)
        growth = np.log1p(p[None, :] * horizon / (alpha + age[rows, None]))
        result[rows] = -np.expm1(-(r + level) * growth) @ (weights / p)
    return result


def _beta_nodes(first: float, second: float, count: int) -> tuple[FloatArray, FloatArray]:
    """Gauss nodes in (0, 1) and weights (their sum is 1) for the density of Beta(first, second).

    Golub & Welsch (1969) on the Jacobi polynomials. scipy's `roots_jacobi` computes the mass of the weight, which
    overflows for such shapes; a density needs no mass.
    """
    low, high = second - 1, first - 1
    k = np.arange(1, count, dtype=np.float64)
    s = 2 * k + low + high
    middle = np.empty(count)
    middle[0] = (high - low) / (low + high + 2)
    middle[1:] = (high - low) * (high + low) / (s * (s + 2))
    beside = 4 * k * (k + low) * (k + high) * (k + low + high) / (s**2 * (s + 1) * (s - 1))
    beside[0] = 4 * (1 + low) * (1 + high) / ((2 + low + high) ** 2 * (3 + low + high))
    roots, vectors = eigh_tridiagonal(middle, np.sqrt(beside))
    return (1 + roots) / 2, vectors[0] ** 2
