"""Features that know too much: one that alone tells nearly everybody who will do it is seldom knowledge, mostly the outcome itself.

Each feature is looked at by itself, its gaps as a mark of their own: the larger of the AUC of its values (either way round) and of
having a value. What stays above `SUSPICIOUS` with the lower end of its interval is named. A shop where that is honest exists (who has a
running subscription pays next month), so it is named and not left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aimwell.predict.folds import sample
from aimwell.predict.tables import BoolArray, FeatureTable
from aimwell.stats.discrimination import auc
from aimwell.stats.estimate import Estimate
from aimwell.stats.samples import FloatArray

__all__ = ["SUSPICIOUS", "Leak", "leaks"]

SUSPICIOUS = 0.95
_PEOPLE_MAX = 20_000


@dataclass(frozen=True, slots=True)
class Leak:
    """A feature that alone tells people apart: `by_gap`, by whether it has a value rather than by which."""

    name: str
    auc: Estimate
    by_gap: bool


def leaks(table: FeatureTable, *, seed: int = 0) -> tuple[Leak, ...]:
    """Features that know too much about the outcome, the worst first; of many people twenty thousand are looked at."""
    rows = sample(table.happened, most=_PEOPLE_MAX, seed=seed)
    happened = table.happened[rows]
    found = []
    for place, name in enumerate(table.names):
        column = table.values[rows, place]
        gaps = np.isnan(column)
        known = ~gaps
        by_gap = _either_way(known.astype(np.float64), happened)
        by_value = _either_way(column[known], happened[known]) if known.sum() > 1 else None
        for told, is_gap in ((by_value, False), (by_gap, True)):
            # Values of a few people tell nothing of all.
            enough = is_gap or known.mean() >= 0.5
            if told is not None and enough and told.lower is not None and told.lower > SUSPICIOUS:
                found.append(Leak(name, told, is_gap))
                break
    return tuple(sorted(found, key=lambda one: (-(one.auc.estimate or 0.0), one.name)))


def _either_way(values: FloatArray, happened: BoolArray) -> Estimate | None:
    if not len(values) or np.ptp(values) == 0 or happened.all() or not happened.any():
        return None
    found = auc(values, happened)
    if found.estimate is None or found.estimate >= 0.5:
        return found
    return auc(-values, happened)
