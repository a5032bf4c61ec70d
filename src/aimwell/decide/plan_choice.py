"""Who of a plan's audience gets what: by a policy where a past experiment teaches one, else at random; within all limits."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from aimwell.decide.arms import Hashed, Tossed, by_weight
from aimwell.decide.budget.model import Limit
from aimwell.decide.campaign_parts import CampaignParts
from aimwell.decide.choosing import Chosen, choose_within, exploring_share, for_people
from aimwell.decide.clusters import clusters_of
from aimwell.decide.draft import Chooser, draft
from aimwell.decide.learning import Lesson, NoLesson, learn
from aimwell.decide.limits import BUDGET, limit_uses, limits_of, within_ceilings
from aimwell.decide.model import Candidate
from aimwell.decide.offers.promised import reach
from aimwell.decide.people import ALLOWED, CONTROL, EXCLUDED, PASSED, TREATMENT, PlanPeople
from aimwell.segment.service import members
from aimwell.stats.buckets import bucket
from aimwell.store.lake import Snapshot
from aimwell.store.stores import Stores
from aimwell.store.tables import LAKE_TABLES

__all__ = ["Drafted", "drafted"]

Floats = NDArray[np.float64]


@dataclass(eq=False)
class _Taken:
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
    """

    people: PlanPeople
    lesson: Lesson | NoLesson
    limits: tuple[Limit, ...]
    values: Floats | None
    explore: float | None
    taken: _Taken

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

    def summary(self) -> dict[str, Any] | None:
        """What explain shows of the policy and the budget; None where chance chose and nothing limited it."""
        uses = limit_uses(self.people, self.limits, self._prices())
        told: dict[str, Any] = {
            "limits": [use.to_dict() for use in uses],
            "segments": self._by_segment(),
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
                "people": int(allocation.choice.size),
                "value": allocation.value,
                "bound": allocation.bound,
                "gap": allocation.gap,
                "method": allocation.method,
            },
            **self._money(),
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
            "curve": [_scaled(point.to_dict(), times) for point in points],
            "judged_profit": _scaled(here.to_dict(), times)["judged"],
        }

    def decisions(self, plan_id: str, campaign: str, *, at: datetime, now: datetime) -> pa.Table:
        """A row of the lake for each person who was decided for."""
        who = np.flatnonzero(self.people.arm != EXCLUDED)
        origins = [self.people.origin_id[i] for i in who.tolist()]
        action = self.people.action[who]
        keys = pa.array([c.key for c in self.people.candidates], pa.string())
        profit = self.expected_profit()[who]
        held = self.people.arm[who] == CONTROL
        reason = np.where(
            held,
            "held_out",
            np.where(
                action < 0, "passed_over", np.where(self.explored()[who], "explored", "chosen")
            ),
        )
        columns: dict[str, Any] = {
            "decision_id": [
                hashlib.sha256(f"{plan_id}:{one}".encode()).hexdigest()[:32] for one in origins
            ],
            "plan_id": pa.repeat(plan_id, len(who)),
            "campaign": pa.repeat(campaign, len(who)),
            "origin_id": origins,
            "action": keys.take(pa.array(action, pa.int64(), mask=action < 0)),
            "probability": self.people.probability[who],
            "expected_profit": pa.array(profit, pa.float64(), mask=np.isnan(profit)),
            "reason": pa.array(reason.tolist(), pa.string()),
            "decided_at": pa.repeat(pa.scalar(at, pa.timestamp("us", "UTC")), len(who)),
            "source": pa.repeat("aimwell", len(who)),
            "received_at": pa.repeat(pa.scalar(now, pa.timestamp("us", "UTC")), len(who)),
        }
        schema = LAKE_TABLES["decisions"].schema
        return pa.table(
            {
                field.name: pc.cast(pa.array(columns[field.name]), field.type)
                if field.name in columns
                else pa.nulls(len(who), field.type)
                for field in schema
            },
            schema=schema,
        )


