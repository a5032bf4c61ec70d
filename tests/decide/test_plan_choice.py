"""A campaign that explores and a second one that uses what was learnt: policy, limits, log, and what is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from deltalake import DeltaTable

from aimwell.decide.campaign_parts import read_parts
from aimwell.decide.comparing import compare_plans
from aimwell.decide.learning import Lesson, learn
from aimwell.decide.model import Plan
from aimwell.decide.offers.promised import promised
from aimwell.decide.service import approve, cancel, plan, undo
from aimwell.decide.stored import list_plans, load_plan, move, places
from aimwell.decide.uplift.reading import read_experiment
from aimwell.errors import DecideError
from aimwell.measure.service import measure
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from campaigns import DOCUMENTS, NOW, apply, executed, set_up
from command import Run, command_in
from shop import add_orders, add_traits, make_stores, origin

PEOPLE = 600
LATER = NOW + timedelta(days=20)
ACTIONS = [
    {"offer": "ten", "channel": "email", "template": "hello", "name": "mail"},
    {"offer": "five", "channel": "email", "template": "hello", "name": "news"},
]


def documents(**policy: Any) -> dict[str, Any]:
    return {
        "spring": {
            "actions": ACTIONS,
            "holdout": 0.2,
            "goal": {"value": "margin", "window": "14d"},
            "policy": policy,
        },
        "five": {"kind": "offer", "name": "five", "benefit": {"percent": 5}, "code": "FIVE"},
        "town": {
            "kind": "segment",
            "name": "town",
            "rule": {"trait": "area", "in": ["town"]},
        },
    }


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """After a first campaign at random in which mail paid in town only, and news nowhere."""
    stores = make_stores(tmp_path_factory.mktemp("loop"), margin_default=0.5)
    names = set_up(stores, PEOPLE, **documents())
    town = {name: number % 2 == 0 for number, name in enumerate(names)}
    add_traits(
        stores,
        [
            {"customer": name, "name": "area", "value": "town" if here else "country"}
            for name, here in town.items()
        ],
    )
    first = executed(stores)
    by_profile = {origin(stores, name): name for name in names}
    rng = np.random.default_rng(5)
    rows = []
    for place in places(stores.control, first.plan_id):
        name = by_profile[place.profile_id]
        bought = 60.0 + 5 * rng.standard_normal()
        if place.action == "mail":
            bought += 40.0 if town[name] else -40.0
        rows.append(
            {
                "customer": name,
                "order_id": f"after-{name}",
                "ordered_at": NOW + timedelta(days=3),
                "revenue": round(bought, 2),
            }
        )
    add_orders(stores, rows)
    yield stores
    stores.close()


@pytest.fixture(scope="module")
def second(learnt: Stores) -> Plan:
    apply(learnt, **documents(explore=0.2, segments=["town"]))
    return plan(learnt, "spring", now=LATER, by="ann")


def test_before_anything_was_measured_chance_chooses_and_says_why(learnt: Stores) -> None:
    made = plan(learnt, "spring", now=NOW + timedelta(days=2), by="ann", trial=True)
    assert "ends on" in made.summary["choice"]
    assert made.summary["chosen"] is None
    assert made.summary["passed"] == 0


def test_the_second_plan_sends_to_whom_it_pays_and_passes_the_others_over(
    learnt: Stores, second: Plan
) -> None:
    chosen = second.summary["chosen"]
    assert chosen["policy"]["verdict"] == "personalise"
    assert chosen["policy"]["chosen"].startswith("uplift")
    assert "Personalising pays" in second.summary["choice"]
    town = {origin(learnt, f"c{n:05}") for n in range(0, PEOPLE, 2)}
    people = places(learnt.control, second.plan_id)
    got = Counter((p.profile_id in town, p.arm, p.action) for p in people)
    assert got[True, "treatment", "mail"] > 180
    assert got[True, "passed", None] == 0
    assert got[False, "passed", None] > 170
    assert second.summary["passed"] == sum(p.arm == "passed" for p in people)
    assert chosen["judged_profit"]["estimate"] > 0
    assert (
        chosen["judged_profit"]["lower"] < 20 * 0.8 * 0.8 * 300 < chosen["judged_profit"]["upper"]
    )


def test_probabilities_are_those_of_policy_and_exploring_together(
    learnt: Stores, second: Plan
) -> None:
    town = {origin(learnt, f"c{n:05}") for n in range(0, PEOPLE, 2)}
    for place in places(learnt.control, second.plan_id):
        here = place.profile_id in town
        expected = {
            ("mail", True): 0.8 * (0.8 + 0.1),
            ("mail", False): 0.8 * 0.1,
            ("news", True): 0.8 * 0.1,
            ("news", False): 0.8 * 0.1,
            (None, True): 0.2,
            (None, False): 0.2 + 0.8 * 0.8,
        }[place.action, here]
        assert place.probability == pytest.approx(expected)


def test_what_was_chosen_is_kept_of_everybody_whatever_chance_decided(
    learnt: Stores, second: Plan
) -> None:
    town = {origin(learnt, f"c{n:05}") for n in range(0, PEOPLE, 2)}
    people = places(learnt.control, second.plan_id)
    found = Counter((p.profile_id in town, p.choice) for p in people if p.arm != "excluded")
    assert set(found) == {(True, "mail"), (False, "nothing")}
    assert {p.choice for p in people if p.arm == "excluded"} <= {None}
    log = DeltaTable(str(learnt.root / "lake" / "decisions")).to_pyarrow_table().to_pylist()
    kept = {p.origin_id: p.choice for p in people}
    rows = [row for row in log if row["plan_id"] == second.plan_id]
    assert all(row["choice"] == kept[row["origin_id"]] for row in rows)
    first = min(list_plans(learnt.control, "spring"), key=lambda one: one.as_of)
    assert {place.choice for place in places(learnt.control, first.plan_id)} == {None}


def test_each_decision_is_logged_with_its_reason(learnt: Stores, second: Plan) -> None:
    log = DeltaTable(str(learnt.root / "lake" / "decisions")).to_pyarrow_table()
    rows = [row for row in log.to_pylist() if row["plan_id"] == second.plan_id]
    counts = Counter(row["reason"] for row in rows)
    assert len(rows) == second.summary["eligible"]
    assert counts["held_out"] == second.summary["control"]
    assert counts["passed_over"] == second.summary["passed"]
    assert counts["explored"] == second.summary["chosen"]["explored"]
    assert len({row["decision_id"] for row in rows}) == len(rows)
    for row in rows:
        assert row["probability"] > 0
        given = row["reason"] in {"chosen", "explored"}
        assert (row["action"] is not None) == (row["expected_profit"] is not None) == given
    kept = {p.origin_id: p.expected_profit for p in places(learnt.control, second.plan_id)}
    assert all(kept[row["origin_id"]] == row["expected_profit"] for row in rows)


def test_a_shared_budget_is_told_by_segment_and_kept_to_its_bounds(
    learnt: Stores,
    second: Plan,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    country, town = second.summary["chosen"]["cells"]
    assert (country["segments"], town["segments"]) == ([], ["town"])
    assert (
        country["people"] + town["people"] == second.summary["treated"] + second.summary["passed"]
    )
    assert town["curve"][-1]["people"] == pytest.approx(town["people"], abs=1)
    assert country["curve"][-1]["people"] < 5
    run = command_in(learnt.root, monkeypatch, capsys)
    free = run("decide", "share-out", 100, second.plan_id, "--json").json
    by_name = {one["segment"]: one["budget"] for one in free["segments"]}
    assert by_name["town"] > 0.95 * free["spent"]
    asked = ("decide", "share-out", 100, second.plan_id, "--at-most", "town=1.5")
    tight = run(*asked, "--json").json
    assert tight["segments"][0]["budget"] == pytest.approx(1.5)
    assert tight["segments"][0]["price"] > 0
    assert tight["profit"]["estimate"] < free["profit"]["estimate"]
    assert "in none of them" in run(*asked).out
    assert "known: town" in run(*asked, "--at-least", "new=1", code=1).err
    for wrong in ("town", "town=-1", "town=x", "=4"):
        assert "SEGMENT=MONEY" in run(*asked, "--at-least", wrong, code=2).err
    assert "at least 2 and at most 1.5" in run(*asked, "--at-least", "town=2", code=2).err


def test_the_same_plan_again_is_the_same(learnt: Stores, second: Plan) -> None:
    again = plan(learnt, "spring", now=LATER, by="ann")
    found = compare_plans(learnt.control, second.plan_id, again.plan_id)
    assert (found.moved, found.same) == (0, PEOPLE)
    assert again.summary["chosen"] == second.summary["chosen"]


def test_limits_hold_and_the_difference_to_another_plan_is_told(
    learnt: Stores, second: Plan
) -> None:
    apply(
        learnt,
        **documents(explore=0.2, budget=2.0, limits=[{"segment": "town", "at_most": 50}]),
    )
    tight = plan(learnt, "spring", now=LATER, by="ann")
    limits = {one["name"]: one for one in tight.summary["chosen"]["limits"]}
    assert limits["segment town"]["used"] <= 50
    assert limits["budget"]["used"] <= 2.0 + 1e-9
    assert limits["segment town"]["price"] > 0
    assert tight.summary["chosen"]["explore"] < 0.2
    found = compare_plans(learnt.control, second.plan_id, tight.plan_id)
    assert found.documents == ("campaign",)
    moved = {(m.before, m.after): m.people for m in found.moves}
    assert moved["mail", "passed over"] > 100
    assert found.cost[1] < found.cost[0]
    assert found.moved + found.same == PEOPLE


def test_a_random_choice_can_be_asked_for(learnt: Stores) -> None:
    apply(learnt, **documents(choose="random"))
    made = plan(learnt, "spring", now=LATER, by="ann")
    assert "random choice" in made.summary["choice"]
    assert made.summary["passed"] == 0


def test_offers_without_stock_reach_nobody_in_words(learnt: Stores) -> None:
    some = documents(choose="random")
    apply(learnt, **{**some, "ten": {"stock": 0}, "five": {**some["five"], "stock": 0}})
    with pytest.raises(DecideError, match="600 × the offer's stock does not reach"):
        plan(learnt, "spring", now=LATER, by="ann")
    # What the first campaign promised counts, since stock is over all plans.
    with learnt.read_control() as connection:
        ten, five = (promised(connection, offer) for offer in ("ten", "five"))
    stocks = {"ten": {"stock": ten + 30}, "five": {**some["five"], "stock": five + 40}}
    apply(learnt, **{**some, **stocks})
    made = plan(learnt, "spring", now=LATER, by="ann")
    assert made.summary["treated"] == 70
    assert [one["used"] for one in made.summary["chosen"]["limits"]] == [30, 40]


def test_a_channel_takes_no_more_than_its_capacity_though_a_policy_wants_more(
    learnt: Stores,
) -> None:
    apply(learnt, **documents(explore=0.2), email={"capacity": 60})
    made = plan(learnt, "spring", now=LATER, by="ann")
    assert 50 <= made.summary["treated"] <= 60
    (limit,) = made.summary["chosen"]["limits"]
    assert limit["price"] > 0
    apply(learnt, **documents())


def test_an_experiment_with_other_arms_is_refused_in_words(learnt: Stores) -> None:
    apply(learnt, **documents(learn_from="spring", outcome="clicks"))
    with pytest.raises(DecideError, match="no outcome 'clicks'"):
        plan(learnt, "spring", now=LATER, by="ann")


def test_the_slot_of_another_campaign_is_taken_by_what_is_worth_more_only(
    learnt: Stores, second: Plan
) -> None:
    rules = {"kind": "contact_policy", "name": "default", "caps": [{"count": 1, "days": 7}]}
    other = {**DOCUMENTS["spring"], "name": "other", "holdout": 0.0}
    apply(learnt, **documents(explore=0.2), default=rules, other=other)
    rival = plan(learnt, "other", now=LATER, by="ann")
    table = metadata.tables["plan_people"]
    with learnt.control.begin() as connection:
        worth = sa.update(table).where(table.c.plan_id == rival.plan_id).values(expected_profit=5.0)
        connection.execute(worth)
    approve(learnt, rival.plan_id, now=LATER, by="ann")
    made = plan(learnt, "spring", now=LATER, by="ann")
    people = places(learnt.control, made.plan_id)
    # Mail pays more than 5 in town alone, and news nowhere, not even for those who explore.
    country = {origin(learnt, f"c{n:05}") for n in range(1, PEOPLE, 2)}
    assert {p.profile_id for p in people if p.excluded == "reserved"} == country
    assert {p.action for p in people if p.arm == "treatment"} == {"mail"}
    cancel(learnt, rival.plan_id, now=LATER, by="ann")
    again = plan(learnt, "spring", now=LATER, by="ann")
    assert compare_plans(learnt.control, second.plan_id, again.plan_id).moved == 0
    apply(learnt, default={**rules, "caps": []})


def test_what_was_sent_by_the_policy_is_a_log_to_learn_from_and_is_measured_whole(
    learnt: Stores,
) -> None:
    apply(learnt, **documents(explore=0.2))
    sent = executed(learnt, now=LATER)
    end = LATER + timedelta(days=15)
    read = read_experiment(learnt, "spring", now=end, plan_id=sent.plan_id)
    nothing = sent.summary["control"] + sent.summary["passed"]
    assert read.data.counts["control"] == nothing
    assert (read.data.propensity > 0).all()
    result = measure(learnt, sent.plan_id, now=end)
    assert result.treated.people == sent.summary["treated"] + sent.summary["passed"]
    mail, news = result.actions
    assert mail.chosen is not None
    assert news.chosen is not None
    # Everybody stood in the first wave: whom it moved is not like whom it could not move.
    assert mail.chosen.drawn_before == PEOPLE / 2
    assert "an earlier wave of the campaign drew all 300" in (mail.profit.reason or "")
    assert news.profit.reason == "the policy chose this action for nobody"
    assigned = DeltaTable(str(learnt.root / "lake" / "assignments")).to_pyarrow_table().to_pylist()
    mine = [row for row in assigned if row["plan_id"] == sent.plan_id]
    assert Counter(row["choice"] for row in mine) == {"mail": PEOPLE / 2, "nothing": PEOPLE / 2}
    parts = read_parts(learnt.control, "spring")
    lesson = learn(learnt, parts, moment=end, trial=False, seed=1)
    assert isinstance(lesson, Lesson)
    assert next(iter(lesson.sources)) == sent.plan_id
    assert len(lesson.sources) == 2
    assert lesson.source.endswith("and 1 more")
    assert lesson.data.cluster is not None
    cancel(learnt, sent.plan_id, now=LATER, by="ann")


def test_an_approval_can_be_taken_back_until_it_is_sent(learnt: Stores) -> None:
    apply(learnt, **documents(choose="random"))
    made = plan(learnt, "spring", now=LATER, by="ann")
    with pytest.raises(DecideError, match="planned already"):
        undo(learnt, made.plan_id, now=LATER, by="ann")
    approve(learnt, made.plan_id, now=LATER, by="ann")
    assert undo(learnt, made.plan_id, now=LATER, by="bob").state == "planned"
    assert load_plan(learnt.control, made.plan_id).approved_by is None
    approve(learnt, made.plan_id, now=LATER, by="ann")
    move(learnt.control, made.plan_id, "sending", now=LATER)
    with pytest.raises(DecideError, match="is sending and cannot become planned"):
        undo(learnt, made.plan_id, now=LATER, by="ann")
    cancel(learnt, made.plan_id, now=LATER, by="ann")


def test_the_commands_tell_policy_budget_and_difference(
    learnt: Stores,
    second: Plan,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run: Run = command_in(learnt.root, monkeypatch, capsys)
    told = run("decide", "explain", second.plan_id).out
    assert "→ uplift" in told
    assert "passed over by the policy" in told
    assert "Expected incremental profit" in told
    assert "one more adds" in run("decide", "budget", second.plan_id).out
    assert "0 people stand elsewhere" in run("decide", "diff", second.plan_id, second.plan_id).out


def test_a_limit_on_fairness_is_kept_and_its_price_is_told(
    learnt: Stores, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    apply(learnt, **documents(explore=0.2, fair={"trait": "area", "within": 0.1}))
    made = plan(learnt, "spring", now=LATER, by="ann")
    chosen = made.summary["chosen"]
    fairness = chosen["fairness"]
    shares = {one["group"]: one["share"]["estimate"] for one in fairness["groups"]}
    assert set(shares) == {"town", "country"}
    # By chance alone who explores differs a little; the choice makes up for it.
    assert abs(shares["town"] - shares["country"]) <= 0.1 + 0.01
    price = fairness["price"]
    assert price["lower"] < price["estimate"] < price["upper"]
    assert fairness["hoped_price"] > 0
    run: Run = command_in(learnt.root, monkeypatch, capsys)
    told = run("decide", "explain", made.plan_id).out
    assert "Furthest apart" in told
    assert "The limit costs" in told


def test_a_first_campaign_in_which_nobody_bought_teaches_nothing(tmp_path: Path) -> None:
    stores = make_stores(tmp_path, margin_default=0.4)
    set_up(stores, 45)
    first = executed(stores)
    again = plan(stores, "spring", now=NOW + timedelta(days=30), by="ann")
    assert "Nothing could be learnt from" in again.summary["choice"]
    assert "contacting nobody" in again.summary["choice"]
    assert (again.summary["treated"], again.summary["passed"]) == (first.summary["treated"], 0)
    stores.close()
