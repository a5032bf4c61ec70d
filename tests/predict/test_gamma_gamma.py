"""Gamma-Gamma: the published figures, derivatives, shrinkage, known truths, warnings and refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import gamma

from aimwell.errors import PredictError, TooLittleDataError
from aimwell.predict.bgnbd import BgNbd
from aimwell.predict.futures import simulate_customers
from aimwell.predict.gamma_gamma import (
    GammaGamma,
    SpendRows,
    fit_gamma_gamma,
    spend_log_likelihood,
)
from aimwell.predict.purchases import PurchaseHistory

LITERATURE = GammaGamma(p_=6.2488, q_=3.7446, v_=15.4478)


def buyers(frequency: np.ndarray, spend: np.ndarray) -> PurchaseHistory:
    """Histories that differ only in what this model looks at."""
    frequency = frequency.astype(float)
    return PurchaseHistory(
        frequency, np.where(frequency > 0, 5.0, 0.0), np.full(len(frequency), 9.0), spend=spend
    )


@pytest.fixture(scope="module")
def fitted(cdnow) -> GammaGamma:
    return fit_gamma_gamma(cdnow.history)


def test_the_fit_meets_the_published_parameters(fitted: GammaGamma) -> None:
    assert fitted.customers_ == 946
    assert fitted.parameters == pytest.approx([6.2488, 3.7446, 15.4478], rel=1e-3)
    assert fitted.log_likelihood_ == pytest.approx(-4055.923, abs=0.01)
    assert fitted.note_ == ""


def test_the_fit_gives_the_published_expected_spend(cdnow, fitted: GammaGamma) -> None:
    spend = fitted.expected_spend(cdnow.history)
    assert spend[:3] == pytest.approx([24.6586, 18.9115, 35.171], rel=1e-3)
    assert fitted.mean_spend == pytest.approx(35.171, rel=1e-4)


def test_the_published_parameters_give_the_published_expected_spend() -> None:
    spend = LITERATURE.expected_spend(buyers(np.array([2, 1, 0]), np.array([22.35, 11.77, np.nan])))
    assert spend == pytest.approx([24.6586, 18.9115, 35.171], rel=1e-5)


def test_standard_errors_equal_those_of_numerical_second_derivatives(fitted: GammaGamma) -> None:
    """Of the logarithms; computed once by central differences of the likelihood in lifetimes 0.11.3."""
    errors = np.sqrt(np.diag(fitted.covariance))
    assert errors == pytest.approx([0.1904242, 0.0774888, 0.2693348], rel=1e-4)
    assert fitted.parameter_intervals()["q"].covers(3.7446)


def test_the_sample_is_fit_for_the_model(fitted: GammaGamma) -> None:
    assert fitted.correlation_ == pytest.approx(0.206, abs=1e-3)
    assert fitted.warning_ == ""


@given(
    theta=st.lists(st.floats(-2, 2.5), min_size=3, max_size=3).map(np.array),
    rows=st.lists(st.tuples(st.integers(1, 20), st.floats(0.5, 500)), min_size=1, max_size=12),
)
def test_gradient_and_hessian_equal_finite_differences(
    theta: np.ndarray, rows: list[tuple[int, float]]
) -> None:
    people = SpendRows.of(
        np.array([row[0] for row in rows], dtype=float), np.array([row[1] for row in rows])
    )
    _, gradient, hessian = spend_log_likelihood(theta, people)
    step = 1e-5
    for place in range(3):
        shift = np.zeros(3)
        shift[place] = step
        above = spend_log_likelihood(theta + shift, people)
        below = spend_log_likelihood(theta - shift, people)
        assert (above[0] - below[0]) / (2 * step) == pytest.approx(
            gradient[place], rel=1e-5, abs=1e-4
        )
        assert (above[1] - below[1]) / (2 * step) == pytest.approx(
            hessian[place], rel=1e-5, abs=1e-4
        )


@pytest.mark.parametrize(("frequency", "mean"), [(1, 12.0), (4, 30.0)])
def test_the_likelihood_equals_the_integral_over_customers(frequency: int, mean: float) -> None:
    p, q, v = 2.5, 3.2, 15.0

    def weighted(rate: float) -> float:
        spend = gamma.pdf(mean, p * frequency, scale=1 / (rate * frequency))
        return float(spend * gamma.pdf(rate, q, scale=1 / v))

    integral, _ = quad(weighted, 0, 5, epsrel=1e-11)
    value, _, _ = spend_log_likelihood(
        np.log([p, q, v]), SpendRows.of(np.array([float(frequency)]), np.array([mean]))
    )
    assert np.exp(value) == pytest.approx(integral, rel=1e-8)


@given(x=st.integers(1, 40), mean=st.floats(0.1, 1000))
def test_the_expected_spend_lies_between_the_own_mean_and_everybody_s(x: int, mean: float) -> None:
    everybody = LITERATURE.mean_spend
    assert everybody is not None
    fewer, more = LITERATURE.expected_spend(buyers(np.array([x, x + 1]), np.array([mean, mean])))
    low, high = sorted((mean, everybody))
    assert low - 1e-9 <= fewer <= high + 1e-9
    assert abs(more - mean) <= abs(fewer - mean) + 1e-9


def test_known_parameters_are_found_again(published: BgNbd, seed: int) -> None:
    rng = np.random.default_rng([seed, 72])
    history, _ = simulate_customers(
        published, np.full(20_000, 40.0), horizon=1, rng=rng, spending=LITERATURE
    )
    fitted = fit_gamma_gamma(history)
    intervals = fitted.parameter_intervals(confidence=0.9999)
    for name, value in zip(("p", "q", "v"), LITERATURE.parameters, strict=True):
        assert intervals[name].covers(float(value)), name
    assert fitted.warning_ == ""


def test_spend_that_goes_with_frequency_is_warned_of(seed: int) -> None:
    rng = np.random.default_rng([seed, 73])
    frequency = rng.integers(1, 12, 500)
    spend = rng.gamma(6.0, 2.0 + frequency, 500)
    model = fit_gamma_gamma(buyers(frequency, spend))
    assert "spend more per purchase" in model.warning_
    assert model.correlation_ is not None
    assert model.correlation_ > 0.3


def test_a_chance_correlation_of_few_buyers_is_not_warned_of() -> None:
    rng = np.random.default_rng(0)
    frequency, spend = rng.integers(1, 4, 31), rng.gamma(6.0, 5.0, 31)
    order = np.argsort(spend)
    # Seven of the largest spenders bought most often: correlated a little, but 31 buyers prove nothing.
    frequency = np.full(31, 2)
    frequency[order[-7:]] = np.array([3, 3, 2, 3, 1, 3, 2])
    model = fit_gamma_gamma(buyers(frequency, spend))
    assert model.correlation_ is not None
    assert model.correlation_ > 0.3
    assert model.warning_ == ""


def test_the_mean_of_an_infinite_law_is_missing_with_the_reason() -> None:
    model = GammaGamma(p_=2.0, q_=0.8, v_=10.0)
    spend = model.expected_spend(buyers(np.array([0, 3]), np.array([np.nan, 20.0])))
    assert model.mean_spend is None
    assert np.isnan(spend[0])
    assert np.isfinite(spend[1])


def test_heavy_tails_leave_newcomers_without_a_figure_and_say_so(seed: int) -> None:
    rng = np.random.default_rng([seed, 74])
    rate = rng.gamma(0.7, 1 / 10, 2000)
    spend = rng.gamma(2.0 * 3, 1 / rate) / 3
    model = fit_gamma_gamma(buyers(np.full(2000, 3), spend))
    assert model.q_ < 1
    assert "mean over customers is infinite" in model.note_


def test_free_purchases_are_left_out_and_counted(seed: int) -> None:
    rng = np.random.default_rng([seed, 75])
    spend = np.append(rng.gamma(4.0, 5.0, 200), [0.0, 0.0])
    model = fit_gamma_gamma(buyers(np.full(202, 2), spend))
    assert model.customers_ == 200
    assert "2 repeat buyers without spend" in model.note_


def test_too_few_spenders_are_refused_with_the_numbers() -> None:
    with pytest.raises(TooLittleDataError, match="spend above 0: 5 of at least 30"):
        fit_gamma_gamma(buyers(np.array([1, 1, 1, 1, 1, 0, 1]), np.array([9.0] * 6 + [0.0])))


def test_a_history_without_spend_is_refused() -> None:
    silent = PurchaseHistory(np.ones(1), np.ones(1), np.ones(1))
    for call in (fit_gamma_gamma, LITERATURE.expected_spend):
        with pytest.raises(PredictError, match="has no spend"):
            call(silent)


def test_customers_who_all_spend_the_same_are_refused() -> None:
    with pytest.raises(PredictError, match="take that spend itself"):
        fit_gamma_gamma(buyers(np.full(50, 2), np.full(50, 19.9)))


def test_customers_who_spend_almost_the_same_are_no_obstacle() -> None:
    """p runs off: what is known is that everybody spends about 20."""
    spend = 20 + np.random.default_rng(1).normal(0, 0.01, 400)
    model = fit_gamma_gamma(buyers(np.full(400, 2), spend))
    assert model.expected_spend(
        buyers(np.array([2, 0]), np.array([20.0, np.nan]))
    ) == pytest.approx([20, 20], rel=0.01)


def test_parameters_without_a_fit_have_no_intervals() -> None:
    with pytest.raises(PredictError, match="Fit it to purchases"):
        LITERATURE.parameter_intervals()
    with pytest.raises(PredictError, match="parameter v"):
        GammaGamma(p_=1, q_=2, v_=-1)
