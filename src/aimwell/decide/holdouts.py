"""Who is held out from all campaigns, by hash; who it is rotates, so that nobody is held out for ever.

All people are dealt by a hash onto 10,000 buckets. A holdout of share s holds out a block of w = s · 10,000 buckets,
and the next block in the next period, until all whole blocks have had their turn: a cycle of floor(10,000 / w)
periods. The next cycle deals anew, by another salt. So within a cycle nobody is held out twice, and in the long run
everybody is held out for the share s of the time at most.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time

import numpy as np
from numpy.typing import NDArray

from aimwell.definitions import service as definitions
from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.holdout import Holdout
from aimwell.errors import DecideError
from aimwell.stats.buckets import BUCKETS, buckets
from aimwell.store.control import Control

__all__ = ["Period", "held_out", "in_force", "period_at"]


@dataclass(frozen=True)
class Period:
    """One period of a holdout: its number from 0, first moment and first moment after it."""

    number: int
    starts_at: datetime
    ends_at: datetime
    salt: str
    first_bucket: int
    width: int


def period_at(holdout: Holdout, moment: datetime) -> Period | None:
    """The period in which the moment lies; None before the holdout begins and after it ends.

    Raises:
        DecideError: The share is under one bucket of 10,000.
    """
    width = round(holdout.share * BUCKETS)
    if width == 0:
        raise DecideError(
            f"The holdout '{holdout.name}' has a share of {holdout.share:g}; the least is {1 / BUCKETS:g}."
        )
    begin = datetime.combine(holdout.starts, time(), tzinfo=UTC)
    end = None if holdout.ends is None else datetime.combine(holdout.ends, time(), tzinfo=UTC)
    if moment < begin or (end is not None and moment >= end):
        return None
    number = (moment - begin) // holdout.rotates
    cycle, place = divmod(number, BUCKETS // width)
    starts_at = begin + number * holdout.rotates
    ends_at = starts_at + holdout.rotates
    return Period(
        number=number,
        starts_at=starts_at,
        ends_at=ends_at if end is None else min(ends_at, end),
        salt=f"{holdout.salt or holdout.name}:cycle-{cycle}",
        first_bucket=place * width,
        width=width,
    )


def held_out(
    holdout: Holdout, profile_ids: Iterable[str], *, moment: datetime
) -> NDArray[np.bool_]:
    """Who of these people is held out at the moment, in their order."""
    period = period_at(holdout, moment)
    if period is None:
        return np.zeros(sum(1 for _ in profile_ids), dtype=np.bool_)
    place = buckets(period.salt, profile_ids) - period.first_bucket
    return (place >= 0) & (place < period.width)


def in_force(control: Control, moment: datetime) -> list[Holdout]:
    """The holdouts that hold at the moment."""
    stored = definitions.documents(control, "holdout")
    found = [check(document) for document, _revision in stored.values()]
    return [one for one in found if isinstance(one, Holdout) and period_at(one, moment) is not None]
