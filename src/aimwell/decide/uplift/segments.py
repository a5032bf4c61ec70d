"""Who of some people is in which segment, as of a moment, and of an experiment's people each as of their own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from aimwell.decide.uplift.knowing import moments_of
from aimwell.decide.uplift.reading import ReadExperiment
from aimwell.segment.service import members
from aimwell.store.lake import Snapshot
from aimwell.store.stores import Stores

__all__ = ["in_segments", "segment_members"]

Bools = NDArray[np.bool_]


def in_segments(
    stores: Stores,
    people: Sequence[str] | pa.Array,
    segments: Sequence[str],
    *,
    as_of: datetime,
    snapshot: Snapshot | None = None,
) -> dict[str, Bools]:
    """Segment → which of these people are in it.

    Args:
        stores: The workspace.
        people: Their profiles.
        segments: Their names.
        as_of: Nothing from this moment on is looked at.
        snapshot: Versions of the lake's tables to read; default: the newest.
    """
    profiles = people if isinstance(people, pa.Array) else pa.array(people, pa.string())
    found = {}
    for name in segments:
        inside = members(stores, name, as_of=as_of, snapshot=snapshot)
        place = pc.is_in(profiles, value_set=inside.column("profile_id").combine_chunks())
        found[name] = place.to_numpy(zero_copy_only=False)
    return found


def segment_members(
    stores: Stores,
    read: ReadExperiment,
    segments: Sequence[str],
    *,
    snapshot: Snapshot | None = None,
) -> dict[str, Bools]:
    """The same of an experiment's people, each before what is known of them ends: before the first wave that drew them."""
    found = {name: np.zeros(len(read.profiles), dtype=np.bool_) for name in segments}
    for moment, rows in moments_of(read.known_at, read.as_of, len(read.profiles)):
        mine = read.profiles.take(pa.array(rows))
        then = in_segments(stores, mine, segments, as_of=moment, snapshot=snapshot)
        for name in segments:
            found[name][rows] = then[name]
    return found
