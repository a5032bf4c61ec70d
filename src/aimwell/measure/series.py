"""A campaign that runs on: what its waves added by themselves and together.

Waves differ (a season, an assortment, people who tire of it), so their mean is that of random effects, with what a next wave may add. Who is
held out stays held out from wave to wave and many people stand in several, so errors of waves go together: by how much is told by what each
person moves of each wave's figure (`stats.contrasts`). Actions are dealt out anew in each wave and weighed by the probabilities of their own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from aimwell.measure.actions import action_groups, weigh, weighed_contrast
from aimwell.measure.lifts import NO_CONTROL, planned_shares
from aimwell.measure.model import Metric
from aimwell.measure.people import BoolArray, People
from aimwell.measure.series_model import Series, SeriesRow, WaveEffect
from aimwell.measure.series_words import series_notes, series_sentence
from aimwell.stats.contrasts import Contrast
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.intervals import student
from aimwell.stats.meta_analysis import pool
from aimwell.stats.samples import FloatArray
from aimwell.stats.threads import one_blas_thread
from aimwell.stats.two_means import TwoMeans

__all__ = ["Wave", "series_of"]

_TOTAL = "sum over waves, errors of people in several waves together (influence functions), Student's interval"


@dataclass(frozen=True, eq=False, kw_only=True)
class Wave:
    """One plan whose window is over, with its people.

    Args:
        profiles: Of `people`, as they are today.
        holdout: The share that was held out, as buckets give it.
        contact: What its messages cost.
    """

    plan_id: str
    starts_at: datetime
    people: People
    profiles: pa.Array
    holdout: float
    contact: float


@dataclass(frozen=True, eq=False)
class _Told:
    """A wave's effect with the influence of each person, by their number among all people of all waves."""

    wave: Wave
    got: int
    means: TwoMeans
    influence: FloatArray


def series_of(waves: Sequence[Wave], left_out: Sequence[str], *, currency: str) -> Series | None:
    """What waves have in common; None where there are under two.

    Args:
        waves: In the order of time, all over windows of the same length.
        left_out: Why other waves are not among them, in words.
        currency: Of money.
    """
    if len(waves) < 2:
        return None
    numbers, people = _numbered(waves)
    metric: Metric = "revenue" if any(wave.people.margin_unknown for wave in waves) else "margin"
    held = [_everybody(wave, metric, own, people) for wave, own in zip(waves, numbers, strict=True)]
    told = [one for one in held if isinstance(one, _Told)]
    missing = [
        f"{wave.plan_id}: {one}"
        for wave, one in zip(waves, held, strict=True)
        if isinstance(one, str)
    ]
    if len(told) < 2:
        return None
    every = _row(None, told, DEFAULT_CONFIDENCE)
    names = sorted({cell.action for wave in waves for cell in wave.people.cells if cell.action})
    confidence = round(1.0 - (1.0 - DEFAULT_CONFIDENCE) / max(1, len(names)), 12)
    rows = [every]
    for name in names if len(names) > 1 else ():
        mine = [
            one
            for wave, own in zip(waves, numbers, strict=True)
            if isinstance(one := _action(wave, name, metric, own, people), _Told)
        ]
        if len(mine) >= 2:
            rows.append(_row(name, mine, confidence))
    total = _total(told, every, metric)
    notes = series_notes(every, names, metric, [*left_out, *missing])
    return Series(
        metric=metric,
        rows=tuple(rows),
        total=total,
        sentence=series_sentence(every, total, metric, currency),
        notes=notes,
    )


