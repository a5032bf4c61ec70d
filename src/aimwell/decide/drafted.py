"""The people of a plan with how they were chosen: what explain shows of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimwell.decide.arms import Tossed
from aimwell.decide.budget.cells import FEWEST, Cells
from aimwell.decide.budget.model import Limit
from aimwell.decide.channel_choice import ChannelChoice
from aimwell.decide.choosing import Chosen
from aimwell.decide.fairness import Fair, furthest_apart, group_shares
from aimwell.decide.learning import Lesson, NoLesson
from aimwell.decide.limits import BUDGET, limit_uses
from aimwell.decide.people import (
    CONTROL,
    EXCLUDED,
    PASSED,
    TREATMENT,
    UNCHOSEN,
    PlanPeople,
)
from aimwell.decide.running_on import Bandit
from aimwell.stats.estimate import Estimate

__all__ = ["Drafted", "Taken"]

Floats = NDArray[np.float64]


@dataclass(eq=False)
class Taken:
    """What the last choice was, for telling."""

    who: NDArray[np.intp] | None = None
    tossed: Tossed | None = None
    chosen: Chosen | None = None


@dataclass(frozen=True, eq=False)
class Drafted:
    """The people of a plan with how they were chosen.

    Args:
        people: Everybody's place.
        lesson: The policy, or why there is none.
        limits: What tied them together.
        values: Expected incremental profit (audience × actions); None without a policy.
        explore: Share who got a random action; None without a policy.
        taken: The choice itself.
        fair: The limit on protected groups' shares, where there is one.
        may: Who may get a discount, where there is such a limit.
        fair_price: What the limit costs, by people of the experiment; None where it changes nothing.
        warnings: What to know of the groups by which arms were drawn.
        bandit: What earlier waves said of each action, where actions were drawn by it.
        cells: By which segments profit against budget is told.
        channels: Where people are likelier to answer, if the campaign asks for it.
        share: Who got a random action where no policy was learnt and channels were as predicted.
    """

    people: PlanPeople
    lesson: Lesson | NoLesson
    limits: tuple[Limit, ...]
    values: Floats | None
    explore: float | None
    taken: Taken
    fair: Fair | None = None
    may: NDArray[np.bool_] | None = None
    fair_price: Estimate | None = None
    warnings: tuple[str, ...] = ()
    bandit: Bandit | None = None
    cells: Cells | None = None
    channels: ChannelChoice | None = None
    share: float | None = None

    def expected_profit(self) -> Floats:
        """Of each person's action; NaN where there is none or nothing is known of it."""
        action = self.people.action
        if self.values is None:
            return np.full(len(action), np.nan)
        found = self.values[np.arange(len(action)), np.maximum(action, 0)]
        return np.where(action >= 0, found, np.nan)

    def explored(self) -> NDArray[np.bool_]:
        """Who got a random action."""
        found = np.zeros(len(self.people), dtype=np.bool_)
        if self.taken.who is not None and self.taken.tossed is not None:
            found[self.taken.who] = self.taken.tossed.explorer
        return found & (self.people.action >= 0)

    def choice(self) -> NDArray[np.int16] | None:
        """What the policy's rule gives each person, whatever chance decided; None where no policy chose."""
        if self.taken.who is None or self.taken.chosen is None:
            return None
        found = np.full(len(self.people), UNCHOSEN, dtype=np.int16)
        found[self.taken.who] = self.taken.chosen.by_price
        found[self.people.is_in(EXCLUDED)] = UNCHOSEN
        return found

    @cached_property
    def summary(self) -> dict[str, Any] | None:
        """What explain shows of the policy and the budget; None where chance chose and nothing limited it."""
        uses = limit_uses(self.people, self.limits, self._prices())
        told: dict[str, Any] = {
            "limits": [use.to_dict() for use in uses],
            "segments": self._by_segment(),
        }
        if self.bandit is not None and isinstance(self.lesson, Lesson):
            return {
                "policy": None,
                **told,
                "passed": self.people.count(PASSED),
                "exploring": {**self.bandit.to_dict(), "sources": dict(self.lesson.sources)},
            }
        if not isinstance(self.lesson, Lesson) or self.taken.chosen is None:
            return {"policy": None, **told} if self.limits else None
        profit = self.expected_profit()
        explored = self.explored()
        inside = self.people.action >= 0
        allocation = self.taken.chosen.allocation
        return {
            "policy": self.lesson.summary(),
            **told,
            "explore": self.explore,
            "explored": int(explored.sum()),
            "passed": self.people.count(PASSED),
            "hoped_profit": float(np.nansum(profit[inside])),
            "unknown_profit": int(np.isnan(profit[inside]).sum()),
            "allocation": {
                "people": self.taken.chosen.free,
                "value": allocation.value,
                "bound": allocation.bound,
                "gap": allocation.gap,
                "method": allocation.method,
            },
            "fairness": self._fairness(),
            **self._money(),
        }

    @cached_property
    def channel_summary(self) -> dict[str, Any] | None:
        """What explain shows of people's channels; None where the campaign does not ask for them."""
        if self.channels is None:
            return None
        worth = self.lesson.channel_worth
        return {
            **self.channels.summary(self.people, self.share),
            "worth": None if worth is None else worth.to_dict(),
        }

    def _fairness(self) -> dict[str, Any] | None:
        """What the limit on protected groups' shares came to, and what it costs."""
        if self.fair is None or self.taken.chosen is None:
            return None
        # Who was left out has no share in it; the held-out get nothing whatever is chosen.
        counted = (self.people.arm == TREATMENT) | (self.people.arm == PASSED)
        may = np.ones(len(counted), dtype=np.bool_) if self.may is None else self.may
        shares = group_shares(self.fair, self.people.action, counted & may)
        apart = furthest_apart(shares)
        unfair, value = self.taken.chosen.unfair, self.taken.chosen.allocation.value
        return {
            "trait": self.fair.trait,
            "within": self.fair.within,
            "groups": [{**one, "share": asdict(one["share"])} for one in shares],
            "furthest_apart": None if apart is None else asdict(apart),
            "hoped_price": 0.0 if unfair is None else max(0.0, unfair - value),
            "price": None if self.fair_price is None else asdict(self.fair_price),
        }

    def _prices(self) -> Mapping[str, float]:
        if self.taken.chosen is None:
            return {}
        return {use.name: use.price for use in self.taken.chosen.allocation.limits}

    def _by_segment(self) -> list[dict[str, Any]]:
        """Segment of the limits → how many get each action."""
        found = []
        for limit in self.limits:
            if limit.people is None:
                continue
            inside = limit.people
            actions = np.bincount(
                self.people.action[inside & (self.people.action >= 0)],
                minlength=len(self.people.candidates),
            )
            found.append(
                {
                    "segment": limit.name.removeprefix("segment "),
                    "people": int((inside & (self.people.arm != EXCLUDED)).sum()),
                    "actions": {
                        c.key: int(n) for c, n in zip(self.people.candidates, actions, strict=True)
                    },
                    "held_out": int((inside & (self.people.arm == CONTROL)).sum()),
                    "passed": int((inside & (self.people.arm == PASSED)).sum()),
                }
            )
        return found

    def _money(self) -> dict[str, Any]:
        """The curve of profit against budget for the plan's people, judged by the experiment; empty where nothing costs."""
        assert isinstance(self.lesson, Lesson)  # noqa: S101 - asked for only then
        cost = next((limit.use for limit in self.limits if limit.name == BUDGET), None)
        if cost is None:
            cost = np.array([c.cost for c in self.people.candidates])
        people = self.people.count(TREATMENT) + self.people.count(PASSED)
        if not cost.any() or not people:
            return {"curve": [], "judged_profit": None}
        times = people / len(self.lesson.data)
        most = self.lesson.curve(cost, people).most * times
        aimed = np.where(self.explored(), -1, self.people.action)
        spent = float(np.append(cost, 0.0)[aimed].sum())
        budgets = [*np.linspace(0, most, 11)[1:].tolist(), spent]
        *points, here = self.lesson.curve(cost, people, budgets).points
        return {
            "curve": [self._scaled(point.to_dict(), times) for point in points],
            "judged_profit": self._scaled(here.to_dict(), times)["judged"],
            "cells": self._by_cell(cost),
        }

    def _by_cell(self, cost: Floats) -> list[dict[str, Any]]:
        """The curve of each combination of segments; empty, with the reason, where too few of the experiment are in it."""
        assert isinstance(self.lesson, Lesson)  # noqa: S101 - asked for only then
        if self.cells is None:
            return []
        decided = (self.people.arm == TREATMENT) | (self.people.arm == PASSED)
        found = []
        for cell, people in zip(
            *np.unique(self.cells.audience[decided], return_counts=True), strict=True
        ):
            among = np.flatnonzero(self.cells.learnt == cell)
            told: dict[str, Any] = {
                "segments": self.cells.names(int(cell)),
                "people": int(people),
                "learnt_from": len(among),
                "curve": [],
            }
            if len(among) >= FEWEST:
                times = int(people) / len(among)
                points = self.lesson.curve(cost, len(among), among=among).points
                told["curve"] = [self._scaled(point.to_dict(), times) for point in points]
            found.append(told)
        return found

    def _scaled(self, point: dict[str, Any], times: float) -> dict[str, Any]:
        """A point of the curve for `times` as many people, its actions by name."""
        judged = {
            name: value * times
            if name in ("estimate", "lower", "upper") and value is not None
            else value
            for name, value in point["judged"].items()
        }
        keys = [candidate.key for candidate in self.people.candidates]
        return {
            "budget": point["budget"] * times,
            "spent": point["spent"] * times,
            "people": round(point["people"] * times),
            "actions": {
                key: round(count * times) for key, count in zip(keys, point["actions"], strict=True)
            },
            "value": point["value"] * times,
            "marginal": point["marginal"],
            "judged": judged,
        }
