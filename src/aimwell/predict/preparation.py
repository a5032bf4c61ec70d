"""Makes features fit for a linear model: gaps filled and marked, long tails shortened, one scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aimwell.stats.samples import FloatArray

__all__ = ["Preparation", "PreparedColumn", "prepare"]

# Standardised values are cut here: in a later period a feature may leave the range that was learnt from, and a
# straight line must not carry one person to certainty.
_CUT = 5.0
# Skewness from which on the logarithm is tried, for columns without negative values.
_LONG_TAIL = 1.0
# A column varies if its spread is more than rounding of its size.
_CONSTANT = 1e-12


@dataclass(frozen=True, slots=True)
class PreparedColumn:
    """How one feature becomes a number of the linear model.

    Args:
        column: Its place in the table.
        log: Whether ln(1 + value) is taken, values below 0 counting as 0.
        fill: What stands for a missing value, before the logarithm; the median.
        centre, spread: Mean and standard deviation after the logarithm; 0 spread: only its gaps are used.
        gaps: Whether "is missing" is a feature of its own.
    """

    column: int
    log: bool
    fill: float
    centre: float
    spread: float
    gaps: bool


@dataclass(frozen=True, slots=True)
class Preparation:
    """Learnt by `prepare`; turns a feature matrix into standardised columns, then the marks of gaps."""

    columns: tuple[PreparedColumn, ...]

    @property
    def sources(self) -> tuple[int, ...]:
        """The feature behind each column that `apply` returns."""
        valued = [column.column for column in self.columns if column.spread > 0]
        return (*valued, *(column.column for column in self.columns if column.gaps))

    def apply(self, values: FloatArray) -> FloatArray:
        """People × `sources`, without gaps."""
        valued = [_standardised(values, column) for column in self.columns if column.spread > 0]
        gaps = [
            np.isnan(values[:, column.column]).astype(np.float64)
            for column in self.columns
            if column.gaps
        ]
        parts = [*valued, *gaps]
        return np.column_stack(parts) if parts else np.empty((len(values), 0))


def prepare(values: FloatArray) -> Preparation:
    """Learn how to prepare a feature matrix. Columns that say nothing (constant, without gaps) are left out."""
    columns = [_learnt(values[:, place], place) for place in range(values.shape[1])]
    return Preparation(tuple(column for column in columns if column.spread > 0 or column.gaps))


def _learnt(column: FloatArray, place: int) -> PreparedColumn:
    known = column[~np.isnan(column)]
    gaps = 0 < len(known) < len(column)
    if not len(known):
        return PreparedColumn(place, log=False, fill=0.0, centre=0.0, spread=0.0, gaps=False)
    log = bool(known.min() >= 0 and _skewness(known) > max(_LONG_TAIL, _skewness(np.log1p(known))))
    fill = float(np.median(known))
    shown = np.where(np.isnan(column), fill, column)
    if log:
        shown = np.log1p(shown)
    centre, spread = float(shown.mean()), float(shown.std())
    if spread <= _CONSTANT * max(1.0, abs(centre)):
        spread = 0.0
    return PreparedColumn(place, log=log, fill=fill, centre=centre, spread=spread, gaps=gaps)


def _standardised(values: FloatArray, column: PreparedColumn) -> FloatArray:
    shown = values[:, column.column]
    shown = np.where(np.isnan(shown), column.fill, shown)
    if column.log:
        shown = np.log1p(np.maximum(shown, 0.0))
    with np.errstate(over="ignore"):  # beyond all numbers is beyond the cut, too
        return np.clip((shown - column.centre) / column.spread, -_CUT, _CUT)


def _skewness(values: FloatArray) -> float:
    away = values - values.mean()
    spread = away.std()
    if spread <= _CONSTANT * max(1.0, float(np.abs(values).max())):
        return 0.0
    return float(((away / spread) ** 3).mean())
