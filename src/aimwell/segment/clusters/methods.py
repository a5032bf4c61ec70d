"""Ways to divide prepared people into a given number of groups.

- `kmeans`: Lloyd's algorithm from several k-means++ starts; for many people refined on all of them by mini-batches.
- `mixture`: normal clouds of any extent and slant, by expectation and maximisation; numbers only.
- `hierarchical`: Ward's tree over a sample, cut where it has so many branches; others go to the nearest branch's mean.
- `prototypes`: k-prototypes (Huang 1998): means of numbers, commonest values of categories.
- `gower`: medians and commonest values under Gower's distance (1971), on which every column has the same say.

Groups of any form, whose number is found and not given, are in `density`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aimwell.segment.attributes.categories import MARK
from aimwell.segment.attributes.preparation import FloatArray
from aimwell.segment.clusters.shapes import Centres, IntArray, Mixture, Shape, nearest_centroid
from aimwell.stats.threads import one_thread

__all__ = ["METHODS", "Division", "Method", "fit_centroids", "refine_centroids"]

_ROUNDS_MAX = 100
_PART = 16_384
_REGULAR = 1e-3


@dataclass(frozen=True, eq=False)
class Division:
    """Groups as a method found them: their shape, and the people's own labels where a shape only comes near to these."""

    shape: Shape
    own: IntArray | None = None


@dataclass(frozen=True)
class Method:
    """One way.

    Args:
        fit: Takes rows, the number of groups, the sizes of the categories' blocks of columns, a seed, and how many starts.
        words: What it is called.
        most: People that it is fitted to, at most.
        steady: People of whom stability is measured, at most.
        starts: Starts at most; what many starts gain is little where each is dear.
        numbers_only: Whether categories are left out.
    """

    fit: Callable[[FloatArray, int, Sequence[int], int, int], Division]
    words: str
    most: int = 20_000
    steady: int = 4_000
    starts: int = 10
    numbers_only: bool = False

    def divide(
        self, rows: FloatArray, number: int, blocks: Sequence[int], *, seed: int, starts: int = 10
    ) -> Division:
        """Divide the rows; same rows and seed, same groups."""
        with one_thread():  # sums in another order would give other last digits
            return self.fit(rows, number, blocks, seed, min(starts, self.starts))


def fit_centroids(rows: FloatArray, number: int, *, seed: int, starts: int = 10) -> FloatArray:
    """The centres of `number` groups by k-means (Lloyd's algorithm from several k-means++ starts)."""
    # Imported here, as below: scikit-learn takes two seconds, and most who open a workspace look for no groups.
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with one_thread(), warnings.catch_warnings():
        # Fewer different people than groups: some centres coincide, which whoever calls sees by the sizes.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = KMeans(number, n_init=starts, random_state=seed).fit(rows)
    return np.asarray(model.cluster_centers_, dtype=np.float64)


def refine_centroids(rows: FloatArray, centroids: FloatArray, *, seed: int) -> FloatArray:
    """The centres that mini-batches of all rows move given ones to (Sculley 2010): each is the mean of all that came to
    it, in one pass in random order."""
    order = np.random.default_rng(seed).permutation(len(rows))
    moved, weights = centroids.copy(), np.zeros(len(centroids))
    for start in range(0, len(rows), _PART):
        part = rows[order[start : start + _PART]]
        labels = nearest_centroid(part, moved)
        sizes = np.bincount(labels, minlength=len(moved)).astype(np.float64)
        weights += sizes
        for place in np.flatnonzero(sizes):
            mean = part[labels == place].mean(0)
            moved[place] += (mean - moved[place]) * sizes[place] / weights[place]
    return moved


def _kmeans(
    rows: FloatArray, number: int, _blocks: Sequence[int], seed: int, starts: int
) -> Division:
    return Division(Centres(fit_centroids(rows, number, seed=seed, starts=starts)))


