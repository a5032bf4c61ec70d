"""Gamma-Gamma: what a customer spends per purchase, drawn towards everybody's mean the less we have seen.

Assumptions: the value of a purchase is Gamma(p, ν) with a ν of each customer's own; over customers ν is Gamma(q, v);
and spending does not go with how often somebody buys. The last is checked, and a warning says where it fails.

Source: Fader & Hardie (2013), "The Gamma-Gamma model of monetary value"; Fader, Hardie & Lee (2005), "RFM and CLV".
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import digamma, gammaln, polygamma
from scipy.stats import rankdata

from aimwell.errors import PredictError, TooLittleDataError
from aimwell.predict.likelihood import fit_positive
from aimwell.predict.newton import Derivatives
from aimwell.predict.purchases import PurchaseHistory
from aimwell.predict.ranges import log_estimates
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.samples import FloatArray

__all__ = ["SPENDERS_MIN", "GammaGamma", "fit_gamma_gamma", "spend_log_likelihood"]

SPENDERS_MIN = 30
# A rank correlation of frequency with spend beyond this is worth a warning if chance does not explain it.
_CORRELATION_MAX = 0.3

_NAMES = ("p", "q", "v")
_NUDGE = 1e-4


@dataclass(frozen=True, slots=True)
class GammaGamma:
    """A Gamma-Gamma model, fitted by `fit_gamma_gamma` or made from published parameters.

    Args:
        p_: Shape of the value of a purchase.
        q_, v_: Shape and rate of ν over customers; v in money.
        customers_: Repeat buyers that the fit has seen.
        log_likelihood_: At the fitted parameters.
        covariance_: Of the logarithms of (p, q, v), from the Hessian; None for published parameters.
        correlation_: Spearman's correlation of frequency and spend over repeat buyers; None where one of them is
            the same for everybody.
        warning_: What speaks against the model, or empty.
        note_: What a reader must know about the fit, or empty.
    """

    p_: float
    q_: float
    v_: float
    customers_: int = 0
    log_likelihood_: float | None = None
    covariance_: tuple[tuple[float, ...], ...] | None = None
    correlation_: float | None = None
    warning_: str = ""
    note_: str = ""

    def __post_init__(self) -> None:
        for name, value in zip(_NAMES, self.parameters, strict=True):
            if not (np.isfinite(value) and value > 0):
                raise PredictError(
                    f"The parameter {name} of Gamma-Gamma must be above 0; found {value!r}."
                )

    @property
    def parameters(self) -> FloatArray:
        """(p, q, v)."""
        return np.array([self.p_, self.q_, self.v_])

    @property
    def mean_spend(self) -> float | None:
        """Expected spend per purchase of somebody of whom nothing is known; None where q ≤ 1 (it is infinite)."""
        return self.p_ * self.v_ / (self.q_ - 1) if self.q_ > 1 else None

    def expected_spend(self, history: PurchaseHistory) -> FloatArray:
        """Expected value of a future purchase of each customer, in money.

        Who has no repeat purchase gets the mean over customers; missing (NaN) where that is infinite.
        """
        x, total = _totals(history)
        shape = self.p_ * x + self.q_ - 1
        spend = np.full(len(x), np.nan)
        np.divide(self.p_ * (self.v_ + total), shape, out=spend, where=shape > 0)
        return spend

    def parameter_intervals(self, confidence: float = DEFAULT_CONFIDENCE) -> dict[str, Estimate]:
        """Confidence intervals of p, q and v, symmetric in the logarithm."""
        return log_estimates(_NAMES, self.parameters, self.covariance, confidence=confidence)

    def nudged(self) -> list[tuple[GammaGamma, GammaGamma, float]]:
        """Per parameter the model a little above and a little below, and their distance in its logarithm."""
        shifts = _NUDGE * np.eye(len(_NAMES))
        return [(self.moved(shift), self.moved(-shift), 2 * _NUDGE) for shift in shifts]

    def moved(self, shift: FloatArray) -> GammaGamma:
        """The same model with `shift` added to the logarithms of (p, q, v)."""
        p, q, v = (float(value) for value in self.parameters * np.exp(shift))
        return replace(self, p_=p, q_=q, v_=v)

    @property
    def covariance(self) -> FloatArray:
        """Covariance (3 × 3) of the logarithms of (p, q, v).

        Raises:
            PredictError: The model was made from published parameters.
        """
        if self.covariance_ is None:
            raise PredictError(
                "This Gamma-Gamma model was made from given parameters, so their uncertainty is not known. "
                "Fit it to purchases with fit_gamma_gamma."
            )
        return np.array(self.covariance_)


def fit_gamma_gamma(history: PurchaseHistory) -> GammaGamma:
    """Fit Gamma-Gamma by maximum likelihood to the repeat buyers who spent anything.

    Repeat buyers whose purchases came to nothing (all free) have no place in a Gamma law; they are left out and
    `note_` counts them.

    Raises:
        TooLittleDataError: Fewer than `SPENDERS_MIN` repeat buyers with spend above 0.
        PredictError: The history has no spend, everybody spends the same, or the likelihood has no top.
    """
    if history.spend is None:
        raise PredictError(
            "The history has no spend. Give the value of purchases to summarise_purchases."
        )
    back = history.frequency > 0
    paying = back & (np.nan_to_num(history.spend) > 0)
    x, mean = history.frequency[paying], history.spend[paying]
    if len(x) < SPENDERS_MIN:
        raise TooLittleDataError(
            "Gamma-Gamma",
            needed={"repeat buyers with spend above 0": SPENDERS_MIN},
            present={"repeat buyers with spend above 0": len(x)},
        )
    if len(np.unique(mean)) <= len(_NAMES):
        raise PredictError(
            f"The {len(x):,} repeat buyers show only {len(np.unique(mean))} different values of spend, too few to "
            "tell three parameters apart. Use the mean spend itself."
        )
    typical = float(np.median(mean))
    fit = fit_positive(
        lambda theta: spend_log_likelihood(theta, x, mean),
        names=_NAMES,
        start=np.array([2.0, 3.0, typical]),
        reference=np.array([1.0, 1.0, typical]),
        rows=len(x),
        what="Gamma-Gamma",
    )
    p, q, v = fit.values
    free = int(back.sum() - paying.sum())
    notes = [
        fit.note,
        f"{free:,} repeat buyers without spend were left out of the fit." if free else "",
        ""
        if q > 1
        else "q ≤ 1: the mean over customers is infinite, so customers without a repeat purchase get no figure.",
    ]
    correlation = _rank_correlation(x, mean)
    return GammaGamma(
        p_=p,
        q_=q,
        v_=v,
        customers_=len(x),
        log_likelihood_=fit.log_likelihood,
        covariance_=fit.covariance,
        correlation_=correlation,
        warning_=_warning(correlation, len(x)),
        note_=" ".join(note for note in notes if note),
    )


def spend_log_likelihood(theta: FloatArray, frequency: FloatArray, mean: FloatArray) -> Derivatives:
    """Log-likelihood, gradient (3) and Hessian (3 × 3) in `theta` = ln (p, q, v).

    Args:
        theta: Logarithms of (p, q, v).
        frequency: Repeat purchases (x), at least 1.
        mean: Mean value of the repeat purchases, above 0.

    Source: Fader & Hardie (2013), equation 1a.
    """
    p, q, v = np.exp(theta)
    x, total = frequency, frequency * mean
    shape, level = p * x + q, total + v
    log_share = np.log(total) - np.log(level)
    value = np.sum(
        gammaln(shape)
        - gammaln(p * x)
        - gammaln(q)
        + q * (np.log(v) - np.log(level))
        + p * x * log_share
        - np.log(mean)
    )
    slopes = np.array(
        [
            np.sum(x * (digamma(shape) - digamma(p * x) + log_share)),
            np.sum(digamma(shape) - digamma(q) + np.log(v) - np.log(level)),
            np.sum(q / v - shape / level),
        ]
    )
    bends = np.empty((3, 3))
    bends[0, 0] = np.sum(x**2 * (polygamma(1, shape) - polygamma(1, p * x)))
    bends[0, 1] = bends[1, 0] = np.sum(x * polygamma(1, shape))
    bends[0, 2] = bends[2, 0] = -np.sum(x / level)
    bends[1, 1] = np.sum(polygamma(1, shape) - polygamma(1, q))
    bends[1, 2] = bends[2, 1] = np.sum(1 / v - 1 / level)
    bends[2, 2] = np.sum(shape / level**2 - q / v**2)
    params = np.array([p, q, v])
    gradient = params * slopes
    return float(value), gradient, params[:, None] * bends * params[None, :] + np.diag(gradient)


def _totals(history: PurchaseHistory) -> tuple[FloatArray, FloatArray]:
    if history.spend is None:
        raise PredictError(
            "The history has no spend. Give the value of purchases to summarise_purchases."
        )
    return history.frequency, history.frequency * np.nan_to_num(history.spend)


def _rank_correlation(frequency: FloatArray, mean: FloatArray) -> float | None:
    """Spearman's: ranks, so that one wholesale buyer does not decide it."""
    first, second = rankdata(frequency), rankdata(mean)
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(np.corrcoef(first, second)[0, 1])


def _warning(correlation: float | None, customers: int) -> str:
    if correlation is None or abs(correlation) < _CORRELATION_MAX:
        return ""
    # Fisher's z at two standard errors: chance alone would rarely show it.
    if abs(np.arctanh(np.clip(correlation, -0.999999, 0.999999))) * np.sqrt(customers - 3) < 2:
        return ""
    more = "more" if correlation > 0 else "less"
    return (
        f"Customers who buy more often spend {more} per purchase (rank correlation {correlation:.2f}). "
        "Gamma-Gamma assumes that the two do not go together; read lifetime values as rough."
    )
