"""Arms against each other: the rule of `stats.lift` for persons, cluster-robust for groups, with what stands beside it."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from aimwell.decide.uplift.assigned import CONTROL
from aimwell.measure.experiments.model import ArmFigures, Comparison
from aimwell.stats.arms import Arm
from aimwell.stats.clusters import Clusters, clustered_difference
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.intervals import welch
from aimwell.stats.lift import measure_lift
from aimwell.stats.multiplicity import holm
from aimwell.stats.reached import ReachedEffect, reached_effect
from aimwell.stats.samples import FloatArray, JointSample

__all__ = ["Subjects", "arm_figures", "compared", "pairs_of"]

BoolArray = NDArray[np.bool_]

_BY_GROUPS = (
    "Arms were given to groups, so groups are what chance divided; people of one are no independent witnesses "
    "(Bell and McCaffrey 2002)."
)


@dataclass(frozen=True, eq=False, kw_only=True)
class Subjects:
    """The people of an experiment.

    Attributes:
        arms: Names; `arm` is a place in them.
        arm: Of each person.
        outcome: Of each person.
        group: The number of each person's group, where groups were assigned; None: persons.
        contradicted: Who was given several arms, or shown what belongs to another.
        reached: Arm → whom its message reached; empty where nothing tells.
    """

    arms: tuple[str, ...]
    arm: NDArray[np.int64]
    outcome: FloatArray
    group: NDArray[np.int64] | None
    contradicted: BoolArray
    reached: Mapping[str, BoolArray]

    def of(self, name: str) -> BoolArray:
        """Who is in this arm."""
        return np.asarray(self.arm == self.arms.index(name), dtype=np.bool_)


def pairs_of(arms: tuple[str, ...], against: str | None) -> list[tuple[str, str]]:
    """(arm, against): each against one; without a control, each against each before it."""
    against = against or (CONTROL if CONTROL in arms else None)
    if against is not None:
        return [(arm, against) for arm in arms if arm != against]
    return [(later, earlier) for earlier, later in combinations(arms, 2)]


def arm_figures(people: Subjects) -> tuple[ArmFigures, ...]:
    """Each arm as it was assigned."""
    found = []
    for name in people.arms:
        rows = people.of(name)
        groups = None if people.group is None else len(np.unique(people.group[rows]))
        mean = float(people.outcome[rows].mean())
        found.append(ArmFigures(arm=name, people=int(rows.sum()), groups=groups, mean=mean))
    return tuple(found)


def compared(people: Subjects, pairs: list[tuple[str, str]], *, seed: int) -> list[Comparison]:
    """Each pair, so that all intervals hold at once in 95 of 100 experiments, with Holm's p-values."""
    confidence = 1.0 - (1.0 - DEFAULT_CONFIDENCE) / len(pairs)
    found = [
        _compared(people, arm, against, confidence, seed + zlib.crc32(f"{arm}\n{against}".encode()))
        for arm, against in pairs
    ]
    adjusted = holm([one.difference.p_value for one in found])
    return [replace(one, p_adjusted=p) for one, p in zip(found, adjusted, strict=True)]


def _compared(people: Subjects, arm: str, against: str, confidence: float, seed: int) -> Comparison:
    treated, control = people.of(arm), people.of(against)
    if people.group is not None:
        return _by_groups(people, arm, against, confidence)
    lift = _lift(people, treated, control, confidence, seed)
    uncontradicted = None
    if people.contradicted[treated | control].any():
        clean = ~people.contradicted
        uncontradicted = _lift(people, treated & clean, control & clean, confidence, seed)[0]
    return Comparison(
        arm=arm,
        against=against,
        difference=lift[0],
        relative=lift[1],
        because=lift[2],
        p_adjusted=None,
        independent=None,
        uncontradicted=uncontradicted,
        reached=_reached(people, arm, treated, control, confidence),
    )


def _lift(
    people: Subjects, treated: BoolArray, control: BoolArray, confidence: float, seed: int
) -> tuple[Estimate, Estimate, str]:
    lift = measure_lift(
        Arm.of(people.outcome[treated]),
        Arm.of(people.outcome[control]),
        seed=seed,
        confidence=confidence,
    )
    return lift.difference, lift.relative, lift.choice.because


def _by_groups(people: Subjects, arm: str, against: str, confidence: float) -> Comparison:
    assert people.group is not None  # noqa: S101 - asked by the caller
    treated, control = people.of(arm), people.of(against)
    means = clustered_difference(
        Clusters.of(people.outcome[treated], people.group[treated]),
        Clusters.of(people.outcome[control], people.group[control]),
    )
    if isinstance(means, str):
        missing = Estimate.missing(means, method="cluster-robust", confidence=confidence)
        difference = relative = missing
    else:
        difference = means.difference(confidence=confidence)
        relative = means.relative(confidence=confidence)
    return Comparison(
        arm=arm,
        against=against,
        difference=difference,
        relative=relative,
        because=_BY_GROUPS,
        p_adjusted=None,
        independent=welch(people.outcome[treated], people.outcome[control], confidence=confidence),
        uncontradicted=None,
        reached=None,
    )


def _reached(
    people: Subjects, arm: str, treated: BoolArray, control: BoolArray, confidence: float
) -> ReachedEffect | None:
    who = people.reached.get(arm)
    if who is None or not np.ptp(people.outcome[treated | control]):
        return None
    samples = [
        JointSample.of(people.outcome[rows], who[rows].astype(np.float64)[:, None])
        for rows in (treated, control)
    ]
    return reached_effect(samples[0], samples[1], confidence=confidence)
