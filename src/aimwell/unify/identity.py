"""Keeps the identity overrides, and what is set aside, equal to what identifiers and decisions say."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
import sqlalchemy as sa

from aimwell.store.control import SQLITE_TIME, insert_columns, insert_statement, upsert
from aimwell.store.engine import Session
from aimwell.store.listed import among
from aimwell.store.schema import metadata
from aimwell.store.sql import sql
from aimwell.store.stores import Stores
from aimwell.unify.around import Around, hanging_together
from aimwell.unify.bonds import all_bonds
from aimwell.unify.fetching import all_rows, aside_of, overrides_of
from aimwell.unify.kinds import DECISION, MATCH
from aimwell.unify.model import Merge
from aimwell.unify.policy import Policy
from aimwell.unify.settling import Settled, settle

__all__ = ["Changed", "is_current", "merge_of", "resolve", "resolve_around", "set_aside_counts"]

_overrides = metadata.tables["identity_overrides"]
_set_aside = metadata.tables["identity_set_aside"]
_sides = metadata.tables["identity_decision_origins"]
_meta = metadata.tables["workspace_meta"]
_RULE = "identity_rule"
_BATCH = 50_000

_FRESH = """
SELECT w.origin_id, w.profile_id, w.evidence, p.profile_id AS before
FROM wanted AS w LEFT JOIN present AS p ON p.origin_id = w.origin_id
WHERE p.origin_id IS NULL OR p.profile_id <> w.profile_id OR p.evidence <> w.evidence
ORDER BY w.origin_id
"""
_STALE = """
SELECT p.origin_id, p.profile_id AS before FROM present AS p
ANTI JOIN wanted AS w ON w.origin_id = p.origin_id ORDER BY p.origin_id
"""


@dataclass(frozen=True)
class Changed:
    """What a run changed: `rows` of the overrides, and the profiles that lost or won an origin."""

    rows: int
    profiles: frozenset[str]


def resolve(stores: Stores, *, now: datetime) -> Changed:
    """Bring everybody in step with the identifiers. Harmless to repeat.

    It reads one moment and writes in one transaction; whoever calls it holds the lease `unify`.
    """
    policy = Policy.of(stores.settings)
    with stores.read_control() as connection, stores.engine.session() as session:
        settled = settle(
            session,
            connection,
            all_rows(connection, "identifiers"),
            all_bonds(connection),
            policy,
            key=stores.identity_key,
        )
        present = all_rows(connection, "identity_overrides")
        aside = connection.execute(
            sa.select(_set_aside.c.kind, _set_aside.c.value_hash, _set_aside.c.reason)
        ).all()
        fresh, stale = _difference(session, settled, present)
    with stores.control.begin() as connection:
        _write(connection, fresh, stale, now)
        _write_aside(connection, {tuple(row) for row in aside}, settled.set_aside, now)
        rule = {"key": _RULE, "value": policy.fingerprint}
        upsert(connection, _meta, [rule], update=("value",))
    return _changed(fresh, stale)


def resolve_around(stores: Stores, origins: Collection[str], *, now: datetime) -> Changed | None:
    """Bring in step who hangs together with `origins`, all whose rows have changed since the last run.

    The result is that of `resolve`. None: it cannot be had this way, because the rule has changed since everybody was
    looked at, or nearly everybody would have to be.
    """
    policy = Policy.of(stores.settings)
    with stores.read_control() as connection, stores.engine.session() as session:
        if not is_current(connection, policy):
            return None
        around = hanging_together(connection, origins)
        if around is None:
            return None
        settled = settle(
            session,
            connection,
            around.ids,
            around.bonds,
            policy,
            key=stores.identity_key,
            too_many=around.too_many,
        )
        present = overrides_of(connection, around.origins)
        aside = _aside_of(connection, around)
        fresh, stale = _difference(session, settled, present)
    with stores.control.begin() as connection:
        _write(connection, fresh, stale, now)
        _write_aside(connection, aside, settled.set_aside, now)
    return _changed(fresh, stale)


def is_current(connection: sa.Connection, policy: Policy) -> bool:
    """Whether everybody was looked at by this rule."""
    known = connection.execute(sa.select(_meta.c.value).where(_meta.c.key == _RULE)).scalar()
    return known == policy.fingerprint


def _difference(session: Session, settled: Settled, present: pa.Table) -> tuple[pa.Table, pa.Table]:
    session.bind("wanted", settled.overrides)
    session.bind("present", present)
    return session.table(sql(_FRESH)), session.table(sql(_STALE))


def _write(connection: sa.Connection, fresh: pa.Table, stale: pa.Table, now: datetime) -> None:
    """Set the overrides that differ, and remove those that nothing says any more."""
    update = ("profile_id", "evidence", "merged_at")
    is_sqlite = connection.dialect.name == "sqlite"
    statement = insert_statement(is_sqlite, _overrides)
    statement = statement.on_conflict_do_update(
        index_elements=["origin_id"], set_={name: statement.excluded[name] for name in update}
    )
    for batch in fresh.to_batches(max_chunksize=_BATCH):
        columns = {name: batch.column(name).to_pylist() for name in batch.schema.names[:3]}
        if is_sqlite:
            when = now.astimezone(UTC).strftime(SQLITE_TIME)
            insert_columns(connection, statement, {**columns, "merged_at": [when] * batch.num_rows})
        else:
            _copy(connection, columns, now)
    gone = stale["origin_id"].to_pylist()
    for start in range(0, len(gone), _BATCH):
        chosen = among(_overrides.c.origin_id, gone[start : start + _BATCH])
        connection.execute(sa.delete(_overrides).where(chosen))


def _copy(connection: sa.Connection, columns: dict[str, list[str]], now: datetime) -> None:
    """The same on PostgreSQL: one statement for a batch, its columns as arrays."""
    given = [
        sa.cast(sa.bindparam(name, columns[name], type_=sa.ARRAY(sa.Text())), sa.ARRAY(sa.Text()))
        for name in ("origin_id", "profile_id", "evidence")
    ]
    rows = sa.func.unnest(*given).table_valued("o", "p", "e").render_derived()
    query = sa.select(
        rows.c.o,
        rows.c.p,
        sa.cast(rows.c.e, _overrides.c.evidence.type),
        sa.literal(now, _overrides.c.merged_at.type),
    )
    names = ["origin_id", "profile_id", "evidence", "merged_at"]
    statement = insert_statement(False, _overrides).from_select(names, query)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["origin_id"],
            set_={name: statement.excluded[name] for name in names[1:]},
        )
    )


def _write_aside(
    connection: sa.Connection, known: set[tuple[str, ...]], found: pa.Table, now: datetime
) -> None:
    wanted = set(zip(*(found[name].to_pylist() for name in found.column_names), strict=True))
    for kind, value, reason in sorted(known - wanted):
        connection.execute(
            sa.delete(_set_aside).where(
                _set_aside.c.kind == kind,
                _set_aside.c.value_hash == value,
                _set_aside.c.reason == reason,
            )
        )
    rows = [
        {"kind": kind, "value_hash": value, "reason": reason, "noted_at": now}
        for kind, value, reason in sorted(wanted - known)
    ]
    upsert(connection, _set_aside, rows, update=("noted_at",))


def _aside_of(connection: sa.Connection, around: Around) -> set[tuple[str, ...]]:
    """What was set aside of the identifiers that were looked at whole."""
    decided = sa.select(_sides.c.decision_id).where(among(_sides.c.origin_id, around.origins))
    numbers = {str(number) for number in connection.execute(decided).scalars()}
    columns = (around.ids["kind"].to_pylist(), around.ids["value_hash"].to_pylist())
    keys = set(zip(*columns, strict=True)) - around.too_many
    # Decisions that were undone, too: what was set aside for them is not any more.
    keys |= {(kind, number) for kind in (DECISION, MATCH) for number in numbers}
    return {tuple(row) for row in aside_of(connection, keys)}


def _changed(fresh: pa.Table, stale: pa.Table) -> Changed:
    # An origin that was in no override was its own profile, and one that is in none any more becomes it.
    before = fresh["before"].to_pylist()
    origins = fresh["origin_id"].to_pylist()
    profiles = {was or origin for was, origin in zip(before, origins, strict=True)}
    for column in (fresh["profile_id"], stale["before"], stale["origin_id"]):
        profiles.update(column.to_pylist())
    return Changed(fresh.num_rows + stale.num_rows, frozenset(profiles))


def set_aside_counts(connection: sa.Connection) -> tuple[dict[str, int], dict[str, int]]:
    """How many identifiers too many people share, by kind; and how many were set aside, by reason."""
    too_many = connection.execute(
        sa.select(_set_aside.c.kind, sa.func.count())
        .where(_set_aside.c.reason == "too_many")
        .group_by(_set_aside.c.kind)
    )
    reasons = connection.execute(
        sa.select(_set_aside.c.reason, sa.func.count()).group_by(_set_aside.c.reason)
    )
    return {row[0]: row[1] for row in too_many}, {row[0]: row[1] for row in reasons}


def merge_of(connection: sa.Connection, profile_id: str) -> Merge:
    """The origins of one profile and what joins them."""
    rows = connection.execute(
        sa.select(_overrides.c.origin_id, _overrides.c.evidence)
        .where(_overrides.c.profile_id == profile_id)
        .order_by(_overrides.c.origin_id)
    ).all()
    evidence = sorted({kind for row in rows for kind in row[1]})
    return Merge(profile_id, (profile_id, *(row[0] for row in rows)), tuple(evidence))
