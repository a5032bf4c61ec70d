"""Drift: what has not changed is seldom called so, what has is, and few people tell nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from aimwell.errors import StatsError
from aimwell.stats.drift import LARGE, drift, spread, word_of
from aimwell.stats.samples import FloatArray

VALUES = st.lists(
    st.none() | st.integers(-5, 5) | st.floats(-1e6, 1e6), min_size=1, max_size=60
).map(lambda found: np.array([np.nan if one is None else float(one) for one in found]))


def gammas(
    rng: np.random.Generator, people: int, shape: float = 2.0, gaps: float = 0.1
) -> FloatArray:
    values = rng.gamma(shape, size=people)
    values[rng.random(people) < gaps] = np.nan
    return values


def test_by_hand() -> None:
    # Bins: 1 and 2 of before, and those without a value; counts 50/40/10 then 25/60/15, half a person more in each.
    before = np.array([1.0] * 50 + [2.0] * 40 + [np.nan] * 10)
    now = np.array([1.0] * 25 + [2.0] * 60 + [np.nan] * 15)
    p = np.array([50.5, 40.5, 10.5]) / 101.5
    q = np.array([25.5, 60.5, 15.5]) / 101.5
    found = drift(spread(before), now)
    assert found.psi == pytest.approx(float(((q - p) * np.log(q / p)).sum()))
    assert found.ks == pytest.approx(abs(50 / 90 - 25 / 85), abs=1 / 200 + 1e-9)
    assert (found.missing_before, found.missing_now) == pytest.approx((0.1, 0.15))


@pytest.mark.parametrize(("before", "now"), [(300, 200), (5_000, 700)])
def test_what_has_not_changed_is_called_so_as_often_as_it_says(before: int, now: int) -> None:
    rng = np.random.default_rng(3)
    found = [drift(spread(gammas(rng, before)), gammas(rng, now)) for _ in range(600)]
    psi_p = np.array([one.psi_p for one in found])
    assert 0.025 <= (psi_p < 0.05).mean() <= 0.08
    assert (np.array([one.psi > one.psi_by_chance for one in found])).mean() <= 0.025
    assert (np.array([one.ks_p for one in found], dtype=float) < 0.05).mean() <= 0.07


def test_counts_of_few_values_are_compared_as_counts() -> None:
    rng = np.random.default_rng(4)
    found = [
        drift(spread(rng.poisson(1.2, 800).astype(float)), rng.poisson(1.2, 600).astype(float))
        for _ in range(400)
    ]
    assert 0.02 <= np.mean([one.psi_p < 0.05 for one in found]) <= 0.09
    assert np.mean([(one.ks_p or 1) < 0.05 for one in found]) <= 0.06


def test_ks_is_scipys_but_for_a_step() -> None:
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=4_000), rng.normal(0.3, 1.2, size=3_000)
    found = drift(spread(a), b)
    assert found.ks == pytest.approx(ks_2samp(a, b).statistic, abs=0.006)


@pytest.mark.parametrize(
    ("shape", "gaps", "word"),
    [
        (2.0, 0.1, "none"),
        (2.2, 0.1, "none"),
        (2.6, 0.1, "noticeable"),
        (5.0, 0.1, "large"),
        (2.0, 0.6, "large"),
    ],
)
def test_a_shift_has_the_word_of_its_size(shape: float, gaps: float, word: str) -> None:
    rng = np.random.default_rng(6)
    earlier = spread(gammas(rng, 20_000))
    found = drift(earlier, gammas(rng, 20_000, shape, gaps))
    assert word_of(found, earlier, found.psi_p) == word


def test_few_people_tell_nothing_and_chance_is_no_shift() -> None:
    rng = np.random.default_rng(7)
    earlier = spread(gammas(rng, 5_000))
    few = drift(earlier, gammas(rng, 30, 6.0))
    assert few.psi > LARGE
    assert word_of(few, earlier, few.psi_p) == "cannot tell"
    alike = drift(earlier, gammas(rng, 60))
    assert alike.psi_by_chance > 0.25  # of sixty people a "large" index is what chance brings
    assert word_of(alike, earlier, alike.psi_p) == "none"


@given(VALUES, VALUES)
def test_any_values_give_finite_figures(before: FloatArray, now: FloatArray) -> None:
    found = drift(spread(before), now)
    assert found.psi >= 0
    assert 0 <= found.psi_p <= 1
    assert found.ks is None or 0 <= found.ks <= 1
    assert drift(spread(before), before).psi == pytest.approx(0, abs=1e-12)
    assert (drift(spread(before), before).ks or 0) == pytest.approx(0, abs=1e-9)


@given(VALUES, VALUES, st.floats(0.1, 10), st.floats(-100, 100))
def test_units_do_not_matter(
    before: FloatArray, now: FloatArray, scale: float, move: float
) -> None:
    before, now = np.round(before), np.round(now)
    as_is = drift(spread(before), now)
    moved = drift(
        spread(np.round(scale) * before + np.round(move) if scale >= 0.5 else before),
        np.round(scale) * now + np.round(move) if scale >= 0.5 else now,
    )
    assert moved.psi == pytest.approx(as_is.psi)


def test_nobody_and_infinity_are_refused() -> None:
    with pytest.raises(StatsError, match="nobody"):
        spread(np.empty(0))
    with pytest.raises(StatsError, match="nobody"):
        drift(spread(np.ones(3)), np.empty(0))
    with pytest.raises(StatsError, match="infinite"):
        spread(np.array([1.0, np.inf]))


def test_what_never_varied_has_shifted_once_it_varies() -> None:
    before = spread(np.zeros(500))
    assert drift(before, np.zeros(400)).psi == 0
    for moved in (1.0, -1.0):
        values = np.where(np.arange(400) < 200, moved, 0.0)
        found = drift(before, values)
        assert found.psi > 0.25
        assert word_of(found, before, found.psi_p) == "large"
