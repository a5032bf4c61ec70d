"""Processes that plan, approve, undo, cancel and set up are killed at any moment: each step is done whole, or not at all."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from aimwell.decide.decision_log import log_due
from aimwell.decide.offers import codes
from aimwell.decide.service import approve, plan
from aimwell.decide.stored import list_plans
from aimwell.deliver.jobs import FLUSH, deliver_handlers
from aimwell.errors import DecideError
from aimwell.privacy.erasure import erase
from aimwell.store.schema import metadata
from aimwell.store.sql import sql
from aimwell.store.stores import Stores
from campaigns import NOW, apply, planned, set_up
from child import child
from databases import shortly_on
from shop import make_stores, origin

_people = metadata.tables["plan_people"]
_codes = metadata.tables["offer_codes"]
_audit = metadata.tables["audit_log"]
_definitions = metadata.tables["definitions"]
_history = metadata.tables["definition_revisions"]

POOLED = {"code": None, "codes": {"pool": "unique"}}
SUBJECTS = {
    "kind": "experiment",
    "name": "subjects",
    "campaign": "spring",
    "factors": [
        {
            "name": "offer",
            "levels": [{"name": "ten", "offer": "ten"}, {"name": "five", "offer": "five"}],
        }
    ],
}
FIVE = {"kind": "offer", "name": "five", "benefit": {"percent": 5}, "code": "FIVE"}

THANKS = {
    "kind": "offer",
    "name": "thanks",
    "benefit": {"amount": 5},
    "codes": {"pool": "unique", "to": "earned"},
}

# A policy takes seconds to learn; that the log of a learnt plan is right is a test of plan_choice's.
AS_IF_LEARNT = """
from dataclasses import replace
import numpy as np
from aimwell.decide import service
draft = service.drafted
def drafted(stores, parts, offered, audience, **more):
    found = draft(stores, parts, offered, audience, **more)
    return replace(found, values=np.zeros((len(audience), len(offered))))
service.drafted = drafted
"""
PLAN = (
    """
import sys, time
from datetime import datetime
from pathlib import Path
from aimwell.store.lake import Lake
from aimwell.store.stores import open_stores
"""
    + AS_IF_LEARNT
    + """
append = Lake.append
def stop(self, name, rows, **more):
    if name == "decisions":
        print("stored", flush=True)
        time.sleep(60)
    return append(self, name, rows, **more)
Lake.append = stop
stores = open_stores(Path(sys.argv[1]))
service.plan(stores, "spring", now=datetime.fromisoformat(sys.argv[2]), by="ann")
"""
)
# argv: workspace, seed, moment
BUSY = (
    """
import random, sys
from datetime import datetime
from pathlib import Path
from aimwell.decide.experiment_service import roll_out, set_up
from aimwell.decide.offers import codes
from aimwell.decide.offers.earned_codes import earn
from aimwell.decide.stored import list_plans
from aimwell.errors import AimwellError
from aimwell.store.stores import open_stores
"""
    + AS_IF_LEARNT
    + """
stores = open_stores(Path(sys.argv[1]))
draw = random.Random(int(sys.argv[2]))
now = datetime.fromisoformat(sys.argv[3])
def some():
    found = list_plans(stores.control)
    return draw.choice(found).plan_id if found else "none"
def rewarded():
    with stores.control.begin() as connection:
        earn(connection, "thanks", {f"deed {draw.randrange(50)}": "p" for _ in range(9)}, now=now)
steps = [
    lambda: service.plan(stores, "spring", now=now, by="ann"),
    lambda: service.approve(stores, some(), now=now, by="ann"),
    lambda: service.approve(stores, some(), now=now, by="ann"),
    lambda: service.undo(stores, some(), now=now, by="ann"),
    lambda: service.cancel(stores, some(), now=now, by="ann"),
    lambda: set_up(stores, "subjects", now=now, by="ann"),
    lambda: roll_out(stores, "subjects", draw.choice(["ten", "five"]), now=now, by="ann"),
    lambda: codes.generate(stores, "ten", 20, now=now, by="ann"),
    rewarded,
]
print("ready", flush=True)
while True:
    try:
        draw.choice(steps)()
    except AimwellError:
        pass
    print("step", flush=True)
