"""Gamma-Gamma: what a customer spends per purchase, drawn towards everybody's mean the less we have seen.

Assumptions: the value of a purchase is Gamma(p, ν) with a ν of each customer's own; over customers ν is Gamma(q, v);
and spending does not go with how often somebody buys. The last is checked, and a warning says where it fails.

Source: Fader & Hardie (2013), "The Gamma-Gamma model of monetary value"; Fader, Hardie & Lee (2005), "RFM and CLV".
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import digamma, gammaln, polygamma

from aimwell.errors import PredictError, TooLittleDataError
from aimwell.predict.likelihood import fit_positive
from aimwell.predict.newton import Derivatives
from aimwell.predict.purchases import PurchaseHistory
from aimwell.predict.ranges import log_estimates
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.ranks import shared_ranks
from aimwell.stats.samples import FloatArray

__all__ = ["SPENDERS_MIN", "GammaGamma", "SpendRows", "fit_gamma_gamma", "spend_log_likelihood"]

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

    def spend_slopes(self, history: PurchaseHistory) -> FloatArray:
        """Derivatives of `expected_spend` in the logarithms of (p, q, v); customers × 3."""
        columns = [
            (self.moved(shift).expected_spend(history) - self.moved(-shift).expected_spend(history))
            / (2 * _NUDGE)
            for shift in _NUDGE * np.eye(len(_NAMES))
        ]
        return np.column_stack(columns)

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
            f"The mean spend of the {len(x):,} repeat buyers takes {len(np.unique(mean))} of the {len(_NAMES) + 1} different "
            "values needed to tell three parameters apart. Where all spend alike, take that spend itself, times the purchases."
        )
    typical = float(np.median(mean))
    rows = SpendRows.of(x, mean)
    fit = fit_positive(
        lambda theta: spend_log_likelihood(theta, rows),
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


@dataclass(frozen=True, slots=True, eq=False)
class SpendRows:
    """Repeat buyers who spent: all that the likelihood reads, special functions once per distinct frequency.

    `counts` is how many have each frequency of `levels`; `totals` is what each of them spent in repeat purchases.
    """

    levels: FloatArray
    counts: FloatArray
    frequency: FloatArray
    totals: FloatArray
    log_mean_sum: float
    log_total_sum: float

    @classmethod
    def of(cls, frequency: FloatArray, mean: FloatArray) -> SpendRows:
        """Of repeat purchases (at least 1) and their mean value (above 0)."""
        levels, counts = np.unique(frequency, return_counts=True)
        totals = frequency * mean
        return cls(
            levels=levels,
            counts=counts.astype(np.float64),
            frequency=frequency,
            totals=totals,
            log_mean_sum=float(np.log(mean).sum()),
            log_total_sum=float((frequency * np.log(totals)).sum()),
        )


def spend_log_likelihood(theta: FloatArray, rows: SpendRows) -> Derivatives:
    """Log-likelihood, gradient (3) and Hessian (3 × 3) in `theta` = ln (p, q, v).

    Source: Fader & Hardie (2013), equation 1a.
    """
    p, q, v = np.exp(theta)
    x, n = rows.levels, rows.counts
    people = n.sum()
    shape = p * x + q
    reach = rows.totals + v
    log_reach, inverse = np.log(reach), 1 / reach
    log_reach_sum, log_reach_by_x = log_reach.sum(), rows.frequency @ log_reach
    per_reach, per_reach_by_x = inverse.sum(), rows.frequency @ inverse
    value = (
        n @ (gammaln(shape) - gammaln(p * x) - gammaln(q))
        + people * q * np.log(v)
        + p * rows.log_total_sum
        - rows.log_mean_sum
        - p * log_reach_by_x
        - q * log_reach_sum
    )
    slopes = np.array(
        [
            n @ (x * (digamma(shape) - digamma(p * x))) + rows.log_total_sum - log_reach_by_x,
            n @ (digamma(shape) - digamma(q)) + people * np.log(v) - log_reach_sum,
            people * q / v - p * per_reach_by_x - q * per_reach,
        ]
    )
    bends = np.empty((3, 3))
    bends[0, 0] = n @ (x**2 * (polygamma(1, shape) - polygamma(1, p * x)))
    bends[0, 1] = bends[1, 0] = n @ (x * polygamma(1, shape))
    bends[0, 2] = bends[2, 0] = -per_reach_by_x
    bends[1, 1] = n @ (polygamma(1, shape) - polygamma(1, q))
    bends[1, 2] = bends[2, 1] = people / v - per_reach
    bends[2, 2] = (p * rows.frequency + q) @ inverse**2 - people * q / v**2
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
    first, second = shared_ranks(frequency), shared_ranks(mean)
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
