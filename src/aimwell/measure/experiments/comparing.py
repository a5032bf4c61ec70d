"""Arms against each other: the rule of `stats.lift` for persons, cluster-robust for groups, less what was known before, with what stands beside it."""

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
from aimwell.stats.clustered_lift import adjusted_outcomes, clustered_lift
from aimwell.stats.clusters import Clusters
from aimwell.stats.cuped import Adjustment
from aimwell.stats.estimate import DEFAULT_CONFIDENCE
from aimwell.stats.intervals import welch
from aimwell.stats.lift import Lift, measure_lift
from aimwell.stats.multiplicity import holm
from aimwell.stats.reached import ReachedEffect, clustered_reached_effect, reached_effect
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
        known: People × what was known of each before, without gaps, to be taken off; None: nothing is.
    """

    arms: tuple[str, ...]
    arm: NDArray[np.int64]
    outcome: FloatArray
    group: NDArray[np.int64] | None
    contradicted: BoolArray
    reached: Mapping[str, BoolArray]
    known: FloatArray | None = None

    def of(self, name: str) -> BoolArray:
        """Who is in this arm."""
        return np.asarray(self.arm == self.arms.index(name), dtype=np.bool_)

    def among(self, rows: BoolArray) -> Arm:
        """Outcomes of these people and what was known of them."""
        return Arm.of(self.outcome[rows], None if self.known is None else self.known[rows])


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
    lift = _lift(people, treated, control, confidence, seed)
    uncontradicted = None
    if people.contradicted[treated | control].any() and people.group is None:
        clean = ~people.contradicted
        uncontradicted = _lift(
            people, treated & clean, control & clean, confidence, seed
        ).difference
    unadjusted = None
    if lift.adjustment.active:
        plain = replace(people, known=None)
        unadjusted = _lift(plain, treated, control, confidence, seed).difference
    outcomes = people.outcome[treated], people.outcome[control]
    return Comparison(
        arm=arm,
        against=against,
        difference=lift.difference,
        relative=lift.relative,
        because=lift.choice.because if people.group is None else _BY_GROUPS,
        p_adjusted=None,
        independent=None if people.group is None else welch(*outcomes, confidence=confidence),
        uncontradicted=uncontradicted,
        adjustment=None if people.known is None else lift.adjustment,
        unadjusted=unadjusted,
        reached=_reached(people, arm, (treated, control), lift.adjustment, confidence),
    )


def _lift(
    people: Subjects, treated: BoolArray, control: BoolArray, confidence: float, seed: int
) -> Lift:
    arms = people.among(treated), people.among(control)
    if people.group is None:
        return measure_lift(*arms, seed=seed, confidence=confidence)
    owners = people.group[treated], people.group[control]
    return clustered_lift(*arms, owners, confidence=confidence)


def _reached(
    people: Subjects,
    arm: str,
    sides: tuple[BoolArray, BoolArray],
    adjustment: Adjustment,
    confidence: float,
) -> ReachedEffect | None:
    """Of the outcomes as they were adjusted for the comparison."""
    who = people.reached.get(arm)
    if who is None or not np.ptp(people.outcome[sides[0] | sides[1]]):
        return None
    values = adjusted_outcomes(people.among(sides[0]), people.among(sides[1]), adjustment)
    seen = [who[rows].astype(np.float64) for rows in sides]
    if people.group is None:
        treated, control = (
            JointSample.of(one, flag[:, None]) for one, flag in zip(values, seen, strict=True)
        )
        return reached_effect(treated, control, confidence=confidence)
    owners = [people.group[rows] for rows in sides]
    outcome, reached = (
        (Clusters.of(column[0], owners[0]), Clusters.of(column[1], owners[1]))
        for column in (values, seen)
    )
    return clustered_reached_effect(outcome, reached, confidence=confidence)
