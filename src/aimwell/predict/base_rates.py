"""The rule that a model has to beat: how many did it among people who last bought about as long ago."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from aimwell.predict.tables import BoolArray
from aimwell.stats.samples import FloatArray

__all__ = ["BaseRates", "RecencyLearner"]

# Weight, in people, of everybody's share in the share of a band.
_PRIOR_PEOPLE = 10.0


@dataclass(frozen=True, slots=True)
class BaseRates:
    """The share of positives in each band of one feature.

    `rates` has one entry more than `edges`; a band holds values above its lower edge and up to its upper one. People
    without a value have `missing_rate`. `column` is None where everybody is in one band.
    """

    column: int | None
    edges: tuple[float, ...]
    rates: tuple[float, ...]
    missing_rate: float

    def score(self, values: FloatArray) -> FloatArray:
        """The share of each row's band."""
        if self.column is None:
            return np.full(len(values), self.rates[0])
        column = values[:, self.column]
        band = np.minimum(np.searchsorted(self.edges, column, side="left"), len(self.edges))
        return np.where(np.isnan(column), self.missing_rate, np.array(self.rates)[band])

    def influences(self, features: int) -> FloatArray:
        """All of it is that one feature's."""
        shares = np.zeros(features)
        if self.column is not None:
            shares[self.column] = 1.0
        return shares


@dataclass(frozen=True, slots=True)
class RecencyLearner:
    """Takes the share of positives in bands of about equally many people, drawn a little towards everybody's."""

    column: int | None
    bands: int = 5

    name: ClassVar[str] = "base rate by recency"
    watches: ClassVar[bool] = False

    def tuned(self, values: FloatArray, outcome: BoolArray, *, seed: int) -> Self:
        """There is nothing to choose."""
        del values, outcome, seed
        return self

    @property
    def settings(self) -> Mapping[str, float]:
        """Nothing that tuning may change."""
        return {}

    def varied(
        self, values: FloatArray, outcome: BoolArray, *, rng: np.random.Generator, seed: int
    ) -> Self:
        """There is nothing to vary."""
        del values, outcome, rng, seed
        return self

    def fit_watching(
        self,
        values: FloatArray,
        outcome: BoolArray,
        held: FloatArray,
        held_outcome: BoolArray,
        *,
        seed: int,
    ) -> tuple[Self, BaseRates]:
        """Count the bands; those held out have nothing to tell here."""
        del held, held_outcome, seed
        return self, self.fit(values, outcome)

    def fit(self, values: FloatArray, outcome: BoolArray) -> BaseRates:
        """Count the bands."""
        whole = float(outcome.mean())
        if self.column is None:
            return BaseRates(None, (), (whole,), whole)
        column = values[:, self.column]
        known = ~np.isnan(column)
        edges = _edges(column[known], self.bands)
        band = np.searchsorted(edges, column[known], side="left")
        people = np.bincount(band, minlength=len(edges) + 1)
        positives = np.bincount(band, weights=outcome[known], minlength=len(edges) + 1)
        rates = _drawn_in(positives, people, whole)
        gaps = outcome[~known]
        missing = _drawn_in(np.array(gaps.sum()), np.array(len(gaps)), whole)
        return BaseRates(
            self.column,
            tuple(float(edge) for edge in edges),
            tuple(float(rate) for rate in rates),
            float(missing),
        )


def _edges(known: FloatArray, bands: int) -> FloatArray:
    if not len(known):
        return np.empty(0)
    edges = np.unique(np.quantile(known, np.arange(1, bands) / bands, method="lower"))
    return np.asarray(edges[edges < known.max()])


def _drawn_in(positives: NDArray[Any], people: NDArray[Any], whole: float) -> FloatArray:
    return np.asarray((positives + _PRIOR_PEOPLE * whole) / (people + _PRIOR_PEOPLE))
