"""The current state of each profile: first and last seen, number of orders, newest traits, time zone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import available_timezones

import sqlalchemy as sa

from aimwell.store.control import upsert
from aimwell.store.schema import metadata
from aimwell.store.sql import sql
from aimwell.store.stores import Stores
from aimwell.unify.reading import bind_with_identity

__all__ = ["refresh_profiles"]

_profiles = metadata.tables["profiles"]
_identifiers = metadata.tables["identifiers"]
_overrides = metadata.tables["identity_overrides"]
_BATCH = 5_000
_TABLES = ("orders", "events", "touches", "traits")
# A fact without a date holds "always" and is stored at the epoch; it says nothing of when a person came.
_EPOCH = datetime(1970, 1, 2, tzinfo=UTC)

_STATE = """
WITH seen AS (
  SELECT profile_id, ordered_at AS seen_at, received_at, kind = 'sale' AS sale FROM all_orders
  WHERE origin_id IS NOT NULL
  UNION ALL SELECT profile_id, occurred_at, received_at, FALSE FROM all_events
  UNION ALL SELECT profile_id, occurred_at, received_at, FALSE FROM all_touches
  UNION ALL SELECT profile_id, set_at, received_at, FALSE FROM all_traits
),
spans AS (
  SELECT profile_id,
         -- Who was known by a file without dates does not become a stranger again by a later order.
         least(min(CASE WHEN seen_at >= :epoch THEN seen_at END), min(received_at)) AS first_seen_at,
         coalesce(max(CASE WHEN seen_at >= :epoch THEN seen_at END), max(received_at)) AS last_seen_at,
         CAST(sum(CASE WHEN sale THEN 1 ELSE 0 END) AS bigint) AS orders
  FROM seen GROUP BY profile_id
),
newest AS (
  -- Wrapped, because arg_max alone passes over a withdrawal (null) and gives the value before it.
  SELECT profile_id, name, latest.value AS value FROM (
    SELECT profile_id, name,
           arg_max(struct_pack(value := value), (set_at, received_at, value)) AS latest
    FROM all_traits GROUP BY profile_id, name
  ) AS t
),
traits AS (
  SELECT profile_id, CAST(json_group_object(name, value) AS varchar) AS traits
  FROM (SELECT * FROM newest WHERE value IS NOT NULL ORDER BY profile_id, name) GROUP BY profile_id
)
SELECT s.profile_id, s.first_seen_at, s.last_seen_at, s.orders, coalesce(t.traits, '{}') AS traits
FROM spans AS s LEFT JOIN traits AS t ON t.profile_id = s.profile_id
"""


def refresh_profiles(stores: Stores, *, now: datetime) -> int:
    """Bring the control table `profiles` in step with the lake; returns how many rows changed.

    Only rows that differ are written. Profiles that no row of the lake and no identifier names any more go.
    """
    zones = available_timezones()
    changed = 0
    with stores.read_control() as connection:
        known = {
            row.profile_id: (row.first_seen_at, row.last_seen_at, row.orders, row.traits)
            for row in connection.execute(sa.select(_profiles))
        }
    seen: set[str] = set()
    for batch in _states(stores):
        fresh = []
        for state in batch:
            traits = json.loads(state["traits"])
            key = state["profile_id"]
            seen.add(key)
            now_known = (state["first_seen_at"], state["last_seen_at"], state["orders"], traits)
            if known.get(key) != now_known:
                zone = traits.get("timezone")
                fresh.append(
                    {
                        **state,
                        "traits": traits,
                        "timezone": zone if zone in zones else None,
                        "updated_at": now,
                    }
                )
        changed += len(fresh)
        with stores.control.begin() as connection:
            upsert(
                connection,
                _profiles,
                fresh,
                update=(
                    "first_seen_at",
                    "last_seen_at",
                    "orders",
                    "traits",
                    "timezone",
                    "updated_at",
                ),
            )
    return changed + _reconcile(stores, set(known) | seen, seen, now)


def _states(stores: Stores) -> Iterator[list[dict[str, Any]]]:
    with stores.engine.session() as session:
        bind_with_identity(stores, session, stores.lake.pin(*_TABLES), prefix="all_")
        for batch in session.batches(sql(_STATE, epoch=_EPOCH), rows=_BATCH):
            yield batch.to_pylist()


def _reconcile(stores: Stores, present: set[str], seen: set[str], now: datetime) -> int:
    """Add people who have an identifier and nothing else; remove rows of profiles that were merged away."""
    profile = sa.func.coalesce(_overrides.c.profile_id, _identifiers.c.origin_id)
    with stores.control.begin() as connection:
        named = {
            row[0]: row[1]
            for row in connection.execute(
                sa.select(profile, sa.func.min(_identifiers.c.first_seen_at))
                .select_from(
                    _identifiers.outerjoin(
                        _overrides, _overrides.c.origin_id == _identifiers.c.origin_id
                    )
                )
                .group_by(profile)
            )
        }
        rows = [
            {
                "profile_id": key,
                "first_seen_at": first,
                "last_seen_at": first,
                "orders": 0,
                "traits": {},
                "timezone": None,
                "updated_at": now,
            }
            for key, first in named.items()
            if key not in present
        ]
        upsert(connection, _profiles, rows, update=("updated_at",))
        gone = [key for key in present if key not in seen and key not in named]
        for start in range(0, len(gone), 500):
            batch = gone[start : start + 500]
            connection.execute(sa.delete(_profiles).where(_profiles.c.profile_id.in_(batch)))
    return len(rows) + len(gone)
