"""Learners of uplift: what each arm adds to a person's outcome over the control, for any number of arms and any base.

| name | how it learns |
|---|---|
| S | one model of the outcome with the arm among its features; the difference of its two answers |
| T | a model for each arm; the difference |
| X | what each person gained by the other arm's model, learnt apart in both arms and weighed by the arms' shares |
| R | what is left of the outcome on what is left of the treatment, by squares |
| DR | the doubly robust score of each person on the features |

Sources: Künzel, Sekhon, Bickel and Yu (2019), Metalearners for estimating heterogeneous treatment effects, equations 1 to 9 (S, T,
X); Nie and Wager (2021), Quasi-oracle estimation of heterogeneous treatment effects, equation 4 (R); Kennedy (2023),
algorithm 1 (DR). With several arms X and R compare each with the control alone; DR uses everybody for each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np

from aimwell.decide.uplift.bases import Base, Fitted, RidgeBase, RidgeFit
from aimwell.decide.uplift.problem import Problem, aipw_scores, as_marks
from aimwell.errors import DecideError, nearest
from aimwell.stats.samples import FloatArray
from aimwell.stats.threads import one_blas_thread

__all__ = ["KINDS", "EffectModel", "Kind", "UpliftLearner", "ridge_errors"]

Kind = Literal["S", "T", "X", "R", "DR"]


class EffectModel(Protocol):
    """What a learner has learnt."""

    def effects(self, values: FloatArray) -> FloatArray:
        """Prepared people × (arms − 1): what each arm adds over the control."""


@dataclass(frozen=True, slots=True)
class UpliftLearner:
    """A learner with its parts.

    Args:
        kind: Which.
        base: Of the outcome models.
        final: Of the last step, which learns effects; S and T have none. Default: ridge, for effects are faint.
    """

    kind: Kind
    base: Base = field(default_factory=RidgeBase)
    final: Base = field(default_factory=RidgeBase)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise DecideError(
                f"There is no learner '{self.kind}'. {nearest(self.kind, list(KINDS))}"
            )

    @property
    def name(self) -> str:
        """As "DR, ridge" or "X, trees then ridge"."""
        if self.kind in ("S", "T") or self.base.name == self.final.name:
            return f"{self.kind}, {self.base.name}"
        return f"{self.kind}, {self.base.name} then {self.final.name}"

    def fit(self, problem: Problem, *, seed: int) -> EffectModel:
        """Learn from an experiment; same people and seed, same model, which the problem keeps."""
        key = (self, seed)
        if key not in problem.learnt:
            problem.learnt[key] = KINDS[self.kind](problem, self.base, self.final, seed)
        found: EffectModel = problem.learnt[key]
        return found


@dataclass(frozen=True, slots=True)
class _Single:
    model: Fitted
    arms: int
    crossed: bool

    def effects(self, values: FloatArray) -> FloatArray:
        answers = [
            self.model.predict(
                _with_arm(values, np.full(len(values), arm), self.arms, self.crossed)
            )
            for arm in range(self.arms)
        ]
        return np.column_stack([answer - answers[0] for answer in answers[1:]])


def _with_arm(values: FloatArray, arm: np.ndarray, arms: int, crossed: bool) -> FloatArray:
    """The columns, a mark for each arm but the control and, where the base is linear, their products."""
    marks = as_marks(arm, range(1, arms))
    products = [values * marks[:, [place]] for place in range(arms - 1)] if crossed else []
    return np.column_stack([values, marks, *products])


def _fit_s(problem: Problem, base: Base, _final: Base, seed: int) -> EffectModel:
    if isinstance(base, RidgeBase):
        return _crossed_line(problem, base)
    rows = _with_arm(problem.values, problem.arm, problem.arms, base.linear)
    model = base.fit(rows, problem.outcome, weight=problem.weight, seed=seed)
    return _Single(model, problem.arms, base.linear)


@dataclass(frozen=True, slots=True)
class _Slopes:
    """What each arm adds as a straight line: constants + values · slopes."""

    slopes: FloatArray
    constants: FloatArray

    def effects(self, values: FloatArray) -> FloatArray:
        return np.asarray(values @ self.slopes + self.constants, dtype=np.float64)


def _crossed_line(problem: Problem, base: RidgeBase) -> _Slopes:
    """The line through the columns of `_with_arm`, whose products are sums over each arm's people; they are never written out."""
    k, arms = problem.values.shape[1], problem.arms
    width = k + (arms - 1) * (k + 1)
    weight = np.ones(len(problem)) if problem.weight is None else problem.weight
    total = float(weight.sum())
    mean = float(weight @ problem.outcome) / total
    gram, aligned, sums = np.zeros((width, width)), np.zeros(width), np.zeros(width)
    with one_blas_thread():
        for arm in range(arms):
            rows = np.flatnonzero(problem.arm == arm)
            values, share = problem.values[rows], weight[rows]
            weighted = values * share[:, None]
            left = problem.outcome[rows] - mean
            products, along = weighted.T @ values, weighted.T @ left
            column, size = weighted.sum(axis=0), float(share.sum())
            gram[:k, :k] += products
            aligned[:k] += along
            sums[:k] += column
            if arm:
                mark, first = k + arm - 1, k + arms - 1 + (arm - 1) * k
                own = slice(first, first + k)
                gram[own, own] = gram[:k, own] = gram[own, :k] = products
                gram[mark, mark] = size
                for place in (slice(0, k), own):
                    gram[mark, place] = gram[place, mark] = column
                aligned[own], aligned[mark] = along, share @ left
                sums[own], sums[mark] = column, size
        centre = sums / total
        gram -= total * np.outer(centre, centre)
    squares = np.array([float(weight @ (problem.outcome - mean) ** 2)])
    (line,) = base.solved(
        gram, aligned[:, None], squares, centre, np.array([mean]), people=len(problem)
    )
    slopes = line.weights[k + arms - 1 :].reshape(arms - 1, k).T
    return _Slopes(slopes, line.weights[k : k + arms - 1])


