"""Acts of people by weekday and by block of hours, read as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from aimwell.history.moment import Moment, open_moment
from aimwell.predict.timing.act_times import Signal, act_counts
from aimwell.stats.samples import FloatArray
from aimwell.store.stores import Stores

__all__ = ["NOT_OWN", "Acts", "acts_around", "read_acts"]

NOT_OWN = -1
"""In place of a weekday or a block of hours: none of the person's own is sure."""


@dataclass(frozen=True, slots=True, eq=False)
class Acts:
    """Acts of people by weekday (Monday first) and by block of hours; a row of each a person."""

    profiles: pa.Array
    weekdays: FloatArray
    hours: FloatArray


def read_acts(moment: Moment, signal: Signal, block: int, suffix: str) -> Acts:
    """Acts before the moment, or (`_ahead`) after it, in blocks of so many hours."""
    moment.bind_profiles()
    zone = moment.stores.settings.timezone
    table = moment.session.table(act_counts(signal, zone, block, suffix))
    return Acts(
        table.column("profile_id").combine_chunks(),
        *(
            np.column_stack([table.column(f"{kind}_{n}").to_numpy() for n in range(count)])
            for kind, count in (("day", 7), ("block", 24 // block))
        ),
    )


def acts_around(
    stores: Stores, cut: datetime, span: timedelta, *, signal: Signal, block: int
) -> tuple[Acts, Acts]:
    """Acts before a moment, and within a span after it."""
    with open_moment(stores, as_of=cut, horizon=span, engine=stores.history_engine) as moment:
        return read_acts(moment, signal, block, ""), read_acts(moment, signal, block, "_ahead")
