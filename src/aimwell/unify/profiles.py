"""The current state of each profile: first and last seen, number of orders, the traits that count and whence, time zone,
and whether it is a mere visitor: a browser of which nothing is known but that it was shown pages. Machines have no profile.

What is computed for all people and for a few is the same query over other rows: for a few, every table is first
cut down to their origins.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import available_timezones

import pyarrow as pa
import sqlalchemy as sa

from aimwell.store.control import SQLITE_TIME, insert_columns, insert_statement, upsert
from aimwell.store.engine import Session
from aimwell.store.listed import among
from aimwell.store.schema import metadata
from aimwell.store.sql import sql
from aimwell.store.stores import Stores
from aimwell.store.tables import TIME
from aimwell.unify.kinds import NAMELESS
from aimwell.unify.machines import PAGES, give_back
from aimwell.unify.merging import merged_traits, profile_rules
from aimwell.unify.reading import bind_people, bind_with_identity

__all__ = ["STATE_TABLES", "refresh_profiles", "refresh_within"]

_profiles = metadata.tables["profiles"]
_identifiers = metadata.tables["identifiers"]
_overrides = metadata.tables["identity_overrides"]
_BATCH = 5_000
_READ = 50_000
STATE_TABLES = ("orders", "events", "touches", "traits")
"""Lake tables from which the state is made."""
_SEEN = {
    "orders": ("origin_id", "kind", "ordered_at", "received_at"),
    "events": ("origin_id", "event", "occurred_at", "received_at", "machine"),
    "touches": ("origin_id", "occurred_at", "received_at"),
}
"""Columns that are read of the large tables."""
_WRITTEN = (
    "first_seen_at",
    "last_seen_at",
    "orders",
    "traits",
    "visitor",
    "timezone",
    "updated_at",
    "provenance",
    "state_hash",
)
_STATE = ("profile_id", *(n for n in _WRITTEN if n not in ("timezone", "updated_at")))
"""Columns of `states`."""

# A fact without a date holds "always" and is stored at the epoch; it says nothing of when a person came.
_EPOCH = datetime(1970, 1, 2, tzinfo=UTC)

_SPANS = """
WITH seen AS (
  SELECT profile_id, min(ordered_at) FILTER (WHERE ordered_at >= :epoch) AS first_at,
         max(ordered_at) FILTER (WHERE ordered_at >= :epoch) AS last_at,
         min(received_at) AS first_received, max(received_at) AS last_received,
         count(*) FILTER (WHERE kind = 'sale') AS orders, TRUE AS here, TRUE AS acted
  FROM all_orders WHERE origin_id IS NOT NULL GROUP BY profile_id
  UNION ALL
  SELECT profile_id, min(occurred_at) FILTER (WHERE occurred_at >= :epoch),
         max(occurred_at) FILTER (WHERE occurred_at >= :epoch), min(received_at), max(received_at), 0,
         TRUE, bool_or(NOT event IN :pages)
  FROM all_events WHERE machine IS NULL GROUP BY profile_id
  UNION ALL
  SELECT profile_id, min(occurred_at) FILTER (WHERE occurred_at >= :epoch),
         max(occurred_at) FILTER (WHERE occurred_at >= :epoch), min(received_at), max(received_at), 0,
         TRUE, TRUE
  FROM all_touches GROUP BY profile_id
  UNION ALL
  SELECT profile_id, min(set_at) FILTER (WHERE set_at >= :epoch),
         max(set_at) FILTER (WHERE set_at >= :epoch), min(received_at), max(received_at), 0,
         FALSE, TRUE
  FROM all_traits GROUP BY profile_id
)
SELECT profile_id,
       -- Who was known by a file without dates does not become a stranger again by a later order.
       least(min(first_at), min(first_received)) AS first_seen_at,
       coalesce(max(last_at), max(last_received)) AS last_seen_at,
       CAST(sum(orders) AS bigint) AS orders, bool_or(here) AS here, bool_or(acted) AS acted
