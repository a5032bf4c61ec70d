"""Groups that nobody wrote a rule for, over the features and traits of a workspace's people; kept, assigned, published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from aimwell.history.moment import Moment, open_moment
from aimwell.segment.attributes.people_table import BUYERS, EVERYBODY, people_table
from aimwell.segment.clusters.grouping import find_groups
from aimwell.segment.clusters.model import Clustering, ClusterModel
from aimwell.segment.models.publishing import publish_groups
from aimwell.store.lake import Snapshot
from aimwell.store.stores import Stores

__all__ = ["CLUSTER_FEATURES", "assign_people", "find_clusters", "publish_clusters"]

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


def find_clusters(
    stores: Stores,
    *,
    name: str,
    as_of: datetime,
    seed: int,
    names: Sequence[str] = CLUSTER_FEATURES,
    largest: int = 8,
    method: str = "kmeans",
    number: int | None = None,
    among: str = BUYERS,
    snapshot: Snapshot | None = None,
) -> Clustering:
    """Look for groups among people known before `as_of`; see `find_groups`. Nothing is stored.

    Args:
        stores: The workspace.
        name, as_of, seed, largest, method, number: As in `find_groups`.
        names: Features, and traits as `trait:NAME`.
        among: `buyers`, `everybody`, or the name of a segment.
        snapshot: Versions of the lake's tables to read; default: the newest.

    Raises:
        HistoryError: There is no feature of such a name.
        SegmentError: Nobody has such a trait; there is no such method.
        UnknownDefinitionError: There is no such segment.
    """
    engine = stores.history_engine
    with open_moment(stores, as_of=as_of, snapshot=snapshot, engine=engine) as moment:
        table = people_table(moment, names, among=among)
    return find_groups(
        table,
        list(dict.fromkeys(names)),
        name=name,
        as_of=as_of,
        seed=seed,
        largest=largest,
        method=method,
        number=number,
        among=among,
        within=within_rule(among),
    )


def within_rule(among: str) -> Mapping[str, Any] | None:
    """The rule of those among whom groups are looked for; None for everybody."""
    if among == BUYERS:
        return {"feature": "orders", "above": 0}
    return None if among == EVERYBODY else {"segment": among}


def assign_people(moment: Moment, model: ClusterModel) -> pa.Table:
    """The group of everyone known at the moment among whom it divides, new ones too: `profile_id`, `cluster`, `group`."""
    return model.assign(people_table(moment, model.preparation.names, among=model.among))


def publish_clusters(stores: Stores, model: ClusterModel, *, as_of: datetime, now: datetime) -> int:
    """Write everyone's group as the trait `cluster:NAME`; see `publish_groups`.

    Returns:
        How many people were written; 0 where it was done before.

    Raises:
        SegmentError: A later publication stands already.
    """
    with open_moment(stores, as_of=as_of, engine=stores.history_engine) as moment:
        people = assign_people(moment, model)
    return publish_groups(stores, people, name=model.name, as_of=as_of, now=now)
