"""People who became one after the plan was made are contacted once at most, and never if one is held out."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from aimwell.deliver import service as deliver
from aimwell.deliver.merging import Member, judge_merged
from aimwell.privacy.consent import withdraw
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from campaigns import NOW, add_customers, executed, planned, set_up, text_of
from databases import shortly_on
from shop import make_stores, merge_people, origin

_messages = metadata.tables["messages"]
ALL = {"holdout": 0.0}
LATER = NOW + timedelta(minutes=5)


@pytest.fixture
def stores(tmp_path: Path, control_url: str) -> Stores:
    return make_stores(tmp_path, control_url, messages_per_job=10)


def states(stores: Stores) -> dict[str, str]:
    with stores.read_control() as connection:
        rows = connection.execute(sa.select(_messages)).all()
    return {row.profile_id: f"{row.state}:{row.reason or ''}" for row in rows}


def send(stores: Stores, plan_id: str, **more: Any) -> deliver.DeliveryStatus:
    return deliver.run_sending(stores, plan_id, clock=lambda: LATER, **more)


MEMBERS = st.builds(
    Member,
    profile_id=st.sampled_from("abcd"),
    arm=st.just("treatment"),
    state=st.sampled_from(["queued", "sending", "sent", "unknown", "stopped", "failed"]),
    in_hand=st.booleans(),
)


@given(st.lists(MEMBERS, min_size=1, max_size=4, unique_by=lambda member: member.profile_id))
def test_at_most_one_of_a_group_leaves_and_none_once_one_has(group: list[Member]) -> None:
    waiting = [one.profile_id for one in group if one.state in {"queued", "sending"}]
    verdicts = {key: judge_merged(key, group) for key in waiting}
    leaves = [key for key, verdict in verdicts.items() if verdict in {"send", "wait"}]
    assert len(leaves) <= 1
    if any(one.state in {"sent", "unknown"} for one in group):
        assert leaves == []
    elif waiting:
        assert leaves == [min(waiting)], "somebody is lost"
    held = [*group, Member("e", "control", None)]
    assert {judge_merged(key, held) for key in waiting} <= {"held_out"}


def test_one_waits_while_another_process_may_be_sending_to_the_other() -> None:
    first = Member("a", "treatment", "sending", in_hand=True)
    assert judge_merged("a", [first, Member("b", "treatment", "sending")]) == "wait"
    assert judge_merged("a", [first, Member("b", "treatment", "sending", in_hand=True)]) == "send"


@shortly_on("postgresql")
def test_two_of_a_plan_who_are_one_now_get_one_message(stores: Stores) -> None:
    names = set_up(stores, 12, spring=ALL)
    plan = executed(stores)
    person = merge_people(stores, names[:3])
    done = send(stores, plan.plan_id)
    assert done.messages == {"sent": {"": 10}, "stopped": {"merged": 2}}
    assert done.state == "sent"
    assert states(stores)[person] == "sent:"


def test_a_person_merged_into_somebody_outside_the_plan_gets_it_as_that_person(
    stores: Stores,
) -> None:
    names = set_up(stores, 6, spring=ALL)
    plan = executed(stores)
    # The survivor is the smaller id, so that of some newcomer comes before one of the plan.
    new = [f"new{number}" for number in range(30)]
    add_customers(stores, new)
    old = max(names, key=lambda name: origin(stores, name))
    survivor = min(new, key=lambda name: origin(stores, name))
    person = merge_people(stores, [old, survivor])
    assert person == origin(stores, survivor)
    done = send(stores, plan.plan_id)
    assert done.messages == {"sent": {"": 6}}
    folder = stores.root / "outbox" / plan.plan_id
    sent_to = [text_of(file) for file in folder.glob("*.eml")]
    assert len(sent_to) == 6


def test_the_merged_persons_refusal_counts(stores: Stores) -> None:
    names = set_up(stores, 6, spring=ALL)
    plan = executed(stores)
    new = [f"new{number}" for number in range(30)]
    add_customers(stores, new)
    old = max(names, key=lambda name: origin(stores, name))
    survivor = min(new, key=lambda name: origin(stores, name))
    with stores.control.begin() as connection:
        withdraw(
            connection,
            origin(stores, survivor),
            purpose="marketing",
            channel="email",
            occurred_at=NOW + timedelta(minutes=1),
            source="call",
        )
    merge_people(stores, [old, survivor])
    done = send(stores, plan.plan_id)
    assert done.messages == {"sent": {"": 5}, "stopped": {"consent_withdrawn": 1}}


def test_who_has_had_the_message_does_not_get_it_again_as_somebody_else(stores: Stores) -> None:
    names = set_up(stores, 30, spring=ALL)
    plan = executed(stores)
    by_id = {origin(stores, name): name for name in names}
    pairs: list[tuple[str, str]] = []

    def merge(done: int, _all: int) -> None:
        if done == 10 and not pairs:
            found = states(stores)
            gone = [key for key, state in found.items() if state == "sent:"]
            waits = [key for key, state in found.items() if state == "queued:"]
            for one, other in zip(gone, waits, strict=False):
                pairs.append((one, other))
                merge_people(stores, [by_id[one], by_id[other]])

    done = send(stores, plan.plan_id, progress=merge)
    found = states(stores)
    assert len(pairs) == 10
    assert all(found[one] == "sent:" for one, _ in pairs)
    assert all(found[other] == "stopped:merged" for _, other in pairs)
    assert done.total("sent") == 20


def test_who_is_one_with_somebody_held_out_is_not_contacted(stores: Stores) -> None:
    names = set_up(stores, 40, spring={"holdout": 0.5})
    plan = executed(stores)
    people = metadata.tables["plan_people"]
    with stores.read_control() as connection:
        arms = dict(connection.execute(sa.select(people.c.profile_id, people.c.arm)).all())
    by_id = {origin(stores, name): name for name in names}
    treated = [by_id[key] for key, arm in arms.items() if arm == "treatment"]
    held = [by_id[key] for key, arm in arms.items() if arm == "control"]
    for one, other in zip(treated[:5], held, strict=False):
        merge_people(stores, [one, other])
    done = send(stores, plan.plan_id)
    assert done.messages == {"sent": {"": len(treated) - 5}, "stopped": {"held_out": 5}}


def test_what_one_got_counts_for_the_cap_of_the_person_that_they_are_now(stores: Stores) -> None:
    policy = {"kind": "contact_policy", "name": "default", "caps": [{"count": 1, "days": 7}]}
    names = set_up(stores, 2, spring=ALL, default=policy)
    plan = executed(stores)
    send(stores, plan.plan_id)
    add_customers(stores, [f"new{number}" for number in range(8)])
    for name, new in zip(names, ("new0", "new1"), strict=True):
        merge_people(stores, [name, new])
    again = planned(stores, now=NOW + timedelta(days=1))
    assert again.summary["excluded"] == {"capped": 2}
    assert again.summary["eligible"] == 6
