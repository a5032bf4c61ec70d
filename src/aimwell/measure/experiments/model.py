"""What was found of one experiment, and of several together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aimwell.measure.model import plain
from aimwell.stats.cuped import Adjustment
from aimwell.stats.estimate import Estimate
from aimwell.stats.meta_analysis import Pooled
from aimwell.stats.reached import ReachedEffect
from aimwell.stats.srm import RatioCheck

__all__ = [
    "ArmFigures",
    "Comparison",
    "Contradiction",
    "ExperimentResult",
    "PooledComparison",
    "Together",
]


@dataclass(frozen=True, kw_only=True)
class ArmFigures:
    """One arm as it was assigned.

    Attributes:
        arm: Its name.
        people: Assigned to it.
        groups: Of them, where groups were assigned whole; None: persons were.
        mean: Of the outcome, per person.
    """

    arm: str
    people: int
    groups: int | None
    mean: float


@dataclass(frozen=True, kw_only=True)
class Contradiction:
    """People of one arm who were shown what belongs to another.

    Attributes:
        arm: Given.
        seen: The arm whose message or page it was.
        times: How often.
        people: How many.
    """

    arm: str
    seen: str
    times: int
    people: int


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One arm against another, per person assigned.

    Attributes:
        arm, against: The arms.
        difference: Arm less the other; at the confidence that all comparisons together need.
        relative: The same as a share of the other's mean.
        because: Why this method.
        p_adjusted: Corrected for the number of comparisons (Holm).
        independent: What would come out if people of a group were taken for independent, which is wrong; None without groups.
        uncontradicted: Among those alone whom nothing contradicts; None where nobody is contradicted.
        adjustment: What was taken off for what was known before; None: nothing was asked to be.
        unadjusted: The difference without that; None where nothing was taken off.
        reached: The effect on whom the arm reached; None where nothing tells whom it reached.
    """

    arm: str
    against: str
    difference: Estimate
    relative: Estimate
    because: str
    p_adjusted: float | None
    independent: Estimate | None
    uncontradicted: Estimate | None
    adjustment: Adjustment | None
    unadjusted: Estimate | None
    reached: ReachedEffect | None


@dataclass(frozen=True, kw_only=True)
class ExperimentResult:
    """What an experiment added to one outcome.

    Attributes:
        name: Of the experiment.
        outcome: What was looked at.
        outcomes: All that could be.
        as_of: The first assignment.
        window_days: How long outcomes were counted; None: the report does not say.
        arms: As assigned.
        split: Whether they are as large as their probabilities promise; of groups where groups were assigned.
        groups_by: The trait by whose values arms were given; None: persons.
        comparisons: Each arm against the control; without one, each against each.
        adjusted_for: What was known before that was taken off (`Adjustment.used` are places in it); empty: nothing.
        crossed: People who were given several arms; their first counts.
        contradictions: Who was shown what belongs to another arm.
        contradicted_people: All of these and the crossed, once each.
        cautions: What to know before believing it.
        sentence: What a reader should take from it.
    """

    name: str
    outcome: str
    outcomes: tuple[str, ...]
    as_of: datetime
    window_days: float | None
    arms: tuple[ArmFigures, ...]
    split: RatioCheck
    groups_by: str | None
    comparisons: tuple[Comparison, ...]
    adjusted_for: tuple[str, ...]
    crossed: int
    contradictions: tuple[Contradiction, ...]
    contradicted_people: int
    cautions: tuple[str, ...]
    sentence: str

    @property
    def people(self) -> int:
        """In all arms."""
        return sum(one.people for one in self.arms)

    def comparison(self, arm: str, against: str) -> Comparison | None:
        """The one of these two arms, if there is one."""
        found = (c for c in self.comparisons if (c.arm, c.against) == (arm, against))
        return next(found, None)

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {**plain(self), "people": self.people}


@dataclass(frozen=True, kw_only=True)
class PooledComparison:
    """Two arms over several experiments.

    Attributes:
        arm, against: The arms.
        experiments: Names of those that are pooled.
        pooled: Their common mean, how much they differ, and what a next one may bring.
    """

    arm: str
    against: str
    experiments: tuple[str, ...]
    pooled: Pooled


@dataclass(frozen=True, kw_only=True)
class Together:
    """Several experiments side by side and pooled, arm by arm.

    Attributes:
        experiments: Each by itself.
        pooled: One for each two arms that at least two of them compare.
    """

    experiments: tuple[ExperimentResult, ...]
    pooled: tuple[PooledComparison, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "experiments": [one.to_dict() for one in self.experiments],
            "pooled": [plain(one) for one in self.pooled],
        }
