"""Tables of the lake with today's identity: `profile_id` beside `origin_id`.

Identity is joined when a table is read, so a merge and its undoing take effect at once and rewrite nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial

import pyarrow as pa
import sqlalchemy as sa
from sqlglot import exp

from aimwell.privacy.erased import bind_erased, not_erased
from aimwell.store.engine import Session
from aimwell.store.lake import Snapshot
from aimwell.store.listed import among
from aimwell.store.schema import metadata
from aimwell.store.sql import column, identifier, sql
from aimwell.store.stores import Stores
from aimwell.store.tables import LAKE_TABLES

__all__ = [
    "bind_identity",
    "bind_people",
    "bind_with_identity",
    "identified",
    "of_people",
    "theirs",
]

_overrides = metadata.tables["identity_overrides"]


def bind_identity(stores: Stores, session: Session) -> bool:
    """Bind `identity` (origin_id, profile_id of who is merged); False when nobody is, so that no join is needed."""
    with stores.read_control() as connection:
        rows = connection.execute(sa.select(_overrides.c.origin_id, _overrides.c.profile_id)).all()
    session.bind(
        "identity",
        pa.table(
            {
                "origin_id": pa.array([row[0] for row in rows], pa.string()),
                "profile_id": pa.array([row[1] for row in rows], pa.string()),
            }
        ),
    )
    return bool(rows)


def bind_with_identity(
    stores: Stores, session: Session, snapshot: Snapshot, *, prefix: str
) -> None:
    """Bind each table of `snapshot` as `prefix` + its name, with `profile_id` where it has origins.

    `profile_id` is the profile to which the origin belongs today; null for anonymous sales.
    """
    merged, erased = bind_identity(stores, session), bind_erased(stores, session)
    for name, version in snapshot.tables.items():
        session.bind(f"raw_{name}", version)
        whole = partial(identified, name, merged=merged, erased=erased)
        session.bind(f"{prefix}{name}", whole)


def identified(name: str, *, merged: bool, erased: bool = False) -> exp.Select:
    """A query over `raw_<name>` (as `t`) with all its columns, and `profile_id` where it has origins.

    Args:
        name: The table.
        merged: Somebody is merged, and `identity` is bound.
        erased: Somebody is erased and still in the files, and `erased_origins` is bound: their rows are left out.
    """
    table = LAKE_TABLES[name]
    raw = exp.alias_(exp.Table(this=identifier(f"raw_{name}")), "t", table=True)
    query = exp.select(*[column(n, "t") for n in table.names]).from_(raw, copy=False)
    if "origin_id" not in table.names:
        return query
    if erased:
        query.where(not_erased("t"), copy=False)
    if not merged:  # nobody is merged: no join is needed
        return query.select(sql("t.origin_id AS profile_id"), copy=False)
    query.select(sql("coalesce(i.profile_id, t.origin_id) AS profile_id"), copy=False)
    return query.join(
        sql("SELECT * FROM identity"),
        on="i.origin_id = t.origin_id",
        join_type="left",
        join_alias="i",
        copy=False,
    )


def bind_people(
    stores: Stores,
    session: Session,
    snapshot: Snapshot,
    profiles: Collection[str],
    *,
    prefix: str,
    columns: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """As `bind_with_identity`, with the rows of these profiles alone; each table is read once, here.

    Tables without origins are bound whole. Of the tables that `columns` names only those columns are read.
    """
    of_people(stores, session, profiles)
    erased = bind_erased(stores, session)
    for name, version in snapshot.tables.items():
        session.bind(f"raw_{name}", version)
        if "origin_id" in LAKE_TABLES[name].names:
            session.materialise(
                f"{prefix}{name}", theirs(name, (columns or {}).get(name), erased=erased)
            )
        else:
            session.bind(f"{prefix}{name}", partial(identified, name, merged=False))


def of_people(stores: Stores, session: Session, profiles: Collection[str]) -> None:
    """Make `people` stand for the origins of these profiles: origin_id, profile_id.

    A profile that was merged away has none.
    """
    with stores.read_control() as connection:
        merged = connection.execute(
            sa.select(_overrides.c.origin_id, _overrides.c.profile_id).where(
                among(_overrides.c.profile_id, profiles)
            )
        ).all()
        gone = set(
            connection.execute(
                sa.select(_overrides.c.origin_id).where(among(_overrides.c.origin_id, profiles))
            ).scalars()
        )
    own = [profile for profile in dict.fromkeys(profiles) if profile not in gone]
    session.bind(
        "people_arrow",
        pa.table(
            {
                "origin_id": pa.array([*own, *(row[0] for row in merged)], pa.string()),
                "profile_id": pa.array([*own, *(row[1] for row in merged)], pa.string()),
            }
        ),
    )
    # As a table of the engine's own, so that it knows how few they are and plans its joins by it.
    session.materialise("people", sql("SELECT * FROM people_arrow"))


def theirs(name: str, columns: Sequence[str] | None = None, *, erased: bool = False) -> exp.Select:
    """A query over `raw_<name>` (as `t`) with its columns (or some) and `profile_id`: the rows of `people`.

    `erased` as above.
    """
    raw = exp.alias_(exp.Table(this=identifier(f"raw_{name}")), "t", table=True)
    query = (
        exp.select(*[column(n, "t") for n in columns or LAKE_TABLES[name].names])
        .select(sql("p.profile_id AS profile_id"))
        .from_(raw)
        .join(sql("SELECT * FROM people"), on="p.origin_id = t.origin_id", join_alias="p")
    )
    return query.where(not_erased("t")) if erased else query