def _mixture(
    rows: FloatArray, number: int, _blocks: Sequence[int], seed: int, starts: int
) -> Division:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = GaussianMixture(
            number, n_init=starts, random_state=seed, reg_covar=_REGULAR, max_iter=200
        ).fit(rows)
    return Division(Mixture(model.weights_, model.means_, model.precisions_cholesky_))


def _hierarchical(
    rows: FloatArray, number: int, _blocks: Sequence[int], _seed: int, _starts: int
) -> Division:
    from scipy.cluster.hierarchy import fcluster, linkage

    labels = np.asarray(fcluster(linkage(rows, "ward"), number, "maxclust"), dtype=np.int64) - 1
    found = int(labels.max()) + 1
    centres = np.array([rows[labels == place].mean(0) for place in range(found)])
    # Fewer different people than groups: the sizes show it to whoever calls.
    centres = np.vstack([centres, np.repeat(centres[-1:], number - found, axis=0)])
    return Division(Centres(centres), labels)


def _prototypes(
    rows: FloatArray, number: int, blocks: Sequence[int], seed: int, starts: int
) -> Division:
    shape = Centres(np.empty((0, rows.shape[1])))
    return Division(_alternating(rows, number, blocks, shape, np.mean, seed, starts))


def _gower(
    rows: FloatArray, number: int, blocks: Sequence[int], seed: int, starts: int
) -> Division:
    numbers = rows.shape[1] - sum(blocks)
    spread = np.ptp(rows[:, :numbers], axis=0)
    weights = np.concatenate(
        [1.0 / np.where(spread > 0, spread, 1.0), np.full(sum(blocks), 0.5 / MARK)]
    )
    shape = Centres(np.empty((0, rows.shape[1])), "cityblock", weights)
    return Division(_alternating(rows, number, blocks, shape, np.median, seed, starts))


def _alternating(
    rows: FloatArray,
    number: int,
    blocks: Sequence[int],
    shape: Centres,
    middle: Callable[..., FloatArray],
    seed: int,
    starts: int,
) -> Centres:
    """The best of several starts of: everybody to the nearest centre, each centre to the middle of its people."""
    from sklearn.cluster import kmeans_plusplus

    best, least = shape, np.inf
    for start in range(starts):
        centres, _places = kmeans_plusplus(rows, number, random_state=seed + start)
        found = Centres(centres, shape.metric, shape.weights)
        labels = found.assign(rows)
        for _round in range(_ROUNDS_MAX):
            moved = [
                _middle(rows[labels == place], blocks, middle) if (labels == place).any() else one
                for place, one in enumerate(found.centres)
            ]
            found = Centres(np.array(moved), shape.metric, shape.weights)
            before, labels = labels, found.assign(rows)
            if (labels == before).all():
                break
        cost = _cost(rows, found, labels)
        if cost < least:
            best, least = found, cost
    return best


def _middle(
    rows: FloatArray, blocks: Sequence[int], middle: Callable[..., FloatArray]
) -> FloatArray:
    numbers = rows.shape[1] - sum(blocks)
    parts, start = [middle(rows[:, :numbers], axis=0)], numbers
    for size in blocks:
        mark = np.zeros(size)
        mark[int(rows[:, start : start + size].sum(0).argmax())] = MARK
        parts.append(mark)
        start += size
    return np.concatenate(parts)


def _cost(rows: FloatArray, shape: Centres, labels: IntArray) -> float:
    away = rows - shape.centres[labels]
    if shape.metric == "cityblock":
        return float((np.abs(away) * shape.weights).sum())
    return float((away**2).sum())


METHODS: Mapping[str, Method] = {
    "kmeans": Method(_kmeans, "k-means"),
    "mixture": Method(_mixture, "a Gaussian mixture", steady=2_000, starts=2, numbers_only=True),
    "hierarchical": Method(
        _hierarchical, "Ward's hierarchical clustering", most=2_500, steady=1_500
    ),
    "prototypes": Method(_prototypes, "k-prototypes", steady=2_000, starts=4),
    "gower": Method(_gower, "medians under Gower's distance", steady=1_500, starts=3),
}
"""Name → method."""
