"""Who is left out of a plan for what stands beside consent and caps, with the reason, in a whole plan."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from aimwell.decide.gates import graver, is_of_age
from aimwell.decide.model import Plan
from aimwell.decide.service import approve, plan
from aimwell.decide.stored import places
from aimwell.errors import DecideError
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from campaigns import DOCUMENTS, NOW, apply, planned, set_up
from shop import add_orders, day, make_stores, origin

HOLDOUT = {
    "kind": "holdout",
    "name": "always-on",
    "share": 0.3,
    "starts": "2026-02-01",
    "rotates": "90d",
}
BIG = {
    "kind": "segment",
    "name": "big",
    "rule": {"event": "Order Completed", "where": {"revenue": {"above": 14}}},
}


@pytest.fixture
def stores(tmp_path: Path, control_url: str) -> Iterator[Stores]:
    opened = make_stores(tmp_path, control_url)
    yield opened
    opened.close()


def left_out(stores: Stores, made: Plan) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for place in places(stores.control, made.plan_id, arms=["excluded"]):
        found.setdefault(str(place.excluded), set()).add(place.profile_id)
    return found


def other(**fields: Any) -> dict[str, Any]:
    return {**DOCUMENTS["spring"], "name": "other", **fields}


def test_the_globally_held_out_are_contacted_by_nobody_but_who_says_so(stores: Stores) -> None:
    set_up(
        stores,
        **{"always-on": HOLDOUT},
        other=other(),
        recall=other(name="recall", through_holdout=True),
    )
    first = left_out(stores, planned(stores))["global_holdout"]
    second = left_out(stores, plan(stores, "other", now=NOW, by="ann"))["global_holdout"]
    assert first == second
    assert 5 <= len(first) <= 25
    assert "global_holdout" not in left_out(stores, plan(stores, "recall", now=NOW, by="ann"))


def test_the_better_campaign_has_the_slot_whichever_is_planned_first(stores: Stores) -> None:
    later = {"schedule": {"at": "2026-03-05T09:00", "timezone": "UTC"}}
    set_up(
        stores,
        default={"kind": "contact_policy", "name": "default", "caps": [{"count": 1, "days": 7}]},
        spring={"priority": 20},
        other=other(priority=80, holdout=0.5, **later),
    )
    before = planned(stores)
    assert "reserved" not in before.summary["excluded"]
    better = plan(stores, "other", now=NOW, by="ann")
    assert "reserved" not in better.summary["excluded"]
    after = planned(stores)
    taken = {p.profile_id for p in places(stores.control, better.plan_id, arms=["treatment"])}
    assert left_out(stores, after)["reserved"] == taken
    assert after.summary["eligible"] == 50 - len(taken)


def test_of_equals_the_one_that_was_approved_goes_first(stores: Stores) -> None:
    later = {"schedule": {"at": "2026-03-05T09:00", "timezone": "UTC"}}
    set_up(
        stores,
        default={"kind": "contact_policy", "name": "default", "gap": "7d"},
        other=other(holdout=0.5, **later),
    )
    waiting = plan(stores, "other", now=NOW, by="ann")
    assert "reserved" not in planned(stores).summary["excluded"]
    approve(stores, waiting.plan_id, now=NOW, by="ann")
    reserved = planned(stores).summary["excluded"]["reserved"]
    assert reserved == waiting.summary["treated"]


def test_who_stands_in_an_excluding_campaign_is_left_out_until_its_window_ends(
    stores: Stores,
) -> None:
    set_up(stores, other=other(exclusive_with=["spring"]))
    made = planned(stores)
    assert "exclusive" not in plan(stores, "other", now=NOW, by="ann").summary["excluded"]
    approve(stores, made.plan_id, now=NOW, by="ann")
    # The held-out too: they show what happens without any of the two.
    with pytest.raises(DecideError, match="stands in another campaign"):
        plan(stores, "other", now=NOW, by="ann")
    after = plan(stores, "other", now=NOW + timedelta(days=15), by="ann")
    assert "exclusive" not in after.summary["excluded"]


def test_two_campaigns_of_one_group_do_not_meet_at_a_person(stores: Stores) -> None:
    set_up(stores, spring={"exclusive_group": "sofas"}, other=other(exclusive_group="sofas"))
    made = planned(stores)
    approve(stores, made.plan_id, now=NOW, by="ann")
    with pytest.raises(DecideError, match="stands in another campaign"):
        plan(stores, "other", now=NOW, by="ann")
    # The campaign itself may be planned again.
    assert "exclusive" not in planned(stores, replace_open=True).summary["excluded"]


def test_who_stands_on_a_no_discount_list_gets_other_actions_only(stores: Stores) -> None:
    news = {"kind": "offer", "name": "news"}
    actions = [
        *DOCUMENTS["spring"]["actions"],
        {"offer": "news", "channel": "email", "template": "plain"},
    ]
    template = {
        "kind": "template",
        "name": "plain",
        "variants": [
            {"subject": "Hello", "html": "<p>News <a href='{{ unsubscribe_url }}'>No</a></p>"}
        ],
    }
    policy = {"kind": "contact_policy", "name": "default", "no_discount": ["big"]}
    set_up(stores, big=BIG, news=news, plain=template, default=policy, spring={"actions": actions})
    made = planned(stores)
    big = {origin(stores, f"c{number:05}") for number in range(50) if 10 + number % 7 > 14}
    chosen = {
        p.profile_id: p.action for p in places(stores.control, made.plan_id, arms=["treatment"])
    }
    assert {action for who, action in chosen.items() if who in big} == {"news-email"}
    assert {action for who, action in chosen.items() if who not in big} == {
        "news-email",
        "ten-email",
    }
    apply(stores)
    assert left_out(stores, planned(stores))["no_discount"] == big


def test_old_data_leave_everybody_out(stores: Stores) -> None:
    set_up(stores, default={"kind": "contact_policy", "name": "default", "fresh_within": "1d"})
    with pytest.raises(DecideError, match="too old"):
        planned(stores)
    apply(stores, default={"kind": "contact_policy", "name": "default", "fresh_within": "3d"})
    assert planned(stores).summary["treated"] > 0


def test_an_unknown_age_means_no(stores: Stores) -> None:
    set_up(stores, ten={"conditions": {"minimum_age": 18}})
    people = metadata.tables["vault_people"]
    with stores.control.begin() as connection:
        for number, born in enumerate(["2008-03-02", "2008-03-03", "1990-01-01", "soon"]):
            connection.execute(
                sa.update(people)
                .where(people.c.origin_id == origin(stores, f"c{number:05}"))
                .values(birth_date=born)
            )
    apply(stores, ten={"conditions": {"minimum_age": 18}}, spring={"holdout": 0.0})
    made = planned(stores)
    asked = {p.profile_id for p in places(stores.control, made.plan_id, arms=["treatment"])}
    assert asked == {origin(stores, "c00000"), origin(stores, "c00002")}
    assert made.summary["excluded"] == {"under_age": 48}


def test_first_orders_and_redemptions_are_counted_from_orders(stores: Stores) -> None:
    set_up(stores, ten={"per_person": 1})
    add_orders(
        stores,
        [
            {
                "customer": "c00003",
                "order_id": "x",
                "ordered_at": day(59),
                "revenue": 9,
                "coupon": " ten ",
            },
            {
                "customer": "c00004",
                "order_id": "y",
                "ordered_at": day(61),
                "revenue": 9,
                "coupon": "TEN",
            },
        ],
    )
    assert left_out(stores, planned(stores)) == {"redeemed": {origin(stores, "c00003")}}
    apply(stores, ten={"conditions": {"first_order_only": True}})
    with pytest.raises(DecideError, match="first order"):
        planned(stores)


def test_a_pilot_takes_its_share(stores: Stores) -> None:
    set_up(stores, people=200, spring={"share": 0.25})
    made = planned(stores)
    assert 30 <= made.summary["eligible"] <= 70
    assert made.summary["excluded"] == {"not_in_pilot": 200 - made.summary["eligible"]}


def test_groups_are_drawn_whole(stores: Stores) -> None:
    names = set_up(stores, people=60, spring={"cluster": "trait:shop", "holdout": 0.5})
    profiles = metadata.tables["profiles"]
    with stores.control.begin() as connection:
        for number, name in enumerate(names):
            connection.execute(
                sa.update(profiles)
                .where(profiles.c.profile_id == origin(stores, name))
                .values(traits={"shop": f"s{number % 12}"})
            )
    made = planned(stores)
    arms: dict[int, set[str]] = {}
    found = {p.profile_id: p for p in places(stores.control, made.plan_id)}
    for number, name in enumerate(names):
        arms.setdefault(number % 12, set()).add(found[origin(stores, name)].arm)
    assert all(len(arm) == 1 for arm in arms.values())
    assert {arm for one in arms.values() for arm in one} == {"treatment", "control"}
    # What is written down is the person, not the group.
    assert all(place.origin_id == profile for profile, place in found.items())
    assert any("no more than 12 groups" in words for words in made.summary["warnings"])


def test_groups_by_a_trait_that_nobody_has_are_warned_of(stores: Stores) -> None:
    set_up(stores, people=20, spring={"cluster": "trait:shopp", "holdout": 0.5})
    assert any(
        "Nobody of the audience belongs" in one for one in planned(stores).summary["warnings"]
    )


def test_where_stock_is_what_lacks_nothing_is_said_of_consent(stores: Stores) -> None:
    set_up(stores, people=20, ten={"stock": 0})
    with pytest.raises(DecideError, match=r"20 × the offer's stock does not reach this far\.$"):
        planned(stores)


def test_of_two_reasons_the_graver_counts() -> None:
    left = np.array([[0, 5], [3, 0]], dtype=np.int8)
    right = np.array([[2, 4], [0, 0]], dtype=np.int8)
    assert graver(left, right).tolist() == [[2, 4], [3, 0]]


@pytest.mark.parametrize(
    ("born", "today", "of_age"),
    [
        ("2008-03-02", date(2026, 3, 2), True),
        ("2008-03-03", date(2026, 3, 2), False),
        ("2008-02-29", date(2026, 2, 28), False),
        ("2008-02-29", date(2026, 3, 1), True),
        (None, date(2026, 3, 1), False),
        ("29.02.2008", date(2026, 3, 1), False),
    ],
)
def test_of_age_on_the_day(born: str | None, today: date, of_age: bool) -> None:
    assert is_of_age(born, 18, today=today) is of_age