FROM seen GROUP BY profile_id
"""

# Machines are nobody: they have no profile, until something else is known of them.
_MACHINES = """
SELECT profile_id FROM all_events GROUP BY profile_id HAVING bool_and(machine IS NOT NULL)
"""

# As text in one order, so that equal states are equal texts.
_TRAITS = """
SELECT profile_id,
       '{' || string_agg(to_json(name) || ':' || to_json(value), ',' ORDER BY name) || '}' AS traits,
       '{' || string_agg(
         to_json(name) || ':[' || to_json(source) || ',"'
         || strftime(timezone('UTC', since), '%Y-%m-%dT%H:%M:%S.%f') || 'Z",' || to_json(confidence) || ']',
         ',' ORDER BY name) || '}' AS provenance
FROM merged WHERE value IS NOT NULL GROUP BY profile_id
"""

_STATES = """
SELECT *, md5(concat_ws('|', epoch_us(first_seen_at), epoch_us(last_seen_at), orders, traits, provenance,
                        CAST(visitor AS varchar))) AS state_hash
FROM (
  SELECT s.profile_id, s.first_seen_at, s.last_seen_at, s.orders,
         coalesce(t.traits, '{}') AS traits, coalesce(t.provenance, '{}') AS provenance,
         n.known = 0 AND NOT s.acted AS visitor, s.here OR n.known = 1 AS somebody
  FROM spans AS s LEFT JOIN trait_texts AS t ON t.profile_id = s.profile_id
  LEFT JOIN named AS n ON n.profile_id = s.profile_id
  UNION ALL
  -- People of whom only an identifier is known.
  SELECT n.profile_id, n.first_seen_at, n.first_seen_at, 0, '{}', '{}', n.known = 0, n.known = 1
  FROM named AS n ANTI JOIN spans AS s ON s.profile_id = n.profile_id
) AS every
WHERE somebody IS TRUE OR NOT profile_id IN (SELECT profile_id FROM machines)
"""

_CHANGED = """
SELECT s.* FROM states AS s LEFT JOIN stored AS k ON k.profile_id = s.profile_id
WHERE k.state_hash IS DISTINCT FROM s.state_hash
"""

_GONE = "SELECT k.profile_id FROM stored AS k ANTI JOIN states AS s ON s.profile_id = k.profile_id"


def refresh_profiles(
    stores: Stores, *, now: datetime, profiles: Collection[str] | None = None
) -> int:
    """Bring the control table `profiles` in step with the lake; returns how many rows changed.

    Only rows that differ are written. Profiles that no row of the lake and no identifier names any more go.

    Args:
        stores: The workspace; whoever calls this holds the lease `unify`.
        now: When it was done; traits that hold only from a later moment on do not count yet.
        profiles: Only these; name those that were merged away too, so that their rows go. The result is what a full
            run would give for them. None: everybody.
    """
    if profiles is not None and not profiles:
        return 0
    with stores.engine.session() as session:
        snapshot = stores.lake.pin(*STATE_TABLES)
        if profiles is None:
            bind_with_identity(stores, session, snapshot, prefix="all_")
        else:
            bind_people(stores, session, snapshot, profiles, prefix="all_", columns=_SEEN)
        return refresh_within(stores, session, now=now, profiles=profiles)


def refresh_within(
    stores: Stores, session: Session, *, now: datetime, profiles: Collection[str] | None
) -> int:
    """The same in a session in which the rows of these profiles stand as `all_` and the name of each of STATE_TABLES."""
    changed = 0
    zones = available_timezones()
    rules = profile_rules(stores.control)
    session.bind(
        "said",
        sql("SELECT * FROM all_traits WHERE CAST(set_at AS timestamptz) < :now", now=now),
    )
    raw = "raw_events" if profiles is None else "all_events"
    known = give_back(session, "all_events", raw=raw)
    if known is not None:
        session.materialise("known_events", known)
        session.bind("all_events", sql("SELECT * FROM known_events"))
    session.bind("stored", _stored(stores, profiles))
    session.bind("named", _named(stores, profiles))
    session.materialise("spans", sql(_SPANS, epoch=_EPOCH, pages=list(PAGES)))
    session.materialise("machines", sql(_MACHINES))
    session.materialise("merged", merged_traits(rules, "said"))
    session.bind("trait_texts", sql(_TRAITS))
    session.materialise("states", sql(_STATES))
    for batch in session.batches(sql(_CHANGED), rows=_BATCH):
        changed += batch.num_rows
        with stores.control.begin() as connection:
            _write(connection, batch, zones, now)
    for batch in session.batches(sql(_GONE), rows=_BATCH):
        ids = batch.column("profile_id").to_pylist()
        changed += len(ids)
        with stores.control.begin() as connection:
            connection.execute(sa.delete(_profiles).where(among(_profiles.c.profile_id, ids)))
    return changed


def _write(
    connection: sa.Connection, states: pa.RecordBatch, zones: set[str], now: datetime
) -> None:
    """Write rows of `states`; SQLite gets texts as they are, for making objects of them takes longer than all else."""
    columns = {name: states.column(name).to_pylist() for name in _STATE}
    columns["visitor"] = [bool(one) for one in columns["visitor"]]
    columns["timezone"] = [_zone(traits, zones) for traits in columns["traits"]]
    if connection.dialect.name == "sqlite":
        for name in ("first_seen_at", "last_seen_at"):
            when = states.column(name).cast(pa.timestamp("us")).cast(pa.string())
            columns[name] = when.to_pylist()
        columns["updated_at"] = [now.astimezone(UTC).strftime(SQLITE_TIME)] * states.num_rows
        statement = insert_statement(True, _profiles)
        kept = {name: statement.excluded[name] for name in _WRITTEN}
        statement = statement.on_conflict_do_update(index_elements=["profile_id"], set_=kept)
        insert_columns(connection, statement, columns)
        return
    for name in ("traits", "provenance"):
        columns[name] = [json.loads(text) for text in columns[name]]
    columns["updated_at"] = [now] * states.num_rows
    values = zip(*columns.values(), strict=True)
    rows = [dict(zip(columns, row, strict=True)) for row in values]
    upsert(connection, _profiles, rows, update=_WRITTEN)


def _zone(traits: str, zones: set[str]) -> str | None:
    """The time zone that somebody's traits name, where there is one of that name."""
    if '"timezone"' not in traits:
        return None
    zone = json.loads(traits).get("timezone")
    return zone if zone in zones else None


