"""What models say of people, written where rules can ask for it: groups as traits, points and likeness as scores."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa

from aimwell.errors import SegmentError
from aimwell.store.stores import Stores
from aimwell.store.tables import LAKE_TABLES, TIME

__all__ = ["group_trait", "publish_groups", "publish_scores"]

_INSTANT = timedelta(microseconds=1)  # what the lake's times tell apart


def group_trait(name: str, *, kind: str = "cluster") -> str:
    """The trait that says everyone's group."""
    return f"{kind}:{name}"


def publish_groups(
    stores: Stores,
    people: pa.Table,
    *,
    name: str,
    as_of: datetime,
    now: datetime,
    kind: str = "cluster",
) -> int:
    """Write everyone's group as the trait `KIND:NAME`, as `cluster:habits`, so that rules can ask for it.

    The trait holds as of `as_of` itself: it is dated to the last instant before it, since a cut sees what lies before
    its moment, and what the groups rest on lies before it too. Publishing the same again changes nothing.

    Args:
        stores: The workspace.
        people: `profile_id` and `group`.
        name: Of the model.
        as_of: Moment of what the groups rest on.
        now: When it is written.
        kind: What the trait's name begins with.

    Returns:
        How many people were written; 0 where groups of that name were published as of this moment before.

    Raises:
        SegmentError: A later publication stands already.
    """
    count = int(people.num_rows)
    if not count:
        return 0
    given = {
        "origin_id": people.column("profile_id"),
        "name": pa.array([group_trait(name, kind=kind)] * count, pa.string()),
        "value": people.column("group"),
        "set_at": pa.array([as_of - _INSTANT] * count, TIME),
        "source": pa.array(["segment"] * count, pa.string()),
        "load_id": pa.nulls(count, pa.string()),
        "received_at": pa.array([now] * count, TIME),
    }
    schema = LAKE_TABLES["traits"].schema
    rows = pa.table([given[field.name] for field in schema], schema=schema)
    version = int(as_of.timestamp() * 1_000_000)
    application = f"{kind}:{name}"
    if stores.lake.append("traits", rows, transaction=(application, version)):
        return count
    if stores.lake.has_transaction("traits", (application, version + 1)):
        raise SegmentError(
            f"The groups of '{name}' were published as of a later moment already. "
            "Take a later one than that."
        )
    return 0


def publish_scores(
    stores: Stores,
    people: pa.Table,
    *,
    name: str,
    version: int,
    as_of: datetime,
    now: datetime,
) -> int:
    """Append scores to the lake, so that the rule `score` can ask for them.

    Args:
        stores: The workspace.
        people: `profile_id` and `score`, 0 to 1.
        name, version: Of the model.
        as_of: Moment of what the scores rest on.
        now: When it is written.

    Returns:
        How many people were written; 0 where this version scored as of this moment before.
    """
    count = int(people.num_rows)
    none = pa.nulls(count, pa.float64())
    given = {
        "origin_id": people.column("profile_id"),
        "model": pa.repeat(pa.scalar(name), count),
        "version": pa.repeat(pa.scalar(version, pa.int64()), count),
        "score": people.column("score"),
        "lower": none,
        "upper": none,
        # A cut sees what lies before its moment, and so do scores that are to hold as of it.
        "as_of": pa.array([as_of - _INSTANT] * count, TIME),
        "horizon_days": pa.nulls(count, pa.int64()),
        "source": pa.repeat(pa.scalar("segment"), count),
        "load_id": pa.nulls(count, pa.string()),
        "received_at": pa.array([now] * count, TIME),
    }
    schema = LAKE_TABLES["scores"].schema
    rows = pa.table([given[field.name] for field in schema], schema=schema)
    application = f"scores:{name}@{version}:{as_of.astimezone(UTC).isoformat()}"
    return count if stores.lake.append("scores", rows, transaction=(application, 1)) else 0
