"""Lifetime value: money, months, margin and honest intervals."""

from __future__ import annotations

import numpy as np
import pytest

from aimwell.errors import PredictError
from aimwell.predict.bgnbd import BgNbd, fit_bgnbd
from aimwell.predict.futures import simulate_customers
from aimwell.predict.gamma_gamma import GammaGamma, fit_gamma_gamma
from aimwell.predict.holdout import check_holdout, quantile_buckets
from aimwell.predict.lifetime_value import MONTH_DAYS, LifetimeValues, lifetime_value
from aimwell.predict.purchases import PurchaseHistory

TRUE_SPEND = GammaGamma(p_=6.25, q_=3.74, v_=15.45)


@pytest.fixture(scope="module")
def spending(cdnow) -> GammaGamma:
    return fit_gamma_gamma(cdnow.history)


@pytest.fixture(scope="module")
def year(cdnow, cdnow_model: BgNbd, spending: GammaGamma) -> LifetimeValues:
    return lifetime_value(
        cdnow.history, cdnow_model, spending, horizon_days=365.25, margin=0.4, draws=200
    )


def test_a_year_of_revenue_is_that_of_lifetimes(cdnow, cdnow_model, spending) -> None:
    """lifetimes 0.11.3, 12 months at 1 % a month; its months are 4.345 weeks, ours 4.348."""
    found = lifetime_value(
        cdnow.history,
        cdnow_model,
        spending,
        horizon_days=365.25,
        margin=None,
        discount_monthly=0.01,
        draws=0,
    )
    assert found.value[:4] == pytest.approx([36.2785, 4.6375, 8.3441, 8.3441], rel=2e-3)
    assert found.value.sum() == pytest.approx(71509.9, rel=2e-3)


def test_it_is_purchases_by_month_times_spend_times_margin_discounted(
    cdnow, cdnow_model, spending, year: LifetimeValues
) -> None:
    row = cdnow.history.take(np.array([0]))
    by_hand, before = 0.0, 0.0
    for month in range(1, 13):
        until = cdnow_model.expected_purchases(row, month * MONTH_DAYS / 7)[0]
        by_hand += (until - before) / 1.01**month
        before = until
    assert year.value[0] == pytest.approx(by_hand * spending.expected_spend(row)[0] * 0.4)
    assert year.expected_purchases[0] == pytest.approx(before)


def test_a_part_of_a_month_is_discounted_at_its_own_end(cdnow, cdnow_model, spending) -> None:
    row = cdnow.history.take(np.array([0]))
    found = lifetime_value(row, cdnow_model, spending, horizon_days=45, margin=1.0, draws=0)
    first = cdnow_model.expected_purchases(row, MONTH_DAYS / 7)[0]
    second = cdnow_model.expected_purchases(row, 45 / 7)[0] - first
    worth = first / 1.01 + second / 1.01 ** (45 / MONTH_DAYS)
    assert found.value[0] == pytest.approx(worth * spending.expected_spend(row)[0])


def test_without_interest_it_is_purchases_times_spend(cdnow, cdnow_model, spending) -> None:
    found = lifetime_value(
        cdnow.history,
        cdnow_model,
        spending,
        horizon_days=273,
        margin=1.0,
        discount_monthly=0,
        draws=0,
    )
    assert found.value == pytest.approx(found.expected_purchases * found.spend_per_purchase)
    assert found.expected_purchases.sum() == pytest.approx(1653, abs=0.6)


def test_an_unknown_margin_gives_revenue_and_says_so(cdnow, cdnow_model, spending) -> None:
    settings = {"horizon_days": 90.0, "draws": 0}
    revenue = lifetime_value(cdnow.history, cdnow_model, spending, margin=None, **settings)
    profit = lifetime_value(cdnow.history, cdnow_model, spending, margin=0.25, **settings)
    assert revenue.measure == "revenue"
    assert "No margin is known" in revenue.reason
    assert (profit.measure, profit.reason) == ("margin", "")
    assert profit.value == pytest.approx(0.25 * revenue.value)
    assert profit.likely.upper == pytest.approx(0.25 * revenue.likely.upper)


def test_intervals_hold_the_value_and_chance_widens_them(year: LifetimeValues) -> None:
    assert (year.likely.lower <= year.value).all()
    assert (year.value <= year.likely.upper).all()
    assert year.possible is not None
    assert (year.possible.upper > year.likely.upper).mean() > 0.9
    assert (year.possible.lower <= year.likely.lower).mean() > 0.9


def test_the_interval_of_the_total_is_not_that_of_independent_errors(year: LifetimeValues) -> None:
    assert year.total.estimate == pytest.approx(year.value.sum())
    assert year.total.lower is not None
    assert year.total.upper is not None
    width = year.total.upper - year.total.lower
    independent = np.sqrt(((year.likely.upper - year.likely.lower) ** 2).sum())
    assert width > 5 * independent


def test_the_same_seed_gives_the_same_intervals(cdnow, cdnow_model, spending) -> None:
    few = cdnow.history.take(np.arange(50))
    first, second, other = (
        lifetime_value(
            few, cdnow_model, spending, horizon_days=90, margin=None, draws=50, seed=seed
        ).possible
        for seed in (1, 1, 2)
    )
    assert first is not None
    assert second is not None
    assert other is not None
    assert (first.upper == second.upper).all()
    assert (first.upper != other.upper).any()