"""
)


@pytest.fixture
def stores(tmp_path: Path, control_url: str) -> Iterator[Stores]:
    opened = make_stores(tmp_path, control_url)
    set_up(opened, 30, ten=POOLED, five=FIVE, thanks=THANKS, subjects=SUBJECTS)
    codes.generate(opened, "ten", 60, now=NOW, by="ann")
    codes.generate(opened, "thanks", 60, now=NOW, by="ann")
    yield opened
    opened.close()


def logged(stores: Stores) -> dict[str, list[str]]:
    """Plan → the origins of its rows in the lake."""
    found: dict[str, list[str]] = {}
    with stores.engine.session() as session:
        session.bind("decisions", stores.lake.pin("decisions").tables["decisions"])
        for plan_id, one in session.rows(sql("SELECT plan_id, origin_id FROM decisions")):
            found.setdefault(plan_id, []).append(one)
    return found


def check_whole(stores: Stores) -> None:
    """Every plan has all its people, its codes and its lines of the audit log; of its rows in the lake all, or they are due."""
    with stores.read_control() as connection:
        people = dict(
            connection.execute(
                sa.select(_people.c.plan_id, sa.func.count()).group_by(_people.c.plan_id)
            ).all()
        )
        given = Counter(connection.execute(sa.select(_codes.c.plan_id)).scalars())
        earned = connection.execute(
            sa.select(_codes.c.earned_by, _codes.c.profile_id).where(_codes.c.offer == "thanks")
        ).all()
        made = dict(
            connection.execute(
                sa.select(_codes.c.offer, sa.func.count()).group_by(_codes.c.offer)
            ).all()
        )
        told = connection.execute(
            sa.select(_audit.c.subject, _audit.c.detail).where(
                _audit.c.action.in_(["make codes", "add codes"])
            )
        ).all()
        lines = Counter(connection.execute(sa.select(_audit.c.action, _audit.c.subject)).all())
        current = _revisions(connection, _definitions)
        newest = _revisions(connection, _history)
    noted: Counter[str] = Counter()
    for offer, detail in told:
        noted[offer] += detail["codes"]
    assert noted == made, "codes without their line in the audit log, or a line without codes"
    assert all((deed is None) == (whose is None) for deed, whose in earned)
    rows = logged(stores)
    plans = list_plans(stores.control)
    assert set(rows) <= {one.plan_id for one in plans}, "rows of a plan that is not there"
    assert set(people) == {one.plan_id for one in plans}
    for one in plans:
        found = lines["plan", one.plan_id], lines["cancel", one.plan_id]
        assert found == (1, int(one.state == "cancelled"))
        assert people[one.plan_id] == one.summary["audience_size"]
        # Once the winner is rolled out, the campaign's offer may be one without codes.
        offers = {a.get("name"): a["offer"] for a in one.document["campaign"]["actions"]}
        need = sum(
            action["people"]
            for action in one.summary["actions"]
            if offers.get(action["action"], "ten") == "ten"
        )
        assert given[one.plan_id] == (need if one.state == "approved" else 0)
        stands = lines["approve", one.plan_id] - lines["undo", one.plan_id]
        assert stands in ({"planned": (0,), "approved": (1,)}.get(one.state, (0, 1)))
        told = rows.get(one.plan_id, [])
        assert len(told) == len(set(told)) == (one.summary["eligible"] if told else 0)
        assert one.state != "approved" or not one.decisions_due
    assert lines["roll out", "spring"] >= newest["campaign", "spring"] - 1
    assert current == newest


def _revisions(connection: sa.Connection, table: sa.Table) -> dict[tuple[str, str], int]:
    named = (table.c.kind, table.c.name)
    rows = connection.execute(sa.select(*named, sa.func.max(table.c.revision)).group_by(*named))
    return {(kind, name): revision for kind, name, revision in rows}


def kept_busy(stores: Stores, *, kills: int, at_once: int, draw: random.Random) -> int:
    """Kill so many processes amid their steps; returns how many steps were seen."""
    seen = 0
    for _ in range(kills):
        others = []
        for _ in range(at_once):
            begun = child(BUSY, stores.root, draw.randrange(10**6), NOW.isoformat())
            others.append((begun, begun.__enter__()))
        for _, one in others:
            assert one.line() == "ready"
        for _, one in others:
            for _ in range(draw.randrange(4)):
                assert one.line() == "step"
                seen += 1
        time.sleep(draw.random() * 0.2)
        for context, one in others:
            one.kill()
            seen += len(one.lines())
            context.__exit__(None, None, None)
        check_whole(stores)
        rows = logged(stores)
        assert all(one.plan_id in rows or one.decisions_due for one in list_plans(stores.control))
    return seen


@pytest.mark.slow
@shortly_on("postgresql")
def test_two_busy_processes_are_killed_and_every_step_is_whole(stores: Stores, seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311 - moments to kill at
    assert kept_busy(stores, kills=1, at_once=2, draw=draw) > 0
    log_due(stores)
    assert all(not one.decisions_due for one in list_plans(stores.control))
    check_whole(stores)


@pytest.mark.long
@pytest.mark.timeout(3_600)
def test_a_hundred_busy_processes_are_killed_and_every_step_is_whole(
    stores: Stores, seed: int
) -> None:
    draw = random.Random(seed)  # noqa: S311 - moments to kill at
    assert kept_busy(stores, kills=50, at_once=2, draw=draw) > 50
    log_due(stores)
    assert all(not one.decisions_due for one in list_plans(stores.control))
    check_whole(stores)


def test_what_a_kill_left_due_is_written_by_whoever_comes_next(stores: Stores) -> None:
    for number in range(2):
        with child(PLAN, stores.root, NOW.isoformat()) as process:
            assert process.line() == "stored"
            process.kill()
        check_whole(stores)
        (due,) = [one for one in list_plans(stores.control) if one.decisions_due]
        assert due.plan_id not in logged(stores)
        if number == 0:
            planned(stores)
            assert len(logged(stores)[due.plan_id]) == due.summary["eligible"]
    # The first was finished by the plan after it, the second is by who approves it.
    erase(stores, origin(stores, "c00003"), [origin(stores, "c00003")], now=NOW, by="ann")
    approved = approve(stores, due.plan_id, now=NOW, by="ann")
    assert not approved.decisions_due
    # Who was erased meanwhile does not come back by it.
    assert origin(stores, "c00003") not in logged(stores)[approved.plan_id]
    assert len(logged(stores)[approved.plan_id]) == due.summary["eligible"] - 1


CODES = """
import sys, time
from datetime import datetime
from pathlib import Path
from aimwell.decide.offers import codes
from aimwell.store.stores import Stores, open_stores
write = Stores.audit_within
def stop(self, connection, action, **more):
    if sys.argv[2] == "before":
        print("amid", flush=True)
        time.sleep(60)
    write(self, connection, action, **more)
    print("amid", flush=True)
    time.sleep(60)
