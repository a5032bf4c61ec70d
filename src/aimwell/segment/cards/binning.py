"""Attributes in a few bins, and the weight of evidence of each bin: what a transparent score is made of.

Numbers are cut at round values between quantiles, and neighbours are joined until each bin holds enough people and differs
from the next; texts keep their common values. Whoever has no value has a bin of their own.

The weight of evidence of a bin is ln(its share of those who did it ÷ its share of those who did not), each share smoothed
towards what it would be if the bin told nothing, so that a small bin cannot boast.

Sources: Good (1950); Siddiqi (2006), Credit risk scorecards; Kerber (1992), ChiMerge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.special import chdtrc

from aimwell.segment.attributes.categories import PreparedCategory, fit_category, is_text, texts
from aimwell.segment.attributes.preparation import FloatArray
from aimwell.segment.clusters.shapes import IntArray
from aimwell.segment.clusters.tree_paths import roundest

__all__ = ["Bins", "BoolArray", "chi_square", "fit_bins", "weights_of_evidence"]

BoolArray = npt.NDArray[np.bool_]

_FINE = 20
_BIN_SHARE_MIN = 0.05
_BINS_MAX = 6
_DIFFERENT = 0.05
_SMOOTHING = 10.0


@dataclass(frozen=True)
class Bins:
    """How an attribute falls into bins: by `edges` (a bin holds its upper edge), or by the levels of a category.

    The last bin is that of unknown values; a category without UNKNOWN has none.
    """

    name: str
    edges: tuple[float, ...] = ()
    category: PreparedCategory | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """What each bin is called."""
        if self.category is not None:
            return self.category.levels
        if not self.edges:
            return ("known", "unknown")
        said = [f"{edge:.10g}" for edge in self.edges]
        between = [f"above {low} to {high}" for low, high in pairwise(said)]
        return (f"up to {said[0]}", *between, f"above {said[-1]}", "unknown")

    def codes(self, table: pa.Table) -> IntArray:
        """The bin of each row."""
        column = table.column(self.name)
        if self.category is not None:
            column = column if is_text(column) else column.cast(pa.string())
            return self.category.codes(texts(column))
        if is_text(column):  # where it was learnt these were numbers
            return np.full(table.num_rows, len(self.edges) + 1, dtype=np.int64)
        values = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        found = np.searchsorted(np.array(self.edges), values, side="left").astype(np.int64)
        return np.where(np.isnan(values), len(self.edges) + 1, found)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        category = self.category.to_dict() if self.category else None
        return {"name": self.name, "edges": list(self.edges), "category": category}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Bins:
        """From what `to_dict` gave."""
        category = PreparedCategory.from_dict(body["category"]) if body["category"] else None
        return cls(body["name"], tuple(body["edges"]), category)


def fit_bins(table: pa.Table, name: str, outcome: BoolArray) -> Bins | str:
    """Learn the bins of one attribute, or say why it is of no use."""
    column = table.column(name)
    if is_text(column):
        found = fit_category(name, texts(column))
        return found if isinstance(found, str) else Bins(name, category=found)
    values = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    known = ~np.isnan(values)
    if not known.any():
        return "unknown for everybody"
    different = np.unique(values[known])
    if len(different) == 1:
        share = float(known.mean())
        if min(share, 1 - share) < _BIN_SHARE_MIN:
            return "the same for everybody"
        return Bins(name)
    cuts = np.unique(np.quantile(values[known], np.arange(1, _FINE) / _FINE))
    places = np.unique(np.searchsorted(different, cuts, side="right") - 1)
    places = places[places < len(different) - 1]
    edges = [roundest(float(different[one]), float(different[one + 1])) for one in places]
    if not edges:
        edges = [roundest(float(different[-2]), float(different[-1]))]
    return Bins(name, _joined(values[known], outcome[known], edges, len(values)))


def _joined(
    values: FloatArray, outcome: BoolArray, edges: list[float], people: int
) -> tuple[float, ...]:
    """The edges that are left when bins that are small or alike are joined, the most alike first."""
    codes = np.searchsorted(np.array(edges), values, side="left")
    counts = np.stack(
        [np.bincount(codes[side], minlength=len(edges) + 1) for side in (outcome, ~outcome)], axis=1
    ).astype(np.float64)
    kept = list(edges)
    while len(kept) > 1:
        sizes = counts.sum(1)
        small = sizes < _BIN_SHARE_MIN * people
        alike = [
            2.0 if small[place] or small[place + 1] else chi_square(counts[place : place + 2])[1]
            for place in range(len(kept))
        ]
        # Among small bins the smallest pair first.
        worst = max(
            range(len(kept)), key=lambda place: (alike[place], -sizes[place : place + 2].sum())
        )
        if alike[worst] < _DIFFERENT and len(kept) < _BINS_MAX:
            break
        counts[worst] += counts[worst + 1]
        counts = np.delete(counts, worst + 1, axis=0)
        del kept[worst]
    return tuple(kept)


def chi_square(counts: FloatArray) -> tuple[float, float]:
    """Pearson's statistic of a table of counts (bins × did it, did not), and its p-value; 0 and 1 where nothing varies."""
    counts = counts[counts.sum(1) > 0]
    whole = counts.sum()
    if len(counts) < 2 or not (counts.sum(0) > 0).all():
        return 0.0, 1.0
    expected = np.outer(counts.sum(1), counts.sum(0)) / whole
    statistic = float(((counts - expected) ** 2 / expected).sum())
    return statistic, float(chdtrc(len(counts) - 1, statistic))


def weights_of_evidence(counts: FloatArray) -> FloatArray:
    """One weight a bin from its counts (bins × did it, did not), smoothed; 0 for a bin without people."""
    did, did_not = counts.sum(0)
    share = counts.sum(1) / max(counts.sum(), 1.0)
    first = (counts[:, 0] + _SMOOTHING * share) / (did + _SMOOTHING)
    second = (counts[:, 1] + _SMOOTHING * share) / (did_not + _SMOOTHING)
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = np.log(first / second)
    return np.where(share > 0, weights, 0.0)
