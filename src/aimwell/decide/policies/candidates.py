"""Policies that may be chosen: constant ones, rules, the likeliest first, and the best arm by a learner of uplift.

A candidate learns from some people and then decides for others. What it decides is an arm's place: 0 is nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from aimwell.decide.uplift.bases import Base, RidgeBase, TreesBase
from aimwell.decide.uplift.data import NOTHING, IntArray
from aimwell.decide.uplift.learners import EffectModel, UpliftLearner
from aimwell.decide.uplift.problem import Problem, aipw_scores
from aimwell.stats.samples import FloatArray

__all__ = [
    "CandidateKind",
    "Constant",
    "Decider",
    "LikeliestFirst",
    "People",
    "PolicyCandidate",
    "Rule",
    "Training",
    "UpliftPolicy",
    "constant_candidates",
    "segment_rule",
    "usual_learners",
]

CandidateKind = Literal["constant", "rule", "likeliest first", "uplift"]

_SHARES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """Those who are decided for.

    Args:
        names: Of the features.
        features: As they are; NaN: missing.
        values: Prepared.
        members: Segment → who is in it, for rules.
    """

    names: tuple[str, ...]
    features: FloatArray
    values: FloatArray
    members: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)

    def take(self, rows: NDArray[Any]) -> People:
        """Only these."""
        members = {name: who[rows] for name, who in self.members.items()}
        return People(self.names, self.features[rows], self.values[rows], members)


@dataclass(frozen=True, slots=True, eq=False)
class Training:
    """What a candidate learns from.

    Args:
        problem: An experiment whose outcome is the profit.
        people: The same people.
        response: What they did, as yes and no or an amount.
        seed: Same training, same policy.
    """

    problem: Problem
    people: People
    response: FloatArray
    seed: int


class Decider(Protocol):
    """A policy that has learnt what it needs."""

    def decide(self, people: People) -> IntArray:
        """An arm's place for each person."""


class PolicyCandidate(Protocol):
    """A policy before it has learnt."""

    @property
    def name(self) -> str:
        """As it is shown."""

    @property
    def kind(self) -> CandidateKind:
        """What sort of policy."""

    def learn(self, training: Training, /) -> Decider:
        """Learn from an experiment."""


@dataclass(frozen=True, slots=True)
class Constant:
    """The same for everybody."""

    arm: int
    name: str
    kind: CandidateKind = field(default="constant", init=False)

    def learn(self, _training: Training, /) -> Constant:
        """Nothing is learnt."""
        return self

    def decide(self, people: People) -> IntArray:
        """The arm."""
        return np.full(len(people.values), self.arm, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Rule:
    """What somebody thought of: `decides` gives an arm's place for each of the people."""

    name: str
    decides: Callable[[People], IntArray]
    kind: CandidateKind = field(default="rule", init=False)

    def learn(self, _training: Training, /) -> Rule:
        """Nothing is learnt."""
        return self

    def decide(self, people: People) -> IntArray:
        """As the rule says."""
        return np.asarray(self.decides(people), dtype=np.int64)


def segment_rule(segment: str, arm: str, place: int) -> Rule:
    """Members of a segment get an arm, others nothing."""

    def decides(people: People) -> IntArray:
        return np.where(people.members[segment], place, 0).astype(np.int64)

    return Rule(f"segment {segment}: {arm}", decides)


@dataclass(frozen=True, slots=True)
class LikeliestFirst:
    """The usual way: whoever is likeliest to respond gets the best arm, down to the share that pays best.

    A model of the response among the treated orders people; how many get it is chosen on the people learnt from, by doubly
    robust profit.
    """

    base: Base = field(default_factory=RidgeBase)
    kind: CandidateKind = field(default="likeliest first", init=False)

    @property
    def name(self) -> str:
        """As it is shown."""
        return "likeliest buyers first"

    def learn(self, training: Training, /) -> _Above:
        """Fit the response of the treated, choose arm and share."""
        problem = training.problem
        treated = problem.arm > 0
        weight = None if problem.weight is None else problem.weight[treated]
        model = self.base.fit(
            problem.values[treated],
            training.response[treated],
            weight=weight,
            seed=training.seed,
        )
        likely = model.predict(problem.values)
        scores = aipw_scores(
            problem.foretold(self.base, seed=training.seed),
            problem.arm,
            problem.outcome,
            problem.propensity,
        )
        gains = scores[:, 1:] - scores[:, :1]
        best = (-np.inf, 1, np.inf)
        edges = [*np.quantile(likely, [1 - share for share in _SHARES]), -np.inf]
        for edge in edges:
            gained = gains[likely >= edge].sum(axis=0)
            arm = int(gained.argmax())
            if gained[arm] > best[0]:
                best = (float(gained[arm]), arm + 1, float(edge))
        return _Above(model, best[1], best[2])


@dataclass(frozen=True, slots=True)
class _Above:
    model: Any
    arm: int
    edge: float

    def decide(self, people: People) -> IntArray:
        return np.where(self.model.predict(people.values) >= self.edge, self.arm, 0).astype(
            np.int64
        )


@dataclass(frozen=True, slots=True)
class UpliftPolicy:
    """The arm that a learner expects to add most profit, or nothing where none adds any."""

    learner: UpliftLearner
    kind: CandidateKind = field(default="uplift", init=False)

    @property
    def name(self) -> str:
        """As "uplift: DR, ridge"."""
        return f"uplift: {self.learner.name}"

    def learn(self, training: Training, /) -> _Best:
        """Fit the learner to the profit."""
        return _Best(self.learner.fit(training.problem, seed=training.seed))


@dataclass(frozen=True, slots=True)
class _Best:
    model: EffectModel

    def decide(self, people: People) -> IntArray:
        effects = self.model.effects(people.values)
        best = effects.argmax(axis=1)
        pays = effects[np.arange(len(effects)), best] > 0
        return np.where(pays, best + 1, 0).astype(np.int64)


def constant_candidates(arms: Sequence[str]) -> tuple[Constant, ...]:
    """Nobody, and everybody with each arm."""
    return (
        Constant(0, NOTHING),
        *(Constant(place, f"everyone: {arm}") for place, arm in enumerate(arms) if place),
    )


def usual_learners(*, trees: bool = True) -> tuple[PolicyCandidate, ...]:
    """The likeliest first, and each learner by ridge; with `trees` two by boosted trees, which take most of the time."""
    ridge = [UpliftPolicy(UpliftLearner(kind)) for kind in ("S", "T", "X", "R", "DR")]
    grown = [
        UpliftPolicy(UpliftLearner("S", TreesBase())),
        UpliftPolicy(UpliftLearner("DR", TreesBase())),
    ]
    return (LikeliestFirst(), *ridge, *(grown if trees else []))
