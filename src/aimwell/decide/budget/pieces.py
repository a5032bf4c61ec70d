"""What one budget is shared out to: the plans of several campaigns, each whole or by the segments of its people."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from aimwell.decide.budget.bounded import Bound, Within, share_within
from aimwell.decide.budget.curve import Curve, share_out
from aimwell.decide.budget.plan_curve import PlanCurve
from aimwell.decide.budget.shared import SegmentShare, SharedPoint
from aimwell.errors import DecideError
from aimwell.stats.estimate import Estimate
from aimwell.stats.together import together

__all__ = ["OfPlan", "Part", "Pieces"]


@dataclass(frozen=True, eq=False)
class Part:
    """Some of a plan's people: who is in just these segments of those by which the plan tells of its curve."""

    segments: tuple[str, ...]
    curve: PlanCurve


@dataclass(frozen=True, eq=False)
class OfPlan:
    """What a plan brings.

    Attributes:
        curve: Of all its people.
        channels: Action → channel.
        parts: Its people by segment, nobody in two of them; empty: it tells of none.
    """

    plan_id: str
    curve: PlanCurve
    channels: Mapping[str, str]
    parts: Sequence[Part] = ()

    def pieces(self) -> Sequence[Part]:
        """What money is shared out to."""
        return self.parts or (Part((), self.curve),)


class Pieces:
    """The parts of all plans, each with a curve: named by its place, as `spring 2`."""

    def __init__(self, plans: Mapping[str, OfPlan], bounds: Sequence[Bound]) -> None:
        self._plans, self._bounds = plans, bounds
        self._parts: dict[str, tuple[str, Part]] = {
            f"{name} {place:02d}": (name, part)
            for name, plan in plans.items()
            for place, part in enumerate(plan.pieces())
        }
        self.curves: dict[str, Curve] = {
            one: part.curve.scaled(plans[name].curve.trust)
            for one, (name, part) in self._parts.items()
        }
        self._segments = {one: part.segments for one, (_name, part) in self._parts.items()}
        self._known = sorted({name for names in self._segments.values() for name in names})
        for bound in bounds:
            if bound.segment not in self._known:
                known = ", ".join(self._known) or "none"
                raise DecideError(
                    f"None of these plans tells of the segment '{bound.segment}' (known: {known}). Write it into "
                    "policy.segments of a campaign, and plan again when an experiment has taught it."
                )

    def share(self, budget: float) -> Within:
        """The best split. Raises DecideError where a floor cannot be met."""
        if not self._bounds:
            given = share_out(self.curves, budget)
            shares = {one: share.budget for one, share in given.items()}
            return Within(shares, max(share.marginal for share in given.values()), {})
        if not (math.isfinite(budget) and budget >= 0):
            raise DecideError(f"The budget is {budget!r}; it must be a number of 0 or more.")
        return share_within(self.curves, self._segments, budget, self._bounds)

    def of_campaign(self, campaign: str) -> list[str]:
        """Its pieces."""
        return [one for one, (name, _part) in self._parts.items() if name == campaign]

    def spent(self, within: Within, some: Iterable[str]) -> float:
        """What some pieces get together."""
        return math.fsum(within.given[one] for one in some)

    def profit(self, within: Within, some: Iterable[str]) -> Estimate:
        """What they earn together, by people whom the model did not learn from."""
        found = [self._parts[one][1].curve.profit(within.given[one]) for one in some]
        return found[0] if len(found) == 1 else together(found)

    def next_slope(self, within: Within, one: str) -> float:
        """What one more pound for this piece would add, were there one: where it is at a ceiling, only in place of another's."""
        curve = self.curves[one]
        slope = share_out({one: curve}, within.given[one])[one].marginal
        ceilings = sum(max(0.0, within.prices.get(name, 0.0)) for name in self._segments[one])
        return max(0.0, slope - ceilings)

    def people(self, within: Within, some: Iterable[str]) -> dict[str, int]:
        """Action → people who get it."""
        found: dict[str, int] = {}
        for one in some:
            for action, count in self._parts[one][1].curve.people(within.given[one]).items():
                found[action] = found.get(action, 0) + count
        return found

    def by_segment(self, within: Within) -> tuple[SegmentShare, ...]:
        """What each segment gets, and who is in none."""
        if not self._known:
            return ()
        bounds = {bound.segment: bound for bound in self._bounds}
        found = []
        for segment in (*self._known, None):
            some = [
                one
                for one, names in self._segments.items()
                if (segment in names if segment is not None else not names)
            ]
            if not some:
                continue
            bound = bounds.get(segment) if segment is not None else None
            found.append(
                SegmentShare(
                    segment=segment,
                    budget=self.spent(within, some),
                    profit=self.profit(within, some),
                    people={
                        f"{name} {action}": count
                        for name in self._plans
                        for action, count in self.people(
                            within, [one for one in some if self._parts[one][0] == name]
                        ).items()
                    },
                    at_least=None if bound is None else bound.at_least,
                    at_most=None if bound is None else bound.at_most,
                    price=0.0 if segment is None else abs(within.prices.get(segment, 0.0)),
                )
            )
        return tuple(found)

    def points(self, budgets: Sequence[float]) -> Iterator[SharedPoint]:
        """Shared out at best, within the bounds; left out where a floor cannot be met."""
        for budget in budgets:
            try:
                within = self.share(budget)
            except DecideError:
                continue
            yield SharedPoint(
                budget=budget,
                profit=self.profit(within, self.curves),
                marginal=within.marginal,
                shares={name: self.spent(within, self.of_campaign(name)) for name in self._plans},
            )
