"""Looks for better settings of a learner, for a while or a number of tries, among the people it learns from and nobody else.

Each try draws settings (`Learner.varied`) and is judged by the log loss of people held out, the same division for all. The
best of many tries looks better than it is, so it is taken only where it beats the usual settings, person by person, by
more than chance would make of that many tries (Bonferroni). Random search finds about as much as a grid of many times its
size where few settings matter (Bergstra & Bengio 2012).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import numpy as np

from aimwell.errors import PredictError
from aimwell.predict.folds import folds, sample
from aimwell.predict.judging import losses
from aimwell.predict.learners import Learner
from aimwell.predict.paired import paired_difference
from aimwell.predict.tables import BoolArray
from aimwell.stats.estimate import Estimate
from aimwell.stats.samples import FloatArray

__all__ = ["Tuned", "Tuning", "tune"]

LearnerT = TypeVar("LearnerT", bound=Learner)

_TRIES_MAX = 1_000
_PEOPLE_MAX = 30_000
"""Of more people so many are looked at: what is better for them is better for all, and each try is quicker."""

_FOLDS = 3
_CHANCE = 0.05


@dataclass(frozen=True, slots=True)
class Tuning:
    """When a search ends: what comes first of a time for all learners together, and tries of each.

    Raises:
        PredictError: Neither is said, or one is not above 0.
    """

    limit: timedelta | None = None
    tries: int | None = None

    def __post_init__(self) -> None:
        if self.limit is None and self.tries is None:
            raise PredictError("Say for how long to tune (as 10m), or how many tries to make.")
        if self.limit is not None and self.limit <= timedelta(0):
            raise PredictError(f"The time to tune must be above 0; found {self.limit}.")
        if self.tries is not None and not 1 <= self.tries <= _TRIES_MAX:
            raise PredictError(f"Tries must be 1 to {_TRIES_MAX:,}; found {self.tries}.")

    def settings(self) -> dict[str, int]:
        """For the registry."""
        told = {} if self.limit is None else {"seconds": int(self.limit.total_seconds())}
        return told if self.tries is None else {**told, "tries": self.tries}

    def share(self, learners: int) -> Tuning:
        """What one of so many learners may take."""
        return Tuning(None if self.limit is None else self.limit / learners, self.tries)


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a search found.

    Args:
        learner: Of what, in words.
        people: How many it looked at.
        tries: Settings that were tried beside the usual ones.
        extra_loss: Mean log loss of the best tried above that of the usual settings, its interval widened for the number
            of tries; None where nothing was tried.
        better: Whether the tried ones were taken.
        settings: Those that were taken.
        ended_by: What ended it.
        seconds: How long it took; None where no limit of time was set, so that the same again is told in the same words.
    """

    learner: str
    people: int
    tries: int
    extra_loss: Estimate | None
    better: bool
    settings: Mapping[str, float]
    ended_by: str
    seconds: float | None = None


def tune(
    learner: LearnerT,
    values: FloatArray,
    outcome: BoolArray,
    *,
    within: Tuning,
    seed: int,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[LearnerT, Tuned]:
    """The learner with the settings that are best on people held out; the usual ones unless others beat them by more than chance.

    A try is not begun where it would end after the limit if it takes as long as the longest before it. The usual settings
    are always finished.

    Args:
        learner: With its usual settings.
        values, outcome: People to learn from.
        within: When to stop, for this learner.
        seed: The same seed and number of tries give the same settings; a limit of time makes them depend on the machine.
        clock: Seconds.
    """
    started = clock()
    rows = sample(outcome, most=_PEOPLE_MAX, seed=seed)
    values, outcome = values[rows], outcome[rows]
    divisions = list(folds(outcome, count=_FOLDS, seed=seed + 2))

    def lost(candidate: LearnerT) -> FloatArray:
        chances = np.empty(len(outcome))
        for learn, held in divisions:
            chances[held] = candidate.fit(values[learn], outcome[learn]).score(values[held])
        return losses(chances, outcome)

    usual = learner.tuned(values, outcome, seed=seed)
    usual_lost = lost(usual)
    longest, tries = clock() - started, 0
    best, best_lost = usual, np.full(len(outcome), np.inf)
    rng = np.random.default_rng(seed)
    most = within.tries or _TRIES_MAX
    seconds = within.limit.total_seconds() if within.limit else np.inf
    while tries < most and clock() - started + longest <= seconds:
        began = clock()
        candidate = learner.varied(values, outcome, rng=rng, seed=seed)
        found = lost(candidate)
        if found.mean() < best_lost.mean():
            best, best_lost = candidate, found
        longest, tries = max(longest, clock() - began), tries + 1
    extra = None
    if tries:
        extra = paired_difference(best_lost - usual_lost, confidence=1 - _CHANCE / tries)
    better = extra is not None and (extra.upper or 0.0) < 0
    chosen = best if better else usual
    told = Tuned(
        learner=learner.name,
        people=len(outcome),
        tries=tries,
        extra_loss=extra,
        better=better,
        settings=chosen.settings,
        ended_by="tries" if tries >= most else "time",
        seconds=None if within.limit is None else round(clock() - started, 1),
    )
    return chosen, told
