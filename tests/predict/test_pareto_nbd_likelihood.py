"""The likelihood of Pareto/NBD: the textbook's ₂F₁ where that holds, brute integration where it does not."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import gammaln, hyp2f1

from aimwell.predict.pareto_nbd_likelihood import (
    ParetoRows,
    log_densities,
    log_likelihood,
    log_odds_stopped,
)
from aimwell.predict.purchases import PurchaseHistory

THETAS = st.lists(st.floats(-2.5, 2.5), min_size=4, max_size=4).map(np.array)
CUSTOMERS = st.lists(
    st.tuples(st.integers(0, 12), st.floats(0.05, 1), st.floats(0.2, 60)), min_size=1, max_size=12
)


def history_of(customers: list[tuple[int, float, float]]) -> PurchaseHistory:
    frequency = np.array([row[0] for row in customers], dtype=float)
    age = np.array([row[2] for row in customers])
    recency = np.where(frequency > 0, np.array([row[1] for row in customers]) * age, 0.0)
    return PurchaseHistory(frequency, recency, age)


def textbook(params: np.ndarray, x: float, recency: float, age: float) -> float:
    """Fader & Hardie (2005), A note on deriving the Pareto/NBD model, the likelihood with A₀."""
    r, alpha, s, beta = params
    whole, high = r + s + x, max(alpha, beta)
    second = s + 1 if alpha >= beta else r + x

    def term(time: float) -> float:
        z = abs(alpha - beta) / (high + time)
        return hyp2f1(whole, second, whole + 1, z) / (high + time) ** whole

    active = (alpha + age) ** -(r + x) * (beta + age) ** -s
    both = active + s / whole * (term(recency) - term(age))
    return gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta) + np.log(both)


@pytest.mark.parametrize("params", [(0.55, 10.6, 0.6, 11.7), (1.4, 5.0, 0.3, 30.0), (0.3, 4, 2, 4)])
@pytest.mark.parametrize("seen", [(0, 0, 39), (1, 1.7, 38.9), (4, 30, 38.9), (11, 20, 52)])
def test_it_is_the_textbooks_likelihood(
    params: tuple[float, ...], seen: tuple[float, float, float]
) -> None:
    known = PurchaseHistory(*(np.array([float(value)]) for value in seen))
    odds = log_odds_stopped(np.array(params), known.frequency, known.recency, known.age)
    found = log_densities(np.array(params), known, odds)
    assert found[0] == pytest.approx(textbook(np.array(params), *seen), rel=1e-10)


@given(
    theta=st.lists(st.floats(-6, 6), min_size=4, max_size=4),
    x=st.integers(0, 400),
    share=st.floats(0.01, 0.999),
    age=st.floats(0.5, 500),
)
def test_the_odds_equal_brute_integration(
    theta: list[float], x: int, share: float, age: float
) -> None:
    r, alpha, s, beta = np.exp(theta)
    recency = share * age if x else 0.0

    def log_part(v: float) -> float:
        away = min(alpha, beta) + recency
        y = recency + away * np.expm1(v)
        return float(
            np.log(s)
            + (r + x) * np.log((alpha + age) / (alpha + y))
            + s * np.log((beta + age) / (beta + y))
            - np.log(beta + y)
            + np.log(away)
            + v
        )

    peak = max(log_part(0.0), 0.0)
    end = float(np.log1p((age - recency) / (min(alpha, beta) + recency)))
    cuts = np.append(0.0, end * np.logspace(-6, 0, 40))
    mass = sum(
        quad(lambda v: np.exp(log_part(v) - peak), low, high, epsabs=0, epsrel=1e-9)[0]
        for low, high in pairwise(cuts)
    )
    column = [np.array([float(value)]) for value in (x, recency, age)]
    found = log_odds_stopped(np.exp(theta), *column)[0]
    assert found == pytest.approx(np.log(mass) + peak, abs=1e-7, rel=1e-9)


@given(theta=THETAS, customers=CUSTOMERS)
def test_gradient_and_hessian_equal_finite_differences(
    theta: np.ndarray, customers: list[tuple[int, float, float]]
) -> None:
    rows = ParetoRows.of(history_of(customers))
    _, gradient, hessian = log_likelihood(theta, rows)
    step = 1e-5
    for place in range(4):
        shift = np.zeros(4)
        shift[place] = step
        above, below = log_likelihood(theta + shift, rows), log_likelihood(theta - shift, rows)
        assert (above[0] - below[0]) / (2 * step) == pytest.approx(
            gradient[place], rel=1e-5, abs=1e-4
        )
        assert (above[1] - below[1]) / (2 * step) == pytest.approx(
            hessian[place], rel=1e-5, abs=1e-4
        )
    assert hessian == pytest.approx(hessian.T)


@given(theta=THETAS, customers=CUSTOMERS, times=st.integers(1, 4))
def test_the_sum_over_groups_is_that_over_customers(
    theta: np.ndarray, customers: list[tuple[int, float, float]], times: int
) -> None:
    history = history_of(customers * times)
    rows = ParetoRows.of(history)
    assert rows.customers == len(history)
    assert rows.repeat_buyers == (history.frequency > 0).sum()
    params = np.exp(theta)
    odds = log_odds_stopped(params, history.frequency, history.recency, history.age)
    assert log_likelihood(theta, rows)[0] == pytest.approx(
        log_densities(params, history, odds).sum(), rel=1e-10, abs=1e-9
    )


def test_who_bought_fifty_thousand_times_and_fell_silent_has_surely_stopped() -> None:
    column = [np.array([float(value)]) for value in (50_000, 200, 300)]
    odds = log_odds_stopped(np.array([0.5, 10.0, 0.5, 10.0]), *column)
    assert np.isfinite(odds[0])
    assert odds[0] > 1_000


def test_who_bought_on_the_last_day_cannot_have_stopped() -> None:
    column = [np.array([float(value)]) for value in (3, 20, 20)]
    assert log_odds_stopped(np.array([0.5, 10.0, 0.5, 10.0]), *column)[0] == -np.inf
