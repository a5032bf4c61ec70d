"""Pareto/NBD: customers buy at a rate of their own until they stop, at any moment, purchase or none.

Assumptions: while active, a customer buys at random moments at a rate λ of their own, and stops for good at random
moments at a rate μ of their own. Over customers λ is Gamma(r, α) and μ is Gamma(s, β), independent of each other.

Source: Schmittlein, Morrison & Colombo (1987), Counting your customers: who are they and what will they do next?,
Management Science 33(1), 1-24; in the form of Fader & Hardie (2005), A note on deriving the Pareto/NBD model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from aimwell.predict.buying_law import BuyingLaw, check_enough
from aimwell.predict.likelihood import fit_positive
from aimwell.predict.pareto_nbd_likelihood import (
    ParetoRows,
    log_densities,
    log_likelihood,
    log_odds_stopped,
)
from aimwell.predict.purchases import PurchaseHistory
from aimwell.stats.samples import FloatArray

__all__ = ["ParetoNbd", "fit_pareto_nbd"]

# Half of the customers must stop within so many times the mean age, or the data show no stopping at all.
_LONG = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ParetoNbd(BuyingLaw):
    """A Pareto/NBD model, fitted by `fit_pareto_nbd` or made from published parameters.

    Args:
        r_, alpha_: Shape and rate of the purchase rate over customers; α in units of time.
        s_, beta_: Shape and rate of the rate of stopping over customers; β in units of time.
    """

    title: ClassVar[str] = "Pareto/NBD"
    names: ClassVar[tuple[str, ...]] = ("r", "alpha", "s", "beta")

    r_: float
    alpha_: float
    s_: float
    beta_: float

    def log_odds_stopped(self, history: PurchaseHistory) -> FloatArray:
        """See `BuyingLaw`."""
        return log_odds_stopped(self.parameters, history.frequency, history.recency, history.age)

    def log_densities(self, history: PurchaseHistory) -> FloatArray:
        """See `BuyingLaw`."""
        return log_densities(self.parameters, history, self.log_odds_stopped(history))

    def expected_while_active(
        self, frequency: FloatArray, age: FloatArray, horizon: float
    ) -> FloatArray:
        """See `BuyingLaw`; rate × expected active time, (β+T)·(1 − e^(−(s−1)L))/(s−1), L = ln(1 + t/(β+T))."""
        known = self.beta_ + age
        reach = np.log1p(horizon / known)
        # (1 − e^−z)/z tends to 1 where s is 1.
        z = (self.s_ - 1) * reach
        share = np.divide(-np.expm1(-z), z, out=np.ones_like(z), where=z != 0)
        return (self.r_ + frequency) / (self.alpha_ + age) * known * reach * share

    def drawn_while_active(
        self, history: PurchaseHistory, horizon: float, *, rng: np.random.Generator
    ) -> FloatArray:
        """See `BuyingLaw`."""
        size = len(history)
        rate = rng.standard_gamma(self.r_ + history.frequency) / (self.alpha_ + history.age)
        stopping = rng.standard_gamma(self.s_, size) / (self.beta_ + history.age)
        # A rate that underflows to 0 means never.
        with np.errstate(divide="ignore"):
            active = np.minimum(rng.standard_exponential(size) / stopping, horizon)
        return rng.poisson(rate * active).astype(np.float64)


def fit_pareto_nbd(history: PurchaseHistory) -> ParetoNbd:
    """Fit Pareto/NBD by maximum likelihood.

    Parameters that the purchases leave open are held as `bgnbd.fit_beta_geometric` says; the reference of β is the mean
    age, too.

    Raises:
        TooLittleDataError: Too few customers or repeat buyers.
        PredictError: All customers are alike, or the likelihood has no top.
    """
    rows = ParetoRows.of(history)
    check_enough(
        ParetoNbd.title,
        customers=rows.customers,
        repeat_buyers=rows.repeat_buyers,
        distinct=len(rows.count),
    )
    rate = float(history.frequency.sum() / history.age.sum())
    usual_age = float(history.age.mean())
    fit = fit_positive(
        lambda theta: log_likelihood(theta, rows),
        names=ParetoNbd.names,
        # Half a purchase's worth of knowledge about a rate that is the mean rate; as little about stopping.
        start=np.array([0.5, 0.5 / rate, 0.5, 0.5 * usual_age]),
        reference=np.array([1.0, usual_age, 1.0, usual_age]),
        rows=rows.customers,
        what=ParetoNbd.title,
    )
    r, alpha, s, beta = fit.values
    note = fit.note
    if fit.left_open and s / beta * usual_age < 1 / _LONG:
        note += " There is little sign that customers stop for good, so most count as alive."
    return ParetoNbd(
        r_=r,
        alpha_=alpha,
        s_=s,
        beta_=beta,
        unit_days=history.unit_days,
        customers_=rows.customers,
        repeat_buyers_=rows.repeat_buyers,
        log_likelihood_=fit.log_likelihood,
        covariance_=fit.covariance,
        note_=note,
    )
