"""How a next campaign's measured effect lies beside those of earlier ones, when how much campaigns differ is hardly known.

With three or four campaigns the variance between them, τ², is known badly, and it decides. An interval with one figure for it and Student's law
with so many degrees of freedom is right nowhere near the far tail, where a search over many comparisons looks: of healthy next ones it called up to ten
times too many improbable at 0.1 %, by either count of degrees (k − 1, or the k − 2 of Higgins, Thompson and Spiegelhalter 2009). Here the
normal law given τ² is averaged over the whole confidence distribution of τ²: the values at which the generalised Q meets each quantile of
chi-square. Where the errors of the campaigns vanish beside τ² that is Student's law with k − 1 degrees of freedom, exactly; where τ² is
0 it holds more than it promises.

Sources: Viechtbauer (2007), Confidence intervals for the amount of heterogeneity in meta-analysis, for the generalised Q; Nagashima, Noma and Furukawa
(2019), Prediction intervals for random-effects meta-analysis: a confidence distribution approach, section 2.3, here by quadrature.
"""

from __future__ import annotations

import numpy as np
from scipy.special import chdtri, ndtr

from aimwell.errors import StatsError
from aimwell.stats.effect_axes import Axes
from aimwell.stats.samples import FloatArray

__all__ = ["FEWEST_CAMPAIGNS", "betweens", "chance_of_less"]

FEWEST_CAMPAIGNS = 3
"""With fewer, nothing is known of how much campaigns differ."""

# Levels of the confidence distribution: close together near 0, where τ² is large and the far tail comes from.
_EDGES = np.concatenate([[0.0], np.geomspace(1e-8, 0.1, 64), np.linspace(0.1, 1.0, 37)[1:]])
_LEVELS = (_EDGES[1:] + _EDGES[:-1]) / 2.0
_WIDTHS = np.diff(_EDGES)


def chance_of_less(
    value: float, variance: float, *, effects: FloatArray, variances: FloatArray
) -> float:
    """The probability that a next campaign of the kind measures this effect or less.

    Args:
        value, variance: Of the next one, with the variance of its own measurement.
        effects, variances: Likewise of the earlier ones, three at least.

    Raises:
        StatsError: There are under three.
    """
    count = len(effects)
    if count < FEWEST_CAMPAIGNS:
        raise StatsError(
            f"There are {count} effects; {FEWEST_CAMPAIGNS} are needed to know how much they differ."
        )
    axes = Axes(effects, np.ones(count), variances)
    between = betweens(axes, chdtri(count - 1, 1.0 - _LEVELS))
    weights = axes.weights(between)
    errors = np.sqrt(variance + between + 1.0 / axes.total(weights))
    return float(_WIDTHS @ ndtr((value - axes.mean(weights)) / errors))


def betweens(axes: Axes, quantiles: FloatArray) -> FloatArray:
    """For each quantile of chi-square, the variance between campaigns at which the generalised Q is as large; 0 at the least.

    Args:
        axes: The effects.
        quantiles: Of chi-square with one degree of freedom less than there are effects.
    """
    low = np.zeros(len(quantiles))
    high = np.full(len(quantiles), float(np.ptp(axes.effect)) ** 2 + axes.noise.max())
    while (growing := axes.q(axes.weights(high)) > quantiles).any():
        high[growing] *= 4.0
    for _ in range(60):
        middle = (low + high) / 2.0
        above = axes.q(axes.weights(middle)) > quantiles
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.where(axes.q(axes.weights(np.zeros(len(quantiles)))) <= quantiles, 0.0, high)
