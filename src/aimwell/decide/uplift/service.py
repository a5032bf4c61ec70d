"""What an experiment says of uplift: how much on average, whether learners can tell who responds, and how well they are calibrated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from aimwell.decide.uplift.averages import mean_error, mean_of, median_of
from aimwell.decide.uplift.bases import Base, RidgeBase, TreesBase
from aimwell.decide.uplift.checking import Band, Calibration, bands, calibration
from aimwell.decide.uplift.curves import auuc, qini, uplift_at
from aimwell.decide.uplift.data import ExperimentData, IntArray
from aimwell.decide.uplift.learners import UpliftLearner
from aimwell.decide.uplift.persons import GroupFigures, certainties, four_groups, half_samples
from aimwell.decide.uplift.problem import Problem, aipw_scores, dealt, prepared, problem_of
from aimwell.decide.uplift.ranking import rate
from aimwell.decide.uplift.scikit_uplift import qini_auc_score, uplift_auc_score
from aimwell.errors import DecideError, nearest
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate, Figure
from aimwell.stats.multiplicity import holm
from aimwell.stats.samples import FloatArray

__all__ = ["LearnerFigures", "UpliftReport", "named_learners", "uplift_report"]

_PARTS = 4
_HALVES = 20
_TOP = 0.3
_MATTERS = 0.1
_ALPHA = 0.05
_EVEN = 1e-6


def named_learners() -> dict[str, UpliftLearner]:
    """The learners that are tried, by the names that the command takes."""
    ridge = {kind.lower(): UpliftLearner(kind) for kind in ("S", "T", "X", "R", "DR")}
    return ridge | {
        "s-trees": UpliftLearner("S", TreesBase()),
        "dr-trees": UpliftLearner("DR", TreesBase(), RidgeBase()),
    }


@dataclass(frozen=True, slots=True)
class LearnerFigures:
    """One learner, judged on people it did not learn from.

    Args:
        learner: Its name.
        qini, auuc: By our definitions (`curves`); missing where arms were not drawn by one chance for all, for they take
            people as they are.
        uplift_at_top: Among the three tenths with the highest scores.
        autoc: Rank-weighted average effect, with interval; above 0: the order is worth something.
        slope: Of actual on predicted effects; 1 is right.
        scikit_uplift: Its `qini_auc_score` and `uplift_auc_score`, for outcomes of yes and no.
    """

    learner: str
    qini: Figure
    auuc: Figure
    uplift_at_top: Figure
    autoc: Estimate
    slope: Estimate
    scikit_uplift: dict[str, float | None]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class UpliftReport:
    """One arm against the control.

    Args:
        arm: Which.
        outcome: Of what.
        people: Treated and controls.
        without, with_: Mean outcome if nobody, and if everybody, got the arm.
        effect: The difference, per person.
        learners: What each learner's order is worth; the best by AUTOC first.
        told: Whether the best one's order is worth something beyond chance, for all learners that were tried (Holm, 5 %).
        chosen: The learner of the tables below.
        bands: Tenths by its prediction.
        calibration: Of its predictions.
        groups: The four groups by it.
        matters: Effect from which on a person counts as moved.
        cautions: What must be known of the data.
    """

    arm: str
    outcome: str
    people: int
    without: Estimate
    with_: Estimate
    effect: Estimate
    learners: tuple[LearnerFigures, ...]
    told: bool
    chosen: str
    bands: tuple[Band, ...]
    calibration: Calibration
    groups: tuple[GroupFigures, ...]
    matters: float
    cautions: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def uplift_report(
    data: ExperimentData,
    outcome: str,
    *,
    arm: str | None = None,
    learners: Sequence[str] = (),
    matters: float | None = None,
    confidence: float = DEFAULT_CONFIDENCE,
    seed: int = 0,
) -> UpliftReport:
    """What one arm does, and to whom.

    Args:
        data: The experiment.
        outcome: Of what.
        arm: Which; default: the first that is no control.
        learners: Names of `named_learners`; none: those by ridge.
        matters: Effect from which on a person counts as moved, as what contact costs over what the outcome is worth; default: a
            tenth of the mean outcome without contact.
        confidence: Of the intervals.
        seed: Same people and seed, same report.

    Raises:
        DecideError: There is no such arm, outcome or learner.
    """
    pair = data.only([data.arms[0], arm or data.arms[1]])
    known = named_learners()
    names = list(learners) or [name for name in known if not name.endswith("trees")]
    for name in names:
        if name not in known:
            raise DecideError(f"There is no learner '{name}'. {nearest(name, list(known))}")
    problem = problem_of(pair, pair.outcome(outcome), values=prepared(pair)[1])
    part = dealt(pair.arm, count=_PARTS, seed=seed, cluster=pair.cluster)
    scores = _scores(problem, part, RidgeBase(), seed)
    effects = scores[:, 1] - scores[:, 0]
    predicted = {name: _predicted(known[name], problem, part, seed) for name in names}
    figures = {
        name: _figures(known[name].name, problem, effects, values, confidence, seed)
        for name, values in predicted.items()
    }
    order = sorted(names, key=lambda name: -(figures[name].autoc.estimate or -np.inf))
    best = order[0]
    least = _MATTERS * abs(float(scores[:, 0].mean())) if matters is None else matters
    groups = _groups(known[best], problem, part, scores, predicted[best], least, confidence, seed)

    without, with_, effect = _averages(pair, problem, scores, confidence, seed)
    return UpliftReport(
        arm=pair.arms[1],
        outcome=outcome,
        people=len(pair),
        without=without,
        with_=with_,
        effect=effect,
        learners=tuple(figures[name] for name in order),
        told=_told([figures[name].autoc for name in order]),
        chosen=figures[best].learner,
        bands=bands(effects, predicted[best], confidence=confidence),
        calibration=calibration(effects, predicted[best], confidence=confidence),
        groups=groups,
        matters=least,
        cautions=data.cautions,
    )


def _averages(
    pair: ExperimentData, problem: Problem, scores: FloatArray, confidence: float, seed: int
) -> tuple[Estimate, Estimate, Estimate]:
    """Without contact, with it, and the difference; where propensities are estimates over all their cross-fittings."""

    def columns(one: FloatArray) -> tuple[FloatArray, ...]:
        return one[:, 0], one[:, 1], one[:, 1] - one[:, 0]

    if pair.estimated is None:
        first, second, third = (
            mean_of(one, weight=pair.weight, cluster=pair.cluster, confidence=confidence)
            for one in columns(scores)
        )
        return first, second, third
    found = []
    for number in range(pair.estimated.shape[2]):
        part = dealt(pair.arm, count=_PARTS, seed=seed + number, cluster=pair.cluster)
        again = replace(problem, propensity=pair.estimated[:, :, number])
        found.append(
            [
                mean_error(one, weight=pair.weight, cluster=pair.cluster)
                for one in columns(_scores(again, part, RidgeBase(), seed))
            ]
        )
    first, second, third = (
        median_of(figures, confidence=confidence) for figures in zip(*found, strict=True)
    )
    return first, second, third


def _scores(problem: Problem, part: IntArray, base: Base, seed: int) -> FloatArray:
    """Doubly robust scores by outcome models that did not see the person's part."""
    expected = np.empty((len(problem), problem.arms))
    for number in range(_PARTS):
        held = part == number
        for arm in range(problem.arms):
            model = problem.of_arm(base, arm, seed=seed, rows=~held)
            expected[held, arm] = model.predict(problem.values[held])
    return aipw_scores(expected, problem.arm, problem.outcome, problem.propensity)


