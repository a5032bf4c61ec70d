"""Figures of ranked lists against values worked out by hand, and coverage of the interval."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from aimwell.predict.recommend.measures import judge_lists, mean_estimate

SHARE = np.full(6, 0.25)


def test_figures_by_hand() -> None:
    # Person 0 bought 0, 1, 5 and is shown 1, 2, 0; person 1 bought nothing; person 2 bought 3 and is shown 4 alone.
    truth = csr_array(np.array([[1, 1, 0, 0, 0, 1], [0] * 6, [0, 0, 0, 1, 0, 0]]))
    found = judge_lists(
        np.array([0, 0, 0, 1, 2]),
        np.array([1, 2, 3, 1, 1]),
        np.array([1, 2, 0, 5, 4]),
        truth,
        k=3,
        bought_share=SHARE,
    )
    assert found.each["recall"] == pytest.approx([2 / 3, 0])
    ideal = 1 + 1 / math.log2(3) + 1 / 2
    assert found.each["ndcg"] == pytest.approx([(1 + 1 / 2) / ideal, 0])
    assert found.each["average precision"] == pytest.approx([(1 + 2 / 3) / 3, 0])
    assert found.each["hit"].tolist() == [1, 0]
    assert found.coverage == pytest.approx(4 / 6)
    assert found.novelty == pytest.approx(2)
    assert found.by_rank == pytest.approx((0.5, 0, 0.5))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 100_000), st.integers(1, 8))
def test_perfect_lists_have_ndcg_1_and_none_is_better(seed: int, k: int) -> None:
    draw = np.random.default_rng(seed)
    table = draw.random((5, 8)) < 0.5
    table[:, 0] = True
    truth = csr_array(table.astype(np.int8))
    for perfect in (True, False):
        lists = [np.flatnonzero(row)[:k] if perfect else draw.permutation(8)[:k] for row in table]
        found = judge_lists(
            np.repeat(np.arange(5), [len(one) for one in lists]),
            np.concatenate([np.arange(1, len(one) + 1) for one in lists]),
            np.concatenate(lists),
            truth,
            k=k,
            bought_share=np.full(8, 0.5),
        )
        for values in found.each.values():
            assert ((values >= 0) & (values <= 1 + 1e-12)).all()
        if perfect:
            assert found.each["ndcg"] == pytest.approx(np.ones(5))
            assert found.each["average precision"] == pytest.approx(np.ones(5))


def test_the_interval_covers_as_often_as_it_says() -> None:
    draw = np.random.default_rng(5)
    inside = 0
    for _ in range(1_000):
        one = mean_estimate((draw.random(200) < 0.3).astype(float))
        assert one.lower is not None
        assert one.upper is not None
        inside += one.lower <= 0.3 <= one.upper
    assert 0.93 <= inside / 1_000 <= 0.97


def test_one_person_has_no_interval() -> None:
    assert mean_estimate(np.array([1.0])).reason is not None