Stores.audit_within = stop
stores = open_stores(Path(sys.argv[1]))
now = datetime.fromisoformat(sys.argv[4])
if sys.argv[3] == "add":
    codes.add(stores, "ten", ["A1", "B2"], now=now, by="ann")
codes.generate(stores, "ten", 20, now=now, by="ann")
"""


@pytest.mark.parametrize(("what", "when"), [("add", "before"), ("make", "after")])
def test_codes_and_their_line_in_the_audit_log_are_written_together(
    stores: Stores, what: str, when: str
) -> None:
    with child(CODES, stores.root, when, what, NOW.isoformat()) as process:
        assert process.line() == "amid"
        process.kill()
    check_whole(stores)
    assert codes.free(stores.control, "ten") == 60
    assert codes.generate(stores, "ten", 5, now=NOW, by="ann") == 5
    check_whole(stores)


def test_workers_write_what_is_due(stores: Stores) -> None:
    with child(PLAN, stores.root, NOW.isoformat()) as process:
        assert process.line() == "stored"
        process.kill()
    flush = deliver_handlers(stores)[FLUSH]
    assert logged(stores) == {}
    flush(None, {})  # type: ignore[arg-type] - it asks nothing of the job
    (made,) = list_plans(stores.control)
    assert len(logged(stores)[made.plan_id]) == made.summary["eligible"]
    assert log_due(stores) == 0


def test_a_plan_that_is_refused_leaves_nothing(stores: Stores) -> None:
    apply(stores, spring={"holdout": 1.0})
    with pytest.raises(DecideError, match="holds out everybody"):
        plan(stores, "spring", now=NOW, by="ann")
    assert list_plans(stores.control) == []
    assert logged(stores) == {}
