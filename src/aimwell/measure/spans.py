"""Which people of a plan count, from when to when, and with which seed they are measured."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from aimwell.decide.model import Place, Plan
from aimwell.decide.stored import places
from aimwell.errors import MeasureError
from aimwell.measure.model import Span
from aimwell.privacy.erasure import is_erased
from aimwell.stats.buckets import BUCKETS
from aimwell.store.stores import Stores

__all__ = ["Assigned", "assigned", "holdout_of", "seed_of", "span_of"]


@dataclass(frozen=True, eq=False)
class Assigned:
    """The people of a plan for whom chance or the policy decided, and how many of them were erased since."""

    people: list[Place]
    erased: int


def assigned(stores: Stores, plan_id: str) -> Assigned:
    """Who was to be contacted, who was held out, and whom the policy passed over.

    Whom it gave nothing counts beside those whom it gave something: the like of them are among the held-out too.
    """
    placed = places(stores.control, plan_id, arms=("treatment", "control", "passed"))
    people = [place for place in placed if not is_erased(place.profile_id)]
    return Assigned(people, len(placed) - len(people))


def holdout_of(plan: Plan) -> float:
    """The share that was to be held out, as buckets give it."""
    share: float = plan.summary["holdout"]
    return round(share * BUCKETS) / BUCKETS


def seed_of(plan: Plan) -> int:
    """The seed with which a plan is measured wherever no other is asked for.

    By campaign and start alone: the random part of the plan's id would make the same campaign, planned again of the
    same moment, differ.
    """
    text = f"{plan.campaign}\n{plan.starts_at.astimezone(UTC).isoformat()}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def span_of(plan: Plan, now: datetime, *, timezone: str, windows: float = 1.0) -> Span:
    """When the outcomes of a plan count, up to `now`. Raises MeasureError where it has not begun."""
    if now.tzinfo is None:
        raise MeasureError(f"The moment {now.isoformat()} has no time zone; give an aware time.")
    start = plan.starts_at.astimezone(UTC)
    if now <= start:
        raise MeasureError(
            f"The plan '{plan.plan_id}' starts at {start.astimezone(ZoneInfo(timezone)):%Y-%m-%d %H:%M %Z}, so there is nothing to measure yet. "
            "Measure again later."
        )
    ends = start + timedelta(days=plan.summary["window_days"] * windows)
    return Span(starts_at=start, ends_at=ends, measured_until=min(ends, now.astimezone(UTC)))
