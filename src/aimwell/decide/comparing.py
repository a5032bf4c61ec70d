"""Two plans side by side: who moved from where to where, and what it does to cost and expected profit."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from aimwell.decide.model import Plan
from aimwell.decide.stored import load_plan
from aimwell.store.control import Control
from aimwell.store.schema import metadata

__all__ = ["Move", "PlanDifference", "compare_plans"]

_people = metadata.tables["plan_people"]
_ABSENT = "not in the plan"


@dataclass(frozen=True)
class Move:
    """People who stand at `before` in the first plan and at `after` in the second, and what contacting them costs there.

    A place is an action's name, 'held out', 'passed over', 'left out: REASON' or 'not in the plan'.
    """

    before: str
    after: str
    people: int
    cost_before: float
    cost_after: float

    @property
    def moved(self) -> bool:
        """Whether they stand elsewhere."""
        return self.before != self.after


@dataclass(frozen=True)
class PlanDifference:
    """What changed from one plan to the other.

    Args:
        first, second: Ids of the plans.
        campaigns: Of both.
        moves: All places people stand at in both; those who moved first, the largest groups first.
        cost: Contact cost of both.
        expected_profit: Of both, as judged by their past experiment; None without a policy.
        documents: Definitions that differ, as "campaign" or "offers ten".
    """

    first: str
    second: str
    campaigns: tuple[str, str]
    moves: tuple[Move, ...]
    cost: tuple[float, float]
    expected_profit: tuple[float | None, float | None]
    documents: tuple[str, ...]

    @property
    def moved(self) -> int:
        """People who stand elsewhere."""
        return sum(move.people for move in self.moves if move.moved)

    @property
    def same(self) -> int:
        """People who stand where they stood."""
        return sum(move.people for move in self.moves if not move.moved)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "moved": self.moved, "same": self.same}


def compare_plans(control: Control, first: str, second: str) -> PlanDifference:
    """The difference of two stored plans, person by person: by today's ids, whoever merged since stands in one only.

    Raises:
        DecideError: There is no such plan.
    """
    a, b = load_plan(control, first), load_plan(control, second)
    left, right = _of(a, "a"), _of(b, "b")
    before, after = _place(left), _place(right)
    query = (
        sa.select(
            before,
            after,
            sa.func.count().label("people"),
            sa.func.coalesce(sa.func.sum(left.c.cost), 0),
            sa.func.coalesce(sa.func.sum(right.c.cost), 0),
        )
        .select_from(left.outerjoin(right, left.c.profile_id == right.c.profile_id, full=True))
        .group_by(before, after)
    )
    with control.read() as connection:
        rows = connection.execute(query).all()
    moves = [Move(x, y, int(n), float(cost), float(other)) for x, y, n, cost, other in rows]
    moves.sort(key=lambda move: (not move.moved, -move.people, move.before, move.after))
    return PlanDifference(
        first=a.plan_id,
        second=b.plan_id,
        campaigns=(a.campaign, b.campaign),
        moves=tuple(moves),
        cost=(float(a.summary["cost"]), float(b.summary["cost"])),
        expected_profit=(_profit(a), _profit(b)),
        documents=_changed(a, b),
    )


def _of(plan: Plan, name: str) -> sa.Subquery:
    columns = (_people.c[c] for c in ("profile_id", "arm", "excluded", "action", "cost"))
    return sa.select(*columns).where(_people.c.plan_id == plan.plan_id).subquery(name)


def _place(people: sa.Subquery) -> sa.ColumnElement[str]:
    return sa.case(
        (people.c.profile_id.is_(None), _ABSENT),
        (people.c.arm == "control", "held out"),
        (people.c.arm == "passed", "passed over"),
        (people.c.arm == "excluded", sa.literal("left out: ") + people.c.excluded),
        else_=people.c.action,
    )


def _profit(plan: Plan) -> float | None:
    judged = (plan.summary.get("chosen") or {}).get("judged_profit")
    return None if judged is None else judged["estimate"]


def _changed(a: Plan, b: Plan) -> tuple[str, ...]:
    found = []
    if a.document["campaign"] != b.document["campaign"]:
        found.append("campaign")
    for kind in ("offers", "channels", "templates"):
        names = sorted({*a.document[kind], *b.document[kind]})
        found += [
            f"{kind} {name}"
            for name in names
            if a.document[kind].get(name) != b.document[kind].get(name)
        ]
    if a.document["contact_policy"] != b.document["contact_policy"]:
        found.append("contact policy")
    return tuple(found)
