"""Whom something happened to since memberships were looked at: noted by whoever brought their state up to date.

A note is made after the state is up to date and before the load or the flush counts as done, so after a crash it is made
again. What is noted twice is looked at twice, which harms nothing.
"""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = ["EVERYBODY", "note_touched"]

EVERYBODY = "*"
"""Noted in place of a profile: all are to be looked at."""

_ROWS_MAX = 1_000_000
_BATCH = 5_000

_touched = metadata.tables["touched_profiles"]
_states = metadata.tables["segment_states"]


def note_touched(stores: Stores, profiles: Collection[str] | None) -> None:
    """Note profiles (None: everybody) whose memberships are to be looked at again.

    Nothing is noted before the first refresh, which looks at everybody. Where nobody looks for long, the notes become
    one for everybody.
    """
    ids = [EVERYBODY] if profiles is None else sorted(set(profiles))
    if not ids:
        return
    with stores.control.begin() as connection:
        if connection.execute(sa.select(_states.c.segment).limit(1)).first() is None:
            return
        first, last = connection.execute(
            sa.select(sa.func.min(_touched.c.id), sa.func.max(_touched.c.id))
        ).one()
        if first is not None and last - first + len(ids) > _ROWS_MAX:
            connection.execute(sa.delete(_touched).where(_touched.c.id <= last))
            ids = [EVERYBODY]
        for start in range(0, len(ids), _BATCH):
            rows = [{"profile_id": one} for one in ids[start : start + _BATCH]]
            connection.execute(sa.insert(_touched), rows)
