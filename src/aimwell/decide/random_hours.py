"""A random hour for each person: one of those within the while after the stated time, each as likely as the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from aimwell.decide.own_hours import in_own_hours
from aimwell.definitions.kinds.contact_policy import QuietHours
from aimwell.stats.buckets import BUCKETS, buckets

__all__ = ["RandomHours", "random_hours"]


@dataclass(frozen=True, eq=False)
class RandomHours:
    """What was drawn.

    Args:
        at: The moment of each person, UTC; NaT where the zone has none.
        possible: Zone → the hours that could be drawn, as "08" by its clock.
    """

    at: NDArray[np.datetime64]
    possible: dict[str, list[str]]


def random_hours(
    salt: str,
    origins: Sequence[str],
    zone: NDArray[np.int64],
    names: Sequence[str],
    usual: Sequence[datetime],
    *,
    within: timedelta,
    block_hours: int,
    quiet: QuietHours | None,
) -> RandomHours:
    """Draw by a hash of its own, whatever else chance decides of the person.

    Args:
        salt: Decides.
        origins: Whose hash, one a person.
        zone: Code of each person's zone in `names`.
        usual: The stated time of each zone.
        within: How long after it.
        block_hours: Hours are drawn in blocks of so many after midnight.
        quiet: Hours in which nothing is sent.
    """
    drawn = buckets(f"{salt}:hour", origins)
    at = np.full(len(origins), np.datetime64("NaT", "us"))
    possible = {}
    for place, name in enumerate(names):
        found = [
            (moment, block * block_hours)
            for block in range(24 // block_hours)
            if (
                moment := in_own_hours(
                    usual[place],
                    zone=name,
                    within=within,
                    block=block,
                    block_hours=block_hours,
                    quiet=quiet,
                )
            )
            is not None
        ]
        if not found:
            continue
        possible[name] = [f"{hour:02d}" for _moment, hour in found]
        moments = np.array(
            [moment.astimezone(UTC).replace(tzinfo=None) for moment, _hour in found],
            dtype="datetime64[us]",
        )
        of_zone = np.flatnonzero(zone == place)
        at[of_zone] = moments[drawn[of_zone] * len(found) // BUCKETS]
    return RandomHours(at, possible)
