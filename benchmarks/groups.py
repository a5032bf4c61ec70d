"""k-means, a Gaussian mixture and the assignment of everybody, against scikit-learn alone on the same rows.

`benchmarks/groups.py [--people 1000000] [--quick]`

A million people of 12 prepared features in eight groups that overlap a little. Yardsticks: `MiniBatchKMeans` and
`GaussianMixture` fitted to everybody (the mixture for five rounds, since all of them take minutes), and `predict`. Ours fit a
sample of 20,000; k-means is then moved by mini-batches of everybody. Speed without quality is nothing: what both
reach on everybody is compared too.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

from aimwell.segment.clusters.methods import METHODS, fit_centroids, refine_centroids
from aimwell.segment.clusters.shapes import Mixture, nearest_centroid

GROUPS, COLUMNS, SAMPLE = 8, 12, 20_000
MOST_RATIO = 1.0
ASSIGNED_MOST_RATIO = 2.0  # both take some hundredths of a second a million
WORSE_MOST = 0.02


def main() -> int:
    """Print the figures; 1 where ours is slower than scikit-learn alone, or worse."""
    parser = argparse.ArgumentParser(description="Groups of a million people against scikit-learn")
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    people = 30_000 if asked.quick else asked.people
    rows = made(people)
    sample = rows[np.random.default_rng(2).choice(people, min(SAMPLE, people), replace=False)]
    print(f"{people:,} people, {COLUMNS} features, {GROUPS} groups; processor time on one thread")
    with threadpool_limits(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fine = all((kmeans(rows, sample), mixture(rows, sample)))
    return 0 if fine or asked.quick else 1


def kmeans(rows: np.ndarray, sample: np.ndarray) -> bool:
    """Fit and assign by k-means."""

    def fitted() -> np.ndarray:
        return refine_centroids(rows, fit_centroids(sample, GROUPS, seed=1), seed=1)

    ours, centres = timed(fitted)
    theirs, model = timed(lambda: MiniBatchKMeans(GROUPS, n_init=10, random_state=1).fit(rows))
    away = [
        float(((rows - found[nearest_centroid(rows, found)]) ** 2).sum())
        for found in (centres, model.cluster_centers_)
    ]
    fine = told("k-means fitted", ours, theirs, f"squared distances {away[0] / away[1]:.3f} x")
    plain = KMeans(GROUPS, init=centres, n_init=1, max_iter=1).fit(sample)
    ours, _labels = timed(lambda: nearest_centroid(rows, centres))
    theirs, _labels = timed(lambda: plain.predict(rows))
    return (
        told("k-means assigned", ours, theirs, "", most=ASSIGNED_MOST_RATIO)
        and fine
        and away[0] < away[1] * (1 + WORSE_MOST)
    )


def mixture(rows: np.ndarray, sample: np.ndarray) -> bool:
    """Fit and assign by a mixture of normal clouds."""
    ours, division = timed(lambda: METHODS["mixture"].divide(sample, GROUPS, (), seed=1))
    shape = division.shape
    assert isinstance(shape, Mixture)
    theirs, model = timed(
        lambda: GaussianMixture(
            GROUPS, n_init=1, max_iter=5, reg_covar=1e-3, random_state=1, init_params="k-means++"
        ).fit(rows)
    )
    some = rows[:50_000]
    logs = shape.log_densities(some) - 0.5 * COLUMNS * np.log(2 * np.pi)
    own = float(np.logaddexp.reduce(logs, axis=1).mean())
    other = float(model.score(some))
    fine = told(
        "mixture fitted", ours, theirs, f"log-likelihood a person {own:.3f}, theirs {other:.3f}"
    )
    ours, _labels = timed(lambda: shape.assign(rows))
    theirs, _labels = timed(lambda: model.predict(rows))
    return (
        told("mixture assigned", ours, theirs, "")
        and fine
        and own > other - WORSE_MOST * abs(other)
    )


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of processor time, and what came of it."""
    start = time.process_time()
    found = work()
    return time.process_time() - start, found


def told(what: str, ours: float, theirs: float, more: str, *, most: float = MOST_RATIO) -> bool:
    """Print one comparison; whether it is reached."""
    fine = ours <= most * theirs
    mark = "" if fine else " MISSED"
    print(
        f"{what}: {ours:.2f} s, scikit-learn alone {theirs:.2f} s: {ours / theirs:.2f} x{mark}{', ' if more else ''}{more}"
    )
    return fine


def made(people: int) -> np.ndarray:
    """Rows of eight clouds."""
    draw = np.random.default_rng(1)
    middles = draw.normal(size=(GROUPS, COLUMNS)) * 1.5
    spreads = draw.uniform(0.5, 1.2, (GROUPS, COLUMNS))
    group = draw.integers(0, GROUPS, people)
    return middles[group] + spreads[group] * draw.normal(size=(people, COLUMNS))


if __name__ == "__main__":
    sys.exit(main())
