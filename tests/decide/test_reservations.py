"""Campaigns of one priority that run at once: the message that is expected to earn more has the person's slot."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from aimwell.decide.contacts import read_contacts
from aimwell.decide.model import Plan
from aimwell.decide.reservations import Rank
from aimwell.decide.service import approve, cancel, plan, undo
from aimwell.decide.stored import places
from aimwell.definitions.kinds.contact_policy import ContactPolicy
from aimwell.deliver import service as deliver
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from campaigns import DOCUMENTS, NOW, planned, set_up
from shop import make_stores

_people = metadata.tables["plan_people"]
_messages = metadata.tables["messages"]
ONE_A_WEEK = {"kind": "contact_policy", "name": "default", "caps": [{"count": 1, "days": 7}]}
IN_TWO_DAYS = {"schedule": {"at": "2026-03-04T09:00", "timezone": "UTC"}}
PEOPLE = 12


@pytest.fixture
def stores(tmp_path: Path, control_url: str) -> Iterator[Stores]:
    opened = make_stores(tmp_path, control_url)
    yield opened
    opened.close()


def two_campaigns(stores: Stores, rules: Mapping[str, Any] = ONE_A_WEEK, **other: Any) -> None:
    body = {**DOCUMENTS["spring"], "name": "other", "holdout": 0.0, **other}
    set_up(stores, PEOPLE, default=rules, spring={"holdout": 0.0}, other=body)


def other_plan(stores: Stores, worth: Callable[[int], float | None]) -> Plan:
    """An approved plan of the other campaign that expects so much of each of its people, in their order."""
    made = plan(stores, "other", now=NOW, by="ann")
    expect(stores, made, worth)
    return approve(stores, made.plan_id, now=NOW, by="ann")


def expect(stores: Stores, made: Plan, worth: Callable[[int], float | None]) -> None:
    with stores.control.begin() as connection:
        for number, place in enumerate(places(stores.control, made.plan_id)):
            connection.execute(
                sa.update(_people)
                .where(_people.c.plan_id == made.plan_id, _people.c.profile_id == place.profile_id)
                .values(expected_profit=worth(number))
            )


def messages(stores: Stores, made: Plan) -> dict[tuple[str, str], int]:
    with stores.read_control() as connection:
        rows = connection.execute(
            sa.select(_messages.c.state, sa.func.coalesce(_messages.c.reason, ""), sa.func.count())
            .where(_messages.c.plan_id == made.plan_id)
            .group_by(_messages.c.state, _messages.c.reason)
        ).all()
    return {(state, reason): number for state, reason, number in rows}


def sent(stores: Stores, made: Plan, *, after: timedelta) -> None:
    at = NOW + after
    deliver.execute(stores, made.plan_id, now=at, by="ann")
    deliver.run_sending(stores, made.plan_id, clock=lambda: at)


def test_a_plan_leaves_out_whom_another_expects_to_earn_more_from(stores: Stores) -> None:
    two_campaigns(stores, **IN_TWO_DAYS)
    better = other_plan(stores, lambda number: [2.0, None, -1.0][number % 3])
    # Of spring nothing is known: it goes after an expected gain and, of what is as unknown, after the earlier plan.
    assert planned(stores).summary["excluded"] == {"reserved": 8}
    undo(stores, better.plan_id, now=NOW, by="ann")
    assert planned(stores).summary["excluded"] == {}
    approve(stores, better.plan_id, now=NOW, by="ann")
    cancel(stores, better.plan_id, now=NOW, by="ann")
    assert planned(stores).summary["excluded"] == {}


def test_of_two_plans_approved_at_once_the_one_worth_more_has_each_slot(stores: Stores) -> None:
    two_campaigns(stores)
    first, second = plan(stores, "other", now=NOW, by="ann"), planned(stores)
    expect(stores, first, lambda number: float(number % 2))
    expect(stores, second, lambda number: float(1 - number % 2))
    for made in (first, second):
        approve(stores, made.plan_id, now=NOW, by="ann")
    sent(stores, first, after=timedelta(minutes=5))
    assert messages(stores, first) == {("sent", ""): 6, ("queued", "reserved"): 6}
    sent(stores, second, after=timedelta(minutes=6))
    assert messages(stores, second) == {("sent", ""): 6, ("stopped", "capped"): 6}
    # What waited for the better campaign is told in its turn that the slot was used.
    deliver.run_sending(stores, first.plan_id, clock=lambda: NOW + timedelta(hours=1))
    assert messages(stores, first) == {("sent", ""): 6, ("stopped", "capped"): 6}


@pytest.mark.parametrize("give_up", [cancel, undo])
def test_what_waits_for_a_slot_leaves_when_the_better_plan_is_given_up(
    stores: Stores, give_up: Callable[..., Plan]
) -> None:
    two_campaigns(stores, **IN_TWO_DAYS)
    mine = planned(stores)
    better = other_plan(stores, lambda number: 0.5 + number % 2)
    expect(stores, mine, lambda _number: 1.0)
    approve(stores, mine.plan_id, now=NOW, by="ann")
    sent(stores, mine, after=timedelta(minutes=5))
    assert messages(stores, mine) == {("sent", ""): 6, ("queued", "reserved"): 6}
    give_up(stores, better.plan_id, now=NOW + timedelta(hours=1), by="ann")
    deliver.run_sending(stores, mine.plan_id, clock=lambda: NOW + timedelta(hours=1))
    assert messages(stores, mine) == {("sent", ""): 12}


def test_an_approved_plan_that_nobody_executes_holds_its_slots_for_a_day(stores: Stores) -> None:
    two_campaigns(stores)
    mine = planned(stores)
    other_plan(stores, lambda _number: 1.5)
    expect(stores, mine, lambda _number: 1.0)
    approve(stores, mine.plan_id, now=NOW, by="ann")
    sent(stores, mine, after=timedelta(minutes=5))
    assert messages(stores, mine) == {("queued", "reserved"): PEOPLE}
    deliver.run_sending(stores, mine.plan_id, clock=lambda: NOW + timedelta(hours=25))
    assert messages(stores, mine) == {("sent", ""): PEOPLE}


def test_a_slot_is_not_waited_for_beyond_the_window_of_the_campaign(stores: Stores) -> None:
    late = {"at": "2026-03-20T09:00", "timezone": "UTC"}
    rules = {"kind": "contact_policy", "name": "default", "gap": "30d"}
    two_campaigns(stores, rules, schedule=late)
    mine = planned(stores)
    other_plan(stores, lambda _number: 1.0)
    approve(stores, mine.plan_id, now=NOW, by="ann")
    sent(stores, mine, after=timedelta(minutes=5))
    assert messages(stores, mine) == {("stopped", "reserved"): PEOPLE}


def test_slots_of_given_people_are_found_without_reading_all_messages(tmp_path: Path) -> None:
    stores = make_stores(
        tmp_path
    )  # SQLite: PostgreSQL's choice of an index hangs on its statistics
    two_campaigns(stores)
    mine = planned(stores)
    other_plan(stores, lambda _number: 1.0)
    ran: list[tuple[str, Any]] = []

    @sa.event.listens_for(stores.control.engine, "before_cursor_execute")
    def _see(_connection: Any, _cursor: Any, statement: str, values: Any, *_rest: Any) -> None:
        ran.append((statement, values))

    read_contacts(
        stores,
        [],
        purpose="marketing",
        policy=ContactPolicy.model_validate(ONE_A_WEEK),
        moment=NOW,
        trial=False,
        profile_ids=["a", "b"],
        except_plan=mine.plan_id,
        rank=Rank("spring", 50, mine.planned_at, mine.plan_id),
    )
    (asked,) = [(text, values) for text, values in ran if "JOIN messages" in text]
    with stores.read_control() as connection:
        steps = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked[0]}", asked[1]).all()
    words = " ".join(str(step[-1]) for step in steps)
    assert "messages USING INDEX ix_messages_person (profile_id=?)" in words
    stores.close()