def _predicted(learner: UpliftLearner, problem: Problem, part: IntArray, seed: int) -> FloatArray:
    """The uplift of each person by a learner that did not see the person's part."""
    found = np.empty(len(problem))
    for number in range(_PARTS):
        held = part == number
        model = learner.fit(problem.take(~held), seed=seed)
        found[held] = model.effects(problem.values[held])[:, 0]
    return found


def _figures(
    name: str,
    problem: Problem,
    effects: FloatArray,
    predicted: FloatArray,
    confidence: float,
    seed: int,
) -> LearnerFigures:
    outcome, treated = problem.outcome, problem.arm
    theirs: dict[str, float | None] = {}
    even = bool(np.ptp(problem.propensity, axis=0).max() < _EVEN)
    if even and np.isin(outcome, (0.0, 1.0)).all():
        theirs = {
            "qini_auc_score": qini_auc_score(outcome, treated, predicted).value,
            "uplift_auc_score": uplift_auc_score(outcome, treated, predicted).value,
        }
    uneven = Figure(value=None, reason="people had different probabilities of the arm")
    return LearnerFigures(
        learner=name,
        qini=Figure(value=qini(outcome, treated, predicted)) if even else uneven,
        auuc=Figure(value=auuc(outcome, treated, predicted)) if even else uneven,
        uplift_at_top=uplift_at(outcome, treated, predicted, share=_TOP) if even else uneven,
        autoc=rate(effects, predicted, seed=seed, confidence=confidence),
        slope=calibration(effects, predicted, confidence=confidence).slope,
        scikit_uplift=theirs,
    )


def _told(orders: Sequence[Estimate]) -> bool:
    adjusted = holm([one.p_value for one in orders])[0]
    return adjusted is not None and adjusted <= _ALPHA and (orders[0].estimate or 0.0) > 0


def _groups(
    learner: UpliftLearner,
    problem: Problem,
    part: IntArray,
    scores: FloatArray,
    predicted: FloatArray,
    matters: float,
    confidence: float,
    seed: int,
) -> tuple[GroupFigures, ...]:
    error, untouched = np.empty(len(problem)), np.empty(len(problem))
    for number in range(_PARTS):
        held = part == number
        known = problem.take(~held)
        at = problem.values[held]
        error[held] = half_samples(learner, known, at=at, draws=_HALVES, seed=seed)[:, 0]
        untouched[held] = known.of_arm(RidgeBase(), 0, seed=seed).predict(at)
    certain = certainties(
        predicted, error, untouched, matters=matters, likely=float(scores[:, 0].mean())
    )
    return four_groups(certain, scores, confidence=confidence)[1]
