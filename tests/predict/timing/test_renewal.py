"""The renewal model: closed forms against numbers by hand, the truth of a simulated shop, and no way to break it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from aimwell.errors import PredictError
from aimwell.predict.timing.renewal import Renewal, fit_renewal
from aimwell.predict.timing.waits import Waits
from renewals import Renewed, buy_again

TRUTH = Renewal(log_mean=3.2, between=0.6, within=0.7, leave_a=0.6, leave_b=2.0)


def waits_of(gaps: list[float], waited: float) -> Waits:
    logs = np.log(gaps) if gaps else np.zeros(0)
    mean = float(logs.mean()) if gaps else 0.0
    squares = float(((logs - mean) ** 2).sum()) if gaps else 0.0
    one = np.ones(1)
    return Waits(one * len(gaps), one * mean, one * squares, one * waited, one)


@pytest.fixture(scope="module")
def shop() -> Renewed:
    return buy_again(TRUTH, 8_000, days=365, seed=1)


@pytest.fixture(scope="module")
def fitted(shop: Renewed) -> Renewal:
    return fit_renewal(shop.waits)


def test_a_fit_finds_the_parameters_that_made_the_shop(fitted: Renewal) -> None:
    assert fitted.log_mean == pytest.approx(TRUTH.log_mean, abs=0.05)
    assert fitted.between == pytest.approx(TRUTH.between, abs=0.05)
    assert fitted.within == pytest.approx(TRUTH.within, abs=0.03)
    share = fitted.leave_a / (fitted.leave_a + fitted.leave_b)
    assert share == pytest.approx(0.6 / 2.6, abs=0.03)


def test_probabilities_are_calibrated_though_some_are_gone(shop: Renewed, fitted: Renewal) -> None:
    ahead = fitted.next_gap(shop.waits)
    for days in (7, 14, 30, 90):
        happened = (shop.comes <= days).mean()
        error = 3.5 * np.sqrt(happened / len(shop.comes))
        assert ahead.within(days).mean() == pytest.approx(happened, abs=error)
    assert ahead.returns.mean() == pytest.approx(np.isfinite(shop.comes).mean(), abs=0.02)


def test_who_is_said_to_return_does(shop: Renewed, fitted: Renewal) -> None:
    returns = fitted.next_gap(shop.waits).returns
    for low, high in ((0.0, 0.2), (0.4, 0.6), (0.8, 1.0)):
        chosen = (returns >= low) & (returns < high)
        did = np.isfinite(shop.comes[chosen])
        assert did.mean() == pytest.approx(
            returns[chosen].mean(), abs=3.5 * 0.5 / np.sqrt(did.size) + 0.01
        )


@pytest.mark.parametrize(("lower", "upper", "share"), [(0.05, 0.95, 0.9), (0.25, 0.75, 0.5)])
def test_intervals_hold_as_often_as_they_say(
    shop: Renewed, fitted: Renewal, lower: float, upper: float, share: float
) -> None:
    ahead = fitted.next_gap(shop.waits)
    back = np.isfinite(shop.comes)
    inside = (shop.comes >= ahead.days_if_back(lower)) & (shop.comes <= ahead.days_if_back(upper))
    # A whole day belongs to the interval with all its probability, so it holds a little more.
    assert share - 0.02 <= inside[back].mean() <= share + 0.06


def test_the_open_gap_counts_or_the_slow_would_be_missed(shop: Renewed, fitted: Renewal) -> None:
    blind = Waits(
        shop.waits.gaps,
        shop.waits.mean_log,
        shop.waits.squares,
        np.zeros(len(shop.waits)),
        shop.waits.weight,
    )
    assert fit_renewal(blind).log_mean < fitted.log_mean - 0.05


def test_the_likelihood_is_the_integral_over_the_persons_own_pace() -> None:
    """The pace of a person with gaps of 10 and 20 days, after 15 days of waiting, by numerical integration."""
    gaps, waited = np.log([10.0, 20.0]), np.log(15.5)

    def joint(pace: float, end: float) -> float:
        seen = np.prod(norm.pdf(gaps, pace, TRUTH.within))
        later = norm.sf(end, pace, TRUTH.within)
        return float(norm.pdf(pace, TRUTH.log_mean, TRUTH.between) * seen * later)

    still = quad(joint, -2, 9, args=(waited,))[0]
    week = quad(joint, -2, 9, args=(np.log(22.5),))[0]
    whole = quad(joint, -2, 9, args=(-50.0,))[0]
    found = TRUTH.next_gap(waits_of([10.0, 20.0], 15.0))
    assert found.within_if_back(7)[0] == pytest.approx(1 - week / still, rel=1e-6)
    alive = (TRUTH.leave_b + 2) * still / whole
    assert found.returns[0] == pytest.approx(alive / (TRUTH.leave_a + alive), rel=1e-6)


def test_few_gaps_are_drawn_towards_everybody_and_many_are_not() -> None:
    one = TRUTH.next_gap(waits_of([7.0], 0.0)).mean[0]
    many = TRUTH.next_gap(waits_of([7.0] * 40, 0.0)).mean[0]
    assert np.log(7) < many < one < TRUTH.log_mean


@given(
    gaps=st.lists(st.floats(1, 400), max_size=8),
    waited=st.floats(0, 5_000),
    share=st.floats(0.01, 0.99),
)
def test_the_day_of_a_share_is_the_first_by_which_so_many_are_back(
    gaps: list[float], waited: float, share: float
) -> None:
    ahead = TRUTH.next_gap(waits_of(gaps, float(np.floor(waited))))
    day = ahead.days_if_back(share)
    assert day[0] >= 1
    assert ahead.within_if_back(day)[0] >= share - 1e-6
    if day[0] > 1:
        assert ahead.within_if_back(day - 1)[0] < share + 1e-6


@given(waited=st.floats(0, 100_000), more=st.floats(0, 100_000))
def test_who_waits_longer_is_less_likely_to_return_at_all(waited: float, more: float) -> None:
    sooner = TRUTH.next_gap(waits_of([20.0], waited))
    later = TRUTH.next_gap(waits_of([20.0], waited + more))
    assert later.returns[0] <= sooner.returns[0] + 1e-12
    assert 0 <= later.within(30)[0] <= later.returns[0] <= 1


def test_the_same_people_in_numbers_or_one_by_one_give_the_same_fit(shop: Renewed) -> None:
    few = shop.waits.take(slice(0, 1_500))
    single = few.gaps == 0
    waited, people = np.unique(few.waited[single], return_counts=True)
    counted = few.take(~single).joined(Waits.once(waited, people.astype(np.float64)))
    one, other = fit_renewal(few), fit_renewal(counted)
    assert list(one.to_dict().values()) == pytest.approx(list(other.to_dict().values()), rel=1e-3)


def test_nobody_who_came_back_is_refused() -> None:
    with pytest.raises(PredictError, match="Nobody bought on a second day"):
        fit_renewal(waits_of([], 10.0))


def test_gaps_that_all_are_alike_do_not_break_the_fit() -> None:
    many = np.full(200, 4.0)
    model = fit_renewal(
        Waits(many, np.full(200, np.log(7)), np.zeros(200), np.full(200, 3.0), np.ones(200))
    )
    ahead = model.next_gap(waits_of([7.0] * 4, 3.0))
    assert ahead.within(14)[0] > 0.9


@pytest.mark.parametrize("wrong", [{"waited": [-1.0, 2.0]}, {"gaps": [np.nan, 1.0]}])
def test_what_cannot_be_is_refused_with_the_row(wrong: dict[str, list[float]]) -> None:
    fine = {name: [1.0, 2.0] for name in ("gaps", "mean_log", "squares", "waited", "weight")}
    with pytest.raises(PredictError, match="must be a number of at least 0; row 0"):
        Waits(**{name: np.array(values) for name, values in (fine | wrong).items()})
