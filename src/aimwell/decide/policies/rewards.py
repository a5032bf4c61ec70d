"""What a person's outcome earned: its worth, less the discount, less what contact cost.

profit = worth · (1 − discount) · outcome − conversion cost, where the person did it, − contact cost

A discount and a conversion cost are paid for everybody of the arm who did it, also for who would have done it anyway: that is how a
promotion to sure things loses money. The control's costs are 0 unless given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from aimwell.decide.uplift.data import ExperimentData
from aimwell.errors import DecideError, nearest
from aimwell.stats.samples import FloatArray

__all__ = ["Economics", "profit_of"]

_MOST = 10**13
"""More than the ledgers' columns hold is a slip of the pen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Economics:
    """What outcomes are worth and what arms cost; everything in one currency.

    Args:
        worth: Of one unit of the outcome: a margin share for revenue, 1 for margin, money for a yes.
        contact: Arm → cost of contacting a person, whatever they do.
        conversion: Arm → cost for each person of it who did it (outcome above 0): a gift, a fixed discount.
        discount: Arm → share of the outcome's value given away, where the outcome is counted before it.
    """

    worth: float = 1.0
    contact: Mapping[str, float] = field(default_factory=dict)
    conversion: Mapping[str, float] = field(default_factory=dict)
    discount: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not abs(self.worth) <= _MOST:
            raise DecideError(
                f"An outcome cannot be worth {self.worth!r}; give a number between −{_MOST:,} and {_MOST:,}."
            )
        for what, costs in (("contact", self.contact), ("conversion", self.conversion)):
            for arm, cost in costs.items():
                if not 0 <= cost <= _MOST:
                    raise DecideError(
                        f"The {what} cost of '{arm}' is {cost!r}. It is 0 or more, and {_MOST:,} at most."
                    )
        for arm, share in self.discount.items():
            if not 0 <= share <= 1:
                raise DecideError(f"The discount of '{arm}' is {share!r}. It is a share, 0 to 1.")


def profit_of(data: ExperimentData, outcome: str, economics: Economics) -> FloatArray:
    """The profit of each person under the arm that they were given.

    Raises:
        DecideError: There is no such outcome, or a cost is of an arm that is not there.
    """
    for costs in (economics.contact, economics.conversion, economics.discount):
        unknown = [arm for arm in costs if arm not in data.arms]
        if unknown:
            raise DecideError(
                f"A cost is given for '{unknown[0]}', which is no arm. {nearest(unknown[0], list(data.arms))}"
            )
    values = data.outcome(outcome)

    def by_arm(costs: Mapping[str, float]) -> FloatArray:
        return np.array([costs.get(arm, 0.0) for arm in data.arms])[data.arm]

    kept = economics.worth * values * (1.0 - by_arm(economics.discount))
    return kept - by_arm(economics.conversion) * (values > 0) - by_arm(economics.contact)
