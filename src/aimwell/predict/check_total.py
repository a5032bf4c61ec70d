"""What the check of lifetime values says of their sum: was it off by more than chance, and how far may it be off again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, log, sqrt
from typing import Any

from scipy.special import ndtri

__all__ = ["SumCheck", "check_sum"]


@dataclass(frozen=True, slots=True)
class SumCheck:
    """The predicted sum of the checked period beside the one that came.

    Args:
        ratio: What came, divided by what was predicted.
        chance: How far the sum may miss by chance in 95 of 100 cases, in money, if the model is right.
        beyond_chance: Whether it missed by more.
        lower, upper: The sum now foretold if it misses by as much as it did on the check (or as chance could make it
            miss there, where that is more), downwards or upwards. It rests on one period: no share of cases goes
            with it.
    """

    ratio: float
    chance: float
    beyond_chance: bool
    lower: float
    upper: float


def check_sum(money: Mapping[str, Any], total: Mapping[str, Any]) -> SumCheck | None:
    """Judge the sum.

    Chance has two parts: that of people, from the spread of their errors (people taken as independent), and that of
    the parameters, taken to be as large beside the sum as it is in `total`.

    Args:
        money: The check of money, as registered (`HoldoutCheck`).
        total: The sum with its interval from the parameters, as registered (`Estimate`).

    Returns:
        None where a ratio says nothing: nothing was predicted, nothing came, or the sum is not known.
    """
    predicted, actual, people = money["total_predicted"], money["total_actual"], money["people"]
    if total["estimate"] is None or min(predicted, actual, total["lower"]) <= 0:
        return None
    missed = actual - predicted
    spread = people * max(money["rmse"] ** 2 - (missed / people) ** 2, 0.0)
    reach = float(ndtri((1 + total["confidence"]) / 2))
    parameters = predicted * log(total["upper"] / total["lower"]) / (2 * reach)
    chance = reach * sqrt(spread + parameters**2)
    ratio = actual / predicted
    factor = exp(max(abs(log(ratio)), chance / predicted))
    return SumCheck(
        ratio=ratio,
        chance=chance,
        beyond_chance=abs(missed) > chance,
        lower=total["lower"] / factor,
        upper=total["upper"] * factor,
    )
