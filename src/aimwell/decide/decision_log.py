"""What a plan decided for each person, as rows of the lake's `decisions`: written once, from the plan as it is stored.

The plan comes first, with a note that its rows are due, and then all rows in one commit. So there are never rows of a plan
that is not there; what a crash left due is written by whoever comes next: who approves it, the next plan, the workers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from aimwell.decide.model import Place, Plan
from aimwell.decide.people import PlanPeople
from aimwell.decide.stored import load_plan, place_batches
from aimwell.privacy.erasure import is_erased
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from aimwell.store.tables import LAKE_TABLES

__all__ = ["log_decisions", "log_due"]

_plans = metadata.tables["plans"]
_BATCH = 20_000
_DECIDED = ("treatment", "control", "passed")
_REASONS = {"control": "held_out", "passed": "passed_over"}

Columns = Mapping[str, Sequence[Any]]


def log_decisions(stores: Stores, plan: Plan, people: PlanPeople | None = None) -> Plan:
    """Write the plan's rows where they are due; harmless to repeat, at once too. Returns the plan as it is then.

    Args:
        people: The plan's people, where they are at hand; else they are read.
    """
    if not plan.decisions_due:
        return plan
    columns = _stored(stores, plan) if people is None else _given(people)
    batches = (_batch(plan, part) for part in columns)
    stores.lake.append("decisions", batches, transaction=(f"decide:{plan.plan_id}", 1))
    with stores.control.begin() as connection:
        connection.execute(
            sa.update(_plans).where(_plans.c.plan_id == plan.plan_id).values(decisions_due=False)
        )
    return replace(plan, decisions_due=False)


def log_due(stores: Stores) -> int:
    """Write the rows of all plans that a crash left without; returns of how many."""
    query = sa.select(_plans.c.plan_id).where(_plans.c.decisions_due).order_by(_plans.c.planned_at)
    with stores.read_control() as connection:
        due = connection.execute(query).scalars().all()
    for plan_id in due:
        log_decisions(stores, load_plan(stores.control, plan_id))
    return len(due)


def _given(people: PlanPeople) -> Iterator[Columns]:
    for start in range(0, len(people), _BATCH):
        yield people.columns(start, min(start + _BATCH, len(people)))


def _stored(stores: Stores, plan: Plan) -> Iterator[Columns]:
    names = [field.name for field in fields(Place)]
    for batch in place_batches(stores.control, plan.plan_id, arms=_DECIDED, size=_BATCH):
        yield {name: [getattr(place, name) for place in batch] for name in names}


def _batch(plan: Plan, people: Columns) -> pa.RecordBatch:
    """Rows of those who were decided for, less who was erased meanwhile."""
    arms, origins = people["arm"], people["origin_id"]
    who = [
        place
        for place, arm in enumerate(arms)
        if arm != "excluded" and not is_erased(origins[place])
    ]

    def of(name: str) -> list[Any]:
        column = people[name]
        return [column[place] for place in who]

    word = "drawn" if (plan.summary["chosen"] or {}).get("exploring") else "chosen"
    count = len(who)
    columns: dict[str, Any] = {
        "decision_id": [
            hashlib.sha256(f"{plan.plan_id}:{one}".encode()).hexdigest()[:32]
            for one in of("origin_id")
        ],
        "plan_id": [plan.plan_id] * count,
        "campaign": [plan.campaign] * count,
        "origin_id": of("origin_id"),
        "action": of("action"),
        "probability": of("probability"),
        "expected_profit": of("expected_profit"),
        "choice": of("choice"),
        "reason": [
            _REASONS.get(arm, "explored" if explored else word)
            for arm, explored in zip(of("arm"), of("explored"), strict=True)
        ],
        "decided_at": [plan.as_of] * count,
        "source": ["aimwell"] * count,
        "received_at": [plan.planned_at] * count,
    }
    schema = LAKE_TABLES["decisions"].schema
    return pa.record_batch(
        [pa.array(columns.get(field.name, [None] * count), field.type) for field in schema],
        schema=schema,
    )
