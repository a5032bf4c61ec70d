"""Random draws from the models of buying: futures of known customers, and whole customers whose truth is known.

Draws of futures give the intervals that chance deserves. Simulated customers prove that a fit finds the parameters
it was made from.
"""

from __future__ import annotations

import numpy as np

from aimwell.errors import PredictError
from aimwell.predict.bgnbd import BetaGeometric
from aimwell.predict.buying_law import BuyingLaw
from aimwell.predict.gamma_gamma import GammaGamma
from aimwell.predict.pareto_nbd import ParetoNbd
from aimwell.predict.purchases import PurchaseHistory
from aimwell.stats.samples import FloatArray

__all__ = ["draw_purchases", "draw_shifts", "draw_spend", "simulate_customers"]

# Draws of parameters follow only directions in which the data speak (standard error of the logarithm below 1).
# Far along the others the normal approximation leaves the likelihood altogether.
_ERROR_MAX = 1.0


def draw_shifts(covariance: FloatArray, draws: int, rng: np.random.Generator) -> FloatArray:
    """Shifts of the logarithms of parameters, as uncertain as the fit; one row per draw, for `moved`."""
    variances, directions = np.linalg.eigh(covariance)
    spread = np.sqrt(np.where((variances > 0) & (variances < _ERROR_MAX**2), variances, 0.0))
    return np.asarray((rng.standard_normal((draws, len(spread))) * spread) @ directions.T)


def draw_purchases(
    model: BuyingLaw, history: PurchaseHistory, horizon: float, *, rng: np.random.Generator
) -> FloatArray:
    """One possible number of purchases of each customer within `horizon` (units of time)."""
    alive = rng.random(len(history)) < model.probability_alive(history)
    return np.where(alive, model.drawn_while_active(history, horizon, rng=rng), 0.0)


def draw_spend(
    model: GammaGamma, history: PurchaseHistory, purchases: FloatArray, *, rng: np.random.Generator
) -> FloatArray:
    """One possible value, in money, of so many purchases of each customer; 0 where there is none."""
    if history.spend is None:
        raise PredictError(
            "The history has no spend. Give the value of purchases to summarise_purchases."
        )
    spent = np.zeros(len(history))
    buys = purchases > 0
    frequency = history.frequency[buys]
    total = frequency * np.nan_to_num(history.spend[buys])
    rate = rng.standard_gamma(model.p_ * frequency + model.q_) / (total + model.v_)
    spent[buys] = rng.standard_gamma(model.p_ * purchases[buys]) / rate
    return spent


def simulate_customers(
    model: BetaGeometric | ParetoNbd,
    ages: FloatArray,
    *,
    horizon: float,
    rng: np.random.Generator,
    spending: GammaGamma | None = None,
) -> tuple[PurchaseHistory, FloatArray]:
    """Customers who buy as the model says, purchase by purchase.

    Args:
        model: The truth about buying.
        ages: How long each customer has been known when observation ends, in units of time; above 0.
        horizon: How far beyond that to go on, in units of time.
        rng: Source of chance.
        spending: The truth about spend; without it the history has none.

    Returns:
        What would have been observed of each customer, and the purchases that really follow within `horizon`.
    """
    size = len(ages)
    rate = rng.standard_gamma(model.r_, size) / model.alpha_
    stopping, ends = _stopping(model, size, rng)
    frequency, recency, future = np.zeros(size), np.zeros(size), np.zeros(size)
    active = np.arange(size)
    if isinstance(model, BetaGeometric) and model.first:
        active = active[rng.random(size) >= stopping]
    now = np.zeros(size)
    while len(active):
        # A rate that underflows to 0 means never again.
        with np.errstate(divide="ignore"):
            now[active] += rng.standard_exponential(len(active)) / rate[active]
        active = active[now[active] <= np.minimum(ages[active] + horizon, ends[active])]
        seen = active[now[active] <= ages[active]]
        frequency[seen] += 1
        recency[seen] = now[seen]
        future[active[now[active] > ages[active]]] += 1
        active = active[rng.random(len(active)) >= stopping[active]]
    spend = None if spending is None else _simulated_spend(spending, frequency, rng)
    history = PurchaseHistory(
        frequency=frequency, recency=recency, age=ages, spend=spend, unit_days=model.unit_days
    )
    return history, future


def _stopping(
    model: BetaGeometric | ParetoNbd, size: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Each customer's probability of stopping after a purchase, and the moment at which they stop in any case."""
    if isinstance(model, ParetoNbd):
        # A rate that underflows to 0 means never.
        with np.errstate(divide="ignore"):
            ends = rng.standard_exponential(size) * model.beta_ / rng.standard_gamma(model.s_, size)
        return np.zeros(size), ends
    return rng.beta(model.a_, model.b_, size), np.full(size, np.inf)


def _simulated_spend(
    model: GammaGamma, frequency: FloatArray, rng: np.random.Generator
) -> FloatArray:
    rate = rng.standard_gamma(model.q_, len(frequency)) / model.v_
    spend = np.full(len(frequency), np.nan)
    back = frequency > 0
    total = rng.standard_gamma(model.p_ * frequency[back]) / rate[back]
    spend[back] = total / frequency[back]
    return spend
