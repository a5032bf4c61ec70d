"""Intervals of spend: they hold as often as they say in each band of expectation, and begin at 0 where many bring nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aimwell.predict.spend_ranges import SpendRanges, learn_ranges


def spends(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """What was expected, and what came: from nine in ten who bring nothing to nearly all who bring something."""
    chance, came = people(count, np.random.default_rng(seed))
    return chance * (20 + 60 * chance), came


def people(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """How likely each is to bring anything, and what came."""
    chance = rng.uniform(0.1, 0.995, count)
    amount = 20 + 60 * chance
    return chance, np.where(rng.random(count) < chance, rng.gamma(3, amount / 3), 0.0)


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_later_people_lie_within_as_often_as_is_said_in_every_band(confidence: float) -> None:
    learnt = learn_ranges(*spends(20_000, 1), confidence=confidence)
    later, real = spends(20_000, 2)
    lower, upper = learnt.of(later)
    held = (real >= lower) & (real <= upper)
    # Of those likelier than that to bring nothing, the interval is 0 alone and holds more often.
    may = upper > 0
    assert held[may].mean() == pytest.approx(confidence, abs=0.012)
    band = np.searchsorted(np.quantile(later[may], [0.25, 0.5, 0.75]), later)
    for place in range(4):
        assert held[may & (band == place)].mean() == pytest.approx(confidence, abs=0.025)


def test_where_many_bring_nothing_it_begins_at_nothing() -> None:
    learnt = learn_ranges(*spends(20_000, 1))
    assert learnt.low[0] == 0
    assert learnt.low[-1] > 0
    assert len(learnt.low) == len(learnt.high) == len(learnt.edges) + 1 == 20


def test_hardly_anybody_makes_one_band_and_equal_expectations_no_edges() -> None:
    rng = np.random.default_rng(0)
    one = learn_ranges(np.full(150, 5.0), rng.gamma(2, 2, 150))
    assert one.edges == ()
    same = learn_ranges(np.full(1_000, 5.0), rng.gamma(2, 2, 1_000))
    lower, upper = same.of(np.array([5.0, 10.0]))
    assert (lower < upper).all()
    assert upper[1] == pytest.approx(2 * upper[0])


def learnt_means(count: int, seed: int) -> tuple[SpendRanges, np.ndarray, np.ndarray, np.ndarray]:
    """Ranges of a model that has learnt the mean of each twentieth of people, and later people: what it expects of each, their
    likelihood to bring anything, and what came."""
    rng = np.random.default_rng(seed)
    chance, paid = people(count, rng)
    part, fold = (chance * 20).astype(int), rng.integers(0, 4, count)

    def means(rows: np.ndarray) -> np.ndarray:
        weights = np.bincount(part[rows], weights=paid[rows], minlength=20) + 5 * paid[rows].mean()
        return np.asarray(weights / (np.bincount(part[rows], minlength=20) + 5))

    held_out = np.stack([means(fold != one) for one in range(4)])[fold, part]
    level = paid.sum() / held_out.sum()
    later, real = people(3_000, rng)
    told = level * means(np.ones(count, bool))[(later * 20).astype(int)]
    return learn_ranges(level * held_out, paid), told, later, real


@pytest.mark.parametrize("times", [40, pytest.param(1_000, marks=pytest.mark.long)])
def test_a_sum_over_many_or_few_lies_within_as_often_as_is_said(times: int) -> None:
    held = np.zeros(5)
    for turn in range(times):
        learnt, told, chance, real = learnt_means(2_000, turn)
        groups = (
            slice(None),
            told >= np.quantile(told, 0.9),
            slice(0, 40),
            told <= np.quantile(told, 0.1),
            chance > 0.6,
        )
        for place, rows in enumerate(groups):
            total = learnt.total(told[rows])
            assert total.estimate == pytest.approx(told[rows].sum())
            held[place] += (total.lower or 0) <= real[rows].sum() <= (total.upper or 0)
    assert (held / times >= (0.91 if times > 100 else 0.8)).all(), held


def test_chance_evens_out_in_a_sum_and_errors_that_all_share_do_not() -> None:
    learnt = learn_ranges(*spends(2_000, 1))
    rng = np.random.default_rng(2)
    reach = []
    for count in (10, 1_000, 50_000, 200_000):
        total = learnt.total(rng.uniform(5, 60, count))
        reach.append(((total.upper or 0) - (total.lower or 0)) / (total.estimate or 1))
    assert reach[0] > 5 * reach[1]
    assert reach[1] > 1.1 * reach[2]
    assert reach[2] == pytest.approx(reach[3], rel=0.02)


def test_few_and_unequal_expectations_leave_no_band_without_people() -> None:
    rng = np.random.default_rng(0)
    expected = np.repeat([1.0, 2.0, 3.0, 50.0], [400, 1, 300, 2])
    learnt = learn_ranges(expected, rng.gamma(2, expected / 2))
    counts = [one.people for one in learnt.moments]
    assert min(counts) >= 50
    assert sum(counts) == 703
    assert len(counts) == len(learnt.low) == 2


def test_a_sum_of_nobody_or_of_an_older_version_is_missing_with_a_reason() -> None:
    learnt = learn_ranges(*spends(500, 1))
    assert "nobody" in str(learnt.total(np.empty(0)).reason)
    assert "train it anew" in str(replace(learnt, moments=()).total(np.ones(3)).reason)
