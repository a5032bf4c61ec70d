"""Propensity: how likely a person is to do something within a horizon, learnt, calibrated and judged later in time.

Learners are fitted on the people of one moment, calibrated on scores that each person got from a model that had not
seen them, and judged on the people of a later moment. The random division of one moment, which most people report,
stands beside it: it is what a model seems to be worth before time passes.

Of few people everybody is held out once, and the model that is kept learns from all. Of many (`MANY_PEOPLE`) one fifth is held
out for good: the model learns from the others once, and those held out say when it has learnt enough and calibrate it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from aimwell.definitions.kinds.prediction import USUAL_LEARNERS, LearnerKind
from aimwell.errors import PredictError, TooLittleDataError
from aimwell.predict.ageing import Ageing, ageing_between
from aimwell.predict.calibration import Calibrator, fit_calibrator
from aimwell.predict.folds import folds
from aimwell.predict.judging import Judgement, judge, losses
from aimwell.predict.learners import BaseRates, Learner, RecencyLearner, Scorer, learners
from aimwell.predict.paired import compare_losses
from aimwell.predict.tables import BoolArray, FeatureTable
from aimwell.predict.tuning import Tuned, Tuning, tune
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate, Figure
from aimwell.stats.samples import FloatArray

__all__ = [
    "MANY_PEOPLE",
    "NEEDED_TO_JUDGE",
    "NEEDED_TO_LEARN",
    "Candidate",
    "PropensityModel",
    "PropensityResult",
    "fit_propensity",
]

NEEDED_TO_LEARN = {"people": 200, "people who did it": 50, "people who did not": 50}
NEEDED_TO_JUDGE = {"people": 100, "people who did it": 20, "people who did not": 20}

MANY_PEOPLE = 100_000
"""From more on, a fifth of them calibrates as exactly as everybody, and learning once rather than five times is what counts."""

_FOLDS = 5


@dataclass(frozen=True, slots=True)
class PropensityModel:
    """A fitted and calibrated propensity.

    Args:
        learner: What learnt it, in words.
        names: Features that it needs.
        horizon: How far ahead it looks.
        trained_as_of: The moment of the people it learnt from.
        scorer, calibrator: From features to scores, from scores to probabilities.
        ageing: How features that grow with the history are stated at later moments; None: as they are.
    """

    learner: str
    names: tuple[str, ...]
    horizon: timedelta
    trained_as_of: datetime
    scorer: Scorer
    calibrator: Calibrator
    ageing: Ageing | None = None

    def predict(self, table: FeatureTable) -> FloatArray:
        """The probability (0-1) of each row of the table to do it within the horizon after the table's moment.

        Raises:
            PredictError: The table lacks a feature or is made for another horizon.
        """
        if table.horizon != self.horizon:
            raise PredictError(
                f"The model looks {self.horizon.days} days ahead, the table {table.horizon.days} days. "
                "Train a model for that horizon."
            )
        return self.calibrator.apply(self.scorer.score(self.rows(table)))

    def rows(self, table: FeatureTable) -> FloatArray:
        """What the scorer reads: the features it needs, in units of the moment of learning."""
        values = table.matrix(self.names)
        if self.ageing is None:
            return values
        later_days = (table.as_of - self.trained_as_of) / timedelta(days=1)
        return self.ageing.stated(values, self.names, later_days=later_days)

    @property
    def influences(self) -> tuple[tuple[str, float], ...]:
        """Features by falling share (0-1) in what tells people apart; a description, not a cause."""
        shares = self.scorer.influences(len(self.names))
        pairs = [(name, float(share)) for name, share in zip(self.names, shares, strict=True)]
        return tuple(sorted(pairs, key=lambda pair: -pair[1]))


@dataclass(frozen=True, slots=True)
class Candidate:
    """One learner's model and how it did.

    Args:
        later: On the people of the later moment.
        random_split: On people of the training moment who were held out at random: each once, or of many a fifth.
        extra_loss: Mean log loss later, above that of the best candidate, person by person; 0 for the best.
        tuned: What a search for settings found; None where none was asked for, or there is nothing to set.
    """

    model: PropensityModel
    later: Judgement
    random_split: Judgement
    extra_loss: Estimate
    tuned: Tuned | None = None

    @property
    def optimism(self) -> Figure:
        """By how much the random division flatters: its AUC less the later AUC."""
        seeming, real = self.random_split.auc, self.later.auc
        if seeming.estimate is None or real.estimate is None:
            return Figure(value=None, reason=seeming.reason or real.reason)
        return Figure(value=seeming.estimate - real.estimate)


@dataclass(frozen=True, slots=True)
class PropensityResult:
    """The chosen candidate, why, and all of them, the simplest first."""

    chosen: Candidate
    reason: str
    candidates: tuple[Candidate, ...]

    @property
    def model(self) -> PropensityModel:
        """The model of the chosen candidate."""
        return self.chosen.model


def fit_propensity(
    train: FeatureTable,
    later: FeatureTable,
    *,
    recency: str | None = None,
    kinds: Sequence[LearnerKind] = USUAL_LEARNERS,
    seed: int = 0,
    tuning: Tuning | None = None,
    confidence: float = DEFAULT_CONFIDENCE,
    what: str = "a propensity",
    advice: str = "Take a longer horizon, or more people.",
) -> PropensityResult:
    """Fit all learners, judge them later in time, choose the simplest within noise of the best.

    The later people both choose and judge. With three candidates and a choice that leans to the simplest this flatters
    by far less than the judgement's own interval.

    Args:
        train: People to learn from, with outcomes.
        later: People of a later moment, with outcomes; the training outcomes must have ended by then.
        recency: The feature whose bands make the rule that models have to beat; None: one share for everybody.
        kinds: Which learners try; the rule always does.
        seed: Of every division and of the trees.
        tuning: How long to look for better settings among the people to learn from; None: the usual ones.
        confidence: Of all intervals, and of what counts as noise.
        what, advice: Words for too little data: for what it is, and what to do.

    Raises:
        TooLittleDataError: Too few people, positives or negatives to learn or to judge.
        PredictError: The moments overlap, the horizons differ, features are absent, or none of them varies.
    """
    _check_moments(train, later)
    for task, table, needed in (
        ("learning", train, NEEDED_TO_LEARN),
        ("judging on a later period", later, NEEDED_TO_JUDGE),
    ):
        _check_enough(f"{what} ({task})", table.happened, needed, advice)
    _check_varies(train)
    if recency is not None and recency not in train.names:
        raise PredictError(
            f"No feature named '{recency}' to band people by. Features: {', '.join(train.names)}."
        )
    column = None if recency is None else train.names.index(recency)
    many = len(train) > MANY_PEOPLE
    whole = learners(column, ("rule", *kinds), many=many)
    turns = sum(1 for learner in whole if learner.settings)
    within = None if tuning is None or not turns else tuning.share(turns)
    fit = _fitted_once if many else _fitted
    ageing = ageing_between(
        train.oldest_days,
        later.oldest_days,
        elapsed_days=(later.as_of - train.as_of) / timedelta(days=1),
    )
    fitted = [fit(learner, train, ageing=ageing, seed=seed, within=within) for learner in whole]
    predicted = [one.model.predict(later) for one in fitted]
    later_losses = [losses(chances, later.happened) for chances in predicted]
    compared = compare_losses(later_losses, confidence=confidence)
    candidates = tuple(
        Candidate(
            model=one.model,
            later=judge(chances, later.happened, confidence=confidence),
            random_split=judge(one.held_out, one.held_outcome, confidence=confidence),
            extra_loss=extra,
            tuned=one.tuned,
        )
        for one, chances, extra in zip(fitted, predicted, compared.extra, strict=True)
    )
    chosen = candidates[compared.chosen]
    return PropensityResult(chosen, _reason(chosen, candidates[compared.best]), candidates)


@dataclass(frozen=True, slots=True)
class _Fitted:
    """A calibrated model, and probabilities that people got while held out beside what they did."""

    model: PropensityModel
    held_out: FloatArray
    held_outcome: BoolArray
    tuned: Tuned | None


def _fitted(
    learner: Learner,
    train: FeatureTable,
    *,
    ageing: Ageing | None,
    seed: int,
    within: Tuning | None,
) -> _Fitted:
    """The model of everybody, each of whom is held out once to calibrate it."""
    values, outcome = train.values, train.happened
    # Settings are chosen once, by everybody. That shows a fold one number about those whom it holds out, and spares
    # choosing anew in each.
    tuned = None
    if within is not None and learner.settings:
        learner, tuned = tune(learner, values, outcome, within=within, seed=seed)
    else:
        learner = learner.tuned(values, outcome, seed=seed)
    held_out = np.empty(len(outcome))
    for learn, held in folds(outcome, count=_FOLDS, seed=seed + 1):
        held_out[held] = learner.fit(values[learn], outcome[learn]).score(values[held])
    scorer = learner.fit(values, outcome)
    return _calibrated(learner, train, ageing, scorer, held_out, outcome, tuned)


def _fitted_once(
    learner: Learner,
    train: FeatureTable,
    *,
    ageing: Ageing | None,
    seed: int,
    within: Tuning | None,
) -> _Fitted:
    """The model of four fifths of many people; the others say when it has learnt enough, and calibrate it.

    One number chosen on twenty thousand people or more shows nothing of them that calibration could tell from chance.
    """
    values, outcome = train.values, train.happened
    learn, held = next(folds(outcome, count=_FOLDS, seed=seed + 1))
    tuned = None
    if within is not None and learner.settings:
        learner, tuned = tune(learner, values[learn], outcome[learn], within=within, seed=seed)
    elif not learner.watches:
        learner = learner.tuned(values[learn], outcome[learn], seed=seed)
    held_values, held_outcome = values[held], outcome[held]
    learner, scorer = learner.fit_watching(
        values[learn], outcome[learn], held_values, held_outcome, seed=seed
    )
    if tuned is not None:
        tuned = replace(tuned, settings=learner.settings)
    held_out = scorer.score(held_values)
    return _calibrated(learner, train, ageing, scorer, held_out, held_outcome, tuned)


def _calibrated(
    learner: Learner,
    train: FeatureTable,
    ageing: Ageing | None,
    scorer: Scorer,
    held_out: FloatArray,
    held_outcome: BoolArray,
    tuned: Tuned | None,
) -> _Fitted:
    # Shares of counted people mean what they say without help.
    counted = isinstance(learner, RecencyLearner)
    calibrator = Calibrator() if counted else fit_calibrator(held_out, held_outcome)
    model = PropensityModel(
        learner=learner.name,
        names=train.names,
        horizon=train.horizon,
        trained_as_of=train.as_of,
        scorer=scorer,
        calibrator=calibrator,
        ageing=ageing,
    )
    return _Fitted(model, calibrator.apply(held_out), held_outcome, tuned)


def _reason(chosen: Candidate, best: Candidate) -> str:
    name, loss = chosen.model.learner, chosen.later.log_loss
    are, has = ("are", "their") if name.endswith("s") else ("is", "its")
    if isinstance(chosen.model.scorer, BaseRates):
        return (
            f"No model beats the {name} on the later period by more than chance (log loss {loss:.4f}, of the best "
            f"{best.later.log_loss:.4f}): the features tell little beyond it."
        )
    if chosen is best:
        return (
            f"The {name} {are} the best on the later period by log loss ({loss:.4f}), and what is simpler is worse by "
            "more than chance."
        )
    return (
        f"The {name} {are} the simplest within chance of the best on the later period: {has} log loss is {loss:.4f}, "
        f"that of the {best.model.learner} {best.later.log_loss:.4f}."
    )


def _check_moments(train: FeatureTable, later: FeatureTable) -> None:
    if train.horizon != later.horizon:
        raise PredictError(
            f"Both tables need the same horizon; found {train.horizon} and {later.horizon}."
        )
    ended = train.as_of + train.horizon
    if later.as_of < ended:
        raise PredictError(
            f"The later table is cut at {later.as_of:%Y-%m-%d %H:%M %Z}, before the training outcomes end "
            f"({ended:%Y-%m-%d %H:%M %Z}). A model must be judged on people of a time after what it has learnt from; "
            "cut the later table at that moment or after it."
        )


def _check_enough(what: str, outcome: BoolArray, needed: dict[str, int], advice: str) -> None:
    positives = int(outcome.sum())
    present = {
        "people": len(outcome),
        "people who did it": positives,
        "people who did not": len(outcome) - positives,
    }
    if any(present[name] < needed[name] for name in needed):
        raise TooLittleDataError(what, needed=needed, present=present, advice=advice)


def _check_varies(train: FeatureTable) -> None:
    if not any(_varies(train.values[:, place]) for place in range(len(train.names))):
        raise PredictError(
            f"None of the {len(train.names)} features differs between people, so there is nothing to learn from. "
            "Add features, or check the moment that cuts them."
        )


def _varies(column: FloatArray) -> bool:
    known = column[~np.isnan(column)]
    return 0 < len(known) < len(column) or (len(known) > 0 and bool(known.min() < known.max()))
