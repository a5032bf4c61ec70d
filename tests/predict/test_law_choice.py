"""The choice of a law of buying: the true one where it is better beyond chance, the simplest where it is not."""

from __future__ import annotations

import numpy as np
import pytest

from aimwell.errors import TooLittleDataError
from aimwell.predict.bgnbd import BetaGeometric, BgNbd
from aimwell.predict.futures import simulate_customers
from aimwell.predict.law_choice import choose_law
from aimwell.predict.mbgnbd import MbgNbd
from aimwell.predict.pareto_nbd import ParetoNbd
from aimwell.predict.purchases import PurchaseHistory

BG = BgNbd(r_=0.6, alpha_=6.0, a_=0.8, b_=2.4)


def two_looks(
    truth: BetaGeometric | ParetoNbd, customers: int
) -> tuple[PurchaseHistory, PurchaseHistory]:
    """The same customers, as they stand at age 30 and at age 60: chance repeats itself for the same seed."""
    looks = []
    for age in (30.0, 60.0):
        rng = np.random.default_rng(5)
        looks.append(_look(truth, np.full(customers, age), rng))
    return looks[0], looks[1]


def _look(
    truth: BetaGeometric | ParetoNbd, ages: np.ndarray, rng: np.random.Generator
) -> PurchaseHistory:
    """Observed to each age, from lives that were drawn to the longest one."""
    size, end = len(ages), 60.0
    rate = rng.standard_gamma(truth.r_, size) / truth.alpha_
    if isinstance(truth, ParetoNbd):
        stops = rng.standard_exponential(size) * truth.beta_ / rng.standard_gamma(truth.s_, size)
        stopping, first = np.zeros(size), False
    else:
        stops, stopping = np.full(size, np.inf), rng.beta(truth.a_, truth.b_, size)
        first = bool(truth.first)
    frequency, recency, now = np.zeros(size), np.zeros(size), np.zeros(size)
    active = rng.random(size) >= stopping if first else np.ones(size, dtype=bool)
    while active.any():
        now = now + rng.standard_exponential(size) / rate
        active &= (now <= end) & (now <= stops)
        seen = active & (now <= ages)
        frequency[seen] += 1
        recency[seen] = now[seen]
        active &= rng.random(size) >= stopping
    return PurchaseHistory(frequency, recency, ages)


@pytest.mark.parametrize(
    "truth",
    [
        ParetoNbd(r_=0.5, alpha_=1.0, s_=1.0, beta_=15.0),
        MbgNbd(r_=1.2, alpha_=4.0, a_=0.9, b_=1.6),
    ],
    ids=lambda one: one.title,
)
def test_a_law_that_is_true_and_tells_is_found(truth: BetaGeometric | ParetoNbd) -> None:
    choice = choose_law(*two_looks(truth, 6000))
    assert choice.chosen.title == truth.title
    assert "the best law of buying" in choice.reason
    bg = choice.candidates[0]
    assert bg.title == "BG/NBD"
    assert (bg.extra_loss.lower or 0.0) > 0


def test_bg_nbd_is_taken_where_it_is_true() -> None:
    choice = choose_law(*two_looks(BG, 6000))
    assert choice.chosen.law == "bgnbd"
    assert [one.law for one in choice.candidates] == ["bgnbd", "mbg", "pareto"]


def test_the_score_is_the_density_of_what_came_given_what_was_known() -> None:
    known, later = two_looks(BG, 3000)
    best = choose_law(known, later).candidates[0]
    by_hand = best.model.log_densities(later) - best.model.log_densities(known)
    assert best.log_density == pytest.approx(by_hand.mean())


def test_a_law_that_is_asked_for_is_taken_and_told_that_it_is_worse() -> None:
    truth = MbgNbd(r_=1.2, alpha_=4.0, a_=0.9, b_=1.6)
    choice = choose_law(*two_looks(truth, 6000), asked="bgnbd")
    assert choice.chosen.law == "bgnbd"
    assert "though MBG/NBD was better" in choice.reason


def test_too_few_are_refused() -> None:
    known, later = two_looks(BG, 50)
    with pytest.raises(TooLittleDataError, match="customers: 50 of at least 100"):
        choose_law(known, later)


def test_simulated_customers_of_a_law_that_stops_at_once_buy_less() -> None:
    rng = np.random.default_rng(1)
    history, _ = simulate_customers(
        MbgNbd(r_=1.2, alpha_=4.0, a_=0.9, b_=1.6), np.full(20_000, 30.0), horizon=0, rng=rng
    )
    assert (history.frequency == 0).mean() > 0.9 / 2.5