def _stored(stores: Stores, profiles: Collection[str] | None) -> pa.Table:
    """profile_id and state_hash of the rows that stand."""
    query = sa.select(_profiles.c.profile_id, _profiles.c.state_hash)
    if profiles is not None:
        query = query.where(among(_profiles.c.profile_id, profiles))
    fields = [("profile_id", pa.string()), ("state_hash", pa.string())]
    return _arrow(stores, query, pa.schema(fields))


def _named(stores: Stores, profiles: Collection[str] | None) -> pa.Table:
    """profile_id, first_seen_at, and whether it says who (1, not only a browser or device: 0), of whom identifiers name."""
    profile = sa.func.coalesce(_overrides.c.profile_id, _identifiers.c.origin_id)
    joined = _identifiers.outerjoin(_overrides, _overrides.c.origin_id == _identifiers.c.origin_id)
    query = (
        sa.select(
            profile,
            sa.func.min(_identifiers.c.first_seen_at),
            sa.func.max(sa.case((_identifiers.c.kind.in_(NAMELESS), 0), else_=1)),
        )
        .select_from(joined)
        .group_by(profile)
    )
    if profiles is not None:
        origins = sa.union_all(
            sa.select(_overrides.c.origin_id).where(among(_overrides.c.profile_id, profiles)),
            sa.select(_identifiers.c.origin_id).where(among(_identifiers.c.origin_id, profiles)),
        )
        query = query.where(_identifiers.c.origin_id.in_(origins)).having(among(profile, profiles))
    fields = [("profile_id", pa.string()), ("first_seen_at", TIME), ("known", pa.int64())]
    return _arrow(stores, query, pa.schema(fields))


def _arrow(stores: Stores, query: sa.Select[Any], schema: pa.Schema) -> pa.Table:
    """The rows of a query, read a part at a time."""
    batches = []
    with stores.read_control() as connection:
        streamed = connection.execution_options(stream_results=True)
        for part in streamed.execute(query).partitions(_READ):
            columns: Sequence[Sequence[Any]] = list(zip(*part, strict=True))
            arrays = [
                pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)
            ]
            batches.append(pa.record_batch(arrays, schema=schema))
    return pa.Table.from_batches(batches, schema=schema)
