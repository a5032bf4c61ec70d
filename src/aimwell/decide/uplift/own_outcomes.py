"""What people bought in the window after they were assigned, from the orders of the workspace."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aimwell.decide.uplift.knowing import moments_of
from aimwell.errors import DecideError
from aimwell.history.moment import open_moment
from aimwell.history.outcomes import outcomes
from aimwell.stats.samples import FloatArray
from aimwell.store.stores import Stores

__all__ = ["own_outcomes"]

_NAMES = ("bought", "orders", "revenue", "margin")


def own_outcomes(
    stores: Stores,
    profiles: pa.Array,
    as_of: datetime,
    horizon_days: float,
    now: datetime,
    *,
    known_at: pa.Array | None = None,
) -> dict[str, FloatArray]:
    """Name → one number a person; margin only where it is known of everybody.

    Args:
        stores: The workspace.
        profiles: Whom.
        as_of: The first assignment.
        horizon_days: How long outcomes count.
        now: Nothing from this moment on is seen.
        known_at: The own moment of each, as `moments_of` takes it; whose window is not over then has no outcome.

    Raises:
        DecideError: Nobody's window is over.
    """
    end = as_of + timedelta(days=horizon_days)
    if end > now:
        raise DecideError(
            f"The window of {horizon_days:g} days after {as_of:%Y-%m-%d} ends on {end:%Y-%m-%d}, which is to come. Wait, or "
            "take a shorter one."
        )
    found = {name: np.full(len(profiles), np.nan) for name in _NAMES}
    for moment, rows in moments_of(known_at, as_of, len(profiles)):
        if moment + timedelta(days=horizon_days) > now:
            continue
        people = profiles.take(pa.array(rows))
        with open_moment(stores, as_of=moment, horizon=timedelta(days=horizon_days)) as then:
            done = outcomes(then, people=people)
        places = pc.index_in(people, value_set=done.column("profile_id").combine_chunks())
        for name in _NAMES:
            column = done.column(name).cast(pa.float64()).combine_chunks().take(places)
            found[name][rows] = column.to_numpy(zero_copy_only=False)
    # Known of everybody whose revenue is, or of no use.
    if np.isnan(found["margin"][~np.isnan(found["revenue"])]).any():
        del found["margin"]
    return found
