"""Every way to divide people: finds known groups, denies them where there are none, survives its text, speaks in rules."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from aimwell.errors import SegmentError
from aimwell.segment.attributes.categories import OTHER, UNKNOWN, PreparedCategory, fit_category
from aimwell.segment.attributes.preparation import prepare
from aimwell.segment.clusters.choosing import choose_number
from aimwell.segment.clusters.dendrogram import grow_dendrogram
from aimwell.segment.clusters.grouping import CLUSTER_METHODS, find_groups
from aimwell.segment.clusters.methods import METHODS, fit_centroids, refine_centroids
from aimwell.segment.clusters.model import OUTSIDE, Clustering, ClusterModel
from aimwell.segment.clusters.tree_paths import roundest
from aimwell.stats.resampling import adjusted_rand_index

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)
NUMBERS = ("orders", "recency_days", "average_order_value")
MIXED = ("prototypes", "gower")


def people(seed: int, *, apart: float, size: int = 80) -> tuple[pa.Table, np.ndarray]:
    """Three groups in numbers and in one category that mostly goes with them, or none where `apart` is 0."""
    draw = np.random.default_rng(seed)
    truth = draw.permutation(np.repeat(np.arange(3), [2 * size, size, size]))
    middle = apart * np.array([[0.0, 0, 0], [3, 0, 3], [0, 3, -3]])[truth]
    rows = draw.normal(size=(len(truth), 3)) * 0.5 + middle + 20
    kind = truth if apart else draw.integers(0, 3, len(truth))
    kind = np.where(draw.random(len(truth)) < 0.1, draw.integers(0, 3, len(truth)), kind)
    table = {"profile_id": [f"p{number}" for number in range(len(truth))]}
    table |= {name: rows[:, place] for place, name in enumerate(NUMBERS)}
    table["trait:kind"] = np.array(["tea", "coffee", "mate"], dtype=object)[kind]
    return pa.table(table), truth


def found(table: pa.Table, method: str, **wanted: Any) -> Clustering:
    names = (*NUMBERS, "trait:kind") if method in MIXED else NUMBERS
    return find_groups(table, names, name="x", as_of=AS_OF, seed=1, method=method, **wanted)


@pytest.mark.parametrize("method", CLUSTER_METHODS)
def test_known_groups_are_found_again_kept_and_described(seed: int, method: str) -> None:
    table, truth = people(seed, apart=1.0)
    result = found(table, method, largest=4)
    model = result.model
    assert model is not None, result.reason
    assert result.assignments is not None
    labels = result.assignments.column("cluster").to_numpy()
    inside = labels < model.shape.number
    assert model.shape.number == 3
    assert inside.mean() > 0.9
    # Under Gower's distance the category has as much say as each number, and a tenth of it is noise.
    least = 0.8 if method == "gower" else 0.9
    assert adjusted_rand_index(truth[inside], labels[inside]) >= least
    assert (model.names[-1] == OUTSIDE) == model.shape.outside
    again = ClusterModel.from_json(model.to_json())
    assert again.to_json() == model.to_json()
    assert again.assign(table).equals(result.assignments)
    assert (model.fidelity or 1.0) >= 0.8
    assert model.description is not None
    assert model.description.agreement > 0.85 > model.description.dull


@pytest.mark.parametrize(
    "method", ["dbscan", "hdbscan", pytest.param("hierarchical", marks=pytest.mark.long)]
)
def test_of_more_people_than_the_sample_the_rest_are_assigned(method: str) -> None:
    table, truth = people(1, apart=1.6, size=5_300)
    result = found(table, method, largest=4)
    assert table.num_rows > 20_000
    assert result.model is not None, result.reason
    assert result.assignments is not None
    labels = result.assignments.column("cluster").to_numpy()
    assert len(labels) == table.num_rows
    inside = labels < result.model.shape.number
    assert inside.mean() > 0.9
    assert adjusted_rand_index(truth[inside], labels[inside]) > 0.98


@pytest.mark.parametrize(
    "method",
    [
        "prototypes",
        "dbscan",
        "hdbscan",
        *(
            pytest.param(one, marks=pytest.mark.long)
            for one in ("mixture", "hierarchical", "gower")
        ),
    ],
)
def test_where_there_are_no_groups_it_says_so(seed: int, method: str) -> None:
    table, _truth = people(seed, apart=0.0)
    result = found(table, method, largest=3)
    assert result.model is None
    assert result.reason.startswith("These people form no groups")


def test_a_number_that_is_asked_for_is_kept_with_what_speaks_against_it(seed: int) -> None:
    table, _truth = people(seed, apart=0.0)
    result = found(table, "kmeans", number=4)
    assert result.model is not None
    assert result.model.shape.number == 4
    assert result.reason.startswith("4 groups, as asked, though they are not evident")


@pytest.mark.parametrize(
    ("method", "number", "told"),
    [
        ("kmean", None, "Did you mean 'kmeans'"),
        ("hdbscan", 3, "finds the number"),
        ("kmeans", 1, "2 to 50"),
    ],
)
def test_what_cannot_be_is_refused(method: str, number: int | None, told: str) -> None:
    table, _truth = people(1, apart=1.0, size=20)
    with pytest.raises(SegmentError, match=told):
        found(table, method, number=number)


@pytest.mark.parametrize("method", CLUSTER_METHODS)
@pytest.mark.parametrize("count", [0, 1])
def test_nobody_and_one_customer_form_no_groups(method: str, count: int) -> None:
    table, _truth = people(1, apart=1.0, size=20)
    result = found(table.slice(0, count), method)
    assert result.model is None
    assert ("1 person" if count else "nobody had bought anything") in result.reason


def test_useless_features_are_told_in_words() -> None:
    draw = np.random.default_rng(1)
    count = 200
    table = pa.table(
        {
            "profile_id": [str(one) for one in range(count)],
            "orders": np.ones(count),
            "recency_days": pa.nulls(count, pa.float64()),
            "trait:id": [f"unique {one}" for one in range(count)],
            "trait:same": ["GB"] * count,
        }
    )
    result = find_groups(table, table.schema.names[1:], name="x", as_of=AS_OF, seed=1)
    assert result.model is None
    for words in ("orders is the same for everybody", "unknown for 100%", "200 different values"):
        assert words in result.reason
    mixture = table.append_column("revenue", pa.array(draw.normal(size=count)))
    mixture = mixture.append_column("trait:two", pa.array(["a", "b"] * (count // 2)))
    kept = find_groups(
        mixture, ["revenue", "trait:two"], name="x", as_of=AS_OF, seed=1, method="mixture", number=2
    )
    assert kept.model is not None
    assert "numbers only" in kept.model.preparation.dropped["trait:two"]


def test_a_million_values_of_a_category_cost_little_and_are_told() -> None:
    values = pa.array([f"v{number}" for number in range(200_000)])
    assert fit_category("x", values) == (
        "200,000 different values, of which 100% of the people have rare ones"
    )


def test_rare_new_and_unknown_values_have_a_place() -> None:
    values = pa.array(["a"] * 60 + ["b"] * 30 + ["c"] + [None] * 9)
    category = fit_category("x", values)
    assert category == PreparedCategory("x", ("a", "b", OTHER, UNKNOWN))
    codes = category.codes(pa.array(["b", "c", "never seen", None]))
    assert codes.tolist() == [1, 2, 2, 3]


def test_values_of_a_category_are_equally_far_apart() -> None:
    table = pa.table({"n": [1.0, 2.0, 3.0, 4.0] * 10, "c": ["x", "y", "z", "x"] * 10})
    preparation = prepare(table, ["n", "c"])
    assert preparation.labels == ("n", "c=x", "c=y", "c=z")
    marks = preparation.apply(table)[:, 1:]
    assert ((marks[0] - marks[1]) ** 2).sum() == pytest.approx(1.0)
    assert ((marks[0] - marks[3]) ** 2).sum() == 0.0


def test_the_criteria_are_those_of_scikit_learn(seed: int) -> None:
    from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, silhouette_score
    from sklearn.mixture import GaussianMixture

    table, _truth = people(seed, apart=1.0)
    rows = prepare(table, NUMBERS).apply(table)
    count = choose_number(rows, seed=1, number=3, method=METHODS["mixture"])
    (only,) = count.candidates
    theirs = GaussianMixture(3, n_init=2, random_state=1, reg_covar=1e-3, max_iter=200).fit(rows)
    labels = theirs.predict(rows)
    assert only.bic == pytest.approx(theirs.bic(rows))
    assert only.silhouette == pytest.approx(silhouette_score(rows, labels))
    assert only.calinski_harabasz == pytest.approx(calinski_harabasz_score(rows, labels))
    assert only.davies_bouldin == pytest.approx(davies_bouldin_score(rows, labels))


def test_mini_batches_of_everybody_move_centres_little_where_the_sample_was_good(seed: int) -> None:
    draw = np.random.default_rng(seed)
    rows = np.vstack([draw.normal(size=(30_000, 2)), draw.normal(size=(30_000, 2)) + 6])
    start = fit_centroids(rows[::60], 2, seed=1)
    moved = refine_centroids(rows, start, seed=1)
    middle = np.sort(moved[:, 0])
    assert middle == pytest.approx([0.0, 6.0], abs=0.05)
    assert (refine_centroids(rows, start, seed=1) == moved).all()


def test_a_tree_holds_everybody_once_and_grows_upwards(seed: int) -> None:
    rows = np.random.default_rng(seed).normal(size=(300, 2))
    tree = grow_dendrogram(rows, leaves=12)
    assert sum(tree.sizes) == 300
    assert (len(tree.sizes), len(tree.joins)) == (12, 11)
    heights = [join[2] for join in tree.joins]
    assert heights == sorted(heights)
    assert sorted(node for join in tree.joins for node in join[:2]) == list(range(22))
    assert json.loads(json.dumps(tree.to_dict()))["sizes"] == list(tree.sizes)


def test_limits_are_round_numbers_that_divide_as_the_tree_did() -> None:
    assert roundest(13.8, 21.3) == 20.0
    assert roundest(0.0312, 0.0338) == 0.032
    assert roundest(2.0, 3.0) == 2.0
    assert roundest(-21.3, -13.8) == -20.0
    assert roundest(-1.0, 2.0) == 0.0
    assert roundest(99.0, 101.0) == 100.0
