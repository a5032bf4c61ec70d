"""The curve of profit against budget of one plan, or of a part of its people, as the plan has stored it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimwell.decide.budget.curve import Curve
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate

__all__ = ["PlanCurve"]

Floats = NDArray[np.float64]
_METHOD = "read off between the points of the plan's curve"


@dataclass(frozen=True, eq=False)
class PlanCurve:
    """The curve of one plan, from nothing on; one entry a corner.

    Attributes:
        spent: Money.
        hoped: Profit that the model hopes for.
        judged, lower, upper: Profit by people whom the model did not learn from, with its interval.
        actions: Action → people who get it.
    """

    spent: Floats
    hoped: Floats
    judged: Floats
    lower: Floats
    upper: Floats
    actions: Mapping[str, Floats]

    @classmethod
    def of(cls, points: Sequence[Mapping[str, Any]]) -> PlanCurve | str:
        """Of the points of a plan's summary; else in words why they do not make a curve."""
        if not points:
            return "nothing that it does costs anything, so it needs no budget"
        if any(point["judged"]["estimate"] is None for point in points):
            return "nobody could judge its curve"
        if any("actions" not in point for point in points):
            return "it was made before curves told of actions; plan it again"

        def column(of: Sequence[float]) -> Floats:
            return np.array([0.0, *of])[kept]

        spent = np.array([0.0, *(point["spent"] for point in points)])
        kept = np.unique(spent, return_index=True)[1]
        return cls(
            spent=spent[kept],
            hoped=column([point["value"] for point in points]),
            judged=column([point["judged"]["estimate"] for point in points]),
            lower=column([point["judged"]["lower"] for point in points]),
            upper=column([point["judged"]["upper"] for point in points]),
            actions={
                key: column([point["actions"][key] for point in points])
                for key in points[0]["actions"]
            },
        )

    @property
    def most(self) -> float:
        """The budget from which on more money adds nothing."""
        return float(self.spent[-1])

    @property
    def trust(self) -> float:
        """What people judge of the end of the curve over what the model hopes; 0 where they judge it a loss."""
        hoped = float(self.hoped[-1])
        return max(0.0, float(self.judged[-1]) / hoped) if hoped > 0 else 0.0

    def scaled(self, trust: float) -> Curve:
        """What money is shared out by; nothing but its beginning where people judge it a loss."""
        if trust == 0:
            return Curve(np.zeros(1), np.zeros(1), ())
        return Curve(self.spent, self.hoped * trust, ())

    def profit(self, budget: float) -> Estimate:
        """What so much money earns."""
        middle, low, high = (
            float(np.interp(budget, self.spent, one))
            for one in (self.judged, self.lower, self.upper)
        )
        return Estimate(
            estimate=middle,
            lower=low,
            upper=high,
            confidence=DEFAULT_CONFIDENCE,
            method=_METHOD,
        )

    def people(self, budget: float) -> dict[str, int]:
        """Action → people who get it for so much money."""
        return {
            key: round(float(np.interp(budget, self.spent, counts)))
            for key, counts in self.actions.items()
        }
