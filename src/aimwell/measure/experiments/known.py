"""What was known of people before an experiment began, as numbers that can be taken off their outcomes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from aimwell.decide.uplift.assigned import Assigned
from aimwell.decide.uplift.knowing import features_known
from aimwell.definitions.kinds.model import TRAIT_PREFIX
from aimwell.predict.preparation import prepare
from aimwell.stats.samples import FloatArray
from aimwell.store.stores import Stores

__all__ = ["known_before"]


def known_before(
    stores: Stores,
    assigned: Assigned,
    columns: Sequence[str] | None,
    kept: NDArray[np.bool_],
    *,
    without: str | None,
) -> tuple[tuple[str, ...], FloatArray | None]:
    """Names of what is known, and people × it: one scale, long tails shortened, gaps filled and marked by a column of their own.

    Args:
        stores: The workspace.
        assigned: The experiment.
        columns: Features and `trait:NAME`; empty: all that are known; None: nothing is asked for.
        kept: Who of the experiment counts.
        without: The trait by whose values groups were assigned, which the arms share nothing of.

    Raises:
        DecideError: Nothing that differs between people was known.
    """
    if columns is None:
        return (), None
    profiles = assigned.profiles.filter(pa.array(kept))
    moments = assigned.known_at
    table, coding = features_known(
        stores,
        assigned.as_of,
        profiles,
        list(columns),
        known_at=None if moments is None else moments.filter(pa.array(kept)),
    )
    own = f"{TRAIT_PREFIX}{without}"
    wanted = [place for place, name in enumerate(coding.names) if name.split("=")[0] != own]
    values = coding.apply(table)[:, wanted]
    names = [coding.names[place] for place in wanted]
    how = prepare(values)
    told = [names[one.column] for one in how.columns if one.spread > 0]
    told += [f"{names[one.column]} unknown" for one in how.columns if one.gaps]
    return tuple(told), how.apply(values)
