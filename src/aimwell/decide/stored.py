"""Plans in the control database, with what their people are recommended: written whole, read back, moved from state to state."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from aimwell.decide.model import Place, Plan, PlanState
from aimwell.decide.people import TREATMENT, PlanPeople
from aimwell.decide.people_writing import write_people
from aimwell.errors import DecideError, nearest
from aimwell.store.control import Control, UtcDateTime
from aimwell.store.listed import GIVEN, among
from aimwell.store.schema import metadata

__all__ = [
    "TRANSITIONS",
    "has_begun",
    "list_plans",
    "load_plan",
    "move",
    "pinned_products",
    "place_batches",
    "place_of",
    "places",
    "store_plan",
]

_plans = metadata.tables["plans"]
_people = metadata.tables["plan_people"]
_products = metadata.tables["plan_products"]
_BATCH = 10_000

TRANSITIONS: dict[str, tuple[PlanState, ...]] = {
    "approved": ("planned",),
    "planned": ("approved",),
    "sending": ("approved", "paused", "sending"),
    "paused": ("sending",),
    "sent": ("sending",),
    "cancelled": ("planned", "approved", "sending", "paused"),
}
"""State → states from which a plan may move there."""


def store_plan(
    control: Control,
    plan: Plan,
    people: PlanPeople,
    *,
    products: Callable[[str], Sequence[Mapping[str, Any]]] | None = None,
    also: Callable[[sa.Connection], None] | None = None,
) -> None:
    """Write the plan and its people, all or nothing.

    Args:
        products: What each of those to be contacted is recommended.
        also: What is written with the plan, or neither.
    """
    fields = {
        "plan_id": plan.plan_id,
        "campaign": plan.campaign,
        "revision": plan.revision,
        "state": plan.state,
        "trial": plan.trial,
        "as_of": plan.as_of,
        "document": dict(plan.document),
        "lake_versions": dict(plan.lake_versions),
        "summary": dict(plan.summary),
        "planned_at": plan.planned_at,
        "planned_by": plan.planned_by,
        "decisions_due": plan.decisions_due,
    }
    with control.begin() as connection:
        connection.execute(sa.insert(_plans).values(**fields))
        write_people(connection, plan.plan_id, people)
        for start in range(0, len(people) if products is not None else 0, _BATCH):
            treated = people.is_in(TREATMENT)[start : start + _BATCH].nonzero()[0] + start
            pinned = [
                {
                    "plan_id": plan.plan_id,
                    "profile_id": (one := people.profile_id[place]),
                    "products": list(products(one)) if products is not None else [],
                }
                for place in treated.tolist()
            ]
            if pinned:
                connection.execute(sa.insert(_products), pinned)
        if also is not None:
            also(connection)


def load_plan(control: Control, plan_id: str) -> Plan:
    """The plan of that id; `latest:CAMPAIGN` is the newest plan of a campaign.

    Raises:
        DecideError: There is none; names the nearest.
    """
    with control.read() as connection:
        if plan_id.startswith("latest:"):
            query = (
                sa.select(_plans)
                .where(_plans.c.campaign == plan_id.removeprefix("latest:"))
                .order_by(_plans.c.planned_at.desc(), _plans.c.plan_id)
                .limit(1)
            )
        else:
            query = sa.select(_plans).where(_plans.c.plan_id == plan_id)
        row = connection.execute(query).one_or_none()
        if row is None:
            raise DecideError(
                f"There is no plan '{plan_id}'. {_nearest_plan(connection, plan_id)} "
                "Make one with: aimwell decide plan CAMPAIGN"
            )
    return Plan(**row._mapping)


def _nearest_plan(connection: sa.Connection, wanted: str) -> str:
    """The nearest name of a plan: where a campaign was named, its newest plan."""
    campaigns = connection.execute(sa.select(_plans.c.campaign).distinct()).scalars().all()
    if wanted.startswith("latest:") or wanted in campaigns:
        wanted = f"latest:{wanted.removeprefix('latest:')}"
        return nearest(wanted, [f"latest:{campaign}" for campaign in campaigns])
    return nearest(wanted, connection.execute(sa.select(_plans.c.plan_id)).scalars().all())


def has_begun(connection: sa.Connection, plan_id: str) -> bool:
    """Whether anything of the plan was begun to be sent, as the transaction sees it."""
    query = sa.select(_plans.c.started_at).where(_plans.c.plan_id == plan_id)
    return connection.execute(query).scalar_one() is not None


def list_plans(control: Control, campaign: str | None = None) -> list[Plan]:
    """All plans, or those of one campaign, newest first."""
    query = sa.select(_plans).order_by(_plans.c.planned_at.desc(), _plans.c.plan_id)
    if campaign is not None:
        query = query.where(_plans.c.campaign == campaign)
    with control.read() as connection:
        return [Plan(**row._mapping) for row in connection.execute(query)]


def places(control: Control, plan_id: str, *, arms: Sequence[str] | None = None) -> list[Place]:
    """The people of a plan in the order of their ids, or those of the given arms."""
    query = sa.select(_people).where(_people.c.plan_id == plan_id).order_by(_people.c.profile_id)
    if arms is not None:
        query = query.where(_people.c.arm.in_(arms))
    with control.read() as connection:
        return [_place(row) for row in connection.execute(query)]


def place_batches(
    control: Control, plan_id: str, *, arms: Sequence[str], size: int
) -> Iterator[list[Place]]:
    """The people of these arms in the order of their ids, at most `size` at a time, each batch in a transaction of its own."""
    query = (
        sa.select(_people)
        .where(
            _people.c.plan_id == plan_id,
            _people.c.arm.in_(arms),
            _people.c.profile_id > sa.bindparam("after", type_=sa.Text),
        )
        .order_by(_people.c.profile_id)
        .limit(size)
    )
    after = ""
    while True:
        with control.read() as connection:
            batch = [_place(row) for row in connection.execute(query, {"after": after})]
        if batch:
            yield batch
        if len(batch) < size:
            return
        after = batch[-1].profile_id


def place_of(control: Control, plan_id: str, profile_id: str) -> Place | None:
    """One person's place in a plan; None where they do not stand in it."""
    query = sa.select(_people).where(
        _people.c.plan_id == plan_id, _people.c.profile_id == profile_id
    )
    with control.read() as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else _place(row)


