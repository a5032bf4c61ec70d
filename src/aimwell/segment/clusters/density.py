"""Groups of any form, as many as there are: DBSCAN and HDBSCAN over a sample, and who is like no group.

Everybody else is placed by patches that cover the groups found (`shapes.Patches`). Whether the groups are real is asked
as of the other methods: the same must appear when some people are left out, and no crowd of made-up people without groups
may fall apart as clearly.

Sources: Ester, Kriegel, Sander and Xu (1996); Campello, Moulavi and Sander (2013).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from aimwell.segment.attributes.preparation import FloatArray
from aimwell.segment.clusters.choosing import (
    BEYOND_MIN,
    PEOPLE_MIN,
    SHARE_MIN,
    STABILITY_MIN,
    Candidate,
    GroupCount,
    too_little,
)
from aimwell.segment.clusters.made_up import made_up, sample_rows
from aimwell.segment.clusters.methods import Division, fit_centroids
from aimwell.segment.clusters.shapes import IntArray, Patches
from aimwell.stats.resampling import stability
from aimwell.stats.threads import one_thread

__all__ = ["DENSITY_METHODS", "DensityMethod", "find_dense_groups"]

DensityMethod = Literal["dbscan", "hdbscan"]
DENSITY_METHODS: tuple[DensityMethod, ...] = ("dbscan", "hdbscan")

_JUDGED = 2_500
_CROWDS = 10
_OUTSIDE_MAX = 0.5
_ON_A_PATCH = 40
_PATCHES_MAX = 60
_REACH_SHARE = 0.95
_REACH_BEYOND = 1.2


def find_dense_groups(
    rows: FloatArray, method: DensityMethod, *, blocks: Sequence[int], seed: int
) -> tuple[GroupCount, Division | None]:
    """Look for groups, judge them, and say where they lie.

    Args:
        rows: Prepared people, a sample where there are many.
        method: Which of the two.
        blocks: Sizes of the categories' blocks of columns, which stand last.
        seed: Same rows and seed, same answer.

    Returns:
        How many with the reason, and their shape with the rows' own labels; None where there are no groups.
    """
    if len(rows) < PEOPLE_MIN or rows.shape[1] == 0:
        return GroupCount(None, too_little(len(rows)), ()), None
    with one_thread():
        labels, number = _labels(rows, method)
        found = _judged(rows, labels, number, method, blocks, seed)
        if found.problem is not None:
            reason = f"These people form no groups: {found.problem}."
            return GroupCount(None, reason, (found,)), None
        outside = float((labels == number).mean())
        reason = (
            f"{number} groups of any form: silhouette {found.silhouette:.2f}, where crowds without groups have at most "
            f"{found.silhouette_without:.2f}, and stability {found.stability:.2f}; "
            f"{outside:.0%} of the people are like no group."
        )
        shape = _patches(rows, labels, number, seed)
    return GroupCount(number, reason, (found,)), Division(shape, labels)


def _labels(rows: FloatArray, method: DensityMethod) -> tuple[IntArray, int]:
    """The group of each row, the largest first, and how many there are, which stands for no group. Tiny ones are none."""
    if method == "hdbscan":
        from sklearn.cluster import HDBSCAN

        least = max(15, round(SHARE_MIN * len(rows)))
        near = min(least, max(5, 2 * rows.shape[1]))
        raw = HDBSCAN(min_cluster_size=least, min_samples=near, copy=True).fit_predict(rows)
    else:
        from sklearn.cluster import DBSCAN

        neighbours = max(5, 2 * rows.shape[1])
        raw = DBSCAN(eps=_radius(rows, neighbours), min_samples=neighbours).fit_predict(rows)
    sizes = np.bincount(raw[raw >= 0]) if (raw >= 0).any() else np.empty(0, dtype=np.int64)
    order = [int(one) for one in np.argsort(-sizes, kind="stable")]
    kept = [one for one in order if sizes[one] >= SHARE_MIN * len(rows)]
    labels = np.full(len(rows), len(kept), dtype=np.int64)
    for place, one in enumerate(kept):
        labels[raw == one] = place
    return labels, len(kept)


def _radius(rows: FloatArray, neighbours: int) -> float:
    """Where the distances to the last neighbour, sorted, bend upwards: farthest below the line between their ends."""
    from sklearn.neighbors import NearestNeighbors

    near = NearestNeighbors(n_neighbors=min(neighbours, len(rows) - 1)).fit(rows)
    away = np.sort(near.kneighbors()[0][:, -1])
    # The few farthest people would tilt the line.
    away = away[: max(2, round(0.99 * len(away)))]
    line = np.linspace(away[0], away[-1], len(away))
    return max(float(away[int(np.argmax(line - away))]), 1e-9)


def _judged(
    rows: FloatArray,
    labels: IntArray,
    number: int,
    method: DensityMethod,
    blocks: Sequence[int],
    seed: int,
) -> Candidate:
    from sklearn.metrics import silhouette_score

    outside = float((labels >= number).mean())
    if number < 2:
        what = "they lie in one lump" if number else "nowhere do they lie close together"
        return Candidate(number, None, None, None, None, what)
    inside = np.flatnonzero(labels < number)
    draw = np.random.default_rng(seed)
    judged = inside
    if len(inside) > _JUDGED:
        judged = np.sort(draw.choice(inside, _JUDGED, replace=False))
    figure = float(silhouette_score(rows[judged], labels[judged]))
    smallest = float(np.bincount(labels[inside]).min()) / len(rows)
    larger = sample_rows(rows, _JUDGED, draw)

    def group(positions: IntArray) -> IntArray:
        return _labels(larger[positions], method)[0]

    steady = stability(group, n=len(larger), seed=seed, count=6).value
    crowds = (made_up(rows, blocks, one % 2, draw) for one in range(_CROWDS))
    without = max(_clearness(crowd, method) for crowd in crowds)
    problem = None
    if figure - without < BEYOND_MIN:
        problem = f"their silhouette of {figure:.2f} is hardly above the {without:.2f} of a crowd without groups"
    elif steady is None or steady < STABILITY_MIN:
        problem = (
            f"groups change when a part of the people is left out (stability {steady or 0:.2f})"
        )
    elif outside > _OUTSIDE_MAX:
        problem = f"{outside:.0%} of the people are like no group"
    return Candidate(number, figure, without, steady, smallest, problem)


def _clearness(crowd: FloatArray, method: DensityMethod) -> float:
    """The silhouette of a crowd that falls apart; 0 where it does not, or where most of it lies in no group."""
    from sklearn.metrics import silhouette_score

    labels, number = _labels(crowd, method)
    inside = labels < number
    if number < 2 or inside.mean() < 1.0 - _OUTSIDE_MAX:
        return 0.0
    return float(silhouette_score(crowd[inside], labels[inside]))


def _patches(rows: FloatArray, labels: IntArray, number: int, seed: int) -> Patches:
    centres, reach, groups = [], [], []
    for group in range(number):
        members = rows[labels == group]
        count = int(np.clip(len(members) // _ON_A_PATCH, 1, _PATCHES_MAX))
        found = fit_centroids(members, count, seed=seed, starts=1)
        nearest = np.argmin(((found**2).sum(1) - 2.0 * members @ found.T), axis=1)
        away = np.sqrt(((members - found[nearest]) ** 2).sum(1))
        for place, centre in enumerate(found):
            if (nearest == place).any():
                far = float(np.quantile(away[nearest == place], _REACH_SHARE)) * _REACH_BEYOND
                centres.append(centre)
                reach.append(max(far, 1e-6))
                groups.append(group)
    return Patches(np.array(centres), np.array(reach), np.array(groups, dtype=np.int64), number)