def _numbered(waves: Sequence[Wave]) -> tuple[list[NDArray[np.int64]], int]:
    """Of each wave the number of each person among all, or of the group with which they were drawn; and how many there are."""
    groups = [wave.people.cluster for wave in waves if wave.people.cluster is not None]
    if len(groups) == len(waves):
        # A group has the same bucket in every wave, as the salt is the campaign's.
        return groups, 1 + max(int(one.max()) for one in groups)
    codes = pa.chunked_array([wave.profiles for wave in waves]).combine_chunks().dictionary_encode()
    every = np.asarray(codes.indices.to_numpy(zero_copy_only=False), dtype=np.int64)
    ends = np.cumsum([len(wave.people) for wave in waves])
    return np.split(every, ends[:-1]), len(codes.dictionary)


def _everybody(wave: Wave, metric: Metric, numbers: NDArray[np.int64], people: int) -> _Told | str:
    return _told(wave, wave.people.treated, metric, None, numbers, people)


def _action(
    wave: Wave, action: str, metric: Metric, numbers: NDArray[np.int64], people: int
) -> _Told | str:
    """An action in one wave, by the same rule as in the wave's own report."""
    cells = next(
        (
            cells
            for name, _variant, cells in action_groups(wave.people.cells, by_variant=False)
            if name == action
        ),
        None,
    )
    if cells is None:
        return "it was not among the actions"
    weights = None
    if planned_shares(wave.people, holdout=wave.holdout) is None:
        weighed = weigh(wave.people, cells)
        if weighed.problem is not None:
            return weighed.problem
        weights = weighed.weights
    return _told(wave, wave.people.given(cells), metric, weights, numbers, people)


def _told(
    wave: Wave,
    chosen: BoolArray,
    metric: Metric,
    weights: FloatArray | None,
    numbers: NDArray[np.int64],
    people: int,
) -> _Told | str:
    own = wave.people
    if own.treated.all():
        return NO_CONTROL
    found: Contrast = weighed_contrast(own, own.outcome(metric), chosen, weights)
    if isinstance(found.means, str):
        return found.means
    if found.means.variance <= 0.0:
        return "nothing varies within the arms"
    influence = np.bincount(numbers[chosen], weights=found.treated, minlength=people)
    influence += np.bincount(numbers[~own.treated], weights=found.control, minlength=people)
    return _Told(wave, int(chosen.sum()), found.means, influence.astype(np.float64))


def _correlations(told: Sequence[_Told]) -> FloatArray:
    rows = np.stack([one.influence for one in told])
    with one_blas_thread():
        products = rows @ rows.T
    scale = np.sqrt(np.diag(products))
    table = products / np.outer(scale, scale)
    np.fill_diagonal(table, 1.0)
    return np.asarray((table + table.T) / 2.0, dtype=np.float64)


def _errors(told: Sequence[_Told]) -> FloatArray:
    return np.sqrt([one.means.variance for one in told])


def _row(action: str | None, told: Sequence[_Told], confidence: float) -> SeriesRow:
    table = _correlations(told)
    effects = [one.means.treated - one.means.control for one in told]
    return SeriesRow(
        action=action,
        waves=tuple(
            WaveEffect(
                plan_id=one.wave.plan_id,
                starts_at=one.wave.starts_at,
                people=one.got,
                held_out=int((~one.wave.people.treated).sum()),
                difference=one.means.difference(confidence=confidence),
            )
            for one in told
        ),
        correlations=tuple(tuple(float(cell) for cell in row) for row in table),
        pooled=pool(effects, _errors(told).tolist(), correlations=table, confidence=confidence),
    )


def _total(told: Sequence[_Told], row: SeriesRow, metric: Metric) -> Estimate:
    """All waves' people times the effect of their own wave, less the cost of messages where it is margin."""
    people = np.array([one.got for one in told], dtype=np.float64)
    effects = np.array([one.means.treated - one.means.control for one in told])
    each = people * _errors(told)
    error = math.sqrt(float(each @ np.array(row.correlations) @ each))
    degrees = min(one.means.degrees for one in told)
    cost = math.fsum(one.wave.contact for one in told) if metric == "margin" else 0.0
    total = float(people @ effects) - cost
    return student(total, error, degrees, method=_TOTAL)
