"""A campaign measured from a real plan on a workspace: who counts, from when to when, and what is said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from aimwell.decide.model import Place
from aimwell.decide.stored import load_plan, places
from aimwell.deliver import service as deliver
from aimwell.errors import DecideError, MeasureError
from aimwell.measure.model import CampaignResult, Truth
from aimwell.measure.service import measure, store_report
from aimwell.measure.spans import seed_of
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from campaigns import DOCUMENTS, NOW, executed, planned, set_up, text_of
from databases import shortly_on
from shop import add_events, add_orders, append, day, make_stores, merge_people, origin

END = NOW + timedelta(days=14)
LATER = day(100)
PLENTY = 199


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


def sent(stores: Stores, **more: Any) -> str:
    """A plan of the campaign, all of it sent; its id."""
    made = executed(stores, **more)
    deliver.run_sending(stores, made.plan_id, clock=lambda: NOW + timedelta(seconds=2))
    return made.plan_id


def result(stores: Stores, plan_id: str, *, now: datetime = LATER, **more: Any) -> CampaignResult:
    return measure(stores, plan_id, now=now, permutations=PLENTY, **more)


def names_by_arm(stores: Stores, names: list[str], plan_id: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"treatment": [], "control": [], "excluded": []}
    arms = {place.profile_id: place.arm for place in places(stores.control, plan_id)}
    for name in names:
        found[arms[origin(stores, name)]].append(name)
    return found


def order(
    name: str, when: datetime, revenue: float, number: int = 0, **more: Any
) -> dict[str, Any]:
    return {
        "customer": name, "order_id": f"new-{name}-{number}", "ordered_at": when, "revenue": revenue, **more,
    }  # fmt: skip


def test_people_count_by_the_arm_they_were_assigned_within_the_window(stores: Stores) -> None:
    names = set_up(stores, 60)
    plan_id = sent(stores)
    arms = names_by_arm(stores, names, plan_id)
    first, second, third, fourth = arms["treatment"][:4]
    held = arms["control"][0]
    add_orders(
        stores,
        [
            order(first, NOW, 10),  # at the very start: counts
            order(second, END, 500),  # at the very end: too late
            order(third, NOW - timedelta(microseconds=1), 500),  # just before: too early
            order(fourth, END - timedelta(microseconds=1), 20),
            order(fourth, NOW + timedelta(days=1), 30, 1),
            order(held, NOW + timedelta(days=2), 7),
            {
                "customer": None,
                "order_id": "anon",
                "ordered_at": NOW + timedelta(days=2),
                "revenue": 900,
            },
        ],
    )
    found = result(stores, plan_id)
    treated, control = found.treated, found.control
    assert (treated.people, control.people) == (len(arms["treatment"]), len(arms["control"]))
    assert (treated.converted, treated.buyers, treated.orders, treated.revenue) == (2, 2, 3, 60.0)
    assert (control.converted, control.orders, control.revenue) == (1, 1, 7.0)
    assert treated.margin == pytest.approx(24.0)
    assert treated.revenue_per_person == pytest.approx(60 / treated.people)
    assert found.span.starts_at == NOW
    assert found.span.finished
    assert found.lifts["revenue"].treated.total == 60.0
    assert found.kpi("conversion_rate").worked == f"2 ÷ {treated.people} × 100"
    ends = {p.arm: p.mean for p in found.daily}
    assert ends["treatment"] == pytest.approx(treated.revenue_per_person)
    assert ends["control"] == pytest.approx(control.revenue_per_person)
    json.dumps(found.to_dict(), allow_nan=False)


def test_returns_within_the_window_are_netted_and_later_ones_are_not(lite: Stores) -> None:
    names = set_up(lite, 30)
    plan_id = sent(lite)
    first, second, third = names_by_arm(lite, names, plan_id)["treatment"][:3]

    def back(name: str, when: datetime, revenue: float, of: str) -> dict[str, Any]:
        return order(name, when, revenue, 9, kind="return", original_order_id=of)

    add_orders(
        lite,
        [
            order(first, NOW + timedelta(days=1), 50),
            back(first, NOW + timedelta(days=3), 20, f"new-{first}-0"),
            order(second, NOW + timedelta(days=1), 50),
            back(second, END + timedelta(days=3), 50, f"new-{second}-0"),
            back(third, NOW + timedelta(days=3), 11, third),  # of an order from before the campaign
        ],
    )
    found = result(lite, plan_id)
    assert found.treated.revenue == 80.0
    assert found.treated.orders == 2
    assert {p.arm: p.mean for p in found.daily}["treatment"] == pytest.approx(
        80.0 / found.treated.people
    )


def test_orders_that_arrive_late_count_when_it_is_measured_again(lite: Stores) -> None:
    names = set_up(lite, 30)
    plan_id = sent(lite)
    name = names_by_arm(lite, names, plan_id)["treatment"][0]
    assert result(lite, plan_id).treated.revenue == 0.0
    add_orders(lite, [order(name, NOW + timedelta(days=3), 25)])
    assert result(lite, plan_id).treated.revenue == 25.0


def test_an_unfinished_window_is_measured_so_far(lite: Stores) -> None:
    names = set_up(lite, 60)
    plan_id = sent(lite)
    arms = names_by_arm(lite, names, plan_id)
    add_orders(
        lite,
        [order(name, NOW + timedelta(days=3), 20 + n) for n, name in enumerate(names)]
        + [order(arms["treatment"][0], NOW + timedelta(days=8), 999, 1)],
    )
    found = result(lite, plan_id, now=NOW + timedelta(days=7))
    assert not found.span.finished
    assert found.treated.orders == found.treated.people
    assert found.sentence.startswith("So far (7 of 14 days), sending earned")
    assert "always valid" in found.profit.method
    assert "always valid" in found.conversion_difference.method
    assert any("looked at every day" in line for line in found.caveats)
    assert "always valid" not in result(lite, plan_id).profit.method
    assert any(
        line.startswith("The window is not over. Measured so far: 7 days of its 14 days.")
        for line in found.caveats
    )
    value = found.kpi("lifetime_value_lift").value
    assert value.value is None
    assert "not over yet" in (value.reason or "")
    assert result(lite, plan_id).treated.orders == found.treated.orders + 1


def test_on_the_first_day_of_two_weeks_there_is_no_look_yet(lite: Stores) -> None:
    names = set_up(lite, 60)
    plan_id = sent(lite)
    add_orders(lite, [order(n, NOW + timedelta(hours=2), 9 + k) for k, n in enumerate(names)])
    early = result(lite, plan_id, now=NOW + timedelta(days=1))
    assert early.verdict == "undefined"
    assert "only 7 % of the planned time has passed" in early.sentence
    assert early.treated.orders == early.treated.people


def test_households_in_both_groups_are_warned_of(lite: Stores) -> None:
    names = set_up(lite, 60)
    plan_id = sent(lite)
    assert not any("household" in line for line in result(lite, plan_id).caveats)
    arms = names_by_arm(lite, names, plan_id)
    pairs = zip(arms["treatment"][:5], arms["control"][:5], strict=True)
    rows = [
        {
            "profile_id": origin(lite, name),
            "address_hash": f"h{number}",
            "name_hash": f"h{number}",
            "has_name": True,
            "household_id": f"h{number}",
            "updated_at": NOW,
        }
        for number, pair in enumerate(pairs)
        for name in pair
    ]
    with lite.control.begin() as connection:
        connection.execute(sa.insert(metadata.tables["households"]), rows)
    warned = [line for line in result(lite, plan_id).caveats if "household" in line]
    assert len(warned) == 1
    assert f"5 of {len(arms['control'])} people held out share a household" in warned[0]


def test_before_the_start_there_is_nothing_to_measure(lite: Stores) -> None:
    set_up(lite, 20)
    plan_id = planned(lite).plan_id
    with pytest.raises(MeasureError, match="nothing to measure yet"):
        measure(lite, plan_id, now=NOW)
    with pytest.raises(MeasureError, match="time zone"):
        measure(lite, plan_id, now=LATER.replace(tzinfo=None))
    with pytest.raises(DecideError, match="no plan"):
        measure(lite, "spring-1", now=LATER)


def test_a_plan_of_which_nothing_was_sent_claims_nothing(lite: Stores) -> None:
    names = set_up(lite, 40)
    plan_id = planned(lite).plan_id
    add_orders(lite, [order(name, NOW + timedelta(days=1), 20) for name in names])
    found = result(lite, plan_id)
    assert found.verdict == "not_sent"
    assert found.sentence == "Nothing has been sent, so there is nothing to measure."
    assert found.kpi("engagement_rate").value.value is None


def test_without_a_holdout_nothing_causal_is_shown(lite: Stores) -> None:
    names = set_up(lite, 40, spring={"holdout": 0.0})
    plan_id = sent(lite)
    add_orders(lite, [order(name, NOW + timedelta(days=1), 20) for name in names[:10]])
    found = result(lite, plan_id)
    assert found.verdict == "no_control"
    assert "Nobody was held out" in found.sentence
    assert "£200" in found.sentence
    assert not found.profit.defined
    assert "nobody was held out" in (found.profit.reason or "")
    assert all(not kpi.causal.defined and kpi.causal.reason for kpi in found.kpis)
    assert found.kpi("conversion_rate").value.value == 25.0
    assert found.ratio is None


def test_one_person_gives_a_result_with_reasons(lite: Stores) -> None:
    set_up(lite, 1, spring={"holdout": 0.0})
    found = result(lite, sent(lite))
    assert found.treated.people == 1
    assert found.verdict == "no_control"
    assert found.lifts["revenue"].difference.reason


def test_costs_of_messages_and_the_way_of_the_audience(stores: Stores) -> None:
    names = set_up(stores, 50)
    plan_id = sent(stores)
    arms = names_by_arm(stores, names, plan_id)
    hits(
        stores,
        plan_id,
        {"Email Opened": (10, 5), "Email Link Clicked": (4, 0), "Unsubscribed": (1, 0)},
    )
    add_orders(
        stores, [order(name, NOW + timedelta(days=1), 20 + n % 9) for n, name in enumerate(names)]
    )
    found = result(stores, plan_id)
    delivery, n = found.delivery, len(arms["treatment"])
    assert (delivery.messages, delivery.sent, delivery.waiting, delivery.unknown) == (n, n, 0, 0)
    assert (delivery.opened, delivery.opened_machine) == (10, 5)
    assert (delivery.clicked, delivery.engaged, delivery.engaged_machine) == (4, 10, 5)
    assert delivery.unsubscribed == 1
    assert found.costs.contact == pytest.approx(0.02 * n)
    assert found.costs.total == pytest.approx(0.02 * n)
    margin = found.lifts["margin"].total
    assert found.profit.estimate == pytest.approx((margin.estimate or 0) - 0.02 * n)
    engagement = found.kpi("engagement_rate")
    assert engagement.value.value == pytest.approx(100 * 10 / 50)
    (action,) = found.actions
    assert (action.action, action.sent, action.contact_cost) == (
        "ten-email",
        n,
        pytest.approx(0.02 * n),
    )
    assert found.variants == ()


def hits(stores: Stores, plan_id: str, counts: dict[str, tuple[int, int]]) -> None:
    """The first messages of the plan get this many events by people, the next by machines."""
    messages, events = metadata.tables["messages"], metadata.tables["message_events"]
    with stores.control.begin() as connection:
        ids = list(
            connection.execute(
                sa.select(messages.c.message_id)
                .where(messages.c.plan_id == plan_id)
                .order_by(messages.c.message_id)
            ).scalars()
        )
        for event, (people, machines) in counts.items():
            for n in range(people + machines):
                row = {
                    "message_id": ids[n],
                    "event": event,
                    "machine": n >= people,
                    "occurred_at": NOW,
                }
                connection.execute(sa.insert(events).values(**row))


def test_messages_that_were_stopped_cost_nothing_and_their_people_still_count(lite: Stores) -> None:
    set_up(lite, 50)
    made = executed(lite)
    messages = metadata.tables["messages"]
    with lite.control.begin() as connection:
        ids = list(
            connection.execute(
                sa.select(messages.c.message_id).order_by(messages.c.message_id)
            ).scalars()
        )
        for ids_, state, reason in (
            (ids[:6], "stopped", "capped"), (ids[6:9], "failed", "refused"), (ids[9:10], "unknown", "died"),
            (ids[10:], "sent", None),
        ):  # fmt: skip
            connection.execute(
                sa.update(messages)
                .where(messages.c.message_id.in_(ids_))
                .values(state=state, reason=reason)
            )
    found = result(lite, made.plan_id)
    delivery = found.delivery
    assert delivery.stopped == {"capped": 6}
    assert delivery.failed == {"refused": 3}
    assert (delivery.unknown, delivery.sent) == (1, len(ids) - 10)
    assert found.treated.people == len(ids)
    assert found.costs.contact == pytest.approx(0.02 * (len(ids) - 10))
    assert any("got no message" in line for line in found.caveats)


def test_unknown_margin_shows_revenue_only(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    names = set_up(stores, 60)
    plan_id = sent(stores)
    add_orders(
        stores, [order(name, NOW + timedelta(days=1), 20 + n % 9) for n, name in enumerate(names)]
    )
    found = result(stores, plan_id)
    assert found.headline == "revenue"
    assert "margin" not in found.lifts
    assert found.profit.reason
    assert found.treated.margin is None
    assert found.sentence.startswith("Sending brought")
    assert any(line.startswith("Profit is unknown: 60 people") for line in found.caveats)
    stores.close()


def test_discounts_that_orders_do_not_show_are_taken_off(lite: Stores) -> None:
    ten = {**DOCUMENTS["ten"], "discount_in_orders": False, "cost_fixed": 0.5}
    names = set_up(lite, 40, ten=ten)
    plan_id = sent(lite)
    arms = names_by_arm(lite, names, plan_id)
    add_orders(
        lite,
        [order(name, NOW + timedelta(days=1), 40, coupon="ten") for name in arms["treatment"][:5]]
        + [order(arms["control"][0], NOW + timedelta(days=1), 40, coupon="TEN")]
        + [order(arms["control"][1], NOW + timedelta(days=1), 40)],
    )
    found = result(lite, plan_id)
    assert found.costs.offers == pytest.approx(5 * 4.5)
    assert (found.costs.redemptions, found.costs.redemptions_control) == (5, 1)
    assert found.treated.margin == pytest.approx(5 * (16 - 4.5))
    assert found.control.margin == pytest.approx(2 * 16 - 4.5)
    assert any("used the offer all the same" in line for line in found.caveats)


def test_a_known_effect_is_recovered(stores: Stores) -> None:
    names = set_up(stores, 900)
    plan_id = sent(stores)
    arms = names_by_arm(stores, names, plan_id)
    rng = np.random.default_rng(5)
    add_orders(
        stores,
        [
            order(name, NOW + timedelta(days=float(rng.uniform(0.1, 13))), round(spend, 2))
            for arm, extra in (("treatment", 5.0), ("control", 0.0))
            for name in arms[arm]
            for spend in [rng.normal(40, 6) + extra]
        ],
    )
    found = measure(
        stores,
        plan_id,
        now=LATER,
        truth=Truth(source="a test", revenue=5.0 * len(arms["treatment"])),
    )
    lift = found.lifts["revenue"]
    assert found.verdict == "gain"
    # About five standard errors.
    assert lift.difference.estimate == pytest.approx(5.0, abs=2.6)
    assert lift.difference.excludes_zero
    assert found.profit.estimate == pytest.approx(
        0.4 * (lift.total.estimate or 0) - found.costs.contact, rel=1e-6
    )
    assert found.ratio is not None
    assert found.ratio.mismatch is False


def test_a_back_test_says_that_nobody_was_contacted(lite: Stores) -> None:
    names = set_up(lite, 80)
    plan_id = planned(lite, now=LATER, as_of=NOW, trial=True).plan_id
    add_orders(
        lite, [order(name, NOW + timedelta(days=1), 20 + n % 9) for n, name in enumerate(names)]
    )
    found = result(lite, plan_id)
    assert found.verdict == "trial"
    assert found.sentence.startswith("Nobody was really contacted")
    assert found.costs.total == 0.0
    assert found.profit == found.lifts["margin"].total
    simulated = result(lite, plan_id, truth=Truth(source="a simulated shop", profit=0.0))
    assert simulated.verdict == "not_sent"


def test_an_offer_of_a_trial_was_redeemed_by_nobody(lite: Stores) -> None:
    ten = {**DOCUMENTS["ten"], "code": None, "cost_fixed": 3.0}
    hello = {
        "defaults": {"first_name": "friend"},
        "variants": [{"subject": "Hello", "html": "<p>Hello</p>"}],
    }
    names = set_up(lite, 40, ten=ten, hello=hello)
    plan_id = planned(lite, now=LATER, as_of=NOW, trial=True).plan_id
    add_orders(lite, [order(name, NOW + timedelta(days=1), 20) for name in names])
    assert result(lite, plan_id).costs.offers == 0.0


def test_people_found_to_be_one_count_once_by_their_earliest_assignment(stores: Stores) -> None:
    names = set_up(stores, 60)
    plan_id = sent(stores)
    arms = names_by_arm(stores, names, plan_id)
    treated, held = arms["treatment"][0], arms["control"][0]
    add_orders(
        stores,
        [order(treated, NOW + timedelta(days=1), 10), order(held, NOW + timedelta(days=2), 5)],
    )
    before = result(stores, plan_id)
    # An earlier plan of the same campaign held out the one and knew nothing of the other.
    row = {
        "experiment": "spring", "plan_id": "spring-0", "origin_id": origin(stores, held), "arm": "control",
        "bucket": 1, "probability": 0.2, "assigned_at": NOW - timedelta(days=30),
    }  # fmt: skip
    append(stores, "assignments", [row])
    merge_people(stores, [treated, held])
    found = result(stores, plan_id)
    assert (found.treated.people, found.control.people) == (
        before.treated.people - 1,
        before.control.people,
    )
    assert found.control.revenue == before.control.revenue + 10.0
    assert found.treated.revenue == before.treated.revenue - 10.0
    assert (found.merged, found.crossed) == (1, 1)
    assert any("one person in both groups" in line for line in found.caveats)


def test_people_of_one_arm_found_to_be_one_are_reported_too(lite: Stores) -> None:
    names = set_up(lite, 40)
    plan_id = sent(lite)
    merge_people(lite, names_by_arm(lite, names, plan_id)["treatment"][:2])
    found = result(lite, plan_id)
    assert (found.merged, found.crossed) == (1, 0)
    assert any("several records of one person" in line for line in found.caveats)


def test_missing_people_are_noticed_and_warned_of_first(lite: Stores) -> None:
    set_up(lite, 400)
    plan_id = sent(lite)
    people = metadata.tables["plan_people"]
    with lite.control.begin() as connection:
        held = sa.select(people.c.profile_id).where(people.c.arm == "control")
        gone = connection.execute(held.order_by(people.c.profile_id)).scalars().all()[:60]
        connection.execute(sa.delete(people).where(people.c.profile_id.in_(gone)))
    found = result(lite, plan_id)
    assert found.verdict == "mismatch"
    assert found.sentence.startswith("Do not trust these figures yet")


def test_another_goal_counts_its_own_conversions_and_money_stays_money(lite: Stores) -> None:
    names = set_up(lite, 40, spring={"goal": {"event": "Product Viewed", "window": "14d"}})
    plan_id = sent(lite)
    arms = names_by_arm(lite, names, plan_id)
    add_events(
        lite,
        [
            {"customer": name, "event": "Product Viewed", "occurred_at": NOW + timedelta(days=1)}
            for name in [*arms["treatment"][:4], *arms["control"][:1]]
        ],
    )
    add_orders(lite, [order(arms["treatment"][5], NOW + timedelta(days=1), 33)])
    found = result(lite, plan_id)
    assert (found.treated.converted, found.control.converted) == (4, 1)
    assert (found.treated.buyers, found.treated.revenue) == (1, 33.0)


def test_customers_are_lost_who_bought_before_and_not_since(lite: Stores) -> None:
    names = set_up(lite, 60)
    # Everybody bought every five days before the campaign, so who does not buy for five days is lost.
    add_orders(
        lite,
        [
            order(name, day(50 + n % 9 - 5 * k), 10, 100 + k)
            for n, name in enumerate(names)
            for k in range(1, 6)
        ],
    )
    plan_id = sent(lite)
    arms = names_by_arm(lite, names, plan_id)
    customers = [n for n in arms["treatment"] if names.index(n) % 9 >= 5]
    add_orders(lite, [order(name, END - timedelta(days=1), 20) for name in customers[:3]])
    churn = result(lite, plan_id).kpi("churn_rate")
    assert churn.worked == f"{len(customers) - 3} ÷ {len(customers)} × 100"
    assert "within the last 5 days" in churn.notes[0]


def test_the_same_seed_gives_the_same_result(lite: Stores) -> None:
    names = set_up(lite, 60)
    plan_id = sent(lite)
    add_orders(
        lite, [order(name, NOW + timedelta(days=1), 20 + n % 9) for n, name in enumerate(names)]
    )
    assert result(lite, plan_id, seed=3).to_dict() == result(lite, plan_id, seed=3).to_dict()


def test_a_plan_has_a_seed_of_its_own_which_holds_unless_another_is_asked_for(lite: Stores) -> None:
    set_up(lite, 60)
    plan_id = sent(lite)
    plan = load_plan(lite.control, plan_id)
    assert (
        result(lite, plan_id).seed == result(lite, f"latest:{plan.campaign}").seed == seed_of(plan)
    )
    assert result(lite, plan_id, seed=5).seed == 5
    # The random part of the id does not matter; campaign and start do.
    assert seed_of(replace(plan, plan_id="another")) == seed_of(plan)
    assert seed_of(replace(plan, campaign="another")) != seed_of(plan)
    later = (plan.starts_at + timedelta(days=1)).isoformat()
    assert seed_of(replace(plan, summary={**plan.summary, "starts_at": later})) != seed_of(plan)


@shortly_on("sqlite")
def test_the_truth_of_simulated_people_stays_with_the_plan(stores: Stores) -> None:
    set_up(stores, 30)
    plan_id = sent(stores)
    truth = Truth(source="a simulated shop", revenue=12.5, profit=4.0)
    store_report(stores, result(stores, plan_id, truth=truth))
    again = result(stores, plan_id)
    assert again.truth == truth
    assert "Beside the truth" in store_report(stores, again).html.read_text()
    assert result(stores, plan_id).truth == truth  # and so on, from report to report
    assert result(stores, plan_id, now=NOW + timedelta(days=3)).truth is None  # another span


def test_a_report_is_kept_whole_and_replaced_by_the_next(stores: Stores) -> None:
    names = set_up(stores, 40)
    plan_id = sent(stores)
    first = store_report(stores, result(stores, plan_id))
    add_orders(stores, [order(names[0], NOW + timedelta(days=1), 20)])
    found = result(stores, plan_id, now=LATER + timedelta(days=1))
    second = store_report(stores, found)
    assert store_report(stores, found) == second
    assert first.html == second.html
    assert sorted(path.name for path in first.html.parent.iterdir()) == [
        f"{plan_id}.csv",
        f"{plan_id}.html",
        f"{plan_id}.json",
    ]
    assert json.loads(second.json.read_text(encoding="utf-8")) == found.to_dict()
    page = second.html.read_text(encoding="utf-8").replace("\N{WORD JOINER}", "")
    assert found.sentence in page
    reports = metadata.tables["reports"]
    with stores.read_control() as connection:
        rows = connection.execute(sa.select(reports).order_by(reports.c.made_at)).all()
    assert [row.report_id for row in rows] == [first.report_id, second.report_id]
    assert rows[1].document == found.to_dict()
    assert (rows[1].plan_id, rows[1].as_of, rows[1].made_at) == (
        plan_id,
        END,
        LATER + timedelta(days=1),
    )


def test_a_report_names_nobody(lite: Stores) -> None:
    names = set_up(lite, 40)
    plan_id = sent(lite)
    add_orders(lite, [order(name, NOW + timedelta(days=1), 20) for name in names])
    stored = store_report(lite, result(lite, plan_id))
    text = stored.html.read_text(encoding="utf-8") + text_of(json.loads(stored.json.read_text()))
    people: list[Place] = places(lite.control, plan_id)
    for name in names:
        assert f"{name}@" not in text
    for place in people:
        assert place.profile_id not in text


def test_an_id_that_is_no_file_name_is_refused(lite: Stores) -> None:
    set_up(lite, 20)
    found = result(lite, sent(lite))
    with pytest.raises(MeasureError, match="name of a file"):
        store_report(lite, replace(found, plan_id="../../etc/passwd"))
