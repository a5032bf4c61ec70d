"""The beta-binomial law: a published fit, truths that are simulated, and which of several shares is the best."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import betabinom

from aimwell.errors import PredictError
from aimwell.predict.beta_binomial import (
    BetaBinomial,
    Shares,
    chances_best,
    fit_beta_binomial,
    fit_strength,
)

BOYS = (3, 24, 104, 286, 670, 1033, 1343, 1112, 829, 478, 181, 45, 7)
"""Families in Saxony by the number of boys among twelve children (Geissler 1889)."""


def test_the_fit_of_saxonys_families_is_the_published_one() -> None:
    boys = np.repeat(np.arange(13.0), BOYS)
    law = fit_beta_binomial(boys, np.full(len(boys), 12.0))
    assert law.mean * law.strength == pytest.approx(34.09558, rel=2e-3)
    assert (1 - law.mean) * law.strength == pytest.approx(31.5715, rel=2e-3)
    told = betabinom(12, law.mean * law.strength, (1 - law.mean) * law.strength).logpmf(boys)
    assert told.sum() == pytest.approx(-12492.9, abs=0.1)


def test_a_strength_is_found_where_what_is_usual_differs() -> None:
    rng = np.random.default_rng(1)
    usual = rng.uniform(0.1, 0.6, 6_000)
    trials = rng.integers(1, 30, 6_000).astype(float)
    hits = rng.binomial(trials.astype(int), rng.beta(12 * usual, 12 * (1 - usual))).astype(float)
    assert fit_strength(hits, trials, usual) == pytest.approx(12, rel=0.12)
    # Who is at what is usual for all people differs by chance alone.
    alike = rng.binomial(trials.astype(int), usual).astype(float)
    assert fit_strength(alike, trials, usual) > 200


def test_intervals_cover_as_often_as_they_say() -> None:
    rng = np.random.default_rng(2)
    trials = rng.integers(1, 40, 5_000).astype(float)
    truth = rng.beta(2, 6, 5_000)
    hits = rng.binomial(trials.astype(int), truth).astype(float)
    low, high = fit_beta_binomial(hits, trials).shares(hits, trials).interval()
    assert 0.94 <= ((low <= truth) & (truth <= high)).mean() <= 0.96


def test_which_share_is_the_best_agrees_with_draws() -> None:
    alpha, beta = np.array([[3.0, 5.0, 2.0]]), np.array([[9.0, 20.0, 4.0]])
    draws = np.random.default_rng(3).beta(alpha, beta, size=(400_000, 3))
    seen = np.bincount(draws.argmax(axis=1), minlength=3) / len(draws)
    assert chances_best(Shares(alpha, beta), np.ones((1, 3)))[0] == pytest.approx(seen, abs=0.003)


def test_a_share_that_nobody_has_is_never_the_best() -> None:
    shares = Shares(np.array([[2.0, 50.0], [2.0, 50.0]]), np.array([[8.0, 1.0], [8.0, 1.0]]))
    best = chances_best(shares, np.array([[4.0, 0.0], [0.0, 0.0]]))
    assert best[0] == pytest.approx([1.0, 0.0])
    assert np.isnan(best[1]).all()


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=2, max_size=4),
    st.floats(0.5, 20),
)
def test_chances_sum_to_one_and_follow_the_order_of_shares(
    counts: list[tuple[int, int]], strength: float
) -> None:
    hits = np.array([[float(hit) for hit, _ in counts]])
    trials = hits + np.array([[float(miss) for _, miss in counts]])
    best = chances_best(BetaBinomial(0.3, strength).shares(hits, trials), trials + 1)
    assert best.sum() == pytest.approx(1.0)
    turned = chances_best(
        BetaBinomial(0.3, strength).shares(hits[:, ::-1], trials[:, ::-1]), trials[:, ::-1] + 1
    )
    assert turned[0, ::-1] == pytest.approx(best[0], abs=1e-9)


def test_nothing_is_told_where_nobody_or_everybody_hit() -> None:
    for hits in (np.zeros(5), np.full(5, 2.0)):
        with pytest.raises(PredictError, match="A share between 0 and 1 is needed"):
            fit_beta_binomial(hits, np.full(5, 2.0))
