"""What all laws of buying have in common: who still buys, how often they will, and how sure that is.

A law says how customers buy while they are active and how they stop for good, with a few positive parameters that
describe how customers differ. Each gives two things, from which the rest follows for all of them: the density of what was
seen of a customer, and the expected purchases of a customer who is still active.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from scipy.special import expit

from aimwell.errors import PredictError, TooLittleDataError
from aimwell.predict.grouping import DistinctRows, distinct_rows
from aimwell.predict.purchases import PurchaseHistory
from aimwell.predict.ranges import Ranges, delta_ranges, log_estimates
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.samples import FloatArray

__all__ = ["CUSTOMERS_MIN", "REPEAT_BUYERS_MIN", "BuyingLaw", "check_enough"]

CUSTOMERS_MIN = 100
REPEAT_BUYERS_MIN = 30

_NUDGE = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class BuyingLaw(ABC):
    """A law with its parameters, fitted or made from published ones.

    Args:
        unit_days: Days in one unit of time.
        customers_, repeat_buyers_: How many the fit has seen.
        log_likelihood_: At the fitted parameters.
        covariance_: Of the logarithms of the parameters, from the Hessian; None for published parameters.
        note_: What a reader must know about the fit, or empty.
    """

    title: ClassVar[str]
    names: ClassVar[tuple[str, ...]]

    unit_days: float = 7.0
    customers_: int = 0
    repeat_buyers_: int = 0
    log_likelihood_: float | None = None
    covariance_: tuple[tuple[float, ...], ...] | None = None
    note_: str = ""

    def __post_init__(self) -> None:
        for name, value in zip(self.names, self.parameters, strict=True):
            if not (np.isfinite(value) and value > 0):
                raise PredictError(
                    f"The parameter {name} of {self.title} must be above 0; found {value!r}."
                )

    @property
    def parameters(self) -> FloatArray:
        """In the order of `names`."""
        return np.array([getattr(self, f"{name}_") for name in self.names])

    @abstractmethod
    def log_odds_stopped(self, history: PurchaseHistory) -> FloatArray:
        """ln(P(stopped) / P(active)) of each customer; −∞ for who cannot have stopped."""

    @abstractmethod
    def log_densities(self, history: PurchaseHistory) -> FloatArray:
        """The log-density of each customer's purchases as moments in time, to the same measure for all laws."""

    @abstractmethod
    def expected_while_active(
        self, frequency: FloatArray, age: FloatArray, horizon: float
    ) -> FloatArray:
        """Purchases within `horizon` of customers who are active at their `age`; one number per row."""

    @abstractmethod
    def drawn_while_active(
        self, history: PurchaseHistory, horizon: float, *, rng: np.random.Generator
    ) -> FloatArray:
        """One possible number of purchases of each customer within `horizon`, if active at their age."""

    def probability_alive(self, history: PurchaseHistory) -> FloatArray:
        """The probability (0-1) that each customer has not stopped for good."""
        self._same_unit(history)
        return np.asarray(expit(-self.log_odds_stopped(history)))

    def probability_silent(self, history: PurchaseHistory, horizon: float) -> FloatArray:
        """The probability (0-1) that each customer buys nothing within `horizon` (units of time).

        The density of what was seen and then nothing, divided by that of what was seen.
        """
        self._same_unit(history)
        _check_horizons(np.array([horizon]))
        longer = replace(history, age=history.age + horizon)
        return np.exp(np.minimum(self.log_densities(longer) - self.log_densities(history), 0.0))

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
        """Derivatives of `weighted_purchases` in the logarithms of the parameters; customers × parameters."""
        pairs = _pairs(history)
        columns = [
            (
                self.moved(shift)._weighted(history, pairs, horizons, weights)
                - self.moved(-shift)._weighted(history, pairs, horizons, weights)
            )
            / (2 * _NUDGE)
            for shift in _NUDGE * np.eye(len(self.names))
        ]
        return np.column_stack(columns)

    def expected_purchases_new_customer(self, horizon: float) -> float:
        """Expected repeat purchases of a customer within the `horizon` after the first purchase."""
        new = PurchaseHistory(np.zeros(1), np.zeros(1), np.zeros(1), unit_days=self.unit_days)
        return float(self.expected_purchases(new, horizon)[0])

    def parameter_intervals(self, confidence: float = DEFAULT_CONFIDENCE) -> dict[str, Estimate]:
        """Confidence intervals of the parameters, symmetric in the logarithm."""
        return log_estimates(self.names, self.parameters, self.covariance, confidence=confidence)

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

    def moved(self, shift: FloatArray) -> Self:
        """The same model with `shift` added to the logarithms of the parameters."""
        values = self.parameters * np.exp(shift)
        moved = {f"{name}_": float(value) for name, value in zip(self.names, values, strict=True)}
        return replace(self, **moved)  # type: ignore[arg-type]

    @property
    def covariance(self) -> FloatArray:
        """Covariance (square) of the logarithms of the parameters.

        Raises:
            PredictError: The model was made from published parameters.
        """
        if self.covariance_ is None:
            raise PredictError(
                f"This {self.title} model was made from given parameters, so their uncertainty is not known. "
                "Fit it to purchases with fit_law."
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
            active += weight * self.expected_while_active(frequency, age, float(horizon))
        return active[pairs.place] * self.probability_alive(history)

    def _same_unit(self, history: PurchaseHistory) -> None:
        if not np.isclose(history.unit_days, self.unit_days, rtol=1e-12):
            raise PredictError(
                f"The model counts time in units of {self.unit_days:g} days, the history in units of "
                f"{history.unit_days:g}. Summarise the purchases with unit_days={self.unit_days:g}."
            )


def check_enough(what: str, *, customers: int, repeat_buyers: int, distinct: int) -> None:
    """Refuses to fit four parameters to hardly anybody, or to people who are all alike.

    Raises:
        TooLittleDataError: Too few customers or repeat buyers.
        PredictError: Too few different histories.
    """
    present = {"customers": customers, "repeat buyers": repeat_buyers}
    needed = {"customers": CUSTOMERS_MIN, "repeat buyers": REPEAT_BUYERS_MIN}
    if any(present[name] < needed[name] for name in needed):
        raise TooLittleDataError(what, needed=needed, present=present)
    if distinct <= 4:
        raise PredictError(
            f"The {customers} customers show only {distinct} different histories, too few to tell four "
            "parameters apart. Check the summary of purchases, or wait until customers differ."
        )


def _pairs(history: PurchaseHistory) -> DistinctRows:
    """Distinct (x, T): all that the purchases of an active customer depend on, and far fewer than customers."""
    return distinct_rows(history.frequency, history.age)


def _check_horizons(horizons: FloatArray) -> None:
    if not (np.isfinite(horizons).all() and (horizons >= 0).all()):
        raise PredictError(f"A horizon must be a number of at least 0; found {horizons.tolist()}.")
