"""How good predicted probabilities are: do they order people, and do they mean what they say?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aimwell.errors import PredictError
from aimwell.predict.holdout import quantile_buckets
from aimwell.predict.level import level_of, slope_of
from aimwell.predict.tables import BoolArray
from aimwell.stats.discrimination import TopShare, auc, top_shares
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate, Figure
from aimwell.stats.intervals import wilson
from aimwell.stats.samples import FloatArray

__all__ = [
    "CalibrationBin",
    "Judgement",
    "average_precision",
    "calibration_bins",
    "judge",
    "losses",
]

_CERTAIN = 1e-15


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """People of similar probability: what was predicted, and the share that did it."""

    people: int
    mean_predicted: float
    actual: Estimate


@dataclass(frozen=True, slots=True)
class Judgement:
    """Predicted probabilities against what people did.

    Args:
        people, positives: Everybody judged, and those who did it.
        base_rate: Share of positives.
        mean_predicted: Mean probability; far from `base_rate`, the level is wrong though the order may be right.
        level: Base rate less mean probability; 0 is right (`level.level_of`).
        slope: Whether probabilities are as far apart as they should be; 1 is right (`level.slope_of`).
        auc: Chance that of a positive and a negative the positive has the higher probability (ties half).
        average_precision: Area under precision over recall; chance gives the base rate.
        brier, log_loss: Mean squared error and mean −ln(probability of what happened).
        brier_of_base_rate, log_loss_of_base_rate: The same if everybody had the base rate.
        calibration_error: Mean distance of predicted from actual over the bins, weighted by people.
        bins: Calibration table, by rising probability.
        tops: The best tenth, two tenths … everybody.
    """

    people: int
    positives: int
    base_rate: Estimate
    mean_predicted: float
    level: Estimate
    slope: Estimate
    auc: Estimate
    average_precision: Figure
    brier: float
    brier_of_base_rate: float
    log_loss: float
    log_loss_of_base_rate: float
    calibration_error: float
    bins: tuple[CalibrationBin, ...]
    tops: tuple[TopShare, ...]


def judge(
    probabilities: FloatArray,
    outcome: BoolArray,
    *,
    bins: int = 10,
    confidence: float = DEFAULT_CONFIDENCE,
) -> Judgement:
    """Judge probabilities on people that neither fit nor calibration has seen.

    Raises:
        PredictError: Lengths differ, nobody is there, or a probability is missing or not in 0-1.
    """
    if len(probabilities) != len(outcome) or not len(outcome):
        raise PredictError(
            f"There must be one probability and one outcome per person, and somebody; found {len(probabilities)} "
            f"and {len(outcome)}."
        )
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise PredictError("Probabilities must lie between 0 and 1, none missing.")
    positives = int(outcome.sum())
    rate = positives / len(outcome)
    table = calibration_bins(probabilities, outcome, bins=bins, confidence=confidence)
    everybody = np.full(len(outcome), rate)
    return Judgement(
        people=len(outcome),
        positives=positives,
        base_rate=wilson(positives, len(outcome), confidence=confidence),
        mean_predicted=float(probabilities.mean()),
        level=level_of(probabilities, outcome, confidence=confidence),
        slope=slope_of(probabilities, outcome, confidence=confidence),
        auc=auc(probabilities, outcome, confidence=confidence),
        average_precision=average_precision(probabilities, outcome),
        brier=float(((probabilities - outcome) ** 2).mean()),
        brier_of_base_rate=rate * (1 - rate),
        log_loss=float(losses(probabilities, outcome).mean()),
        log_loss_of_base_rate=float(losses(everybody, outcome).mean()),
        calibration_error=sum(
            row.people * abs(row.mean_predicted - (row.actual.estimate or 0.0)) for row in table
        )
        / len(outcome),
        bins=table,
        tops=top_shares(probabilities, outcome),
    )


def losses(probabilities: FloatArray, outcome: BoolArray) -> FloatArray:
    """−ln of the probability given to what each person did."""
    chance = np.where(outcome, probabilities, 1 - probabilities)
    return np.asarray(-np.log(np.maximum(chance, _CERTAIN)))


def average_precision(scores: FloatArray, outcome: BoolArray) -> Figure:
    """Σ (recall gained at a score) · (precision there), equal scores taken together."""
    positives = int(outcome.sum())
    if not positives:
        return Figure(value=None, reason="nobody did it")
    order = np.argsort(-scores, kind="stable")
    last_of_score = np.append(np.diff(scores[order]) != 0, True)
    hits = np.cumsum(outcome[order])[last_of_score]
    taken = np.flatnonzero(last_of_score) + 1
    gained = np.diff(hits, prepend=0) / positives
    return Figure(value=float((gained * hits / taken).sum()))


def calibration_bins(
    probabilities: FloatArray,
    outcome: BoolArray,
    *,
    bins: int = 10,
    confidence: float = DEFAULT_CONFIDENCE,
) -> tuple[CalibrationBin, ...]:
    """Bins of about equally many people by rising probability; equal probabilities stay together."""
    code, labels = quantile_buckets(probabilities, parts=bins)
    people = np.bincount(code, minlength=len(labels))
    predicted = np.bincount(code, weights=probabilities, minlength=len(labels))
    positives = np.bincount(code, weights=outcome, minlength=len(labels))
    return tuple(
        CalibrationBin(
            people=int(n),
            mean_predicted=float(total / n),
            actual=wilson(int(hits), int(n), confidence=confidence),
        )
        for n, total, hits in zip(people, predicted, positives, strict=True)
        if n
    )
