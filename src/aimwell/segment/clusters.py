"""Groups that nobody wrote a rule for: k-means over the features of buyers, if they form groups at all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from aimwell.errors import SegmentError
from aimwell.history.features import features_query
from aimwell.history.moment import Moment, open_moment
from aimwell.segment.choosing import choose_number, fit_centroids, nearest_centroid
from aimwell.segment.cluster_model import Clustering, ClusterModel
from aimwell.segment.group_names import name_groups
from aimwell.segment.preparation import prepare
from aimwell.store.lake import Snapshot
from aimwell.store.sql import sql
from aimwell.store.stores import Stores
from aimwell.store.tables import LAKE_TABLES, TIME

__all__ = ["CLUSTER_FEATURES", "assign_people", "find_clusters", "find_groups", "publish_clusters"]

CLUSTER_FEATURES = (
    "recency_days",
    "orders",
    "average_order_value",
    "products",
    "discount_share",
    "return_share",
    "weekend_share",
    "events_90d",
    "opens_90d",
    "clicks_90d",
)
"""Features that groups are looked for in, unless others are named; those that tell nobody apart are dropped."""

_FIT_MAX = 20_000
_INSTANT = timedelta(microseconds=1)  # what the lake's times tell apart


def find_groups(
    features: pa.Table,
    names: Sequence[str],
    *,
    name: str,
    as_of: datetime,
    seed: int,
    largest: int = 8,
) -> Clustering:
    """Look for groups among people.

    Args:
        features: `profile_id` and the columns `names`, one row a person.
        names: Features to look at; of two that say the same the earlier one is kept.
        name: Of the model.
        as_of: Moment of the features.
        seed: Same people and seed, same answer.
        largest: Most groups to try.

    Returns:
        A model and everyone's group, or neither, with the reason.
    """
    sample = features
    if features.num_rows > _FIT_MAX:
        # Means of so many people do not move any more with further ones.
        chosen = np.random.default_rng(seed).choice(features.num_rows, _FIT_MAX, replace=False)
        sample = features.take(pa.array(np.sort(chosen)))
    preparation = prepare(sample, names)
    fitted = preparation.apply(sample)
    count = choose_number(fitted, seed=seed, largest=largest)
    if count.number is None:
        return Clustering(None, count, None)
    centroids = fit_centroids(fitted, count.number, seed=seed)
    labels = nearest_centroid(preparation.apply(features), centroids)
    sizes = np.bincount(labels, minlength=count.number)
    # The largest group first, whatever k-means began with.
    order = np.argsort(-sizes, kind="stable")
    centroids = centroids[order]
    model = ClusterModel(
        name=name,
        as_of=as_of,
        seed=seed,
        preparation=preparation,
        centroids=centroids,
        names=name_groups(centroids, preparation.names),
        shares=tuple(float(share) for share in sizes[order] / len(labels)),
        candidates=count.candidates,
        reason=count.reason,
    )
    return Clustering(model, count, model.assign(features))


def find_clusters(
    stores: Stores,
    *,
    name: str,
    as_of: datetime,
    seed: int,
    names: Sequence[str] = CLUSTER_FEATURES,
    largest: int = 8,
    snapshot: Snapshot | None = None,
) -> Clustering:
    """Look for groups among the buyers known before `as_of`; see `find_groups`. Nothing is stored.

    Raises:
        HistoryError: There is no feature of such a name.
    """
    with open_moment(stores, as_of=as_of, snapshot=snapshot) as moment:
        table = _buyers(moment, names)
    return find_groups(table, names, name=name, as_of=as_of, seed=seed, largest=largest)


def assign_people(moment: Moment, model: ClusterModel) -> pa.Table:
    """The group of every buyer known at the moment, new ones too: `profile_id`, `cluster`, `group`."""
    return model.assign(_buyers(moment, model.preparation.names))


def publish_clusters(stores: Stores, model: ClusterModel, *, as_of: datetime, now: datetime) -> int:
    """Write everyone's group as the trait `cluster:NAME`, so that rules can ask for it.

    The trait holds as of `as_of` itself: it is dated to the last instant before it, since a cut sees what lies before
    its moment, and what the groups rest on lies before it too. Publishing the same again changes nothing.

    Returns:
        How many people were written; 0 where it was done before.

    Raises:
        SegmentError: A later publication stands already.
    """
    with open_moment(stores, as_of=as_of) as moment:
        people = assign_people(moment, model)
    count = int(people.num_rows)
    given = {
        "origin_id": people.column("profile_id"),
        "name": pa.array([f"cluster:{model.name}"] * count, pa.string()),
        "value": people.column("group"),
        "set_at": pa.array([as_of - _INSTANT] * count, TIME),
        "source": pa.array(["segment"] * count, pa.string()),
        "load_id": pa.nulls(count, pa.string()),
        "received_at": pa.array([now] * count, TIME),
    }
    schema = LAKE_TABLES["traits"].schema
    rows = pa.table([given[field.name] for field in schema], schema=schema)
    version = int(as_of.timestamp() * 1_000_000)
    application = f"cluster:{model.name}"
    if stores.lake.append("traits", rows, transaction=(application, version)):
        return count
    if stores.lake.has_transaction("traits", (application, version + 1)):
        raise SegmentError(
            f"The groups of '{model.name}' were published as of a later moment already. "
            "Take a later one than that."
        )
    return 0


def _buyers(moment: Moment, names: Sequence[str]) -> pa.Table:
    """Features of everyone with an order, by profile_id."""
    moment.bind_profiles()
    query = sql(
        'SELECT * FROM :people AS f WHERE f."orders" > 0 ORDER BY f.profile_id',
        people=features_query(moment, list(dict.fromkeys(["orders", *names]))).subquery(),
    )
    return moment.session.table(query)
