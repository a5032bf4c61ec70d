"""How many groups there are, if any: silhouette and stability together, against data that has no groups.

For each number of groups the method is run, and three things are looked at:

- the *silhouette*: how much nearer people are to their own group than to the next one (Rousseeuw 1987);
- what the silhouette would be if there were *no groups*: the same on made-up people without any, once spread like
  one cloud with the same correlations and once evenly over the same space (the idea of Tibshirani, Walther and
  Hastie's gap statistic, 2001). Every method always finds "groups"; only what goes beyond this is evidence of them.
  Categories are shuffled there, each by itself, for these alone make lumps too, however little they hang together;
- the *stability*: how far the groups agree (adjusted Rand index) when a part of the people is left out.

A number is possible if it beats both kinds of made-up people clearly, is stable, and leaves no group tiny. Its score
is its lead over made-up people times its stability. The smallest number is chosen whose score is at least nine tenths
of the highest, as fewer groups are easier to work with; with none possible, the answer is that there are no groups.
Beside these stand the usual criteria, to be looked at and not decided by: Calinski and Harabasz's ratio (1974; higher is
better), Davies and Bouldin's (1979; lower), the share of the variance that lies between the groups, and of a mixture
Schwarz's information criterion (lower), over which no number wins as surely as it seems where people are not normal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aimwell.segment.attributes.preparation import FloatArray
from aimwell.segment.clusters.criteria import Trial, try_numbers
from aimwell.segment.clusters.made_up import made_up, sample_rows
from aimwell.segment.clusters.methods import METHODS, Method
from aimwell.segment.clusters.shapes import IntArray
from aimwell.segment.rules.phrases import people_words
from aimwell.stats.resampling import stability
from aimwell.stats.threads import one_thread

__all__ = [
    "BEYOND_MIN",
    "PEOPLE_MIN",
    "SHARE_MIN",
    "STABILITY_MIN",
    "Candidate",
    "GroupCount",
    "choose_number",
    "too_little",
]

_SAMPLE = 2_500
_REFERENCES = 5
BEYOND_MIN = 0.04
STABILITY_MIN = 0.8
SHARE_MIN = 0.02
PEOPLE_MIN = 50
_ENOUGH = 0.9


@dataclass(frozen=True)
class Candidate:
    """One number of groups. `silhouette_without` is the silhouette of people without groups, the higher of both
    kinds; `problem` says why the number is not possible, None where it is. The criteria that nothing is decided by come
    last: `between` is the share of the variance between the groups, `bic` is a mixture's."""

    number: int
    silhouette: float | None
    silhouette_without: float | None
    stability: float | None
    smallest_share: float | None
    problem: str | None
    calinski_harabasz: float | None = None
    davies_bouldin: float | None = None
    between: float | None = None
    bic: float | None = None

    @property
    def beyond(self) -> float:
        """How far the silhouette is above that of people without groups."""
        if self.silhouette is None or self.silhouette_without is None:
            return float("-inf")
        return self.silhouette - self.silhouette_without

    @property
    def score(self) -> float:
        """What possible numbers are compared by."""
        return self.beyond * (self.stability or 0.0)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True)
class GroupCount:
    """The number chosen, or None with the reason, and all candidates."""

    number: int | None
    reason: str
    candidates: tuple[Candidate, ...]


