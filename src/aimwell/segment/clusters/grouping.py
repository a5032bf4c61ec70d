"""Groups among people of a table, if they form groups at all: prepared, divided, judged, named, described."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from aimwell.errors import SegmentError, nearest
from aimwell.segment.attributes.categories import MARK, is_text
from aimwell.segment.attributes.people_table import BUYERS
from aimwell.segment.attributes.preparation import FloatArray, Preparation, prepare
from aimwell.segment.clusters.choosing import PEOPLE_MIN, GroupCount, choose_number
from aimwell.segment.clusters.dendrogram import Dendrogram, grow_dendrogram
from aimwell.segment.clusters.density import DENSITY_METHODS, DensityMethod, find_dense_groups
from aimwell.segment.clusters.describing import describe
from aimwell.segment.clusters.made_up import sample_rows
from aimwell.segment.clusters.methods import METHODS, Division, refine_centroids
from aimwell.segment.clusters.model import OUTSIDE, Clustering, ClusterModel, Sketch
from aimwell.segment.clusters.names import name_groups
from aimwell.segment.clusters.shapes import Centres, IntArray
from aimwell.stats.resampling import adjusted_rand_index

__all__ = ["CLUSTER_METHODS", "GROUPS_MAX", "find_groups"]

GROUPS_MAX = 50
"""More groups than a person can look through are of no use."""

CLUSTER_METHODS = (*METHODS, *DENSITY_METHODS)
"""What `method` may be."""

_FIT_MAX = 20_000
_DRAWN = 600


def find_groups(
    features: pa.Table,
    names: Sequence[str],
    *,
    name: str,
    as_of: datetime,
    seed: int,
    largest: int = 8,
    method: str = "kmeans",
    number: int | None = None,
    among: str = BUYERS,
    within: Mapping[str, Any] | None = None,
) -> Clustering:
    """Look for groups among people.

    Args:
        features: `profile_id` and the columns `names`, one row a person; texts are categories.
        names: Features to look at; of two that say the same the earlier one is kept.
        name: Of the model.
        as_of: Moment of the features.
        seed: Same people and seed, same answer.
        largest: Most groups to try.
        method: One of CLUSTER_METHODS.
        number: So many groups, whatever speaks against it; default: as many as there are. DBSCAN and HDBSCAN find the
            number themselves.
        among: Whom the people are, for the record.
        within: The same as a rule, to be put before the rules that describe the groups.

    Returns:
        A model and everyone's group, or neither, with the reason.

    Raises:
        SegmentError: There is no such method, or the number does not fit it.
    """
    _check_wanted(method, number)
    sample = features
    if features.num_rows > _FIT_MAX:
        # Means of so many people do not move any more with further ones.
        chosen = np.random.default_rng(seed).choice(features.num_rows, _FIT_MAX, replace=False)
        sample = features.take(pa.array(np.sort(chosen)))
    preparation = _prepared(sample, names, method)
    rows = preparation.apply(sample)
    count, division = _divided(rows, preparation, method, seed, largest=largest, number=number)
    if count.number is None or division is None:
        return Clustering(
            None, _explained(count, preparation, among=among, people=features.num_rows), None
        )
    shape, whole = division.shape, preparation.apply(features)
    if method == "kmeans" and features.num_rows > _FIT_MAX and isinstance(shape, Centres):
        shape = Centres(refine_centroids(whole, shape.centres, seed=seed))
    labels = shape.assign(whole)
    # The largest group first, whatever the method began with.
    sizes = np.bincount(labels, minlength=shape.number + shape.outside)
    order = np.argsort(-sizes[: shape.number], kind="stable")
    shape, labels = shape.ordered(order), _renumbered(labels, order)
    sizes = np.bincount(labels, minlength=shape.number + shape.outside)
    groups = name_groups(_deviations(whole, labels, shape.number, preparation), preparation.labels)
    called = (*groups, *([OUTSIDE] if shape.outside else []))
    model = ClusterModel(
        name=name,
        as_of=as_of,
        seed=seed,
        method=method,
        among=among,
        preparation=preparation,
        shape=shape,
        centroids=_means(whole, labels, shape.number, preparation),
        names=called,
        shares=tuple(float(share) for share in sizes / len(labels)),
        candidates=count.candidates,
        reason=count.reason,
        fidelity=_fidelity(division, rows),
        description=describe(features, preparation.names, labels, called, seed=seed, within=within),
        dendrogram=_grown(rows, seed) if method == "hierarchical" else None,
    )
    people = model.named(features.column("profile_id"), labels)
    return Clustering(model, count, people, _sketched(features, whole, labels, model, seed))


def _check_wanted(method: str, number: int | None) -> None:
    if method not in CLUSTER_METHODS:
        raise SegmentError(
            f"There is no way '{method}' to find groups. {nearest(method, CLUSTER_METHODS)}"
        )
    if number is not None and method in DENSITY_METHODS:
        raise SegmentError(
            f"{method} finds the number of groups itself. Leave the number out, or take one of: {', '.join(METHODS)}."
        )
    if number is not None and not 2 <= number <= GROUPS_MAX:
        raise SegmentError(f"There can be 2 to {GROUPS_MAX} groups, not {number}.")


def _prepared(sample: pa.Table, names: Sequence[str], method: str) -> Preparation:
    numbers_only = method in METHODS and METHODS[method].numbers_only
    left = [name for name in names if numbers_only and is_text(sample.column(name))]
    found = prepare(sample, [name for name in names if name not in left])
    why = "a category, and this method takes numbers only; take prototypes or gower for it"
    return replace(found, dropped={**found.dropped, **dict.fromkeys(left, why)})


def _divided(
    rows: FloatArray,
    preparation: Preparation,
    method: str,
    seed: int,
    *,
    largest: int,
    number: int | None,
) -> tuple[GroupCount, Division | None]:
    blocks = preparation.blocks
    if method in DENSITY_METHODS:
        dense: DensityMethod = "dbscan" if method == "dbscan" else "hdbscan"
        return find_dense_groups(rows, dense, blocks=blocks, seed=seed)
    way = METHODS[method]
    rows = sample_rows(rows, way.most, np.random.default_rng(seed))
    count = choose_number(
        rows, seed=seed, largest=largest, number=number, method=way, blocks=blocks
    )
    if count.number is None:
        return count, None
    return count, way.divide(rows, count.number, blocks, seed=seed)


def _explained(
    count: GroupCount, preparation: Preparation, *, among: str, people: int
) -> GroupCount:
    """With what was wrong with each feature where none is left, and where else people are where nobody has bought."""
    if not people and among == BUYERS:
        told = "nobody had bought anything by then. Groups of all people are found among everybody"
        return replace(count, reason=f"There are no groups to find: {told}.")
    if preparation.names or not preparation.dropped or people < PEOPLE_MIN:
        return count
    told = "; ".join(f"{name} is {why}" for name, why in preparation.dropped.items())
    return replace(count, reason=f"{count.reason} {told}.")


def _renumbered(labels: IntArray, order: IntArray) -> IntArray:
    places = np.arange(int(max(labels.max(), len(order) - 1)) + 1)
    places[order] = np.arange(len(order))
    return np.asarray(places[labels], dtype=np.int64)


def _means(rows: FloatArray, labels: IntArray, number: int, preparation: Preparation) -> FloatArray:
    numbers = len(preparation.columns)
    means = np.zeros((number, rows.shape[1]))
    for place in range(number):
        means[place] = rows[labels == place].mean(0) if (labels == place).any() else 0.0
    means[:, numbers:] /= MARK
    return means


def _deviations(
    rows: FloatArray, labels: IntArray, number: int, preparation: Preparation
) -> FloatArray:
    """How far each group's mean is from everybody's, in deviations."""
    means, numbers = _means(rows, labels, number, preparation), len(preparation.columns)
    shares = rows[:, numbers:].mean(0) / MARK
    spread = np.sqrt(np.maximum(shares * (1 - shares), 1e-9))
    return np.hstack([means[:, :numbers], (means[:, numbers:] - shares) / spread])


def _fidelity(division: Division, rows: FloatArray) -> float | None:
    if division.own is None or len(division.own) != len(rows):
        return None
    return adjusted_rand_index(division.own, division.shape.assign(rows))


def _sketched(
    features: pa.Table, rows: FloatArray, labels: IntArray, model: ClusterModel, seed: int
) -> Sketch | None:
    columns = model.preparation.columns
    if len(columns) < 2:
        return None
    numbers = rows[:, : len(columns)]
    between = np.zeros(len(columns))
    for place in range(len(model.names)):
        mine = labels == place
        if mine.any():
            between += mine.mean() * (numbers[mine].mean(0) - numbers.mean(0)) ** 2
    best = np.argsort(-between / np.maximum(numbers.var(0), 1e-12), kind="stable")[:2]
    draw = np.random.default_rng(seed)
    some = np.sort(draw.choice(len(labels), min(_DRAWN, len(labels)), replace=False))
    axes, names = [], []
    for place in best:
        if columns[place].power != 1.0:  # most of skewed values would lie in one corner
            axes.append(numbers[some, place])
            names.append(f"{columns[place].name}, straightened, in deviations")
            continue
        names.append(columns[place].name)
        raw = features.column(columns[place].name).cast(pa.float64())
        values = raw.to_numpy(zero_copy_only=False)[some]
        values = np.where(np.isnan(values), columns[place].fill, values)
        axes.append(np.clip(values, *np.quantile(values, [0.01, 0.99])))
    found = zip(axes[0].tolist(), axes[1].tolist(), labels[some].tolist(), strict=True)
    return Sketch((names[0], names[1]), tuple(found))


def _grown(rows: FloatArray, seed: int) -> Dendrogram:
    return grow_dendrogram(
        sample_rows(rows, METHODS["hierarchical"].most, np.random.default_rng(seed))
    )
