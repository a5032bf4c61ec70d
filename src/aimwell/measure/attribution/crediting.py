"""Every model on the same paths, each with the interval of its division.

The interval is the delete-a-group jackknife: people are put into 20 groups, each model is fitted again without each
group, and what its shares vary by, with Student's t of 19 degrees, is how sure they are. The same for every model, and
the same each time.

Source: Kott (2001), The delete-a-group jackknife, equation 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from aimwell.errors import MeasureError
from aimwell.measure.attribution.hazard import (
    exposure_of,
    fit_hazard,
    hazard_credits,
    log_loss,
)
from aimwell.measure.attribution.markov import markov_credits, states_of
from aimwell.measure.attribution.model import MODELS
from aimwell.measure.attribution.paths import GROUPS, IntArray, Paths
from aimwell.measure.attribution.rules import DEFAULT_HALF_LIFE_DAYS, RULES, touch_shares
from aimwell.measure.attribution.sequences import Counts, Sequences, added_up, sequences
from aimwell.measure.attribution.shapley import (
    conversion_shapley,
    rate_shapley,
    sequence_masks,
)
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.samples import FloatArray

__all__ = ["FEWEST_CONVERSIONS", "Credited", "HazardJudged", "credited"]

FEWEST_CONVERSIONS = 50
"""Under so many no interval is given: groups without any conversion say nothing of how shares vary."""

_METHOD = f"delete-a-group jackknife, {GROUPS} groups of people, Student's t"


@dataclass(frozen=True)
class HazardJudged:
    """Log loss a touch on people who were left out: of the fitted hazard, and of one rate for all touches."""

    fitted: float
    constant: float


@dataclass(frozen=True, eq=False)
class Credited:
    """Of one model: credits (two rows, conversions and money; one column a channel) and the shares with intervals."""

    model: str
    credits: FloatArray
    shares: tuple[Estimate, ...]
    judged: HazardJudged | None = None


def credited(
    paths: Paths,
    *,
    models: Sequence[str] = tuple(MODELS),
    half_life_days: float = DEFAULT_HALF_LIFE_DAYS,
    seed: int = 0,
    intervals: bool = True,
) -> list[Credited]:
    """Divide the conversions of the paths by each of the models.

    Args:
        paths: With at least one conversion.
        models: Of `MODELS`.
        half_life_days: Of `time_decay`.
        seed: Of the sampled Shapley values of more than 12 channels.
        intervals: Whether to fit again without each group.

    Raises:
        MeasureError: Nothing converted, or there is no such model.
    """
    unknown = sorted(set(models) - set(MODELS))
    if unknown:
        raise MeasureError(
            f"There is no model '{unknown[0]}' of attribution. Allowed: {', '.join(MODELS)}."
        )
    if not paths.conversions:
        raise MeasureError("No path ends with a conversion, so there is nothing to attribute.")
    why = None
    if paths.conversions < FEWEST_CONVERSIONS:
        why = f"{paths.conversions} conversions; an interval needs at least {FEWEST_CONVERSIONS}"
    elif not intervals:
        why = "intervals were not asked for"
    found: list[Credited] = []
    merged = sequences(paths) if set(models) - set(RULES) else None
    for model in models:
        judged = None
        if model in RULES:
            whole, groups = _by_rule(
                paths, touch_shares(paths, model, half_life_days=half_life_days)
            )
        else:
            assert merged is not None  # noqa: S101 - made where any such model is asked for
            whole, groups, judged = _fitted(merged, model, seed=seed, again=why is None)
        found.append(Credited(model, whole, _intervals(whole, groups, why), judged))
    return found


def _by_rule(paths: Paths, shares: FloatArray) -> tuple[FloatArray, list[FloatArray]]:
    """Credits of everybody, and of everybody but each group, in one reading of the touches."""
    size, path = len(paths.channels), paths.path_of_touch
    cell = paths.group[path] * size + paths.channel

    def summed(amount: FloatArray) -> FloatArray:
        return added_up(cell, shares * amount[path], GROUPS * size).reshape(GROUPS, size)

    table = np.stack([summed(paths.converted.astype(np.float64)), summed(paths.value)])
    whole = table.sum(axis=1)
    return whole, [whole - table[:, group] for group in range(GROUPS)]


def _fitted(
    found: Sequences, model: str, *, seed: int, again: bool
) -> tuple[FloatArray, list[FloatArray], HazardJudged | None]:
    if model == "data_driven":
        return _hazard(found, again=again)
    divide = _model(found, model, seed)
    whole = divide(found.counts())
    return whole, [divide(found.counts(g)) for g in range(GROUPS)] if again else [], None


def _model(found: Sequences, model: str, seed: int) -> Callable[[Counts], FloatArray]:
    if model == "shapley":
        return lambda counts: conversion_shapley(found, counts)
    if model == "shapley_rate":
        masks: IntArray = sequence_masks(found)
        return lambda counts: rate_shapley(found, counts, masks, seed=seed)
    chain = states_of(found, 2 if model == "markov_2" else 1)
    return lambda counts: markov_credits(found, chain, counts)


def _hazard(
    found: Sequences, *, again: bool
) -> tuple[FloatArray, list[FloatArray], HazardJudged | None]:
    exposure, everybody = exposure_of(found), found.counts()
    beta = fit_hazard(found, exposure, everybody)
    whole = hazard_credits(found, exposure, beta, everybody)
    if not again:
        return whole, [], None
    groups, fitted, constant, touches = [], 0.0, 0.0, 0.0
    for group in range(GROUPS):
        others = found.counts(group)
        theirs = Counts(
            everybody.converted - others.converted,
            everybody.lost - others.lost,
            everybody.value - others.value,
        )
        without = fit_hazard(found, exposure, others, start=beta)
        groups.append(hazard_credits(found, exposure, without, others))
        rate = others.converted.sum() / (others.all @ found.lengths)
        n = float(theirs.all @ found.lengths)
        done = float(theirs.converted.sum())
        fitted += log_loss(found, exposure, without, theirs)
        constant -= done * np.log(rate) + (n - done) * np.log1p(-rate) if 0 < rate < 1 else 0.0
        touches += n
    return whole, groups, HazardJudged(fitted / touches, float(constant) / touches)


def _intervals(
    whole: FloatArray, groups: Sequence[FloatArray], why: str | None
) -> tuple[Estimate, ...]:
    size = whole.shape[1]
    if why is None and any(part[0].sum() <= 0 for part in groups):
        why = "all conversions are of one group of people"
    if why is not None:
        return tuple(Estimate.missing(why, method=_METHOD) for _ in range(size))
    share = whole[0] / whole[0].sum()
    parts = np.stack([part[0] / part[0].sum() for part in groups])
    variance = (GROUPS - 1) / GROUPS * ((parts - share) ** 2).sum(axis=0)
    reach = stdtrit(GROUPS - 1, 0.5 + DEFAULT_CONFIDENCE / 2.0) * np.sqrt(variance)
    signed = bool((parts < 0.0).any())  # a model that may credit less than nothing
    return tuple(
        Estimate(
            estimate=one,
            lower=one - by if signed else max(0.0, one - by),
            upper=one + by if signed else min(1.0, one + by),
            confidence=DEFAULT_CONFIDENCE,
            method=_METHOD,
        )
        for one, by in zip(share.tolist(), reach.tolist(), strict=True)
    )
