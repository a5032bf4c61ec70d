"""The difference and the ratio of two means, each with an interval.

One place holds what Welch's interval and its adjusted kin share, so that the difference and the relative lift rest on
the same standard errors and degrees of freedom, and one excludes "no effect" exactly when the other does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import ndtr, ndtri, stdtr, stdtrit

from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate, checked_share

__all__ = ["TwoMeans", "control_mean_problem"]


def control_mean_problem(mean: float, *, clear: bool) -> str | None:
    """Why a relative lift over this control mean makes no sense; None when it does."""
    if mean <= 0.0:
        return f"the control mean is {mean:.4g}, and a share of nothing or of a loss has no meaning"
    if not clear:
        return f"the control mean of {mean:.4g} is not clearly away from zero, so a ratio to it has no bounds"
    return None


@dataclass(frozen=True, kw_only=True)
class TwoMeans:
    """Two estimated means with their uncertainty.

    Attributes:
        treated, control: The means.
        treated_variance, control_variance: Of the means (squared standard errors).
        covariance: Between the two means (0 for independent arms without a shared adjustment).
        degrees: Degrees of freedom of Student's t.
        method: Its name in words.
    """

    treated: float
    control: float
    treated_variance: float
    control_variance: float
    covariance: float
    degrees: float
    method: str

    @property
    def variance(self) -> float:
        """Of the difference."""
        return self.treated_variance + self.control_variance - 2.0 * self.covariance

    def difference(
        self, *, confidence: float = DEFAULT_CONFIDENCE, deviations: float | None = None
    ) -> Estimate:
        """Treated less control, per person.

        Args:
            confidence: 0–1.
            deviations: How far the interval reaches to each side, in standard deviations of the normal law (Student's law
                takes the bound of the same tail); None for those of `confidence`. The p-value does not know of it.
        """
        checked_share(confidence, name="confidence")
        gap = self.treated - self.control
        error = math.sqrt(max(self.variance, 0.0))
        if error == 0.0:
            return Estimate.missing(
                "the outcome does not vary within either arm, so nothing says how sure the difference is",
                method=self.method,
                confidence=confidence,
            )
        half = error * self._quantile(confidence, deviations)
        return Estimate(
            estimate=gap,
            lower=gap - half,
            upper=gap + half,
            confidence=confidence,
            method=self.method,
            p_value=2.0 * float(stdtr(self.degrees, -abs(gap) / error)),
        )

    def relative(
        self, *, confidence: float = DEFAULT_CONFIDENCE, deviations: float | None = None
    ) -> Estimate:
        """Treated over control less one, with Fieller's interval; `deviations` as in `difference`.

        The interval holds every ratio R for which "treated mean = R times control mean" is not rejected. It is
        bounded only where the control mean differs from zero at the same confidence.

        Source: Fieller (1954), Some problems in interval estimation.
        """
        method = f"{self.method}, Fieller's interval for the ratio"
        difference = self.difference(confidence=confidence)
        if difference.reason is not None:
            return Estimate.missing(difference.reason, method=method, confidence=confidence)
        square = self._quantile(confidence, deviations) ** 2
        leading = self.control**2 - square * self.control_variance
        problem = control_mean_problem(self.control, clear=leading > 0.0)
        if problem is not None:
            return Estimate.missing(problem, method=method, confidence=confidence)
        middle = self.treated * self.control - square * self.covariance
        last = self.treated**2 - square * self.treated_variance
        root = math.sqrt(max(middle**2 - leading * last, 0.0))
        return Estimate(
            estimate=self.treated / self.control - 1.0,
            lower=(middle - root) / leading - 1.0,
            upper=(middle + root) / leading - 1.0,
            confidence=confidence,
            method=method,
            p_value=difference.p_value,
        )

    @property
    def deviations(self) -> float | None:
        """The difference in standard errors, signed, as the standard normal deviation of the same tail; None without any."""
        error = math.sqrt(max(self.variance, 0.0))
        if error == 0.0:
            return None
        gap = self.treated - self.control
        return math.copysign(-float(ndtri(stdtr(self.degrees, -abs(gap) / error))), gap)

    def _quantile(self, confidence: float, deviations: float | None) -> float:
        if deviations is None:
            return float(stdtrit(self.degrees, 0.5 + confidence / 2.0))
        return -float(stdtrit(self.degrees, ndtr(-deviations)))
