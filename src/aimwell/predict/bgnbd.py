"""BG/NBD: who is still a customer, and how often they will buy.

Assumptions: while active, a customer buys at random moments at a rate λ of their own; after every purchase they
stop for good with a probability p of their own. Over customers λ is Gamma(r, α) and p is Beta(a, b).

Source: Fader, Hardie & Lee (2005), "Counting your customers" the easy way: an alternative to the Pareto/NBD model,
Marketing Science 24(2), 275-284. x, tₓ, T there are `frequency`, `recency`, `age` here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit

from aimwell.errors import PredictError, TooLittleDataError
from aimwell.predict.bgnbd_likelihood import BuyingRows, log_likelihood, log_odds_stopped
from aimwell.predict.grouping import DistinctRows, distinct_rows
from aimwell.predict.likelihood import fit_positive
from aimwell.predict.purchase_counts import expected_while_active
from aimwell.predict.purchases import PurchaseHistory
from aimwell.predict.ranges import Ranges, delta_ranges, log_estimates
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.samples import FloatArray

__all__ = ["CUSTOMERS_MIN", "REPEAT_BUYERS_MIN", "BgNbd", "fit_bgnbd"]

CUSTOMERS_MIN = 100
REPEAT_BUYERS_MIN = 30

_NAMES = ("r", "alpha", "a", "b")
_NUDGE = 1e-4


@dataclass(frozen=True, slots=True)
class BgNbd:
    """A BG/NBD model, fitted by `fit_bgnbd` or made from published parameters.

    Args:
        r_, alpha_: Shape and rate of the purchase rate over customers; α in units of time.
        a_, b_: Shapes of the stopping probability over customers.
        unit_days: Days in one unit of time.
        customers_, repeat_buyers_: How many the fit has seen.
        log_likelihood_: At the fitted parameters.
        covariance_: Of the logarithms of (r, α, a, b), from the Hessian; None for published parameters.
        note_: What a reader must know about the fit, or empty.
    """

    r_: float
    alpha_: float
    a_: float
    b_: float
    unit_days: float = 7.0
    customers_: int = 0
    repeat_buyers_: int = 0
    log_likelihood_: float | None = None
    covariance_: tuple[tuple[float, ...], ...] | None = None
    note_: str = ""

    def __post_init__(self) -> None:
        for name, value in zip(_NAMES, self.parameters, strict=True):
            if not (np.isfinite(value) and value > 0):
                raise PredictError(
                    f"The parameter {name} of BG/NBD must be above 0; found {value!r}."
                )

    @property
    def parameters(self) -> FloatArray:
        """(r, α, a, b)."""
        return np.array([self.r_, self.alpha_, self.a_, self.b_])

    def probability_alive(self, history: PurchaseHistory) -> FloatArray:
        """The probability (0-1) that each customer has not stopped for good; 1 for who has bought once."""
        self._same_unit(history)
        alive = np.ones(len(history))
        back = history.frequency > 0
        odds = log_odds_stopped(
            self.parameters, history.frequency[back], history.recency[back], history.age[back]
        )
        alive[back] = expit(-odds)
        return alive

    def expected_purchases(self, history: PurchaseHistory, horizon: float) -> FloatArray:
        """Expected purchases of each customer in the `horizon` (units of time) after the observation."""
        return self.weighted_purchases(history, np.array([horizon]), np.ones(1))

    def weighted_purchases(
        self, history: PurchaseHistory, horizons: FloatArray, weights: FloatArray
    ) -> FloatArray:
        """The weighted sum of the expected purchases up to several horizons, one number per customer."""
        return self._weighted(history, _pairs(history), horizons, weights)

    def weighted_slopes(
        self, history: PurchaseHistory, horizons: FloatArray, weights: FloatArray
    ) -> FloatArray:
        """Derivatives of `weighted_purchases` in the logarithms of (r, α, a, b); customers × 4."""
        pairs = _pairs(history)
        columns = [
            (
                self.moved(shift)._weighted(history, pairs, horizons, weights)
                - self.moved(-shift)._weighted(history, pairs, horizons, weights)
            )
            / (2 * _NUDGE)
            for shift in _NUDGE * np.eye(len(_NAMES))
        ]
        return np.column_stack(columns)

    def expected_purchases_new_customer(self, horizon: float) -> float:
        """Expected repeat purchases of a customer within the `horizon` after the first purchase."""
        _check_horizons(np.array([horizon]))
        zero = np.zeros(1)
        return float(expected_while_active(self.parameters, zero, zero, horizon)[0])

    def parameter_intervals(self, confidence: float = DEFAULT_CONFIDENCE) -> dict[str, Estimate]:
        """Confidence intervals of r, alpha, a and b, symmetric in the logarithm."""
        return log_estimates(_NAMES, self.parameters, self.covariance, confidence=confidence)

    def expected_purchases_ranges(
        self, history: PurchaseHistory, horizon: float, *, confidence: float = DEFAULT_CONFIDENCE
    ) -> Ranges:
        """Confidence intervals of `expected_purchases`: what not knowing the parameters exactly adds.

        By the delta method. They say nothing about chance in the purchases themselves; draws of the future
        (`futures.draw_purchases`) do.
        """
        horizons, weights = np.array([horizon]), np.ones(1)
        return delta_ranges(
            self.weighted_purchases(history, horizons, weights),
            self.weighted_slopes(history, horizons, weights),
            self.covariance,
            confidence=confidence,
        )

    def moved(self, shift: FloatArray) -> BgNbd:
        """The same model with `shift` added to the logarithms of (r, α, a, b)."""
        r, alpha, a, b = (float(value) for value in self.parameters * np.exp(shift))
        return replace(self, r_=r, alpha_=alpha, a_=a, b_=b)

    @property
    def covariance(self) -> FloatArray:
        """Covariance (4 × 4) of the logarithms of (r, α, a, b).

        Raises:
            PredictError: The model was made from published parameters.
        """
        if self.covariance_ is None:
            raise PredictError(
                "This BG/NBD model was made from given parameters, so their uncertainty is not known. "
                "Fit it to purchases with fit_bgnbd."
            )
        return np.array(self.covariance_)

    def _weighted(
        self,
        history: PurchaseHistory,
        pairs: DistinctRows,
        horizons: FloatArray,
        weights: FloatArray,
    ) -> FloatArray:
        _check_horizons(horizons)
        frequency, age = pairs.columns
        active = np.zeros(len(pairs.counts))
        for horizon, weight in zip(horizons, weights, strict=True):
            active += weight * expected_while_active(
                self.parameters, frequency, age, float(horizon)
            )
        return active[pairs.place] * self.probability_alive(history)

    def _same_unit(self, history: PurchaseHistory) -> None:
        if not np.isclose(history.unit_days, self.unit_days, rtol=1e-12):
            raise PredictError(
                f"The model counts time in units of {self.unit_days:g} days, the history in units of "
                f"{history.unit_days:g}. Summarise the purchases with unit_days={self.unit_days:g}."
            )


def fit_bgnbd(history: PurchaseHistory) -> BgNbd:
    """Fit BG/NBD by maximum likelihood.

    Where the purchases leave a parameter open (its standard error exceeds 20-fold; usual where nobody seems to
    stop, so that a → 0), a weak prior is added, ln parameter ~ Normal(ln reference, 3²) with reference 1, and the
    mean age for α. It hardly moves a prediction, keeps the parameters finite, and `note_` says so.

    Args:
        history: One row per customer, with at least `CUSTOMERS_MIN` customers, `REPEAT_BUYERS_MIN` of them repeat
            buyers.

    Raises:
        TooLittleDataError: Too few customers or repeat buyers.
        PredictError: All customers are alike, or the likelihood has no top.
    """
    rows = BuyingRows.of(history)
    _check_enough(rows)
    rate = float(history.frequency.sum() / history.age.sum())
    fit = fit_positive(
        lambda theta: log_likelihood(theta, rows),
        names=_NAMES,
        # Half a purchase's worth of knowledge about a rate that is the mean rate; one in four stops.
        start=np.array([0.5, 0.5 / rate, 0.5, 1.5]),
        reference=np.array([1.0, history.age.mean(), 1.0, 1.0]),
        rows=rows.customers,
        what="BG/NBD",
    )
    r, alpha, a, b = fit.values
    note = fit.note
    if "a" in fit.left_open and a < b:
        note += " There is little sign that customers stop for good, so most count as alive."
    return BgNbd(
        r_=r,
        alpha_=alpha,
        a_=a,
        b_=b,
        unit_days=history.unit_days,
        customers_=rows.customers,
        repeat_buyers_=int(rows.count.sum()),
        log_likelihood_=fit.log_likelihood,
        covariance_=fit.covariance,
        note_=note,
    )


def _pairs(history: PurchaseHistory) -> DistinctRows:
    """Distinct (x, T): all that the purchases of an active customer depend on, and far fewer than customers."""
    return distinct_rows(history.frequency, history.age)


def _check_enough(rows: BuyingRows) -> None:
    present = {"customers": rows.customers, "repeat buyers": int(rows.count.sum())}
    needed = {"customers": CUSTOMERS_MIN, "repeat buyers": REPEAT_BUYERS_MIN}
    if any(present[name] < needed[name] for name in needed):
        raise TooLittleDataError("BG/NBD", needed=needed, present=present)
    distinct = len(rows.age) + len(rows.once_age)
    if distinct <= len(_NAMES):
        raise PredictError(
            f"The {rows.customers} customers show only {distinct} different histories, too few to tell four "
            "parameters apart. Check the summary of purchases, or wait until customers differ."
        )


def _check_horizons(horizons: FloatArray) -> None:
    if not (np.isfinite(horizons).all() and (horizons >= 0).all()):
        raise PredictError(f"A horizon must be a number of at least 0; found {horizons.tolist()}.")
