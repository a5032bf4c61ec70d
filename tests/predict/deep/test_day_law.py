"""The law of days: spans, likelihood by hand, censoring, and days that undo probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.predict.deep.day_law import DayLaw, Watched, day_spans, usual_rates

RATES = st.lists(st.floats(1e-4, 2.0), min_size=3, max_size=3)


def law(*rates: float) -> DayLaw:
    return DayLaw(np.zeros(1), np.array([rates]), (1, 2, 9))


def test_spans_are_days_then_weeks_and_end_at_the_horizon() -> None:
    assert day_spans(3) == (1, 2, 3)
    assert day_spans(28)[-1] == 28
    assert day_spans(30)[-2:] == (28, 30)
    assert day_spans(60)[27:] == (28, 35, 42, 49, 56, 60)
    assert day_spans(56)[27:] == (28, 35, 42, 49, 56)


def test_probabilities_by_hand() -> None:
    one = law(0.1, 0.2, 0.3)
    assert one.within(1)[0] == pytest.approx(1 - np.exp(-0.1))
    assert one.within(4)[0] == pytest.approx(1 - np.exp(-0.1 - 0.2 - 2 * 0.3))
    assert one.within(99)[0] == one.within(9)[0]


def test_what_is_watched_is_spread_over_spans() -> None:
    # Bought on day 4; bought on day 1; watched for 6 days without a purchase.
    seen = Watched.of(np.array([4.0, 1.0, np.inf]), 6)
    exposed, span = seen.spread((1, 2, 9))
    assert seen.bought.tolist() == [True, True, False]
    assert exposed.tolist() == [[1, 1, 1], [0, 0, 0], [1, 1, 4]]
    assert span[:2].tolist() == [2, 0]


def test_what_came_after_the_watched_days_is_censored() -> None:
    seen = Watched.of(np.array([4.0, 9.0]), 6)
    assert seen.days.tolist() == [4, 6]
    assert seen.bought.tolist() == [True, False]


@given(RATES, st.integers(1, 9), st.booleans())
def test_likelihood_of_the_spread_is_that_of_the_law(
    rates: list[float], day: int, bought: bool
) -> None:
    one = law(*rates)
    exposed, span = Watched(np.array([float(day)]), np.array([bought])).spread(one.ends)
    found = -float(exposed[0] @ one.rates[0])
    if bought:
        found += float(np.log(-np.expm1(-one.rates[0][span[0]])))
        truth = one.within(day)[0] - (one.within(day - 1)[0] if day > 1 else 0.0)
    else:
        truth = 1 - one.within(day)[0]
    assert np.exp(found) == pytest.approx(truth, rel=1e-6, abs=1e-9)


@given(RATES, st.floats(0.001, 0.999))
def test_days_undo_probabilities(rates: list[float], chance: float) -> None:
    one = law(*rates)
    days = one.days_to(np.array([chance]))[0]
    if np.isinf(days):
        assert one.within(9)[0] <= chance + 1e-6
    else:
        assert one.within(days)[0] >= chance - 1e-6
        assert days == 1 or one.within(days - 1)[0] < chance + 1e-6


def test_usual_rates_are_those_of_the_truth() -> None:
    rng = np.random.default_rng(1)
    came = np.floor(rng.exponential(1 / 0.05, 200_000)) + 1
    found = usual_rates(Watched.of(came, 9), (1, 2, 9))
    assert found == pytest.approx(np.full(3, 0.05), rel=0.03)
    assert np.isfinite(usual_rates(Watched(np.full(3, 9.0), np.zeros(3, bool)), (1, 2, 9))).all()
