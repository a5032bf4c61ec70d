"""How many groups there are, if any: silhouette and stability together, against data that has no groups.

For each number of groups k-means is run, and three things are looked at:

- the *silhouette*: how much nearer people are to their own group than to the next one (Rousseeuw 1987);
- what the silhouette would be if there were *no groups*: the same on made-up people without any, once spread like
  one cloud with the same correlations and once evenly over the same space (the idea of Tibshirani, Walther and
  Hastie's gap statistic, 2001). K-means always finds "groups"; only what goes beyond this is evidence of them;
- the *stability*: how far the groups agree (adjusted Rand index) when a part of the people is left out.

A number is possible if it beats both kinds of made-up people clearly, is stable, and leaves no group tiny. Its score
is its lead over made-up people times its stability. The smallest number is chosen whose score is at least nine tenths
of the highest, as fewer groups are easier to work with; with none possible, the answer is that there are no groups.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from aimwell.segment.preparation import FloatArray
from aimwell.stats.resampling import stability

__all__ = ["Candidate", "GroupCount", "choose_number", "fit_centroids", "nearest_centroid"]

_SAMPLE = 2_500
_REFERENCE_PEOPLE = 1_000
_STABILITY_SAMPLE = 4_000
_REFERENCES = 5
_BEYOND_MIN = 0.04
_STABILITY_MIN = 0.8
_SHARE_MIN = 0.02
_PEOPLE_MIN = 50
_ENOUGH = 0.9


@dataclass(frozen=True)
class Candidate:
    """One number of groups. `silhouette_without` is the silhouette of people without groups, the higher of both
    kinds; `problem` says why the number is not possible, None where it is."""

    number: int
    silhouette: float | None
    silhouette_without: float | None
    stability: float | None
    smallest_share: float | None
    problem: str | None

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


def choose_number(rows: FloatArray, *, seed: int, largest: int = 8) -> GroupCount:
    """How many groups the prepared rows (one a person) have.

    Args:
        rows: Prepared features.
        seed: Same rows and seed, same answer.
        largest: Most groups to try; the fewest are two.
    """
    if len(rows) < _PEOPLE_MIN or rows.shape[1] == 0:
        what = (
            f"{len(rows)} people"
            if len(rows) < _PEOPLE_MIN
            else "no feature that tells people apart"
        )
        return GroupCount(None, f"There are no groups to find: {what}.", ())
    draw = np.random.default_rng(seed)
    sample = _sample(rows, _SAMPLE, draw)
    numbers = list(range(2, largest + 1))
    with threadpool_limits(limits=1):  # sums in another order would give other last digits
        own = _silhouettes(sample, numbers, seed=seed, starts=10)
        without = _without_groups(sample, numbers, draw)
        larger = _sample(rows, _STABILITY_SAMPLE, draw)
        candidates = tuple(
            _judged(number, own[place], without[place], larger, seed)
            for place, number in enumerate(numbers)
        )
    possible = [candidate for candidate in candidates if candidate.problem is None]
    if not possible:
        return GroupCount(None, _no_groups(candidates), candidates)
    enough = _ENOUGH * max(candidate.score for candidate in possible)
    best = next(candidate for candidate in possible if candidate.score >= enough)
    reason = (
        f"{best.number} groups: silhouette {best.silhouette:.2f}, where people without groups would have "
        f"{best.silhouette_without:.2f}, and stability {best.stability:.2f}."
    )
    return GroupCount(best.number, reason, candidates)


def _no_groups(candidates: Sequence[Candidate]) -> str:
    best = max(candidates, key=lambda candidate: candidate.beyond)
    return (
        f"These people form no groups. The best try, {best.number} groups, is no good: {best.problem}. "
        "Describe them by rules or RFM instead."
    )


def _judged(
    number: int, own: tuple[float, float] | None, without: float, rows: FloatArray, seed: int
) -> Candidate:
    if own is None:
        problem = "fewer different people than groups"
        return Candidate(number, None, None, None, None, problem)
    silhouette, smallest = own

    def group(positions: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        part = rows[positions]
        return nearest_centroid(part, fit_centroids(part, number, seed=seed, starts=8))

    steady = stability(group, n=len(rows), seed=seed).value
    candidate = Candidate(number, silhouette, without, steady, smallest, None)
    if candidate.beyond < _BEYOND_MIN:
        problem = f"its silhouette of {silhouette:.2f} is hardly above the {without:.2f} of people without groups"
    elif steady is None or steady < _STABILITY_MIN:
        problem = (
            f"groups change when a part of the people is left out (stability {steady or 0:.2f})"
        )
    elif smallest < _SHARE_MIN:
        problem = f"its smallest group has {smallest:.1%} of the people"
    else:
        return candidate
    return Candidate(number, silhouette, without, steady, smallest, problem)


def _silhouettes(
    rows: FloatArray, numbers: Sequence[int], *, seed: int, starts: int
) -> list[tuple[float, float] | None]:
    """(silhouette, share of the smallest group) for each number; None where there cannot be so many groups."""
    # Imported here, as below: scikit-learn takes two seconds, and most who open a workspace look for no groups.
    from sklearn.metrics import pairwise_distances, silhouette_score

    different = len(np.unique(rows, axis=0))
    distances = pairwise_distances(rows)
    found: list[tuple[float, float] | None] = []
    for number in numbers:
        if different < number:
            found.append(None)
            continue
        labels = nearest_centroid(rows, fit_centroids(rows, number, seed=seed, starts=starts))
        sizes = np.bincount(labels, minlength=number)
        if np.count_nonzero(sizes) < number:
            found.append(None)
            continue
        figure = float(silhouette_score(distances, labels, metric="precomputed"))
        found.append((figure, float(sizes.min()) / len(rows)))
    return found


def _without_groups(
    rows: FloatArray, numbers: Sequence[int], draw: np.random.Generator
) -> list[float]:
    """The silhouette for each number of people without groups: the higher mean of the two kinds."""
    means = []
    for make in (_one_cloud, _evenly_spread):
        tries = [
            _silhouettes(make(rows, draw), numbers, seed=number, starts=2)
            for number in range(_REFERENCES)
        ]
        means.append(
            np.array([[one[0] if one else -1.0 for one in each] for each in tries]).mean(0)
        )
    return [float(figure) for figure in np.maximum(*means)]


def _one_cloud(rows: FloatArray, draw: np.random.Generator) -> FloatArray:
    """Normal people, with the same means and correlations."""
    spread, count = np.atleast_2d(np.cov(rows.T)), min(len(rows), _REFERENCE_PEOPLE)
    return draw.multivariate_normal(rows.mean(0), spread, count, check_valid="ignore")


def _evenly_spread(rows: FloatArray, draw: np.random.Generator) -> FloatArray:
    """People spread evenly over the box around the rows, along their main axes."""
    centred = rows - rows.mean(0)
    axes = np.linalg.svd(centred, full_matrices=False)[2]
    turned = centred @ axes.T
    count = min(len(rows), _REFERENCE_PEOPLE)
    even = draw.uniform(turned.min(0), turned.max(0), (count, turned.shape[1]))
    return np.asarray(even @ axes + rows.mean(0))


def fit_centroids(rows: FloatArray, number: int, *, seed: int, starts: int = 10) -> FloatArray:
    """The centres of `number` groups by k-means (Lloyd's algorithm from several k-means++ starts)."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with threadpool_limits(limits=1), warnings.catch_warnings():
        # Fewer different people than groups: some centres coincide, which whoever calls sees by the sizes.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = KMeans(number, n_init=starts, random_state=seed).fit(rows)
    return np.asarray(model.cluster_centers_, dtype=np.float64)


def nearest_centroid(rows: FloatArray, centroids: FloatArray) -> npt.NDArray[np.int64]:
    """For each row the place of the nearest centroid, the first of equals."""
    squares = (centroids**2).sum(1) - 2.0 * rows @ centroids.T
    return np.asarray(np.argmin(squares, axis=1), dtype=np.int64)


def _sample(rows: FloatArray, size: int, draw: np.random.Generator) -> FloatArray:
    if len(rows) <= size:
        return rows
    return rows[np.sort(draw.choice(len(rows), size, replace=False))]
