"""What a division into groups is like: silhouette, smallest group, and the criteria that are only shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aimwell.segment.attributes.preparation import FloatArray
from aimwell.segment.clusters.methods import Division, Method
from aimwell.segment.clusters.shapes import Centres, IntArray, Mixture

__all__ = ["Trial", "try_numbers"]


@dataclass(frozen=True)
class Trial:
    """What one division of a sample is like."""

    silhouette: float
    smallest: float
    calinski_harabasz: float | None = None
    davies_bouldin: float | None = None
    between: float | None = None
    bic: float | None = None


def try_numbers(
    rows: FloatArray,
    numbers: Sequence[int],
    method: Method,
    blocks: Sequence[int],
    *,
    seed: int,
    starts: int,
    whole: bool = False,
) -> list[Trial | None]:
    """What each number of groups is like; None where there cannot be so many. `whole`: with the criteria that are only
    shown."""
    from sklearn.metrics import pairwise_distances, silhouette_score

    different = len(np.unique(rows, axis=0))
    distances: FloatArray | None = None
    found: list[Trial | None] = []
    for number in numbers:
        if different < number:
            found.append(None)
            continue
        division = method.divide(rows, number, blocks, seed=seed, starts=starts)
        labels = division.shape.assign(rows)
        sizes = np.bincount(labels, minlength=number)
        if np.count_nonzero(sizes) < number:
            found.append(None)
            continue
        if distances is None:
            distances = pairwise_distances(*_measured(rows, division))
        figure = float(silhouette_score(distances, labels, metric="precomputed"))
        smallest = float(sizes.min()) / len(rows)
        shown = _shown(rows, labels, division) if whole else {}
        found.append(Trial(figure, smallest, **shown))
    return found


def _measured(rows: FloatArray, division: Division) -> tuple[FloatArray, None, str]:
    """What distances are taken of, and how, as `pairwise_distances` takes it."""
    shape = division.shape
    if isinstance(shape, Centres) and shape.metric == "cityblock" and shape.weights is not None:
        return rows * shape.weights, None, "cityblock"
    return rows, None, "euclidean"


def _shown(rows: FloatArray, labels: IntArray, division: Division) -> dict[str, float | None]:
    """The criteria that nothing is decided by."""
    from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score

    means = np.array([rows[labels == place].mean(0) for place in range(int(labels.max()) + 1)])
    total = float(((rows - rows.mean(0)) ** 2).sum())
    within = float(((rows - means[labels]) ** 2).sum())
    shape = division.shape
    return {
        "calinski_harabasz": float(calinski_harabasz_score(rows, labels)),
        "davies_bouldin": float(davies_bouldin_score(rows, labels)),
        "between": 1.0 - within / total if total else None,
        "bic": _bic(rows, shape) if isinstance(shape, Mixture) else None,
    }


def _bic(rows: FloatArray, shape: Mixture) -> float:
    """−2 · log-likelihood + parameters · ln(people). Source: Schwarz (1978)."""
    columns = rows.shape[1]
    logs = shape.log_densities(rows) - 0.5 * columns * np.log(2.0 * np.pi)
    likelihood = float(np.logaddexp.reduce(logs, axis=1).sum())
    parameters = shape.number * (1 + columns + columns * (columns + 1) / 2) - 1
    return float(-2.0 * likelihood + parameters * np.log(len(rows)))
