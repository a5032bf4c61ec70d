"""Features that grow with the age of a shop's history, brought to the length at which a model learnt.

Orders of a whole life, days as a customer, and windows longer than what has been recorded are larger at each later moment, though
nobody has changed: a model that learnt "two orders" after 100 days takes a customer with four after 200 for an eager one, and
promises too much. So at a later moment such a figure is multiplied by *how long the history was* ÷ *how long it is*: it is
stated per observed time, in units of the moment of learning. A model of a shop of many years hardly notices.

How long the history is, and by how much it grows a day, is read off the people: how long ago the oldest hundredth of the customers
first ordered, at the moment of learning and at the one of judging. Among people who come and go (those of a segment of the new,
say) it does not grow, and nothing is changed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from aimwell.history.catalogue import FEATURES
from aimwell.stats.samples import FloatArray

__all__ = ["AGE", "Ageing", "ageing_between", "oldest_days"]

AGE = "customer_days"
"""The feature that tells how long the history is."""

_OLDEST = 0.99
_CUSTOMERS_MIN = 20
_GROWING = frozenset({"tenure_days", AGE, "orders", "revenue", "products"})
_WINDOW = re.compile(r"last (\d+) days")


def _windows() -> dict[str, float]:
    """Feature → days that it reaches back, of those that sum over time; without end: infinity."""
    found = dict.fromkeys(_GROWING, float("inf"))
    for feature in FEATURES:
        window = _WINDOW.fullmatch(feature.window)
        if window is not None and feature.unit in ("count", "money"):
            found[feature.name] = float(window[1])
    return found


_REACH = _windows()


@dataclass(frozen=True, slots=True)
class Ageing:
    """How long the history was at the moment of learning, and how it grows.

    Args:
        days: Its length then, in days; above 0.
        growth: Days by which it grows a day (0-1).
    """

    days: float
    growth: float

    def stated(
        self, values: FloatArray, names: tuple[str, ...], *, later_days: float
    ) -> FloatArray:
        """Features of a moment `later_days` after the one of learning, in units of that one."""
        now = max(self.days + self.growth * later_days, 1.0)
        factors = np.array([_within(name, self.days) / _within(name, now) for name in names])
        return values if (factors == 1).all() else values * factors

    def grown(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """The features that are stated otherwise at a later moment."""
        longer = self.days + self.growth
        return tuple(name for name in names if _within(name, self.days) != _within(name, longer))


def oldest_days(customer_days: FloatArray) -> float | None:
    """How long ago the oldest hundredth of the customers first ordered; None of fewer than twenty customers."""
    known = customer_days[np.isfinite(customer_days)]
    return float(np.quantile(known, _OLDEST)) if len(known) >= _CUSTOMERS_MIN else None


def ageing_between(
    first: float | None, second: float | None, *, elapsed_days: float
) -> Ageing | None:
    """From `oldest_days` at the moment of learning and at a later one; None where one of them is not known."""
    if first is None or second is None or first <= 0 or elapsed_days <= 0:
        return None
    return Ageing(first, float(np.clip((second - first) / elapsed_days, 0.0, 1.0)))


def _within(name: str, days: float) -> float:
    """How many of the days of the history a feature sums over; 1 for one that does not grow with it."""
    reach = _REACH.get(name)
    return 1.0 if reach is None else min(reach, days)
