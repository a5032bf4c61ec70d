"""How much likelier something is among some than among others who are alike otherwise: many ratios of shares at once.

Everybody is in one stratum (as: the same month, as active as), and only people of one stratum are compared. The ratio is
that of Mantel and Haenszel (1959) with the interval of Greenland and Robins (1985).

The p-value is an upper bound of the exact one. Given the margins, the count in each stratum is hypergeometric, in law a sum
of independent yes-or-noes (Vatutin and Mikhailov 1982), and so is the count over all strata. A sum of independent
yes-or-noes reaches k, at least 1 above its mean, no more often than a binomial (Hoeffding 1956), and that no more often
than a Poisson count of the same mean (Anderson and Samuels 1967).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammainc, ndtri

from aimwell.errors import StatsError
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate, checked_share
from aimwell.stats.samples import FloatArray

__all__ = ["MATCHED_METHOD", "MatchedRatios", "matched_ratios"]

MATCHED_METHOD = "Mantel and Haenszel's ratio, interval of Greenland and Robins"


@dataclass(frozen=True, eq=False)
class MatchedRatios:
    """One entry a comparison. `ratio`, `lower` and `upper` are NaN where they are undefined.

    Attributes:
        observed: Exposed cases.
        expected: Exposed cases to be expected if exposure made no difference within a stratum.
        ratio: The share of cases among the exposed, by that among the others of their strata.
        lower, upper: Its interval.
        confidence: Of the interval.
        p_value: One-sided, of "no likelier"; never below the exact one.
    """

    observed: FloatArray
    expected: FloatArray
    ratio: FloatArray
    lower: FloatArray
    upper: FloatArray
    confidence: float
    p_value: FloatArray

    def estimate(self, row: int) -> Estimate:
        """One comparison's ratio with its interval."""
        if not np.isfinite(self.lower[row]):
            return Estimate.missing(
                "it never happened among the one or the other",
                method=MATCHED_METHOD,
                confidence=self.confidence,
            )
        return Estimate(
            estimate=float(self.ratio[row]),
            lower=float(self.lower[row]),
            upper=float(self.upper[row]),
            confidence=self.confidence,
            method=MATCHED_METHOD,
        )


def matched_ratios(
    joint: ArrayLike,
    exposed: ArrayLike,
    cases: ArrayLike,
    totals: ArrayLike,
    *,
    confidence: float = DEFAULT_CONFIDENCE,
) -> MatchedRatios:
    """Compare the exposed with the others of their stratum, in many comparisons at once.

    Args:
        joint: Exposed cases, comparisons × strata.
        exposed, cases: Exposed people, and people to whom it happened; the same shape.
        totals: People of each stratum, the same shape or one row for all.
        confidence: 0–1.

    Raises:
        StatsError: Counts that cannot be.
    """
    checked_share(confidence, name="confidence")
    a, n1, m = (np.atleast_2d(np.asarray(one, np.float64)) for one in (joint, exposed, cases))
    n = np.broadcast_to(np.asarray(totals, np.float64), a.shape)
    n0, c = n - n1, m - a
    if ((a < 0) | (a > n1) | (c < 0) | (c > n0)).any():
        raise StatsError(
            "Counts of a stratum cannot be: exposed cases are among the exposed and among the cases."
        )
    each = np.where(n > 0, n, 1.0)
    hit = (a * n0 / each).sum(axis=1)
    missed = (c * n1 / each).sum(axis=1)
    spread = (m * n1 * n0 / each**2 - a * c / each).sum(axis=1)
    expected = (n1 * m / each).sum(axis=1)
    observed = a.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        defined = (hit > 0) & (missed > 0)
        ratio = np.where(missed > 0, hit / missed, np.nan)
        error = np.sqrt(np.maximum(spread, 0.0) / (hit * missed))
        reach = np.exp(float(ndtri(0.5 + confidence / 2.0)) * error)
        lower = np.where(defined, ratio / reach, np.nan)
        upper = np.where(defined, ratio * reach, np.nan)
    beyond = observed >= expected + 1.0
    p_value = np.where(beyond, gammainc(np.maximum(observed, 1.0), expected), 1.0)
    return MatchedRatios(observed, expected, ratio, lower, upper, confidence, p_value)
