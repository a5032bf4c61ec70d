"""Random divisions and their sums."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from math import comb

import numpy as np
import pytest
from scipy.stats import chisquare, hypergeom, ks_2samp

from aimwell.errors import StatsError
from aimwell.stats import splits
from aimwell.stats.splits import cheap_splits, count_of_splits, split_sums


def _powers(n: int) -> np.ndarray:
    """Rows whose sums tell exactly who was drawn."""
    return 2.0 ** np.arange(n)[:, None]


def test_few_people_are_divided_in_every_way_once():
    found = split_sums(_powers(7), drawn=3, divisions=35, seed=1)
    assert found.complete
    expected = sorted(sum(2.0**i for i in chosen) for chosen in combinations(range(7), 3))
    assert sorted(found.sums[:, 0]) == expected


def test_one_division_fewer_than_there_are_makes_a_random_sample():
    found = split_sums(_powers(7), drawn=3, divisions=34, seed=1)
    assert not found.complete
    assert found.sums.shape == (34, 1)


def test_every_division_is_drawn_equally_often():
    found = split_sums(_powers(8), drawn=3, divisions=50, seed=1)
    counts: Counter[float] = Counter()
    for seed in range(400):
        counts.update(split_sums(_powers(8), drawn=3, divisions=50, seed=seed).sums[:, 0].tolist())
    assert found.sums.shape == (50, 1)
    assert len(counts) == comb(8, 3)
    assert chisquare(list(counts.values())).pvalue > 0.001


@pytest.mark.parametrize("few", [0, 128])
def test_both_ways_of_drawing_draw_everybody_equally_often_and_nobody_twice(monkeypatch, few):
    monkeypatch.setattr("aimwell.stats.splits._FEW_DRAWN", few)
    sums = split_sums(_powers(30), drawn=12, divisions=6_000, seed=3).sums[:, 0].astype(np.int64)
    drawn = (sums[:, None] >> np.arange(30)) & 1
    assert (drawn.sum(axis=1) == 12).all()
    assert chisquare(drawn.sum(axis=0)).pvalue > 0.001
    # Pairs too: two given people are drawn together in 12 · 11 of 30 · 29 divisions.
    together = drawn.T @ drawn
    pairs = together[np.triu_indices(30, 1)] / 6_000
    assert pairs.mean() == pytest.approx(12 * 11 / (30 * 29), rel=1e-9)
    assert pairs.std() == pytest.approx(np.sqrt(0.1517 * 0.8483 / 6_000), rel=0.25)


def test_people_with_equal_rows_are_drawn_by_the_hypergeometric_law():
    rows = np.concatenate([np.zeros(60), np.ones(40), [1_000.0]])[:, None]
    found = split_sums(rows, drawn=30, divisions=20_000, seed=4)
    lone = found.sums[:, 0] >= 1_000.0
    assert lone.mean() == pytest.approx(30 / 101, abs=0.012)
    ones = found.sums[~lone, 0]
    law = hypergeom(100, 40, 30)
    values, counts = np.unique(ones, return_counts=True)
    expected = law.pmf(values) * len(ones)
    usual = expected > 20
    assert counts[usual] == pytest.approx(expected[usual], rel=0.2)
    assert ones.mean() == pytest.approx(law.mean(), abs=0.1)


def test_grouping_equal_rows_changes_no_law():
    """The same amounts once with neighbours alike (drawn by number) and once shuffled (drawn one by one)."""
    rng = np.random.default_rng(2)
    amounts = np.concatenate([np.zeros(300), rng.lognormal(size=50)])
    grouped = split_sums(amounts[:, None], drawn=70, divisions=20_000, seed=5).sums[:, 0]
    single = split_sums(rng.permutation(amounts)[:, None], drawn=70, divisions=20_000, seed=6).sums
    quantiles = [0.025, 0.25, 0.5, 0.75, 0.975]
    np.testing.assert_allclose(
        np.quantile(grouped, quantiles), np.quantile(single[:, 0], quantiles), rtol=0.02
    )


def test_blocks_of_divisions_join_without_a_seam(monkeypatch):
    rows = np.random.default_rng(3).normal(size=(400, 2))
    whole = split_sums(rows, drawn=150, divisions=101, seed=7).sums
    monkeypatch.setattr("aimwell.stats.splits._BLOCK_CELLS", 1_500)
    np.testing.assert_array_equal(split_sums(rows, drawn=150, divisions=101, seed=7).sums, whole)


def test_the_same_seed_gives_the_same_sums_and_another_seed_others():
    rows = np.random.default_rng(3).normal(size=(200, 2))
    first, again, other = (
        split_sums(rows, drawn=50, divisions=100, seed=seed).sums for seed in (7, 7, 8)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_sums_are_those_of_distinct_people():
    rows = np.ones((500, 1))
    rows[::2] = 1.0 + 1e-9  # no two neighbours alike, so all are drawn one by one
    found = split_sums(rows, drawn=123, divisions=50, seed=1).sums
    np.testing.assert_allclose(found, 123.0, atol=1e-6)


@pytest.fixture
def turned(monkeypatch):
    """Many people are divided by turning a circle; here the few are too."""
    monkeypatch.setattr("aimwell.stats.splits._DRAWS_MAX", 0)
    monkeypatch.setattr("aimwell.stats.splits._PEOPLE_PER_TURN", 0)


def test_a_turned_circle_draws_everybody_equally_often_and_nobody_twice(turned):
    counts, pairs = np.zeros(40), 0.0
    for seed in range(300):
        sums = split_sums(_powers(40), drawn=12, divisions=20, seed=seed).sums[:, 0]
        drawn = (np.rint(sums).astype(np.int64)[:, None] >> np.arange(40)) & 1
        assert (drawn.sum(axis=1) == 12).all()
        assert len(np.unique(np.rint(sums))) > 1
        counts += drawn.sum(axis=0)
        pairs += (drawn[:, :12].sum(axis=1) == 0).mean() / 300
    assert counts.sum() == 300 * 20 * 12
    # A turn is never the real division itself, so those really drawn are drawn a little less often: 11 of 39 times.
    assert counts[:12].mean() == pytest.approx(6_000 * 12 * 11 / 39 / 12, rel=0.02)
    assert counts[12:].mean() == pytest.approx(6_000 * (12 - 12 * 11 / 39) / 28, rel=0.02)
    # Whether none of them is drawn, as where 12 are drawn at random.
    assert pairs == pytest.approx(comb(28, 12) / comb(40, 12), abs=0.01)


def test_a_test_on_turns_is_exact_over_all_assignments_and_circles(turned):
    """Eight people, three treated, all seven turns: of all assignments a share p at most gets a p-value of p."""
    amounts = np.array([0.0, 1.0, 1.7, 3.1, 4.9, 8.2, 13.5, 21.9])
    ranks = []
    for chosen in combinations(range(8), 3):
        order = [*chosen, *(i for i in range(8) if i not in chosen)]
        rows = amounts[order][:, None]
        for seed in range(40):
            found = split_sums(rows, drawn=3, divisions=7, seed=seed)
            assert not found.complete
            ranks.append((found.sums[:, 0] >= rows[:3].sum() - 1e-9).sum())
    p_values = (1 + np.array(ranks)) / 8
    for level in np.arange(1, 9) / 8:
        assert (p_values <= level).mean() == pytest.approx(level, abs=0.03)


def test_turning_a_circle_changes_no_law():
    rng = np.random.default_rng(8)
    amounts = np.where(rng.random(30_000) < 0.05, rng.lognormal(3.0, 2.0, 30_000), 0.0)
    rows = np.column_stack([amounts + rng.normal(size=30_000), amounts**2])
    one_by_one = split_sums(rows, drawn=3_000, divisions=2_999, seed=5).sums
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("aimwell.stats.splits._DRAWS_MAX", 0)
        turned = split_sums(rows, drawn=3_000, divisions=2_999, seed=6).sums
    assert not np.array_equal(one_by_one, turned)
    for column in range(2):
        assert ks_2samp(one_by_one[:, column], turned[:, column]).pvalue > 0.001


def test_many_people_are_divided_by_turning_and_few_one_by_one(monkeypatch):
    asked = []
    turned = splits._turned_sums
    monkeypatch.setattr(splits, "_turned_sums", lambda *a: asked.append(len(a[0])) or turned(*a))
    rows = np.random.default_rng(1).normal(size=(25_000, 1))
    split_sums(rows, drawn=5_500, divisions=1_999, seed=1)
    assert asked == [25_000]
    split_sums(rows[:19_000], drawn=5_500, divisions=1_999, seed=1)  # too few for as many turns
    split_sums(rows, drawn=500, divisions=1_999, seed=1)
    split_sums(np.zeros((25_000, 1)), drawn=5_500, divisions=1_999, seed=1)  # all alike
    assert asked == [25_000]


def test_turned_sums_keep_their_digits_beside_large_means():
    rows = 1e9 + np.random.default_rng(2).normal(size=(25_000, 1))
    place = np.random.default_rng(7).permutation(25_000)
    found = split_sums(rows, drawn=6_000, divisions=1_999, seed=7).sums[:, 0]
    step = next(
        k for k in range(25_000) if abs(_sum_of_turn(rows[:, 0], place, 6_000, k) - found[0]) < 1e-3
    )
    assert step > 0


def _sum_of_turn(amounts, place, drawn, step):
    at = np.empty(len(place), dtype=np.int64)
    at[place] = np.arange(len(place))
    return float(amounts[at[(place[:drawn] + step) % len(place)]].sum())


@pytest.mark.parametrize(("drawn", "divisions"), [(-1, 10), (6, 10), (2, 0)])
def test_divisions_that_cannot_be_are_refused(drawn, divisions):
    with pytest.raises(StatsError, match="cannot be made"):
        split_sums(np.ones((5, 1)), drawn=drawn, divisions=divisions, seed=1)


@pytest.mark.parametrize(
    ("n", "drawn", "divisions"),
    [
        (140, 28, 9_999),
        (7_000, 1_400, 9_999),
        (20_000, 4_000, 3_719),  # 15 million draws
        (50_000, 10_000, 4_999),  # as many turns as a circle of 50,000 people allows
        (20_000, 9_000, 1_999),
        (1_000_000, 500_000, 9_999),
    ],
)
def test_as_many_divisions_are_drawn_as_are_cheap(n, drawn, divisions):
    assert cheap_splits(n, drawn, most=9_999, fewest=1_999) == divisions


def test_no_more_divisions_are_drawn_than_are_asked_for():
    assert cheap_splits(100, 10, most=199, fewest=1_999) == 199


def test_counting_divisions_stops_where_they_can_no_longer_be_listed():
    assert count_of_splits(10, 4) == 210
    assert count_of_splits(1_000_000, 1) == 1_000_000
    assert count_of_splits(1_000_000, 300_000) is None
