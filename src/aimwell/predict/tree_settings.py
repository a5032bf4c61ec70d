"""What learners of boosted trees have in common, whoever grows them: their settings, and which are tried when they are tuned."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from aimwell.predict.tables import BoolArray
from aimwell.stats.samples import FloatArray

__all__ = ["TreeSettings"]


@dataclass(frozen=True, slots=True)
class TreeSettings(ABC):
    """Small trees, slowly added, each on a part of people and features; `rounds` of them.

    Args:
        rounds: How many.
        seed: Of what is drawn.
        threads: Changes the time alone; None chooses by the number of people.
        leaves: Most leaves of a tree.
        rate: How much of what a tree says is added.
        ridge: Draws the leaves' values towards 0.
        rows, columns: Shares of people and features that a tree looks at.
    """

    rounds: int = 100
    seed: int = 0
    threads: int | None = None
    leaves: int = 15
    rate: float = 0.05
    ridge: float = 1.0
    rows: float = 0.8
    columns: float = 0.8

    watches: ClassVar[bool] = True
    least: ClassVar[str]
    """The setting of how much a leaf holds at least, which each library counts in its own way."""
    least_tried: ClassVar[tuple[float, ...]]

    @property
    def settings(self) -> Mapping[str, float]:
        """What tuning may change."""
        return {
            "rounds": self.rounds,
            "leaves": self.leaves,
            "rate": self.rate,
            self.least: getattr(self, self.least),
            "ridge": self.ridge,
            "rows": self.rows,
            "columns": self.columns,
        }

    @abstractmethod
    def tuned(self, values: FloatArray, outcome: BoolArray, *, seed: int) -> Self:
        """Choose the number of rounds after which the log loss on held-out people grows again."""

    def varied(
        self, values: FloatArray, outcome: BoolArray, *, rng: np.random.Generator, seed: int
    ) -> Self:
        """Other settings, drawn, and the number of rounds that goes with them."""
        leaves, rate = int(rng.choice([4, 8, 15, 31, 63])), float(rng.choice([0.02, 0.05, 0.1]))
        least = {self.least: rng.choice(self.least_tried).item()}
        drawn = replace(
            self,
            leaves=leaves,
            rate=rate,
            **least,
            ridge=float(rng.choice([0.1, 1.0, 10.0, 50.0])),
            rows=float(rng.choice([0.6, 0.8, 1.0])),
            columns=float(rng.choice([0.4, 0.6, 0.8, 1.0])),
        )
        return drawn.tuned(values, outcome, seed=seed)
