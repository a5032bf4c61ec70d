"""BG/NBD: the published figures, known truths found again, and clear refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.errors import PredictError, TooLittleDataError
from aimwell.predict.bgnbd import CUSTOMERS_MIN, REPEAT_BUYERS_MIN, BgNbd, fit_bgnbd
from aimwell.predict.futures import simulate_customers
from aimwell.predict.purchases import PurchaseHistory

# Fitted to the sample with times rounded to 0.01 weeks, as the literature's table has them.
ROUNDED = BgNbd(r_=0.24259291, alpha_=4.41353156, a_=0.79288615, b_=2.42575344)


def customer(frequency: float, recency: float, age: float) -> PurchaseHistory:
    return PurchaseHistory(*(np.array([float(value)]) for value in (frequency, recency, age)))


# --- The published figures -------------------------------------------------------------------------------------------


def test_the_calibration_table_has_the_published_counts(cdnow) -> None:
    assert len(cdnow.history) == 2357
    assert (cdnow.history.frequency > 0).sum() == 946
    assert cdnow.holdout.sum() == 1882
    assert cdnow.history.age.max() == pytest.approx(38.857, abs=1e-3)


def test_the_fit_meets_the_published_parameters(cdnow_model: BgNbd) -> None:
    assert cdnow_model.r_ == pytest.approx(0.24259, rel=1e-3)
    assert cdnow_model.alpha_ == pytest.approx(4.41353, rel=1e-3)
    assert cdnow_model.a_ == pytest.approx(0.79289, rel=1e-3)
    assert cdnow_model.b_ == pytest.approx(2.42575, rel=1e-3)
    assert cdnow_model.log_likelihood_ == pytest.approx(-9582.426, abs=0.01)
    assert cdnow_model.note_ == ""


def test_times_rounded_as_in_the_literature_give_its_log_likelihood_to_the_digit(cdnow) -> None:
    known = cdnow.history
    model = fit_bgnbd(PurchaseHistory(known.frequency, known.recency.round(2), known.age.round(2)))
    assert model.parameters == pytest.approx(ROUNDED.parameters, rel=1e-6)
    assert model.log_likelihood_ == pytest.approx(-9582.4256, abs=5e-5)


def test_the_published_parameters_give_the_published_expectation(published: BgNbd) -> None:
    known = customer(2, 30.43, 38.86)
    assert published.expected_purchases(known, 39)[0] == pytest.approx(1.2260282, rel=1e-6)
    assert published.probability_alive(known)[0] == pytest.approx(0.7265786, rel=1e-6)


@pytest.mark.parametrize(
    ("known", "expected"),
    [((2, 30.43, 38.86), 1.2259104), ((1, 1.71, 38.86), 0.2032506), ((0, 0, 38.86), 0.1947808)],
)
def test_the_fitted_parameters_give_the_published_expectations(
    known: tuple[float, float, float], expected: float
) -> None:
    assert ROUNDED.expected_purchases(customer(*known), 39)[0] == pytest.approx(expected, rel=1e-6)


def test_the_fitted_parameters_give_the_published_probability_alive() -> None:
    alive = ROUNDED.probability_alive(customer(2, 30.43, 38.86))
    assert alive[0] == pytest.approx(0.7266091, rel=1e-6)


def test_the_mean_probability_alive_is_the_published_one(cdnow, cdnow_model: BgNbd) -> None:
    mean = cdnow_model.probability_alive(cdnow.history).mean()
    assert mean == pytest.approx(0.81344, abs=1e-5)


def test_standard_errors_equal_those_of_numerical_second_derivatives(cdnow_model: BgNbd) -> None:
    """Of the logarithms; computed once by central differences of the likelihood in lifetimes 0.11.3."""
    errors = np.sqrt(np.diag(cdnow_model.covariance))
    assert errors == pytest.approx([0.0517628, 0.0856951, 0.2342397, 0.2907838], rel=1e-5)
    r = cdnow_model.parameter_intervals()["r"]
    assert r.estimate == cdnow_model.r_
    assert (r.lower, r.upper) == pytest.approx((0.2192, 0.2685), abs=2e-4)


# --- What must hold for any customer ---------------------------------------------------------------------------------

TRUTHS = st.builds(
    BgNbd,
    r_=st.floats(0.1, 5),
    alpha_=st.floats(1, 30),
    a_=st.floats(0.05, 5),
    b_=st.floats(0.3, 10),
)


@given(model=TRUTHS, x=st.integers(1, 15), age=st.floats(10, 100), share=st.floats(0.1, 0.8))
def test_a_longer_silence_means_less_alive_and_fewer_purchases(
    model: BgNbd, x: int, age: float, share: float
) -> None:
    early, late = customer(x, share * age, age), customer(x, min(1.0, share * 1.2) * age, age)
    assert model.probability_alive(early)[0] <= model.probability_alive(late)[0]
    assert model.expected_purchases(early, 20)[0] <= model.expected_purchases(late, 20)[0] + 1e-12


@given(model=TRUTHS, x=st.integers(1, 15), age=st.floats(10, 100))
def test_more_purchases_up_to_the_last_day_mean_more_to_come(
    model: BgNbd, x: int, age: float
) -> None:
    fewer, more = customer(x, age, age), customer(x + 1, age, age)
    assert model.expected_purchases(fewer, 20)[0] < model.expected_purchases(more, 20)[0]


@given(model=TRUTHS, x=st.integers(0, 15), horizon=st.floats(0, 100))
def test_a_longer_horizon_brings_more_and_never_more_than_without_stopping(
    model: BgNbd, x: int, horizon: float
) -> None:
    known = customer(x, 12.0 if x else 0.0, 20.0)
    short = model.expected_purchases(known, horizon)[0]
    long = model.expected_purchases(known, horizon + 1)[0]
    forever = (model.r_ + x) / (model.alpha_ + 20) * (horizon + 1)
    assert 0 <= short < long
    assert long <= forever * (1 + 1e-9)


def test_a_weighted_sum_over_horizons_and_its_slopes_are_those_of_the_parts(
    published: BgNbd,
) -> None:
    known = PurchaseHistory(np.array([0.0, 3]), np.array([0.0, 9]), np.array([9.0, 20]))
    horizons, weights = np.array([4.0, 13]), np.array([0.7, -0.2])
    parts = [published.expected_purchases(known, horizon) for horizon in horizons]
    found = published.weighted_purchases(known, horizons, weights)
    assert found == pytest.approx(0.7 * parts[0] - 0.2 * parts[1])
    slopes = published.weighted_slopes(known, horizons, weights)
    step = np.array([0.0, 1e-3, 0, 0])
    longer, shorter = published.moved(step), published.moved(-step)
    by_hand = (
        longer.weighted_purchases(known, horizons, weights)
        - shorter.weighted_purchases(known, horizons, weights)
    ) / 2e-3
    assert slopes[:, 1] == pytest.approx(by_hand, rel=1e-4)
    assert slopes.shape == (2, 4)


def test_a_new_customer_is_one_with_no_age(published: BgNbd) -> None:
    new = published.expected_purchases(customer(0, 0, 0), 39)[0]
    assert published.expected_purchases_new_customer(39) == pytest.approx(new)


def test_equal_customers_get_equal_figures_in_any_order(published: BgNbd) -> None:
    x, recency, age = np.array([2.0, 0, 2]), np.array([5.0, 0, 5]), np.array([9.0, 9, 9])
    found = published.expected_purchases(PurchaseHistory(x, recency, age), 10)
    assert found[0] == found[2]
    assert found[1] == published.expected_purchases(customer(0, 0, 9), 10)[0]


# --- Known truths ----------------------------------------------------------------------------------------------------


def simulated(truth: BgNbd, customers: int, seed: int) -> tuple[PurchaseHistory, np.ndarray]:
    rng = np.random.default_rng([seed, 71])
    ages = rng.uniform(20, 52, customers)
    return simulate_customers(truth, ages, horizon=26, rng=rng)


def coverage(truth: BgNbd, *, customers: int, times: int, seed: int) -> np.ndarray:
    """Share of repetitions whose 90 % intervals hold the truth: r, α, a, b, then three expectations."""
    probes = PurchaseHistory(
        np.array([0.0, 2, 6]), np.array([0.0, 20, 30]), np.array([40.0, 40, 40])
    )
    real = truth.expected_purchases(probes, 26)
    held = np.zeros(7)
    for repetition in range(times):
        history, _ = simulated(truth, customers, seed + repetition)
        model = fit_bgnbd(history)
        intervals = model.parameter_intervals(confidence=0.9).values()
        held[:4] += [
            bool(interval.covers(float(value)))
            for interval, value in zip(intervals, truth.parameters, strict=True)
        ]
        ranges = model.expected_purchases_ranges(probes, 26, confidence=0.9)
        held[4:] += (ranges.lower <= real) & (real <= ranges.upper)
    return held / times


def test_known_parameters_are_found_again(published: BgNbd, seed: int) -> None:
    history, _ = simulated(published, 20_000, seed)
    intervals = fit_bgnbd(history).parameter_intervals(confidence=0.9999)
    for name, value in zip(("r", "alpha", "a", "b"), published.parameters, strict=True):
        assert intervals[name].covers(float(value)), name


def test_intervals_hold_the_truth_about_as_often_as_they_say(published: BgNbd, seed: int) -> None:
    held = coverage(published, customers=2000, times=100, seed=seed)
    # 90 of 100, and four standard errors of chance.
    assert (held > 0.78).all(), held


@pytest.mark.long
def test_intervals_hold_the_truth_as_often_as_they_say(published: BgNbd, seed: int) -> None:
    held = coverage(published, customers=3000, times=2000, seed=seed)
    # Standard error 0.7 points; the normal approximation itself errs by a point or two at this size.
    assert (np.abs(held - 0.9) < 0.03).all(), held


def test_where_nobody_stops_the_fit_says_so_and_predicts_as_without_stopping() -> None:
    truth = BgNbd(r_=0.8, alpha_=8.0, a_=1e-6, b_=5.0)
    # A fixed seed: now and then chance alone looks as if a few had stopped.
    history, future = simulated(truth, 3000, 1)
    model = fit_bgnbd(history)
    assert "leave open" in model.note_
    assert "little sign that customers stop" in model.note_
    assert model.probability_alive(history).mean() > 0.98
    assert model.expected_purchases(history, 26).sum() == pytest.approx(future.sum(), rel=0.05)
    ranges = model.expected_purchases_ranges(history, 26)
    assert np.isfinite(ranges.upper).all()


def test_customers_who_stop_alike_are_no_obstacle(seed: int) -> None:
    """One p for all: a and b run off together; only a/(a+b) is in the data."""
    truth = BgNbd(r_=0.8, alpha_=8.0, a_=2000.0, b_=6000.0)
    history, future = simulated(truth, 3000, seed)
    model = fit_bgnbd(history)
    assert model.a_ / (model.a_ + model.b_) == pytest.approx(0.25, abs=0.05)
    assert model.expected_purchases(history, 26).sum() == pytest.approx(future.sum(), rel=0.2)


def test_the_unit_of_time_does_not_matter(cdnow, cdnow_model: BgNbd) -> None:
    known = cdnow.history
    days = PurchaseHistory(known.frequency, known.recency * 7, known.age * 7, unit_days=1)
    model = fit_bgnbd(days)
    assert model.alpha_ == pytest.approx(7 * cdnow_model.alpha_, rel=1e-6)
    assert model.expected_purchases(days, 39 * 7) == pytest.approx(
        cdnow_model.expected_purchases(known, 39), rel=1e-6
    )


def test_the_same_customers_give_the_same_model_in_any_order(cdnow, cdnow_model: BgNbd) -> None:
    assert fit_bgnbd(cdnow.history) == cdnow_model
    mixed = np.random.default_rng(3).permutation(len(cdnow.history))
    assert fit_bgnbd(cdnow.history.take(mixed)) == cdnow_model


# --- Refusals --------------------------------------------------------------------------------------------------------


def test_five_customers_are_refused_with_the_numbers() -> None:
    few = PurchaseHistory(np.arange(5.0), np.arange(5.0), np.full(5, 9.0))
    with pytest.raises(TooLittleDataError, match="customers: 5 of at least 100") as caught:
        fit_bgnbd(few)
    assert caught.value.needed == {
        "customers": CUSTOMERS_MIN,
        "repeat buyers": REPEAT_BUYERS_MIN,
    }
    assert caught.value.present == {"customers": 5, "repeat buyers": 4}


def test_nobody_who_came_back_is_refused_with_the_numbers() -> None:
    once = PurchaseHistory(np.zeros(500), np.zeros(500), np.linspace(1, 50, 500))
    with pytest.raises(TooLittleDataError, match="repeat buyers: 0 of at least 30"):
        fit_bgnbd(once)


def test_identical_customers_are_refused() -> None:
    alike = PurchaseHistory(np.full(500, 2.0), np.full(500, 5.0), np.full(500, 9.0))
    with pytest.raises(PredictError, match="only 1 different histories"):
        fit_bgnbd(alike)


def test_another_unit_of_time_is_refused(published: BgNbd) -> None:
    days = PurchaseHistory(np.ones(1), np.ones(1), np.ones(1), unit_days=1)
    with pytest.raises(PredictError, match="unit_days=7"):
        published.expected_purchases(days, 10)


@pytest.mark.parametrize("horizon", [-1.0, float("nan"), float("inf")])
def test_an_impossible_horizon_is_refused(published: BgNbd, horizon: float) -> None:
    with pytest.raises(PredictError, match="horizon"):
        published.expected_purchases(customer(0, 0, 9), horizon)


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_impossible_parameters_are_refused(published: BgNbd, value: float) -> None:
    with pytest.raises(PredictError, match="parameter b"):
        replace(published, b_=value)


def test_published_parameters_have_no_intervals(published: BgNbd) -> None:
    with pytest.raises(PredictError, match="Fit it to purchases"):
        published.parameter_intervals()