def choose_number(
    rows: FloatArray,
    *,
    seed: int,
    largest: int = 8,
    number: int | None = None,
    method: Method = METHODS["kmeans"],
    blocks: Sequence[int] = (),
) -> GroupCount:
    """How many groups the prepared rows (one a person) have.

    Args:
        rows: Prepared features.
        seed: Same rows and seed, same answer.
        largest: Most groups to try; the fewest are two.
        number: Judge this number alone, and keep to it.
        method: How people are divided.
        blocks: Sizes of the categories' blocks of columns, which stand last.
    """
    if len(rows) < PEOPLE_MIN or rows.shape[1] == 0:
        return GroupCount(None, too_little(len(rows)), ())
    draw = np.random.default_rng(seed)
    sample = sample_rows(rows, _SAMPLE, draw)
    numbers = list(range(2, largest + 1)) if number is None else [number]
    with one_thread():  # sums in another order would give other last digits
        own = try_numbers(sample, numbers, method, blocks, seed=seed, starts=10, whole=True)
        without = _without_groups(sample, numbers, method, blocks, draw)
        larger = sample_rows(rows, method.steady, draw)
        candidates = tuple(
            _judged(one, own[place], without[place], larger, method, blocks, seed)
            for place, one in enumerate(numbers)
        )
    if number is not None:
        return _asked(candidates[0])
    possible = [candidate for candidate in candidates if candidate.problem is None]
    if not possible:
        return GroupCount(None, _no_groups(candidates), candidates)
    enough = _ENOUGH * max(candidate.score for candidate in possible)
    best = next(candidate for candidate in possible if candidate.score >= enough)
    return GroupCount(best.number, f"{best.number} groups: {_figures(best)}.", candidates)


def _figures(best: Candidate) -> str:
    return (
        f"silhouette {best.silhouette:.2f}, where people without groups would have "
        f"{best.silhouette_without:.2f}, and stability {best.stability:.2f}"
    )


def _asked(only: Candidate) -> GroupCount:
    """The number that was asked for, with what speaks against it."""
    if only.silhouette is None:
        return GroupCount(None, f"There are no {only.number} groups: {only.problem}.", (only,))
    if only.problem is None:
        return GroupCount(
            only.number, f"{only.number} groups, as asked: {_figures(only)}.", (only,)
        )
    against = f"{only.number} groups, as asked, though they are not evident: {only.problem}."
    return GroupCount(only.number, against, (only,))


def _no_groups(candidates: Sequence[Candidate]) -> str:
    best = max(candidates, key=lambda candidate: candidate.beyond)
    return (
        f"These people form no groups. The best try, {best.number} groups, is no good: {best.problem}. "
        "Describe them by rules or RFM instead."
    )


def _judged(
    number: int,
    own: Trial | None,
    without: float,
    rows: FloatArray,
    method: Method,
    blocks: Sequence[int],
    seed: int,
) -> Candidate:
    if own is None:
        problem = "fewer different people than groups"
        return Candidate(number, None, None, None, None, problem)

    def group(positions: npt.NDArray[np.int64]) -> IntArray:
        part = rows[positions]
        return method.divide(part, number, blocks, seed=seed, starts=8).shape.assign(part)

    steady = stability(group, n=len(rows), seed=seed).value
    problem_ = None
    if own.silhouette - without < BEYOND_MIN:
        problem_ = f"its silhouette of {own.silhouette:.2f} is hardly above the {without:.2f} of people without groups"
    elif steady is None or steady < STABILITY_MIN:
        problem_ = (
            f"groups change when a part of the people is left out (stability {steady or 0:.2f})"
        )
    elif own.smallest < SHARE_MIN:
        problem_ = f"its smallest group has {own.smallest:.1%} of the people"
    return Candidate(
        number,
        own.silhouette,
        without,
        steady,
        own.smallest,
        problem_,
        own.calinski_harabasz,
        own.davies_bouldin,
        own.between,
        own.bic,
    )


def too_little(people: int) -> str:
    """Why no groups were looked for: so few people, or no feature."""
    what = (
        f"{people_words(people)}, and it takes at least {PEOPLE_MIN}"
        if people < PEOPLE_MIN
        else "no feature that tells people apart"
    )
    return f"There are no groups to find: {what}."


def _without_groups(
    rows: FloatArray,
    numbers: Sequence[int],
    method: Method,
    blocks: Sequence[int],
    draw: np.random.Generator,
) -> list[float]:
    """The silhouette for each number of people without groups: the higher mean of the two kinds."""
    means = []
    for kind in (0, 1):
        tries = [
            try_numbers(
                made_up(rows, blocks, kind, draw), numbers, method, blocks, seed=one, starts=2
            )
            for one in range(_REFERENCES)
        ]
        means.append(
            np.array([[one.silhouette if one else -1.0 for one in each] for each in tries]).mean(0)
        )
    return [float(figure) for figure in np.maximum(*means)]
