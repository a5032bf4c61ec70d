"""Later people as they would be known had records begun as much later: what grows with the age of a shop is then no shift.

Orders of a whole life, days since the first one, the share of people long silent, gaps between purchases: all of these grow
while records grow, though nobody has changed. So at a later moment only what was done in as many days is looked at as there were
at the earlier one (`history.begun_later`). Of those who had come before these days one cannot know what they would look like
to a shop that has just begun to write down: either what they did before is forgotten (right where records began in the middle of
a shop's life), or they are left out (right where the shop itself began with its records). What lies nearer to the earlier people
is told, because a shift is only what no growing of records explains.
"""

from __future__ import annotations

from datetime import UTC, datetime, time
from itertools import accumulate

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from aimwell.history.moment import open_moment
from aimwell.predict.tables import BoolArray
from aimwell.store.schema import metadata
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = ["came_since", "equally_long"]

_DATED_WRONGLY = 0.001
"""Records begin on the day before which less than this share of all that was done lies: some are dated long before."""

_profiles = metadata.tables["profiles"]


def equally_long(stores: Stores, *, then: datetime, now: datetime) -> datetime | None:
    """The moment from which on records up to `now` are as long as those up to `then`; None where there were none then."""
    with open_moment(stores, as_of=then, engine=stores.history_engine) as moment:
        rows = moment.session.rows(
            sql(
                """
                SELECT day, count(*) AS acts
                FROM (SELECT CAST(timezone('UTC', occurred_at) AS date) AS day FROM activity) AS a
                GROUP BY day ORDER BY day
                """
            )
        )
    if not rows:
        return None
    upto = list(accumulate(acts for _, acts in rows))
    begun = next(
        day for (day, _), acts in zip(rows, upto, strict=True) if acts >= _DATED_WRONGLY * upto[-1]
    )
    first = datetime.combine(begun, time.min, UTC)
    return first + (now.astimezone(UTC) - then.astimezone(UTC))


def came_since(stores: Stores, ids: pa.Array, since: datetime) -> BoolArray:
    """Which of these people were first seen from a moment on."""
    query = sa.select(_profiles.c.profile_id).where(_profiles.c.first_seen_at >= since)
    with stores.read_control() as connection:
        new = pa.array([row[0] for row in connection.execute(query)], pa.string())
    return np.asarray(pc.is_in(ids, new).to_numpy(zero_copy_only=False), dtype=bool)
