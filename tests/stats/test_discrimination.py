"""The ROC area against scikit-learn and by hand, its interval against simulation; lift of the best tenths by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.stats.discrimination import auc, top_shares

PEOPLE = st.lists(
    st.tuples(st.sampled_from([0.05, 0.1, 0.3, 0.31, 0.5, 0.9]), st.booleans()),
    min_size=3,
    max_size=60,
).filter(lambda rows: len({row[1] for row in rows}) == 2)


def split(rows: list[tuple[float, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([row[0] for row in rows]), np.array([row[1] for row in rows])


@given(rows=PEOPLE)
def test_an_interval_holds_its_estimate_and_stays_between_0_and_1(
    rows: list[tuple[float, bool]],
) -> None:
    scores, outcome = split(rows)
    found = auc(scores, outcome)
    assert found.lower is not None
    assert found.upper is not None
    assert found.estimate is not None
    assert 0 <= found.lower <= found.estimate <= found.upper <= 1
    # Equal scores order nobody, by any chance: then there is nothing to be unsure of.
    if np.ptp(scores) > 0:
        assert found.lower < found.upper


def test_delong_equals_the_textbook_variance() -> None:
    """All pairs compared one by one, then the variance of the means over each side."""
    rng = np.random.default_rng(8)
    scores, outcome = rng.normal(size=60).round(1), rng.random(60) < 0.4
    scores = scores + outcome
    pairs = np.sign(scores[outcome][:, None] - scores[~outcome][None, :]) / 2 + 0.5
    area = pairs.mean()
    variance = (
        pairs.mean(axis=1).var(ddof=1) / outcome.sum()
        + pairs.mean(axis=0).var(ddof=1) / (~outcome).sum()
    )
    found = auc(scores, outcome)
    assert found.estimate == pytest.approx(area)
    assert found.lower is not None
    width = np.log(area / (1 - area)) - np.log(found.lower / (1 - found.lower))
    assert width == pytest.approx(1.959964 * np.sqrt(variance) / (area * (1 - area)), rel=1e-6)


def coverage(times: int, people: int, seed: int) -> float:
    """Share of repetitions whose 90 % interval holds the true area of two normals one apart."""
    truth = 0.7602499389065233
    rng = np.random.default_rng([seed, 87])
    held = 0
    for _ in range(times):
        outcome = rng.random(people) < 0.25
        found = auc(rng.normal(size=people) + outcome, outcome, confidence=0.9)
        held += bool(found.covers(truth))
    return held / times


def test_intervals_of_the_area_hold_about_as_often_as_they_say(seed: int) -> None:
    assert 0.85 < coverage(600, 300, seed) < 0.95


@pytest.mark.long
def test_intervals_of_the_area_hold_as_often_as_they_say(seed: int) -> None:
    assert coverage(20_000, 300, seed) == pytest.approx(0.9, abs=0.01)


def test_a_perfect_order_is_not_certain_of_itself() -> None:
    found = auc(np.arange(40.0), np.arange(40) >= 20)
    assert found.estimate == found.upper == 1
    assert found.lower is not None
    assert 0.8 < found.lower < 0.9
    alone = auc(np.array([0.1, 0.9, 0.5]), np.array([False, True, False]))
    assert alone.lower is not None
    assert alone.lower < 0.3


def test_lift_of_the_best_tenths_by_hand() -> None:
    probabilities = np.linspace(1, 0.01, 20)
    outcome = np.zeros(20, dtype=bool)
    outcome[[0, 1, 2, 7]] = True
    tops = top_shares(probabilities, outcome)
    assert [top.people for top in tops] == [2, 4, 6, 8, 10, 12, 14, 16, 18, 20]
    assert (tops[0].rate, tops[0].lift.value, tops[0].gain.value) == (1.0, 5.0, 0.5)
    assert tops[1].lift.value == pytest.approx(0.75 / 0.2)
    assert tops[-1].lift.value == pytest.approx(1)
    assert tops[-1].gain.value == pytest.approx(1)


def test_ties_across_an_edge_count_by_their_share_in_any_order() -> None:
    outcome = np.array([True] * 5 + [False] * 15)
    for order in (np.arange(20), np.arange(20)[::-1]):
        tops = top_shares(np.full(20, 0.25), outcome[order])
        assert [top.lift.value for top in tops] == pytest.approx([1.0] * 10)
