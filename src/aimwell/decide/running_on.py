"""A campaign that runs on by Thompson sampling: what each action earned in earlier waves, and the chances with which it is drawn next.

An action's worth is the mean of what people earned, each weighted by the inverse of the probability with which their own wave drew
the action (self-normalised: Hájek 1971), less what a model expects of the person whatever they get. The model is learnt without the
person and is the same for all actions, so it narrows the comparison and does not move it. Only waves whose windows are over count
(`past_plans`), so nobody's purchase is missed because it was to come.

The worths are taken for normal and independent; where people stand in several waves that widens their differences a little, which
means more exploring, not less.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimwell.decide.arms import by_weight
from aimwell.decide.learning import Lesson
from aimwell.decide.model import Candidate
from aimwell.decide.policies.exploring import thompson
from aimwell.decide.policies.values import Log
from aimwell.decide.uplift.averages import mean_error

__all__ = ["Bandit", "Worth", "least_share", "wave_of", "worths"]

Floats = NDArray[np.float64]

_PEOPLE = 30.0
_APART = 10.0
_NORMAL = 1.959964


@dataclass(frozen=True, slots=True)
class Worth:
    """What an arm is worth per person.

    Args:
        arm: An action, or "nothing".
        mean, error: Of its worth over contacting nobody, the error that of the arm alone. Of an action that was never drawn: the mean
            of the others, and ten times the smallest error.
        people: Effective number of people that the log tells of (Kish 1965); 0 where it was never drawn.
    """

    arm: str
    mean: float
    error: float
    people: float


@dataclass(frozen=True, eq=False)
class Bandit:
    """What is known of the arms, nothing first, and the share that explores evenly."""

    worths: tuple[Worth, ...]
    share: float

    @classmethod
    def of(cls, lesson: Lesson, *, share: float) -> Bandit:
        """By what was learnt."""
        found = worths(lesson.judgement.log, lesson.data.arms)
        known = {one.arm: one for one in found[1:]}
        blank = Worth(
            "",
            float(np.mean([one.mean for one in found[1:]])),
            _APART * min(one.error for one in found),
            0.0,
        )
        actions = [
            known.get(key, Worth(key, blank.mean, blank.error, 0.0)) for key in lesson.actions
        ]
        return cls((found[0], *actions), share)

    def chances(self, offered: Sequence[Candidate]) -> Callable[[NDArray[np.bool_]], Floats]:
        """Probabilities of the actions for what people may get; what is missing to 1 is the probability of nothing."""

        def of(allowed: NDArray[np.bool_]) -> Floats:
            found = np.zeros(allowed.shape)
            for pattern, who in _patterns(allowed):
                arms = [0, *(np.flatnonzero(pattern) + 1).tolist()]
                mean = np.array([[self.worths[arm].mean for arm in arms]], dtype=np.float64)
                error = np.array([[self.worths[arm].error for arm in arms]], dtype=np.float64)
                best = thompson(mean, np.maximum(error, error.max() / _APART))[0, 1:]
                found[np.ix_(who, np.flatnonzero(pattern))] = (1 - self.share) * best
            return found + self.share * by_weight(allowed, offered)

        return of

    def to_dict(self) -> dict[str, Any]:
        """For JSON: `best` is the probability to be the best for who may get all; `lower` and `upper` (95 %, normal) are of the mean."""
        mean = np.array([[one.mean for one in self.worths]], dtype=np.float64)
        error = np.array([[one.error for one in self.worths]], dtype=np.float64)
        best = thompson(mean, np.maximum(error, error.max() / _APART))[0]
        return {
            "method": "thompson",
            "share": self.share,
            "arms": [
                {**asdict(one), **self._interval(one), "best": float(chance)}
                for one, chance in zip(self.worths, best, strict=True)
            ],
        }

    def _interval(self, one: Worth) -> dict[str, float | None]:
        nothing = self.worths[0]
        if one is nothing or not one.people:
            return {"lower": None, "upper": None}
        reach = _NORMAL * math.hypot(one.error, nothing.error)
        return {"lower": one.mean - reach, "upper": one.mean + reach}


def _patterns(allowed: NDArray[np.bool_]) -> list[tuple[NDArray[np.bool_], NDArray[np.intp]]]:
    """What people may get, each pattern once, with whose it is."""
    known, place = np.unique(allowed, axis=0, return_inverse=True)
    return [(one, np.flatnonzero(place.ravel() == n)) for n, one in enumerate(known) if one.any()]


def worths(log: Log, arms: Sequence[str]) -> tuple[Worth, ...]:
    """What each arm of a log earned per person over the first, which is nothing.

    An error is that of the influence function, people who stand in several waves counted once, but never smaller than what so many
    people would have if all arms varied alike: a few who happen to agree are not sure of anything. Nor is any under a tenth of the largest,
    for which `thompson` is exact.
    """
    rows = np.arange(len(log.arm))
    rest = log.reward - (log.propensity * log.expected).sum(axis=1)
    people = np.ones(len(rows)) if log.weight is None else log.weight
    drawn = log.propensity[rows, log.arm]
    middle = float(people @ rest) / float(people.sum())
    spread = math.sqrt(float(people @ (rest - middle) ** 2) / float(people.sum()))
    means, errors, sizes = [], [], []
    for number in range(len(arms)):
        weight = (log.arm == number) / drawn
        total = float(people @ weight)
        mean = float(people @ (weight * rest)) / total
        scores = mean + weight * (rest - mean) * float(people.sum()) / total
        size = total**2 / float(people @ weight**2)
        _, error, _ = mean_error(scores, weight=log.weight, cluster=log.cluster)
        means.append(mean)
        sizes.append(size)
        errors.append(max(error, spread / math.sqrt(size)) or 1.0)
    return tuple(
        Worth("nothing" if number == 0 else arm, means[number] - means[0], error, sizes[number])
        for number, (arm, error) in enumerate(zip(arms, errors, strict=True))
    )


def least_share(share: float, weights: Floats, *, held: float) -> float:
    """The share that explores, raised so far that by it alone each action gets thirty people, where there are so many.

    Args:
        weights: Of each action for who explores (people × actions).
        held: Share held out.
    """
    expected = weights.sum(axis=0) * (1 - held)
    some = expected[expected > 0]
    return share if not some.size else float(min(1.0, max(share, _PEOPLE / some.min())))


def wave_of(lesson: Lesson) -> str:
    """Names the wave by the newest that was learnt from, so that each deals its actions out anew.

    If a person's hash gave the same action in every wave, chance differences between people would come back in each of them, and
    what looks best by chance would look best again.
    """
    return f":{lesson.read.as_of:%Y%m%dT%H%M%S}"