def _scaled(point: dict[str, Any], times: float) -> dict[str, Any]:
    """A point of the curve for `times` as many people."""
    judged = {
        name: value * times
        if name in ("estimate", "lower", "upper") and value is not None
        else value
        for name, value in point["judged"].items()
    }
    return {
        "budget": point["budget"] * times,
        "spent": point["spent"] * times,
        "people": round(point["people"] * times),
        "value": point["value"] * times,
        "marginal": point["marginal"],
        "judged": judged,
    }


def drafted(
    stores: Stores,
    parts: CampaignParts,
    offered: Sequence[Candidate],
    audience: Sequence[str],
    *,
    refusals: NDArray[np.int8],
    send_at: NDArray[np.datetime64],
    kept: Mapping[str, str],
    moment: datetime,
    snapshot: Snapshot,
    trial: bool,
) -> Drafted:
    """Choose for the audience.

    Raises:
        DecideError: A floor cannot be met; the experiment that the campaign names cannot be learnt from.
    """
    campaign = parts.campaign
    salt = campaign.salt or campaign.name
    lesson = learn(
        stores, parts, moment=moment, trial=trial, seed=bucket(f"{salt}:learn", campaign.name)
    )
    learnt = isinstance(lesson, Lesson)
    pays_discounts = learnt and campaign.policy.budget_counts == "contact_and_discount"
    limits = limits_of(
        parts,
        offered,
        _members(stores, parts, audience, moment, snapshot),
        reach(stores.control, parts, trial=trial),
        lesson.discounts if isinstance(lesson, Lesson) and pays_discounts else None,
    )
    values = (
        lesson.expected(stores, audience, as_of=moment, snapshot=snapshot)
        if isinstance(lesson, Lesson) and len(audience)
        else None
    )
    taken = _Taken()
    explore = None
    policy = None
    if values is not None:
        explore = _explore(parts, offered, refusals, limits)
        policy = Chooser(explore, _chooser(values, limits, taken))

    keys = [kept.get(one, one) for one in audience]
    if campaign.cluster is not None:
        groups = clusters_of(stores.control, campaign.cluster)
        keys = [groups.get(who, own) for who, own in zip(audience, keys, strict=True)]
    hashed = Hashed(keys)

    def make(refused: NDArray[np.int8]) -> PlanPeople:
        return draft(
            audience,
            candidates=offered,
            salt=salt,
            holdout=campaign.holdout,
            refusals=refused,
            send_at=send_at,
            kept=kept,
            policy=policy,
            hashed=hashed,
        )

    people = within_ceilings(make, refusals, limits, salt=salt, keys=keys)
    return Drafted(people, lesson, limits, values, explore, taken)


def _chooser(values: Floats, limits: Sequence[Limit], taken: _Taken) -> Any:
    def choose(
        who: NDArray[np.intp], allowed: NDArray[np.bool_], tossed: Tossed
    ) -> NDArray[np.int32]:
        of_them = [for_people(limit, who) for limit in limits]
        taken.who, taken.tossed = who, tossed
        taken.chosen = choose_within(values[who], allowed, of_them, tossed)
        return taken.chosen.choice

    return choose


def _explore(
    parts: CampaignParts,
    offered: Sequence[Candidate],
    refusals: NDArray[np.int8],
    limits: Sequence[Limit],
) -> float:
    allowed = refusals == ALLOWED
    who = np.flatnonzero(allowed.any(axis=1))
    campaign = parts.campaign
    return exploring_share(
        campaign.policy.explore,
        by_weight(allowed[who], offered),
        [for_people(limit, who) for limit in limits],
        held=campaign.holdout,
    )


def _members(
    stores: Stores,
    parts: CampaignParts,
    audience: Sequence[str],
    moment: datetime,
    snapshot: Snapshot,
) -> dict[str, NDArray[np.bool_]]:
    people = pa.array(audience, pa.string())
    found = {}
    for limit in parts.campaign.policy.limits:
        inside = members(stores, limit.segment, as_of=moment, snapshot=snapshot)
        place = pc.is_in(people, value_set=inside.column("profile_id").combine_chunks())
        found[limit.segment] = place.to_numpy(zero_copy_only=False)
    return found
