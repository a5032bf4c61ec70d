"""Cluster-robust differences against dense formulas, statsmodels 0.15.0 and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from aimwell.errors import StatsError
from aimwell.stats.clusters import Clusters, cluster_means_difference, clustered_difference
from aimwell.stats.intervals import welch
from orders_shop import orders_shop


def test_cr1_is_that_of_statsmodels():
    shop = orders_shop()
    treated = shop.cluster % 2 == 0
    arms = [Clusters.of(shop.in_cluster[c], shop.cluster[c]) for c in (treated, ~treated)]
    means = clustered_difference(*arms, usual=True)
    found = means.difference()
    assert found.estimate == pytest.approx(-5.06686707, rel=1e-7)
    assert np.sqrt(means.variance) == pytest.approx(4.07169187, rel=1e-7)
    assert (found.lower, found.upper) == pytest.approx((-14.02860045, 3.89486631), rel=1e-6)
    assert found.p_value == pytest.approx(0.239209781, rel=1e-6)


def _dense(arms):
    """CR2 and Bell and McCaffrey's degrees by the matrices of the papers."""
    sizes = [arm.sizes.astype(int) for arm in arms]
    n = int(sum(s.sum() for s in sizes))
    owner = np.repeat(np.arange(sum(map(len, sizes))), np.concatenate(sizes))
    d = np.repeat([1.0, 0.0], [sizes[0].sum(), sizes[1].sum()])
    X = np.column_stack([np.ones(n), d])
    bread = np.linalg.inv(X.T @ X)
    H = X @ bread @ X.T
    columns = []
    for g in range(owner.max() + 1):
        rows = owner == g
        values, vectors = np.linalg.eigh(np.eye(rows.sum()) - H[np.ix_(rows, rows)])
        root = vectors @ np.diag(1.0 / np.sqrt(np.maximum(values, 1e-12))) @ vectors.T
        columns.append((np.eye(n) - H)[:, rows] @ root @ X[rows] @ bread[:, 1])
    P = np.column_stack(columns)
    middle = np.linalg.eigvalsh(P.T @ P)
    return P, middle.sum() ** 2 / (middle**2).sum()


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(1, 6), min_size=2, max_size=5),
    st.lists(st.integers(1, 6), min_size=2, max_size=5),
    st.integers(0, 10**6),
)
def test_the_closed_forms_are_those_of_the_matrices(first, second, seed):
    rng = np.random.default_rng(seed)
    values = [rng.normal(size=sum(sizes)) for sizes in (first, second)]
    arms = [
        Clusters.of(v, np.repeat(np.arange(len(sizes)), sizes))
        for v, sizes in zip(values, (first, second), strict=True)
    ]
    P, degrees = _dense(arms)
    means = clustered_difference(*arms)
    assume(means.variance > 1e-9)
    assert means.variance == pytest.approx(float(((P.T @ np.concatenate(values)) ** 2).sum()))
    assert means.degrees == pytest.approx(degrees)


def test_with_equal_clusters_it_is_welch_on_cluster_means_with_pooled_degrees():
    rng = np.random.default_rng(4)
    arms = [Clusters(np.full(k, 7.0), rng.normal(size=k) * 7) for k in (5, 9)]
    means = clustered_difference(*arms)
    plain = welch(*(arm.sums / arm.sizes for arm in arms))
    assert means.difference().estimate == pytest.approx(plain.estimate)
    assert cluster_means_difference(*arms).p_value == plain.p_value
    # Imbens and Kolesár (2016), section II: (n1 + n0)² (n1 − 1)(n0 − 1) / (n1² (n1 − 1) + n0² (n0 − 1)).
    assert means.degrees == pytest.approx(14**2 * 4 * 8 / (5**2 * 4 + 9**2 * 8))


def test_people_alone_are_clusters_of_one():
    rng = np.random.default_rng(5)
    values = rng.normal(size=30), rng.normal(size=20)
    arms = [Clusters.of(v, np.arange(len(v))) for v in values]
    plain = welch(*values)
    means = clustered_difference(*arms)
    assert means.difference().estimate == pytest.approx(plain.estimate)
    half = (plain.upper - plain.lower) / 2
    assert np.sqrt(means.variance) == pytest.approx(half / 2.02, rel=0.02)


def test_few_shops_are_covered_where_people_taken_alone_are_not():
    """A dozen shops of unequal size, as in a test of menus by shop."""
    rng, runs = np.random.default_rng(6), 500
    held = dict.fromkeys(("CR2", "CR1", "means", "people"), 0)
    for _ in range(runs):
        arms, people = [], []
        for _arm in range(2):
            sizes = rng.integers(5, 80, 6)
            owner = np.repeat(np.arange(6), sizes)
            values = rng.normal(size=6)[owner] + 2.0 * rng.normal(size=len(owner))
            arms.append(Clusters.of(values, owner))
            people.append(values)
        held["CR2"] += bool(clustered_difference(*arms).difference().covers(0.0))
        held["CR1"] += bool(clustered_difference(*arms, usual=True).difference().covers(0.0))
        held["means"] += bool(cluster_means_difference(*arms).covers(0.0))
        held["people"] += bool(welch(*people).covers(0.0))
    shares = {name: count / runs for name, count in held.items()}
    assert shares["CR2"] == pytest.approx(0.95, abs=0.03), shares
    assert shares["means"] == pytest.approx(0.95, abs=0.03), shares
    assert shares["people"] < 0.75, shares
    assert shares["CR1"] < shares["CR2"], shares


def test_one_cluster_in_an_arm_gives_no_interval():
    one, two = Clusters.of([1.0, 2.0], ["a", "a"]), Clusters.of([1.0, 2.0], ["b", "c"])
    assert "one cluster" in clustered_difference(two, one)
    assert "one cluster" in cluster_means_difference(one, two).reason
    with pytest.raises(StatsError, match="clusters named"):
        Clusters.of([1.0, 2.0], ["a"])