@dataclass(frozen=True, slots=True)
class _Differences:
    models: tuple[Fitted, ...]

    def effects(self, values: FloatArray) -> FloatArray:
        without = self.models[0].predict(values)
        return np.column_stack([one.predict(values) - without for one in self.models[1:]])


def _fit_t(problem: Problem, base: Base, _final: Base, seed: int) -> EffectModel:
    return _Differences(tuple(problem.of_arm(base, a, seed=seed) for a in range(problem.arms)))


@dataclass(frozen=True, slots=True)
class _Weighed:
    """For each arm the effect learnt among the treated and among the controls, and the weight of the latter."""

    pairs: tuple[tuple[Fitted, Fitted, float], ...]

    def effects(self, values: FloatArray) -> FloatArray:
        return np.column_stack(
            [
                share * controls.predict(values) + (1 - share) * treated.predict(values)
                for treated, controls, share in self.pairs
            ]
        )


def _fit_x(problem: Problem, base: Base, final: Base, seed: int) -> EffectModel:
    foretold = problem.foretold(base, seed=seed)
    pairs = []
    for arm in range(1, problem.arms):
        got, held = problem.arm == arm, problem.arm == 0
        gained = problem.outcome[got] - foretold[got, 0]
        missed = foretold[held, arm] - problem.outcome[held]
        treated = _fit_rows(problem, final, got, gained, seed)
        controls = _fit_rows(problem, final, held, missed, seed)
        # Künzel's g: any weight between 0 and 1 is right; the share of the treated favours the larger arm's model.
        odds = problem.propensity[:, arm].mean(), problem.propensity[:, 0].mean()
        pairs.append((treated, controls, float(odds[0] / (odds[0] + odds[1]))))
    return _Weighed(tuple(pairs))


@dataclass(frozen=True, slots=True)
class _Finals:
    models: tuple[Fitted, ...]

    def effects(self, values: FloatArray) -> FloatArray:
        return np.column_stack([one.predict(values) for one in self.models])


def _fit_r(problem: Problem, base: Base, final: Base, seed: int) -> EffectModel:
    foretold = problem.foretold(base, seed=seed)
    models = []
    for arm in range(1, problem.arms):
        pair = (problem.arm == arm) | (problem.arm == 0)
        both = problem.propensity[pair, arm] + problem.propensity[pair, 0]
        share = problem.propensity[pair, arm] / both
        usual = share * foretold[pair, arm] + (1 - share) * foretold[pair, 0]
        left = (problem.arm[pair] == arm) - share
        weight = left**2 if problem.weight is None else left**2 * problem.weight[pair]
        ratio = (problem.outcome[pair] - usual) / left
        models.append(final.fit(problem.values[pair], ratio, weight=weight, seed=seed))
    return _Finals(tuple(models))


def _fit_dr(problem: Problem, base: Base, final: Base, seed: int) -> EffectModel:
    scores = _scores(problem, base, seed)
    gains = scores[:, 1:] - scores[:, :1]
    if isinstance(final, RidgeBase):
        return _Finals(final.fit_each(problem.values, gains, weight=problem.weight))
    everybody = np.ones(len(problem), dtype=bool)
    return _Finals(tuple(_fit_rows(problem, final, everybody, gain, seed) for gain in gains.T))


def _scores(problem: Problem, base: Base, seed: int) -> FloatArray:
    foretold = problem.foretold(base, seed=seed)
    return aipw_scores(foretold, problem.arm, problem.outcome, problem.propensity)


def _fit_rows(
    problem: Problem, base: Base, rows: np.ndarray, target: FloatArray, seed: int
) -> Fitted:
    weight = None if problem.weight is None else problem.weight[rows]
    return base.fit(problem.values[rows], target, weight=weight, seed=seed)


KINDS: dict[str, Callable[[Problem, Base, Base, int], EffectModel]] = {
    "S": _fit_s,
    "T": _fit_t,
    "X": _fit_x,
    "R": _fit_r,
    "DR": _fit_dr,
}
"""The learners by name."""


def ridge_errors(
    learner: UpliftLearner, problem: Problem, *, at: FloatArray, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Effects at the rows `at` by a DR learner whose last step is ridge, and their standard errors by the sandwich.

    Both people × (arms − 1). The errors are of the best straight line of the effect, not of what the line leaves out, nor of
    the bias of the penalty.

    Raises:
        DecideError: It is another learner.
    """
    if learner.kind != "DR" or not isinstance(learner.final, RidgeBase):
        raise DecideError(
            f"The sandwich is of the DR learner by ridge, not of {learner.name}. Use half samples for others."
        )
    model = learner.fit(problem, seed=seed)
    assert isinstance(model, _Finals)  # noqa: S101 - what DR gives
    scores = _scores(problem, learner.base, seed)
    errors = [
        one.errors(problem.values, scores[:, arm] - scores[:, 0], at=at, weight=problem.weight)
        for arm, one in enumerate(model.models, start=1)
        if isinstance(one, RidgeFit)
    ]
    return model.effects(at), np.column_stack(errors)