def _place(row: sa.Row[Any]) -> Place:
    return Place(**{name: value for name, value in row._mapping.items() if name != "plan_id"})


def pinned_products(
    connection: sa.Connection, plan_id: str, profile_ids: Sequence[str]
) -> dict[str, list[dict[str, Any]]]:
    """Profile → the products that were pinned for them when it was planned, the best first."""
    query = sa.select(_products.c.profile_id, _products.c.products).where(
        _products.c.plan_id == plan_id, among(_products.c.profile_id, GIVEN)
    )
    rows = connection.execute(query, {"ids": profile_ids})
    return {row.profile_id: row.products for row in rows}


def move(
    control: Control,
    plan_id: str,
    state: PlanState,
    *,
    now: datetime,
    by: str | None = None,
    since: Sequence[PlanState] | None = None,
    also: Callable[[sa.Connection], None] | None = None,
) -> Plan:
    """Move a plan to `state`; two at once: one wins, the other is told.

    Args:
        also: What is written with the move, or neither.
        since: Only from these states, of those from which it is possible at all.

    Raises:
        DecideError: The plan is in a state from which it cannot move there.
    """
    all_stamps: dict[str, dict[str, Any]] = {
        "approved": {"approved_at": now, "approved_by": by},
        "planned": {"approved_at": None, "approved_by": None},
        "sending": {
            "started_at": sa.func.coalesce(_plans.c.started_at, sa.literal(now, UtcDateTime()))
        },
        "sent": {"finished_at": now},
        "cancelled": {"finished_at": now},
    }
    stamps = all_stamps.get(state, {})
    allowed = [known for known in TRANSITIONS[state] if since is None or known in since]
    with control.begin() as connection:
        changed = connection.execute(
            sa.update(_plans)
            .where(_plans.c.plan_id == plan_id, _plans.c.state.in_(allowed))
            .values(state=state, **stamps)
        ).rowcount
        if changed and also is not None:
            also(connection)
    plan = load_plan(control, plan_id)
    if not changed and plan.state == state:
        raise DecideError(f"The plan '{plan_id}' is {state} already.")
    if not changed:
        raise DecideError(
            f"The plan '{plan_id}' is {plan.state} and cannot become {state}; "
            f"that is possible while it is {' or '.join(allowed)}."
        )
    return plan
