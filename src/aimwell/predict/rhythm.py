"""From which silence on a shop's customers count as gone: by when most of those who come back have come back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from aimwell.errors import TooLittleDataError
from aimwell.stats.survival import kaplan_meier

__all__ = ["RETURNED_SHARE", "Rhythm", "shop_rhythm"]

RETURNED_SHARE = 0.9
"""The share of those who come back that must have come back within the horizon."""

_RETURNS_MIN = 100
_HORIZON_DAYS_MIN = 7
# The tail of the curve rests on few waits; it is read up to where so many are still watched.
_WATCHED_MIN = 30


@dataclass(frozen=True, slots=True)
class Rhythm:
    """What the waits between purchases say.

    Args:
        horizon_days: By then `RETURNED_SHARE` of those who ever come back (as far as can be seen) have come back.
        seen_days: The longest wait that can be seen well enough.
        returns_seen: Share (0-1) of purchases after which another one comes within `seen_days`.
        waits, returns: Waits that were counted, and those of them that a purchase ended.
    """

    horizon_days: int
    seen_days: int
    returns_seen: float
    waits: int
    returns: int


def shop_rhythm(gaps: pa.Table) -> Rhythm:
    """Read the horizon off the waits between purchases, `history.purchase_gaps`.

    Waits that have not ended count as long as they were watched (Kaplan-Meier): the plain quantile of ended waits would be
    too short, because long waits are those that have not ended yet.

    Raises:
        TooLittleDataError: Hardly anybody has come back.
    """
    days = gaps.column("days").to_numpy()
    returned = gaps.column("returned").to_numpy(zero_copy_only=False)
    waits = gaps.column("waits").to_numpy()
    came_back = int(waits[returned].sum())
    if came_back < _RETURNS_MIN:
        raise TooLittleDataError(
            "a horizon by the customers' own rhythm",
            needed={"purchases after another one": _RETURNS_MIN},
            present={"purchases after another one": came_back},
            advice="Name a horizon (--horizon), or collect more orders.",
        )
    curve = kaplan_meier(days, returned, waits)
    seen = curve.at_risk >= min(_WATCHED_MIN, curve.at_risk[0])
    back = 1 - curve.survival[seen]
    times = curve.time[seen]
    horizon = times[int(np.searchsorted(back, RETURNED_SHARE * back[-1]))]
    return Rhythm(
        horizon_days=max(_HORIZON_DAYS_MIN, int(horizon)),
        seen_days=int(times[-1]),
        returns_seen=float(back[-1]),
        waits=int(waits.sum()),
        returns=came_back,
    )
