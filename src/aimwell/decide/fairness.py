"""A limit on how far the shares of protected groups that get a discount may lie apart, kept by the choice itself.

The shares of all groups are held in one band from t to t + limit: a floor and a ceiling for each group. The best value within a band is
concave in t (it is the value of a linear programme in its bounds), so the best t is found by golden section (Kiefer 1953).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimwell.decide.budget.model import Allocation, Limit
from aimwell.errors import DecideError
from aimwell.stats.estimate import Estimate
from aimwell.stats.intervals import newcombe, wilson

__all__ = ["PEOPLE_MIN", "Fair", "FairLimits", "fairest", "furthest_apart", "group_shares"]

PEOPLE_MIN = 30
"""Groups of fewer people are not held to the limit: one discount more or less moves their share too far."""
_GOLDEN = (math.sqrt(5) - 1) / 2
_STEPS = 10

Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Fair:
    """What is to be fair.

    Args:
        trait: The protected attribute.
        groups: Its values.
        code: Each person's place in `groups`; −1: unknown, not held to the limit.
        discounts: Which actions give a discount.
        within: How far the groups' shares may lie apart, 0 to 1.
    """

    trait: str
    groups: tuple[str, ...]
    code: NDArray[np.int64]
    discounts: Bools
    within: float

    @classmethod
    def of(
        cls, trait: str, labels: Sequence[str | None], discounts: Bools, *, within: float
    ) -> Fair:
        """From each person's group; None: unknown."""
        groups = tuple(sorted({one for one in labels if one is not None}))
        place = {name: number for number, name in enumerate(groups)} | {None: -1}
        code = np.array([place[one] for one in labels], dtype=np.int64)
        return cls(trait, groups, code, discounts, within)

    def take(self, who: NDArray[Any]) -> Fair:
        """Only these people."""
        return Fair(self.trait, self.groups, self.code[who], self.discounts, self.within)


@dataclass(frozen=True, eq=False)
class FairLimits:
    """The groups that are held to the limit, for those who are still to be chosen for.

    Args:
        fair: The limit.
        counted: Group → people who count: they may get a discount and are not held out.
        given: Group → of them those who have one already, by chance.
        free: Who is still to be chosen for, of all people.
    """

    fair: Fair
    counted: NDArray[np.int64]
    given: NDArray[np.int64]
    free: NDArray[np.intp]

    @classmethod
    def of(
        cls, fair: Fair, may: Bools, by_chance: NDArray[Any], free: NDArray[np.intp]
    ) -> FairLimits:
        """From who may get a discount and is not held out, and what chance gave."""
        size = len(fair.groups) + 1
        got = np.append(fair.discounts, False)[by_chance] & may
        counted = np.bincount(fair.code[may] + 1, minlength=size)[1:]
        given = np.bincount(fair.code[got] + 1, minlength=size)[1:]
        return cls(fair, counted, given, free)

    def band(self, lowest: float) -> list[Limit]:
        """A floor and a ceiling for each group, its share from `lowest` to `lowest` + limit."""
        found = []
        for place, name in enumerate(self.fair.groups):
            people, given = int(self.counted[place]), int(self.given[place])
            if people < PEOPLE_MIN:
                continue
            floor = math.ceil(lowest * people - 1e-9) - given
            ceiling = math.floor((lowest + self.fair.within) * people + 1e-9) - given
            found.append(
                Limit(
                    f"fair {self.fair.trait}={name}",
                    self.fair.discounts.astype(np.float64),
                    self.fair.code == place,
                    float(max(ceiling, 0)),
                    float(min(max(floor, 0), max(ceiling, 0))),
                )
            )
        return found

    def shares(self, choice: NDArray[Any]) -> list[float]:
        """The share of each group that is held to the limit, with a choice for those who are free."""
        got = np.append(self.fair.discounts, False)[choice]
        code = self.fair.code[self.free][got]
        chosen = np.bincount(code + 1, minlength=len(self.fair.groups) + 1)[1:]
        held = self.counted >= PEOPLE_MIN
        found: list[float] = ((chosen + self.given)[held] / self.counted[held]).tolist()
        return found


def fairest(
    solve: Callable[[Sequence[Limit]], Allocation],
    told: Callable[[Allocation], NDArray[Any]],
    limits: FairLimits,
) -> tuple[Allocation, list[Limit], float | None]:
    """The most valuable choice whose groups' shares lie within the limit, the limits that hold it there, and what it would be
    worth without them; None where nothing had to be held.

    Args:
        solve: The best choice with further limits.
        told: The choice for each of the free people.
        limits: The groups.

    Raises:
        DecideError: Not even a floor of nobody can be kept with the other limits.
    """
    unbound = solve([])
    shares = limits.shares(told(unbound))
    if len(shares) < 2 or max(shares) - min(shares) <= limits.fair.within:
        return unbound, [], None
    tried: dict[float, Allocation | None] = {}

    def worth(lowest: float) -> float:
        if lowest not in tried:
            try:
                tried[lowest] = solve(limits.band(lowest))
            except DecideError:  # another limit keeps a group from the floor
                tried[lowest] = None
        found = tried[lowest]
        return -math.inf if found is None else found.value

    low, high = min(shares), max(max(shares) - limits.fair.within, min(shares))
    _golden(worth, low, high)
    best = max(tried, key=lambda lowest: (worth(lowest), -lowest))
    if tried[best] is None:
        best = 0.0
        tried[best] = solve(limits.band(best))
    found = tried[best]
    assert found is not None  # noqa: S101 - solved, or an error was raised
    return found, limits.band(best), unbound.value


def _golden(worth: Callable[[float], float], low: float, high: float) -> None:
    inner = [high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)]
    for _step in range(_STEPS):
        if high - low < 1e-4:
            return
        if worth(inner[0]) >= worth(inner[1]):
            high, inner = inner[1], [inner[1] - _GOLDEN * (inner[1] - low), inner[0]]
        else:
            low, inner = inner[0], [inner[1], inner[0] + _GOLDEN * (high - inner[0])]


def group_shares(fair: Fair, action: NDArray[Any], counted: Bools) -> list[dict[str, Any]]:
    """Each group's people who count, and the share of them that gets a discount, with Wilson's interval."""
    got = np.append(fair.discounts, False)[action]
    found = []
    for place, name in enumerate(fair.groups):
        inside = counted & (fair.code == place)
        people, given = int(inside.sum()), int((got & inside).sum())
        if people:
            found.append(
                {"group": name, "people": people, "given": given, "share": wilson(given, people)}
            )
    return found


def furthest_apart(shares: Sequence[dict[str, Any]]) -> Estimate | None:
    """The largest difference of two groups' shares, with Newcombe's interval; None: fewer than two groups are large enough."""
    large = [one for one in shares if one["people"] >= PEOPLE_MIN]
    pairs = [
        (one, other)
        if one["given"] / one["people"] >= other["given"] / other["people"]
        else (other, one)
        for one, other in combinations(large, 2)
    ]
    if not pairs:
        return None
    more, less = max(
        pairs,
        key=lambda two: two[0]["given"] / two[0]["people"] - two[1]["given"] / two[1]["people"],
    )
    return newcombe(
        treated_successes=more["given"],
        treated_n=more["people"],
        control_successes=less["given"],
        control_n=less["people"],
    )
