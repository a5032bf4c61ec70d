"""Treatment that was not drawn by chance: probabilities estimated from what was known before, and how far they can be trusted.

Who was treated is foretold from the features by cross-fitted models; the estimates stand for the probabilities of an experiment. People are
dealt to the parts of cross-fitting many times, and a person's estimate is the mean, so that hardly anything hangs on one deal. It
is right only where everything that moved both treatment and outcome is among the features, which data cannot show. People whose
estimate for any arm lies under `least` are left out: for them there is nobody to compare with (Crump, Hotz, Imbens and Mitnik 2009,
Dealing with limited overlap, whose rule of thumb is 0.1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aimwell.decide.uplift.bases import TreesBase
from aimwell.decide.uplift.data import ExperimentData, IntArray, experiment_of
from aimwell.decide.uplift.problem import as_marks, dealt, prepared
from aimwell.errors import DecideError
from aimwell.stats.effects import standardised_difference
from aimwell.stats.samples import FloatArray
from aimwell.stats.threads import one_blas_thread

__all__ = ["CAVEAT", "Balance", "Overlap", "observed_experiment"]

CAVEAT = (
    "NOBODY WAS TREATED BY CHANCE. These figures hold only if everything that decided who was treated, and also moves what people "
    "do, is among the features. Nothing in the data can show that. Take them as a reason to run an experiment, not as proof."
)

_FOLDS = 5
_REPEATS = 21
_REPEATS_LEAST = 3
_ROWS_FITTED = 1_000_000
_LEAST = 0.1
_LEFT_OUT_MAX = 0.5
_OUT_OF_BALANCE = 0.1
_NEVER = 1e-6


@dataclass(frozen=True, slots=True)
class Balance:
    """How far treated and others lie apart in one feature, in standard deviations: as they were, and weighted by the estimates.

    Above 0.1 either way is usually called out of balance (Austin 2009).
    """

    feature: str
    arm: str
    before: float | None
    after: float | None


@dataclass(frozen=True, slots=True)
class Overlap:
    """Whether there are like people in all arms.

    Args:
        people: Before anybody was left out.
        left_out: For want of like people in another arm.
        least: Under which estimate people were left out.
        lowest: The lowest estimate that was kept.
        balance: The features that lay furthest apart, at most ten.
    """

    people: int
    left_out: int
    least: float
    lowest: float
    balance: tuple[Balance, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def observed_experiment(
    features: ArrayLike,
    arm: Sequence[str] | NDArray[Any],
    outcomes: Mapping[str, ArrayLike],
    *,
    control: str,
    names: Sequence[str] | None = None,
    model: Literal["logistic", "trees"] = "logistic",
    least: float = _LEAST,
    repeats: int | None = None,
    seed: int = 0,
) -> tuple[ExperimentData, Overlap, IntArray]:
    """What was observed, with estimated probabilities; the overlap; and the rows that were kept because they have any.

    Args:
        features: People × features known before treatment; NaN: missing.
        arm: What each person got.
        outcomes: Name → one number a person.
        control: The arm of those who got nothing.
        names: Of the features.
        model: Of treatment.
        least: People with a lower estimate for any arm are left out; 0 keeps everybody.
        repeats: How often people are dealt to folds; None: 21 times, of more than 50,000 people less often, three times at the least.
        seed: Of the folds.

    Raises:
        DecideError: More than half of the people have no like people in another arm, or as `experiment_of`.
    """
    raw = experiment_of(features, arm, outcomes, control=control, names=names)
    values = prepared(raw)[1]
    each = np.stack(
        [
            _chances(values, raw.arm, len(raw.arms), model, seed + number)
            for number in range(repeats or _repeats(len(raw)))
        ],
        axis=2,
    )
    chances = each.mean(axis=2)
    kept = (chances >= least).all(axis=1)
    left_out = int((~kept).sum())
    if left_out > _LEFT_OUT_MAX * len(raw):
        raise DecideError(
            f"{left_out:,} of {len(raw):,} people have nobody like them in another arm (an estimated probability under {least:g}), "
            "so the rest would be about others than asked. Compare narrower groups, or run an experiment."
        )
    whole = replace(
        raw,
        propensity=np.maximum(chances, _NEVER),
        estimated=np.maximum(each, _NEVER),
        randomised=False,
    )
    data = whole.take(np.flatnonzero(kept))
    balance = _balance(raw.names, data)
    words = (CAVEAT, *_trimming(left_out, raw, least), *_unbalanced(balance))
    data = replace(data, cautions=words)
    lowest = float(data.propensity.min())
    return data, Overlap(len(raw), left_out, least, lowest, balance), np.flatnonzero(kept)


def _repeats(people: int) -> int:
    """How often people are dealt out: an odd number, so that one of them is the median."""
    times = min(max(_ROWS_FITTED // max(people, 1), _REPEATS_LEAST), _REPEATS)
    return times - (times + 1) % 2


def _trimming(left_out: int, raw: ExperimentData, least: float) -> tuple[str, ...]:
    if not left_out:
        return ()
    return (
        f"{left_out:,} of {len(raw):,} people were left out, as nobody like them was in another arm (an estimated probability under "
        f"{least:g}). The figures are of the others.",
    )


def _unbalanced(balance: tuple[Balance, ...]) -> tuple[str, ...]:
    off = [one for one in balance if abs(one.after or 0.0) > _OUT_OF_BALANCE]
    if not off:
        return ()
    worst = max(off, key=lambda one: abs(one.after or 0.0))
    return (
        f"Even weighted, treated and others lie {abs(worst.after or 0.0):.2f} deviations apart in '{worst.feature}'; from "
        f"{_OUT_OF_BALANCE} on they are not alike, and the figures lean on the outcome model alone to make that good.",
    )


def _chances(values: FloatArray, arm: IntArray, arms: int, model: str, seed: int) -> FloatArray:
    part = dealt(arm, count=_FOLDS, seed=seed)
    found = np.empty((len(arm), arms))
    marks = as_marks(arm, range(arms))
    for number in range(_FOLDS):
        learn, held = part != number, part == number
        if model == "logistic":
            from sklearn.linear_model import LogisticRegression

            with one_blas_thread():
                fitted = LogisticRegression(C=1.0, max_iter=500).fit(values[learn], arm[learn])
            found[held] = fitted.predict_proba(values[held])
        else:
            for place in range(arms):
                trees = TreesBase().fit(values[learn], marks[learn, place], weight=None, seed=seed)
                found[held, place] = np.clip(trees.predict(values[held]), 1e-4, 1.0)
    return np.asarray(found / found.sum(axis=1, keepdims=True), dtype=np.float64)


def _balance(names: tuple[str, ...], data: ExperimentData) -> tuple[Balance, ...]:
    drawn = data.propensity[np.arange(len(data)), data.arm]
    rows = []
    for place, name in enumerate(names):
        column = data.features[:, place]
        known = ~np.isnan(column)
        for code, arm in enumerate(data.arms[1:], start=1):
            got, held = known & (data.arm == code), known & (data.arm == 0)
            if got.sum() < 2 or held.sum() < 2:
                continue
            before = standardised_difference(column[got], column[held]).value
            spread = np.sqrt((column[got].var(ddof=1) + column[held].var(ddof=1)) / 2)
            if before is None or spread == 0:
                continue
            means = [np.average(column[r], weights=1 / drawn[r]) for r in (got, held)]
            rows.append(Balance(name, arm, before, float((means[0] - means[1]) / spread)))
    rows.sort(key=lambda one: -abs(one.before or 0.0))
    return tuple(rows[:10])
