"""Dates of birth for one session's use: they leave the vault for the engine's memory and for nothing else."""

from __future__ import annotations

import pyarrow as pa
import sqlalchemy as sa

from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = ["birth_dates"]

_people = metadata.tables["vault_people"]
_overrides = metadata.tables["identity_overrides"]


def birth_dates(stores: Stores) -> pa.Table:
    """One row a known date: `profile_id` and `born` as it was written. Of several of a person the one told last."""
    profile = sa.func.coalesce(_overrides.c.profile_id, _people.c.origin_id)
    query = (
        sa.select(profile, _people.c.birth_date)
        .select_from(_people.outerjoin(_overrides, _overrides.c.origin_id == _people.c.origin_id))
        .where(_people.c.birth_date.is_not(None))
        .order_by(_people.c.birth_date_at, _people.c.origin_id.desc())
    )
    with stores.read_control() as connection:
        newest = {row[0]: row[1] for row in connection.execute(query)}
    return pa.table(
        {
            "profile_id": pa.array(list(newest), pa.string()),
            "born": pa.array(list(newest.values()), pa.string()),
        }
    )
