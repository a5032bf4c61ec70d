"""Candidates judged on people whom they did not learn from.

People are dealt out to parts (`problem.dealt`). For each part the candidates, and the model of rewards that the doubly robust
score leans on, learn from the other parts and are judged on this one; the parts together are everybody. A value is thus that of
the way of choosing, learnt from (parts − 1) / parts of the people. How people happen to be dealt out moves values by about as much as
their noise; with `repeats` that is averaged out: what is judged then is a policy drawn at random from those learnt.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimwell.decide.policies.candidates import CandidateKind, People, PolicyCandidate, Training
from aimwell.decide.policies.values import Log, OffPolicyValue, policy_scores, value_of
from aimwell.decide.uplift.bases import Base, RidgeBase
from aimwell.decide.uplift.data import ExperimentData, IntArray
from aimwell.decide.uplift.problem import Problem, dealt, prepared, problem_of
from aimwell.stats.samples import FloatArray

__all__ = ["Judged", "Judgement", "judge_policies"]

DEFAULT_PARTS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """One candidate.

    Args:
        name, kind: Of the candidate.
        policy: People × arms: the share of repeats in which the person got the arm, decided without the person's own outcome.
        scores: A doubly robust score a person; the mean is the candidate's value.
        value: By all methods, with the log's trustworthiness.
        shares: Arm → share of the people who get it.
    """

    name: str
    kind: CandidateKind
    policy: FloatArray
    scores: FloatArray
    value: OffPolicyValue
    shares: Mapping[str, float]

    @property
    def constant(self) -> bool:
        """Whether everybody gets the same."""
        return self.kind == "constant"

    @property
    def actions(self) -> IntArray:
        """The arm's place that each person got in most repeats."""
        return np.asarray(self.policy.argmax(axis=1), dtype=np.int64)

    def to_dict(self) -> dict[str, Any]:
        """For JSON; no row of a person."""
        return {
            "name": self.name,
            "kind": self.kind,
            "shares": dict(self.shares),
            "value": self.value.to_dict(),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """All candidates on the same people, and the log that they were judged by."""

    candidates: tuple[Judged, ...]
    log: Log
    arms: tuple[str, ...]

    def best_first(self) -> list[Judged]:
        """The candidates by their value; those without one stand last."""

        def place(one: Judged) -> float:
            value = one.value.doubly_robust.estimate
            return math.inf if value is None else -value

        return sorted(self.candidates, key=place)

    def find(self, name: str) -> Judged:
        """The candidate of that name."""
        return next(one for one in self.candidates if one.name == name)


def judge_policies(
    data: ExperimentData,
    profit: FloatArray,
    candidates: Sequence[PolicyCandidate],
    *,
    response: FloatArray | None = None,
    members: Mapping[str, NDArray[np.bool_]] | None = None,
    base: Base | None = None,
    parts: int = DEFAULT_PARTS,
    repeats: int = 1,
    seed: int = 0,
) -> Judgement:
    """Judge each candidate by cross-fitting.

    Args:
        data: The experiment.
        profit: Of each person, see `rewards.profit_of`.
        candidates: Policies; their names differ.
        response: What the likeliest-first policy ranks by; default: the profit.
        members: Segment → which of the people are in it, for rules, beside those of the data.
        base: Of the model of rewards; default: ridge.
        parts: Of the people.
        repeats: How often people are dealt out anew.
        seed: Same people and seed, same judgement.
    """
    values = prepared(data)[1]
    problem = problem_of(data, profit, values=values)
    people = People(data.names, data.features, values, {**data.members, **(members or {})})
    did = profit if response is None else response
    policies = {one.name: np.zeros((len(data), len(data.arms))) for one in candidates}
    expected = np.zeros((len(data), len(data.arms)))
    for turn in range(parts * repeats):
        first = seed + turn // parts * parts
        part = dealt(data.arm, count=parts, seed=first, cluster=data.cluster)
        learn, held = np.flatnonzero(part != turn % parts), np.flatnonzero(part == turn % parts)
        known, judged = problem.take(learn), people.take(held)
        expected[held] += _expected(known, judged.values, base or RidgeBase(), seed=seed + turn)
        training = Training(known, people.take(learn), did[learn], seed + turn)
        for one in candidates:
            policies[one.name][held, one.learn(training).decide(judged)] += 1.0
    log = Log(
        arm=data.arm,
        propensity=data.propensity,
        reward=profit,
        expected=expected / repeats,
        weight=data.weight,
        cluster=data.cluster,
    )
    found = tuple(_judged(one, policies[one.name] / repeats, log, data.arms) for one in candidates)
    return Judgement(found, log, data.arms)


def _expected(problem: Problem, at: FloatArray, base: Base, *, seed: int) -> FloatArray:
    models = [problem.of_arm(base, arm, seed=seed) for arm in range(problem.arms)]
    return np.column_stack([model.predict(at) for model in models])


def _judged(
    candidate: PolicyCandidate, policy: FloatArray, log: Log, arms: tuple[str, ...]
) -> Judged:
    shares = policy.mean(axis=0)
    return Judged(
        candidate.name,
        candidate.kind,
        policy,
        policy_scores(log, policy),
        value_of(log, policy),
        dict(zip(arms, shares.tolist(), strict=True)),
    )
