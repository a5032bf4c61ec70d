"""Groups: found again where they are, denied where they are not, named, kept, and given to new people."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.segment import Segment
from aimwell.errors import SegmentError
from aimwell.history.moment import open_moment
from aimwell.segment.attributes.people_table import people_table
from aimwell.segment.clusters.choosing import choose_number
from aimwell.segment.clusters.files import load_clusters, save_clusters
from aimwell.segment.clusters.grouping import find_groups
from aimwell.segment.clusters.model import Clustering, ClusterModel
from aimwell.segment.clusters.names import name_groups, trait_words
from aimwell.segment.clusters.service import assign_people, find_clusters, publish_clusters
from aimwell.segment.clusters.shapes import nearest_centroid
from aimwell.segment.service import members
from aimwell.stats.resampling import adjusted_rand_index
from aimwell.store.stores import Stores
from databases import shortly_on
from shop import add_orders, day, make_stores, online_retail, origin

NAMES = ("recency_days", "orders", "average_order_value", "discount_share")
AS_OF = datetime(2026, 6, 1, tzinfo=UTC)

Known = tuple[pa.Table, np.ndarray, Clustering]
"""People, their true groups, and what was found."""


def people(columns: dict[str, Any]) -> pa.Table:
    count = len(next(iter(columns.values())))
    ids = pa.array([f"p{number:06}" for number in range(count)])
    return pa.table(
        {"profile_id": ids, **{k: pa.array(v, pa.float64()) for k, v in columns.items()}}
    )


def four_groups(seed: int, size: int = 300) -> tuple[pa.Table, np.ndarray]:
    """Regulars, big spenders, discount seekers and lapsed people; skewed as in life, some values unknown."""
    draw = np.random.default_rng(seed)
    # recency, orders, value of an order, share of discount
    kinds = [(10, 18, 25, 0.03), (25, 4, 320, 0.02), (30, 6, 40, 0.45), (400, 2, 45, 0.04)]
    truth = np.repeat(np.arange(len(kinds)), [2 * size, size, size, size])
    means = np.array(kinds)[truth]
    columns = {
        "recency_days": draw.gamma(4, means[:, 0] / 4),
        "orders": 1.0 + draw.poisson(means[:, 1] - 1),
        "average_order_value": draw.lognormal(np.log(means[:, 2]), 0.35),
        "discount_share": draw.beta(20 * means[:, 3], 20 * (1 - means[:, 3])),
    }
    shuffled = draw.permutation(len(truth))
    columns = {name: values[shuffled] for name, values in columns.items()}
    columns["discount_share"][draw.random(len(truth)) < 0.02] = np.nan
    return people(columns), truth[shuffled]


@pytest.fixture(scope="module")
def known(seed: int) -> Known:
    """Four groups of people, the truth, and what was found."""
    table, truth = four_groups(seed)
    return table, truth, groups_of(table)


def model_of(known: Known) -> ClusterModel:
    model = known[2].model
    assert model is not None, known[2].reason
    return model


def groups_of(table: pa.Table, seed: int = 1, names: tuple[str, ...] = NAMES) -> Clustering:
    return find_groups(table, names, name="customers", as_of=AS_OF, seed=seed)


def test_known_groups_are_found_again(known: Known) -> None:
    table, truth, found = known
    model = model_of(known)
    assert len(model.names) == 4
    assert found.assignments is not None
    labels = found.assignments.column("cluster").to_numpy()
    assert adjusted_rand_index(truth, labels) >= 0.9
    assert found.assignments.column("profile_id").equals(table.column("profile_id"))
    chosen = next(one for one in found.count.candidates if one.number == 4)
    assert chosen.problem is None
    assert chosen.stability is not None
    assert chosen.stability >= 0.9
    assert [one.number for one in found.count.candidates] == list(range(2, 9))


@pytest.mark.long
@pytest.mark.parametrize("shift", range(1, 40))
def test_known_groups_are_found_again_whatever_the_draw(seed: int, shift: int) -> None:
    table, truth = four_groups(seed + shift)
    found = groups_of(table)
    assert found.assignments is not None, found.reason
    assert adjusted_rand_index(truth, found.assignments.column("cluster").to_numpy()) >= 0.9


def test_groups_are_named_by_what_sets_them_apart(known: Known) -> None:
    model = model_of(known)
    assert len(set(model.names)) == 4
    text = " | ".join(model.names).lower()
    for words in ("many orders", "large baskets", "discount seekers", "not bought for long"):
        assert words in text
    assert model.shares == tuple(sorted(model.shares, reverse=True))
    assert sum(model.shares) == pytest.approx(1.0)


def test_few_people_or_none_are_told_as_what_they_are(known: Known) -> None:
    table = known[0]
    few = groups_of(table.slice(0, 20)).reason
    assert few == "There are no groups to find: 20 people, and it takes at least 50."
    nobody = groups_of(table.slice(0, 0)).reason
    assert nobody.startswith("There are no groups to find: nobody had bought anything by then.")


KINDS = ("normal", "correlated", "even", "skewed", "heavy tails")


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=[] if kind in {"correlated", "heavy tails"} else pytest.mark.long)
        for kind in KINDS
    ],
)
def test_where_there_are_no_groups_it_says_so(seed: int, kind: str) -> None:
    found = groups_of(one_crowd(seed, kind))
    assert found.model is None
    assert found.assignments is None
    assert found.reason.startswith("These people form no groups.")
    assert all(one.problem for one in found.count.candidates)


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_groups_are_seldom_seen_where_there_are_none(seed: int, kind: str) -> None:
    wrong = sum(
        groups_of(one_crowd(seed + n, kind), seed=n).model is not None for n in range(1, 40)
    )
    assert wrong <= 1


def one_crowd(seed: int, kind: str) -> pa.Table:
    """People without groups."""
    draw = np.random.default_rng(seed)
    n = 1200
    together = 0.7 * np.ones((4, 4)) + 0.3 * np.eye(4)
    rows = {
        "normal": draw.normal(size=(n, 4)),
        "correlated": draw.multivariate_normal(np.zeros(4), together, n),
        "even": draw.uniform(size=(n, 4)),
        "skewed": draw.lognormal(3, 1.0, size=(n, 4)),
        "heavy tails": draw.standard_t(3, size=(n, 4)),
    }[kind]
    return people({name: rows[:, place] for place, name in enumerate(NAMES)})


def test_too_few_people_and_people_all_alike_form_no_groups() -> None:
    few = people({"orders": np.arange(20.0)})
    assert "20 people" in groups_of(few, names=("orders",)).reason
    alike = people({"orders": np.ones(500), "recency_days": np.full(500, np.nan)})
    found = groups_of(alike, names=("orders", "recency_days"))
    assert "no feature that tells people apart" in found.reason
    two_values = people(
        {"orders": np.tile([1.0, 2.0], 250), "recency_days": np.repeat([1.0, 9.0], 250)}
    )
    found = groups_of(two_values, names=("orders", "recency_days"))
    assert found.count.number == 4  # each of the four kinds of people is a group
    assert found.count.candidates[3].problem == "fewer different people than groups"


def test_the_same_seed_gives_the_same_groups(known: Known) -> None:
    table, _truth, found = known
    again = groups_of(table)
    assert again.model is not None
    assert again.model.to_json() == model_of(known).to_json()
    assert again.assignments is not None
    assert again.assignments.equals(found.assignments)


def test_a_model_survives_its_text_to_the_last_digit(known: Known) -> None:
    table, model = known[0], model_of(known)
    again = ClusterModel.from_json(model.to_json())
    assert again.to_json() == model.to_json()
    assert (again.centroids == model.centroids).all()
    assert again.assign(table).equals(model.assign(table))
    for text in ("", "[]", "{}", '{"format": 2}', model.to_json().replace('"unit"', '"unti"')):
        with pytest.raises(SegmentError, match="Fit it anew"):
            ClusterModel.from_json(text)


def test_new_people_get_the_group_they_are_nearest_to(known: Known) -> None:
    new = people(
        {
            "recency_days": [9.0, 22.0, 28.0, 500.0],
            "orders": [19.0, 4.0, 6.0, 2.0],
            "average_order_value": [24.0, 350.0, 41.0, 44.0],
            "discount_share": [0.02, 0.02, 0.5, None],
        }
    )
    names = [name.lower() for name in model_of(known).assign(new).column("group").to_pylist()]
    assert len(set(names)) == 4
    assert "discount seekers" in names[2]
    assert "not bought for long" in names[3]


def test_many_groups_are_named_apart() -> None:
    features = ("orders", "recency_days", "made_up")
    names = name_groups(np.array([[1.0, 0, 0], [1.1, 0, 0.0], [0, 0, 0], [-1, 0.5, 2]]), features)
    assert names == (
        "Many orders (1)",
        "Many orders (2)",
        "Average",
        "High made up, few orders, not bought for long",
    )
    assert trait_words("opens_90d", high=False) == "seldom open mail"


def test_ties_between_centroids_go_to_the_first() -> None:
    rows = np.array([[0.0], [1.0], [3.0]])
    assert nearest_centroid(rows, np.array([[-1.0], [1.0], [1.0]])).tolist() == [0, 1, 1]
    assert choose_number(np.empty((0, 2)), seed=1).number is None


# --- in a workspace -------------------------------------------------------------------------------------


def busy_shop(stores: Stores) -> dict[str, int]:
    """Weekday people with many small orders, and weekend people with a few large ones; and the truth."""
    draw = np.random.default_rng(5)
    truth, orders = {}, []
    for number in range(160):
        kind = number % 2
        name = f"person {number}"
        truth[origin(stores, name)] = kind
        for order in range(int(draw.integers(2, 4)) if kind else int(draw.integers(9, 14))):
            # START is a Thursday: days 2 and 3 of each week are the weekend.
            when = 7 * int(draw.integers(0, 20)) + (
                int(draw.integers(2, 4)) if kind else int(draw.integers(4, 9))
            )
            price = float(draw.lognormal(5 if kind else 2.5, 0.2))
            orders.append(
                {
                    "customer": name,
                    "order_id": f"{number}/{order}",
                    "ordered_at": day(when + 0.5),
                    "lines": [("sofa" if kind else "tea", 1, round(price, 2))],
                }
            )
    add_orders(stores, orders)
    return truth


@shortly_on("sqlite")
def test_groups_of_a_shop_are_kept_assigned_and_published(tmp_path: Path, control_url: str) -> None:
    stores = make_stores(tmp_path, control_url)
    truth = busy_shop(stores)
    found = find_clusters(stores, name="customers", as_of=day(150), seed=1)
    assert found.model is not None, found.reason
    assert found.assignments is not None
    rows = found.assignments.to_pylist()
    labels = [row["cluster"] for row in rows]
    assert adjusted_rand_index([truth[row["profile_id"]] for row in rows], labels) >= 0.95

    assert save_clusters(stores, found.model, now=day(150), snapshot=stores.lake.pin()) == 1
    assert save_clusters(stores, found.model, now=day(151)) == 2
    kept = load_clusters(stores, "customers")
    assert kept.to_json() == found.model.to_json()

    add_orders(
        stores,
        [{"customer": "new", "order_id": "n", "ordered_at": day(160), "lines": [("sofa", 1, 150)]}],
    )
    with open_moment(stores, as_of=day(170)) as moment:
        people = assign_people(moment, kept)
    assert people.num_rows == len(truth) + 1

    assert publish_clusters(stores, kept, as_of=day(170), now=day(170)) == len(truth) + 1
    assert publish_clusters(stores, kept, as_of=day(170), now=day(170)) == 0
    with pytest.raises(SegmentError, match="later moment already"):
        publish_clusters(stores, kept, as_of=day(169), now=day(171))
    new = {row["profile_id"]: row["group"] for row in people.to_pylist()}[origin(stores, "new")]
    rule = check(
        {"kind": "segment", "name": "x", "rule": {"trait": "cluster:customers", "is": new}}
    )
    assert isinstance(rule, Segment)
    assert members(stores, rule, as_of=day(169)).num_rows == 0  # it holds from then on
    later = members(stores, rule, as_of=day(171)).column("profile_id").to_pylist()
    assert origin(stores, "new") in later
    stores.close()


def test_a_damaged_file_is_not_read(tmp_path: Path, known: Known) -> None:
    stores = make_stores(tmp_path)
    model = model_of(known)
    with pytest.raises(SegmentError, match="There is no model of groups 'customers'"):
        load_clusters(stores, "customers")
    save_clusters(stores, model, now=AS_OF)
    with pytest.raises(SegmentError, match="Did you mean 'customers'"):
        load_clusters(stores, "custmers")
    with pytest.raises(SegmentError, match="no version 7"):
        load_clusters(stores, "customers", version=7)
    (file,) = (tmp_path / "workspace" / "models").rglob("clusters.json")
    file.write_text(file.read_text().replace("Many", "Few"))
    with pytest.raises(SegmentError, match="damaged or tampered"):
        load_clusters(stores, "customers")
    file.unlink()
    with pytest.raises(SegmentError, match="cannot be read"):
        load_clusters(stores, "customers")
    stores.close()


def test_online_retail_has_groups_that_hold(tmp_path: Path) -> None:
    stores = make_stores(tmp_path, timezone="Europe/London")
    online_retail(stores)
    found = find_clusters(stores, name="customers", as_of=datetime(2011, 9, 1, tzinfo=UTC), seed=1)
    assert found.model is not None, found.reason
    assert found.count.number is not None
    assert 3 <= found.count.number <= 7
    assert found.assignments is not None
    assert found.assignments.num_rows > 3_200
    assert "discount_share" in found.model.preparation.dropped
    plain_labels, silhouette = by_scikit_learn(stores, found)
    labels = found.assignments.column("cluster").to_numpy()
    assert adjusted_rand_index(plain_labels, labels) > 0.99
    chosen = next(one for one in found.count.candidates if one.number == found.count.number)
    assert chosen.silhouette == pytest.approx(silhouette, abs=0.02)  # ours is that of a sample
    stores.close()


def by_scikit_learn(stores: Stores, found: Clustering) -> tuple[np.ndarray, float]:
    """The same groups as anybody would make them of the same features: medians for gaps, Yeo and Johnson's power for
    skewed columns, one scale, outliers cut off, k-means."""
    from scipy.stats import skew, yeojohnson
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score
    from sklearn.preprocessing import PowerTransformer, StandardScaler

    assert found.model is not None
    names = found.model.preparation.names
    with open_moment(stores, as_of=found.model.as_of) as moment:
        table = people_table(moment, names)
    columns = []
    for name in names:
        values = table.column(name).to_numpy(zero_copy_only=False)
        skewed = abs(skew(values[~np.isnan(values)])) > 0.75
        values = np.where(np.isnan(values), np.nanmedian(values), values)
        unit = np.median(np.abs(values[values != 0]))
        values = values / unit
        if skewed:
            power = PowerTransformer().fit(values[:, None]).lambdas_[0]
            values = yeojohnson(values, np.clip(power, -2, 3))  # as far as we bend
        scaled = StandardScaler().fit_transform(values[:, None])[:, 0]
        columns.append(np.clip(scaled, -3.5, 3.5))
    rows = np.column_stack(columns)
    labels = KMeans(found.model.shape.number, n_init=10, random_state=1).fit_predict(rows)
    return labels, float(silhouette_score(rows, labels))