def known_customers(
    truth: BgNbd, size: int, seed: int
) -> tuple[PurchaseHistory, np.ndarray, np.ndarray]:
    """Customers with true rates of their own, their purchases to come and what these cost."""
    rng = np.random.default_rng([seed, 76])
    history, future = simulate_customers(
        truth, rng.uniform(20, 40, size), horizon=26, rng=rng, spending=TRUE_SPEND
    )
    assert history.spend is not None
    # Given the past, ν is Gamma(p·x + q, v + total), and what comes is Gamma(p·purchases, ν).
    total = history.frequency * np.nan_to_num(history.spend)
    rate = rng.gamma(TRUE_SPEND.p_ * history.frequency + TRUE_SPEND.q_) / (TRUE_SPEND.v_ + total)
    money = np.zeros(size)
    buys = future > 0
    money[buys] = rng.gamma(TRUE_SPEND.p_ * future[buys]) / rate[buys]
    return history, future, money


def test_on_known_customers_values_are_calibrated_and_intervals_hold(
    published: BgNbd, seed: int
) -> None:
    history, future, money = known_customers(published, 6000, seed)
    found = lifetime_value(
        history,
        fit_bgnbd(history),
        fit_gamma_gamma(history),
        horizon_days=26 * 7,
        margin=None,
        discount_monthly=0,
        confidence=0.9,
        draws=300,
    )
    assert found.expected_purchases.sum() == pytest.approx(future.sum(), rel=0.1)
    check = check_holdout(
        found.value, money, buckets=quantile_buckets(found.value), ranges=found.possible
    )
    assert check.total_predicted == pytest.approx(check.total_actual, rel=0.12)
    assert check.correlation.value is not None
    assert check.correlation.value > 0.4
    # Most buy nothing, so an interval of 90 % holds more than that: its lower end is a heap at 0.
    assert check.inside is not None
    assert 0.88 <= check.inside <= 0.99


@pytest.mark.long
def test_intervals_of_what_is_possible_hold_for_those_who_keep_buying(
    seed: int,
) -> None:
    eager = BgNbd(r_=1.5, alpha_=4.0, a_=0.6, b_=4.0)
    history, _, money = known_customers(eager, 20_000, seed)
    found = lifetime_value(
        history,
        fit_bgnbd(history),
        fit_gamma_gamma(history),
        horizon_days=26 * 7,
        margin=None,
        discount_monthly=0,
        confidence=0.8,
        draws=400,
    )
    assert found.possible is not None
    # Where the lower end is above 0 there is no heap at it, and the share must be the stated one.
    free = found.possible.lower > 0
    assert free.sum() > 2000
    below, above = money < found.possible.lower, money > found.possible.upper
    assert below[free].mean() == pytest.approx(0.1, abs=0.02)
    assert above[free].mean() == pytest.approx(0.1, abs=0.02)


def test_people_without_a_figure_are_missing_and_counted(cdnow, cdnow_model, spending) -> None:
    heavy = GammaGamma(p_=2.0, q_=0.8, v_=10.0, covariance_=spending.covariance_)
    few = cdnow.history.take(np.arange(20))
    found = lifetime_value(few, cdnow_model, heavy, horizon_days=90, margin=None, draws=20)
    once = few.frequency == 0
    assert found.missing == once.sum() > 0
    assert np.isnan(found.value[once]).all()
    assert found.possible is not None
    assert np.isnan(found.possible.upper[once]).all()
    assert np.isfinite(found.possible.upper[~once]).all()
    assert found.total.estimate == pytest.approx(found.value[~once].sum())
    nobody = lifetime_value(
        few.take(once), cdnow_model, heavy, horizon_days=90, margin=None, draws=0
    )
    assert nobody.total.estimate is None
    assert nobody.total.reason == "no customer has a value"


def test_what_the_models_warn_of_is_handed_on(cdnow, cdnow_model) -> None:
    odd = GammaGamma(
        p_=6.0,
        q_=4.0,
        v_=15.0,
        covariance_=((0.01, 0, 0), (0, 0.01, 0), (0, 0, 0.01)),
        warning_="Spend goes with frequency.",
    )
    found = lifetime_value(cdnow.history, cdnow_model, odd, horizon_days=90, margin=None, draws=0)
    assert found.warnings == ("Spend goes with frequency.",)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("horizon_days", 0.0),
        ("horizon_days", float("nan")),
        ("margin", 0.0),
        ("margin", 1.5),
        ("margin", float("nan")),
        ("discount_monthly", -0.1),
        ("discount_monthly", 1.0),
        ("draws", 5),
    ],
)
def test_settings_out_of_range_are_refused(
    cdnow, cdnow_model, spending, setting: str, value: float
) -> None:
    settings = {"horizon_days": 90.0, "margin": 0.5, setting: value}
    with pytest.raises(PredictError, match=setting):
        lifetime_value(cdnow.history, cdnow_model, spending, **settings)
