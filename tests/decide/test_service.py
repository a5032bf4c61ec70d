"""A plan on a workspace: who gets what, who does not and why, and what cannot be planned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from aimwell.decide.service import approve, cancel, plan
from aimwell.decide.stored import list_plans, load_plan, places
from aimwell.errors import DecideError, DefinitionError, UnknownDefinitionError
from aimwell.privacy.hashing import identifier_hash
from aimwell.privacy.suppression import suppress
from aimwell.store.stores import Stores
from campaigns import NOW, add_customers, add_sent, apply, planned, set_up, text_of
from shop import add_orders, append, day, make_stores, merge_people, origin


@pytest.fixture
def stores(tmp_path: Path, control_url: str) -> Iterator[Stores]:
    opened = make_stores(tmp_path, control_url, margin_default=0.4)
    yield opened
    opened.close()


@pytest.fixture
def lite(tmp_path: Path) -> Iterator[Stores]:
    opened = make_stores(tmp_path, margin_default=0.4)
    yield opened
    opened.close()


def arms(stores: Stores, plan_id: str) -> dict[str, str]:
    return {p.profile_id: p.arm for p in places(stores.control, plan_id)}


def test_everybody_of_the_audience_has_a_place_and_the_counts_agree(stores: Stores) -> None:
    names = set_up(stores, 200)
    made = planned(stores)
    people = places(stores.control, made.plan_id)
    assert {p.profile_id for p in people} == {origin(stores, n) for n in names}
    counts = Counter(p.arm for p in people)
    summary = made.summary
    assert (summary["treated"], summary["control"]) == (counts["treatment"], counts["control"])
    assert summary["audience_size"] == summary["eligible"] == 200
    assert summary["cost"] == pytest.approx(0.02 * counts["treatment"])
    assert 20 <= counts["control"] <= 60
    for person in people:
        expected = 0.8 if person.arm == "treatment" else 0.2
        assert person.probability == pytest.approx(expected)
    assert load_plan(stores.control, made.plan_id) == load_plan(stores.control, "latest:spring")


def test_planning_again_gives_the_same_arms(stores: Stores) -> None:
    set_up(stores, 100)
    assert arms(stores, planned(stores).plan_id) == arms(stores, planned(stores).plan_id)


def test_each_exclusion_has_its_reason(lite: Stores) -> None:
    set_up(lite, 40)
    add_customers(lite, ["denied"], consent="denied")
    add_customers(lite, ["silent"], consent=None)
    add_customers(lite, ["homeless"], email=False)
    add_customers(lite, ["bounced"])
    with lite.control.begin() as connection:
        suppress(
            connection,
            channel="email",
            hashed=identifier_hash(lite.identity_key, "email", "bounced@example.com"),
            reason="bounced",
            source="smtp",
            occurred_at=day(3),
        )
    made = planned(lite)
    assert made.summary["excluded"] == {
        "suppressed": 1,
        "consent_unknown": 1,
        "consent_denied": 1,
        "no_address": 1,
    }
    reasons = {p.profile_id: p.excluded for p in places(lite.control, made.plan_id)}
    assert reasons[origin(lite, "silent")] == "consent_unknown"
    assert made.summary["eligible"] == 40


def test_a_trial_needs_neither_consent_nor_address(lite: Stores) -> None:
    apply(lite)
    add_customers(lite, [f"n{n}" for n in range(20)], consent=None, email=False)
    made = planned(lite, trial=True)
    assert made.trial
    assert made.summary["eligible"] == 20


def test_caps_count_messages_of_other_plans(lite: Stores) -> None:
    set_up(
        lite,
        30,
        default={"kind": "contact_policy", "name": "default", "caps": [{"count": 1, "days": 7}]},
    )
    other = planned(lite)
    capped = places(lite.control, other.plan_id, arms=("treatment",))[:5]
    add_sent(lite, [p.profile_id for p in capped], at=NOW - timedelta(days=3))
    assert planned(lite).summary["excluded"] == {"capped": 5}
    assert planned(lite, now=NOW + timedelta(days=5)).summary["excluded"] == {}


def test_the_budget_leaves_people_out_with_that_reason(lite: Stores) -> None:
    set_up(lite, 100, spring={"policy": {"budget": 0.5}})
    summary = planned(lite).summary
    assert summary["treated"] == 25
    assert summary["excluded"]["budget"] == 100 - summary["eligible"]
    assert summary["cost"] == pytest.approx(0.5)


def test_nothing_after_the_moment_of_the_plan_is_seen(lite: Stores) -> None:
    set_up(lite, 20)
    before = planned(lite, now=day(90), as_of=day(55), trial=True)
    add_orders(
        lite, [{"customer": "late", "order_id": "late", "ordered_at": day(70), "revenue": 9}]
    )
    after = planned(lite, now=day(90), as_of=day(55), trial=True)
    assert arms(lite, before.plan_id) == arms(lite, after.plan_id)
    assert before.summary["detectable"] == after.summary["detectable"]
    assert 0 < before.summary["audience_size"] < 20


def test_a_merged_person_keeps_the_arm_that_was_assigned_first(lite: Stores) -> None:
    set_up(lite, 60)
    first = planned(lite)
    people = {p.profile_id: p for p in places(lite.control, first.plan_id)}
    held = next(p for p in people.values() if p.arm == "control")
    treated = next(p for p in people.values() if p.arm == "treatment")
    append(
        lite,
        "assignments",
        [
            {
                "experiment": "spring",
                "plan_id": first.plan_id,
                "origin_id": p.origin_id,
                "arm": p.action or "control",
                "bucket": p.bucket,
                "probability": p.probability,
                "assigned_at": NOW + timedelta(seconds=n),
                "source": "aimwell",
                "received_at": NOW,
            }
            for n, p in enumerate([held, treated])
        ],
    )
    names = {origin(lite, n): n for n in [f"c{x:05}" for x in range(60)]}
    keeper = merge_people(lite, [names[held.profile_id], names[treated.profile_id]])
    again = planned(lite, now=NOW + timedelta(days=1))
    assert arms(lite, again.plan_id)[keeper] == "control"
    assert again.summary["kept_arms"] >= 1


REFUSALS: list[tuple[str, dict[str, Any], str]] = [
    ("spring", {"holdout": 1.0}, "holds out everybody"),
    ("spring", {"policy": {"budget": 0.01}}, "does not pay for one message"),
    ("ten", {"valid": {"end": "2025-01-01T00:00:00Z"}}, "ended on 2025-01-01"),
    ("ten", {"valid": {"start": "2030-01-01T00:00:00Z"}}, "begins on 2030-01-01"),
]


@pytest.mark.parametrize(("name", "change", "words"), REFUSALS)
def test_what_cannot_work_is_refused_with_what_to_change(
    lite: Stores, name: str, change: dict[str, Any], words: str
) -> None:
    set_up(lite, 20, **{name: change})
    with pytest.raises(DecideError, match=words):
        planned(lite)
    assert list_plans(lite.control) == []


def test_an_empty_audience_is_refused(lite: Stores) -> None:
    apply(lite)
    with pytest.raises(DecideError, match="is empty"):
        planned(lite)


def test_an_empty_segment_is_refused(lite: Stores) -> None:
    nobody = {"kind": "segment", "name": "nobody", "rule": {"trait": "country", "in": ["XX"]}}
    set_up(lite, 20, nobody=nobody, spring={"audience": {"segment": "nobody"}})
    with pytest.raises(
        DecideError, match=r"segment nobody\) is empty.*: aimwell segment explain nobody$"
    ):
        planned(lite)


def test_a_campaign_gives_its_segment_other_parameters(lite: Stores) -> None:
    those = {
        "kind": "segment",
        "name": "those",
        "parameters": {"orders": 0},
        "rule": "orders.count() >= $orders",
    }
    audience = {"segment": "those", "parameters": {"orders": 99}}
    set_up(lite, 20, those=those, spring={"audience": {"segment": "those"}})
    assert planned(lite).summary["audience_size"] == 20
    set_up(lite, 20, those=those, spring={"audience": audience})
    with pytest.raises(DecideError, match=r"segment those with orders 99\) is empty"):
        planned(lite)
    with pytest.raises(DefinitionError, match="only a segment has parameters"):
        apply(lite, spring={"audience": {"everyone": True, "parameters": {"orders": 9}}})


def test_people_without_consent_are_named_and_counted(lite: Stores) -> None:
    apply(lite)
    add_customers(lite, [f"n{n}" for n in range(12)], consent=None)
    with pytest.raises(DecideError, match="12 × no answer on consent is known"):
        planned(lite)


def test_a_plan_as_of_the_past_must_be_a_trial_and_none_is_of_the_future(lite: Stores) -> None:
    set_up(lite, 20)
    with pytest.raises(DecideError, match="trial"):
        planned(lite, as_of=day(10))
    with pytest.raises(DecideError, match="future"):
        planned(lite, as_of=NOW + timedelta(days=1), trial=True)
    with pytest.raises(UnknownDefinitionError, match="Did you mean 'spring'"):
        plan(lite, "sprng", now=NOW, by="ann")


def test_unknown_margin_and_small_arms_are_warned_of(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    set_up(stores, 20, spring={"goal": {"value": "margin"}})
    add_orders(
        stores,
        [
            {
                "customer": "c00001",
                "order_id": f"x{n}",
                "ordered_at": day(n),
                "lines": [("mug", 1, 5)],
            }
            for n in (30, 58)
        ],
    )
    warnings = " ".join(planned(stores).summary["warnings"])
    assert "margin" in warnings
    assert "smaller arm" in warnings


def test_a_channel_that_cannot_be_sent_through_is_planned_with_a_warning(lite: Stores) -> None:
    push = {"kind": "channel", "name": "push", "medium": "push"}
    note = {"kind": "template", "name": "note", "medium": "push", "variants": [{"text": "Hi"}]}
    actions = [
        {"channel": "email", "template": "hello", "offer": "ten"},
        {"channel": "push", "template": "note"},
    ]
    set_up(lite, 30, push=push, note=note, spring={"actions": actions})
    summary = planned(lite, trial=True).summary
    assert [a["sendable"] for a in summary["actions"]] == [True, False]
    assert sum(a["people"] for a in summary["actions"]) == summary["treated"]
    assert any("cannot send" in w for w in summary["warnings"])


def test_a_template_of_another_medium_is_refused(lite: Stores) -> None:
    note = {"kind": "template", "name": "note", "medium": "sms", "variants": [{"text": "Hi"}]}
    set_up(lite, 20, note=note, spring={"actions": [{"channel": "email", "template": "note"}]})
    with pytest.raises(DecideError, match="made for sms"):
        planned(lite)


def test_a_mistyped_plan_is_told_with_the_newest_of_the_nearest_campaign(stores: Stores) -> None:
    set_up(stores, 20)
    made = planned(stores)
    for wrong in (made.campaign, f"latest:{made.campaign[:-1]}"):
        with pytest.raises(DecideError, match=f"Did you mean 'latest:{made.campaign}'"):
            load_plan(stores.control, wrong)
    with pytest.raises(DecideError, match=f"Did you mean '{made.plan_id}'"):
        load_plan(stores.control, made.plan_id[:-1])


def test_states_move_forward_only(stores: Stores) -> None:
    set_up(stores, 20)
    made = planned(stores)
    approved = approve(stores, made.plan_id, now=NOW, by="bob")
    assert (approved.state, approved.approved_by) == ("approved", "bob")
    with pytest.raises(DecideError, match="is approved already"):
        approve(stores, made.plan_id, now=NOW, by="bob")
    assert cancel(stores, made.plan_id, now=NOW, by="bob").state == "cancelled"
    with pytest.raises(DecideError, match="is cancelled"):
        approve(stores, made.plan_id, now=NOW, by="bob")
    with pytest.raises(DecideError, match="no plan 'spring-1'"):
        approve(stores, "spring-1", now=NOW, by="bob")


def test_the_plan_holds_the_definitions_as_they_were(lite: Stores) -> None:
    set_up(lite, 20)
    made = planned(lite)
    apply(lite, ten={"benefit": {"percent": 50}})
    stored = load_plan(lite.control, made.plan_id)
    assert stored.document["offers"]["ten"]["benefit"] == {"percent": 10.0}
    assert isinstance(stored.starts_at, datetime)


def test_no_personal_data_stands_in_a_plan(lite: Stores) -> None:
    set_up(lite, 20)
    made = planned(lite)
    text = text_of(
        [made.summary, made.document, [vars(p) for p in places(lite.control, made.plan_id)]]
    )
    assert "@example.com" not in text
    assert "C00001" not in text


def test_a_pinned_plan_counts_on_the_lake_as_it_was(lite: Stores) -> None:
    set_up(lite, 20)
    made = planned(lite)
    assert made.lake_versions["orders"] == lite.lake.pin("orders").versions["orders"]
    assert pa.types.is_string(
        lite.lake.pin("orders").tables["orders"].schema.field("order_id").type
    )


def test_a_plan_says_when_the_newest_order_is_old(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    set_up(stores, 30)
    assert not any("newest order" in w for w in planned(stores).summary["warnings"])
    late = planned(stores, now=NOW + timedelta(days=3 * 366))
    (told,) = [w for w in late.summary["warnings"] if "newest order" in w]
    assert "3 years before the plan's moment" in told


def test_the_day_in_a_plans_name_is_that_of_the_workspace(tmp_path: Path) -> None:
    stores = make_stores(tmp_path, timezone="Europe/London")
    set_up(stores, 20)
    midnight = datetime(2026, 6, 30, 23, 30, tzinfo=UTC)  # half past twelve in London
    made = planned(stores, now=midnight)
    assert made.plan_id.startswith("spring-20260701-")
    stores.close()
