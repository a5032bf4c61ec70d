"""Plans that send an offer through the channel in which each person answers: chances, log, and the policy judged with the others."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from aimwell.decide.channel_choice import channel_rules
from aimwell.decide.model import Plan
from aimwell.decide.policies.candidates import People
from aimwell.decide.replay_service import replay
from aimwell.decide.stored import places
from aimwell.decide.uplift.reading import read_experiment
from aimwell.definitions.kinds.campaign import Action
from aimwell.errors import DefinitionError, PredictError
from aimwell.predict.responding.channels import channel_preferences
from aimwell.predict.responding.own_channels import (
    channel_model,
    own_channels,
    own_channels_then,
)
from aimwell.store.stores import Stores
from campaigns import DOCUMENTS, NOW, apply, executed, planned, set_up
from command import Run, command_in
from shop import add_orders, add_touches, day, make_stores, origin

PEOPLE = 400
STRANGERS = 60
LATER = NOW + timedelta(days=20)
MAIL = {"offer": "ten", "channel": "email", "template": "hello", "name": "mail"}
TEXT = {"offer": "ten", "channel": "sms", "template": "hello", "name": "text"}
SMS = {**DOCUMENTS["email"], "name": "sms"}
"""A second channel; that it goes by mail does not matter here."""


def documents(**policy: Any) -> dict[str, Any]:
    return {
        "spring": {
            "actions": [MAIL, TEXT],
            "goal": {"value": "margin", "window": "14d"},
            "policy": {"explore": 0.2, **policy},
        },
        "sms": SMS,
    }


def messages(names: list[str], *, alike: bool = False) -> list[dict[str, Any]]:
    """A mail and an SMS in turns; people of even numbers answer mails, the others SMS."""
    rng = np.random.default_rng(5)
    rows: list[dict[str, Any]] = []
    for person, name in enumerate(names):
        for place, at in enumerate(range(person % 4, 52, 4)):
            channel = ("email", "sms")[place % 2]
            row = {
                "customer": name,
                "channel": channel,
                "campaign": f"week {at // 7}",
                "occurred_at": day(at),
            }
            rate = 0.3 if alike else (0.7, 0.05)[(place + person) % 2]
            rows.append({**row, "event": f"{channel.title()} Sent"})
            if rng.random() < rate:
                rows.append(
                    {
                        **row,
                        "event": f"{channel.title()} Link Clicked",
                        "occurred_at": day(at + 0.1),
                    }
                )
    return rows


def shop(path: Path, people: int, *, alike: bool = False) -> tuple[Stores, list[str]]:
    stores = make_stores(path, margin_default=0.5)
    names = set_up(stores, people, **documents(predicted_channel={}))
    add_touches(stores, messages(names[: people - STRANGERS], alike=alike))
    channel_preferences(stores, as_of=NOW, check_days=20, now=NOW)
    return stores, names


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stores, list[str], Plan]]:
    """A first plan that went out; an offer brings 40 through the channel in which somebody answers, and else nothing."""
    stores, names = shop(tmp_path_factory.mktemp("channels"), PEOPLE)
    sent = executed(stores)
    number = {origin(stores, name): n for n, name in enumerate(names)}
    rng = np.random.default_rng(7)
    rows = []
    for place in places(stores.control, sent.plan_id):
        right = place.action == ("mail", "text")[number[place.profile_id] % 2]
        paid = 60.0 + 5 * rng.standard_normal() + 40.0 * right
        rows.append(
            {
                "customer": names[number[place.profile_id]],
                "order_id": f"after-{place.profile_id}",
                "ordered_at": NOW + timedelta(days=3),
                "revenue": round(paid, 2),
            }
        )
    add_orders(stores, rows)
    yield stores, names, sent
    stores.close()


@pytest.fixture(scope="module")
def second(made: tuple[Stores, list[str], Plan]) -> Plan:
    return planned(made[0], now=LATER)


def test_where_nothing_was_measured_each_gets_it_through_their_channel_and_some_by_chance(
    made: tuple[Stores, list[str], Plan],
) -> None:
    stores, names, sent = made
    number = {origin(stores, name): n for n, name in enumerate(names)}
    own = own_channels(stores, channel_model(stores, "prefers-click"), as_of=NOW, sure=0.9)
    mine = own.of(pa.array(list(number)), [("email", "email"), ("sms", "email")])
    known = dict(zip(number, mine.tolist(), strict=True))
    right = {who: place == number[who] % 2 for who, place in known.items() if place >= 0}
    assert len(right) > 200
    assert np.mean(list(right.values())) > 0.98
    for place in places(stores.control, sent.plan_id):
        expected = {
            ("mail", 0): 0.8 * 0.9,
            ("text", 0): 0.8 * 0.1,
            ("mail", 1): 0.8 * 0.1,
            ("text", 1): 0.8 * 0.9,
            ("mail", -1): 0.8 * 0.5,
            ("text", -1): 0.8 * 0.5,
        }.get((place.action or "", known[place.profile_id]), 0.2)
        assert place.probability == pytest.approx(expected)


def test_who_is_held_out_is_not_found_to_be_too_many(
    made: tuple[Stores, list[str], Plan],
) -> None:
    data = read_experiment(made[0], "spring", now=LATER).data
    # A fifth of everybody is held out, whatever channel is theirs.
    assert np.allclose(data.propensity[:, 0], 0.2)
    assert np.allclose(data.propensity.sum(axis=1), 1.0)
    own = data.propensity[data.arm > 0].max(axis=1)
    assert set(np.round(own, 6)) == {0.4, 0.72}
    assert not [one for one in data.cautions if "not as large" in one]


def test_the_shares_that_got_each_channel_are_as_likely_as_logged(
    made: tuple[Stores, list[str], Plan],
) -> None:
    stores, _names, sent = made
    treated = places(stores.control, sent.plan_id, arms=("treatment",))
    counts = Counter(round(place.probability or 0.0, 4) for place in treated)
    own, other = counts[0.72], counts[0.08]
    assert other / (own + other) == pytest.approx(0.1, abs=0.05)


def test_explain_tells_of_how_many_it_is_known_and_the_plan_by_what(
    made: tuple[Stores, list[str], Plan],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stores, _names, sent = made
    told = sent.summary["channels"]
    assert told["known"] == sum(told["channels"].values()) > 200
    assert 0.85 < told["through_it"] / told["contacted"] < 0.95
    assert told["explore"] == 0.2
    assert "the channel in which they answer" in sent.summary["choice"]
    assert sent.document["predicted_channel"] == {
        "model": "prefers-click@1",
        "as_of": NOW.isoformat(),
        "sure": 0.9,
    }
    run: Run = command_in(stores.root, monkeypatch, capsys)
    assert "get their message through it" in run("decide", "explain", sent.plan_id).out


def test_the_prediction_is_judged_with_the_other_policies_and_used_where_it_wins(
    made: tuple[Stores, list[str], Plan], second: Plan
) -> None:
    stores, names, _sent = made
    policy = second.summary["chosen"]["policy"]
    found = {one["name"]: one for one in policy["candidates"]}
    predicted = [name for name in found if "predicted channel" in name]
    assert predicted == [policy["chosen"], *predicted[1:]]
    assert len(predicted) == 2
    assert policy["verdict"] == "personalise"
    number = {origin(stores, name): n for n, name in enumerate(names)}
    own = own_channels(stores, channel_model(stores, "prefers-click"), as_of=NOW, sure=0.9)
    mine = own.of(pa.array(list(number)), [("email", "email"), ("sms", "email")])
    otherwise = policy["chosen"].endswith("sms")
    right = np.where(mine >= 0, mine, otherwise) == np.array(list(number.values())) % 2
    value = found[policy["chosen"]]["value"]
    assert value["lower"] < 30 + 20 * right.mean() < value["upper"]
    got = Counter(
        (place.action, number[place.profile_id] % 2)
        for place in places(stores.control, second.plan_id, arms=("treatment",))
        if number[place.profile_id] < PEOPLE - STRANGERS
    )
    assert got["mail", 0] + got["text", 1] > 4 * (got["mail", 1] + got["text", 0])
    assert second.summary["channels"]["explore"] is None


def test_a_policy_report_has_the_prediction_among_its_candidates(
    made: tuple[Stores, list[str], Plan],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    stores, names, _sent = made
    run: Run = command_in(stores.root, monkeypatch, capsys)
    asked = ("decide", "policy", "spring", "--no-trees", "--repeats", "1")
    told = run(*asked, "--predicted-channel", "--to", str(tmp_path / "to.csv"), "--json").json
    assert sum(told["own_channels"].values()) > 200
    found = {one["name"]: one for one in told["candidates"]}
    chosen = told["choice"]["chosen"]
    assert chosen in ("ten: predicted channel, else email", "ten: predicted channel, else sms")
    assert {"nobody", "everyone: mail", "likeliest buyers first", chosen} <= found.keys()
    assert found[chosen]["value"]["doubly_robust"]["estimate"] == pytest.approx(48, abs=4)
    with (tmp_path / "to.csv").open() as file:
        rows = list(csv.reader(file))[1:]
    number = {origin(stores, name): n for n, name in enumerate(names)}
    right = [
        action == ("mail", "text")[number[profile] % 2]
        for profile, action in rows
        if number[profile] < PEOPLE - STRANGERS
    ]
    assert np.mean(right) > 0.8
    # The same by what is said of the arms, as of an experiment that was imported.
    by_hand = ("--channel", "mail=email", "--channel", "text=sms")
    again = run(*asked, *by_hand, "--json").json
    assert again["choice"]["gain"] == told["choice"]["gain"]
    printed = run(*asked, *by_hand).out
    assert "By prefers-click@1, learnt anew" in printed
    assert "predicted channel, else email" in printed


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--channel", "letter=email"), "There is no arm 'letter'"),
        (("--channel", "mail=email", "--channel", "text=email"), "Two arms went through 'email'"),
        (("--channel", "mail=email"), "for two channels at least"),
        (("--predicted-channel", "--channel-model", "answers"), "prefers-click"),
    ],
)
def test_channels_of_arms_that_cannot_be_are_refused(
    made: tuple[Stores, list[str], Plan],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    words: str,
) -> None:
    run: Run = command_in(made[0].root, monkeypatch, capsys)
    assert words in run("decide", "policy", "spring", "--no-trees", *options, code=1).err


def test_a_replay_sends_through_the_channels_that_would_have_been_told_then(
    made: tuple[Stores, list[str], Plan],
) -> None:
    stores, _names, _sent = made
    early, late = replay(
        stores,
        ["spring"],
        now=NOW,
        as_of=NOW - timedelta(days=2),
        times=2,
        every=timedelta(days=40),
    ).rounds
    assert late.channels is not None
    assert late.channels["contacted"] > 150
    assert 0.8 < late.channels["through_it"] / late.channels["contacted"] < 0.97
    # Eighteen days in nobody's own rates could be judged yet, so nobody had a channel.
    assert early.channels is not None
    assert early.channels["known"] == 0


def test_what_was_predicted_then_does_not_know_what_came_later(
    made: tuple[Stores, list[str], Plan],
) -> None:
    stores, names, _sent = made
    channel_preferences(stores, as_of=LATER, check_days=20, name="later", now=LATER)
    people = pa.array([origin(stores, name) for name in names])
    asked = [("email", "email"), ("sms", "email")]
    then = own_channels_then(stores, channel_model(stores, "later"), as_of=NOW, sure=0.9)
    version = own_channels(stores, channel_model(stores, "prefers-click"), as_of=NOW, sure=0.9)
    assert (then.of(people, asked) == version.of(people, asked)).all()


def test_who_answers_everywhere_alike_has_no_channel(tmp_path: Path) -> None:
    stores, _names = shop(tmp_path, 200, alike=True)
    made = planned(stores)
    told = made.summary["channels"]
    assert told["known"] < 15
    treated = places(stores.control, made.plan_id, arms=("treatment",))
    assert np.mean([place.probability == pytest.approx(0.4) for place in treated]) > 0.9
    apply(stores, **documents(predicted_channel={}, explore=0))
    assert any("policy.explore: 0" in words for words in planned(stores).summary["warnings"])
    apply(stores, **documents(predicted_channel={"model": "answers"}))
    with pytest.raises(PredictError, match="prefers-click"):
        planned(stores)
    stores.close()


@pytest.mark.parametrize(
    ("policy", "more", "words"),
    [
        ({"choose": "random"}, {}, "draws the channel too"),
        ({"explore": {"method": "thompson"}}, {}, "thompson weighs whole actions"),
        ({}, {"actions": [MAIL]}, "no offer has actions through two"),
        ({}, {"cluster": "household"}, "gets one action"),
    ],
)
def test_what_does_not_go_together_is_refused(
    tmp_path: Path, policy: dict[str, Any], more: dict[str, Any], words: str
) -> None:
    stores = make_stores(tmp_path)
    asked = documents(predicted_channel={}, **policy)
    asked["spring"] |= more
    with pytest.raises(DefinitionError, match=words):
        apply(stores, **asked)
    stores.close()


def test_without_a_model_it_says_how_to_train_one(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    set_up(stores, 20, **documents(predicted_channel={}))
    with pytest.raises(PredictError, match="aimwell predict channels"):
        planned(stores)
    apply(stores, **documents(predicted_channel={"model": "none-such"}))
    with pytest.raises(PredictError, match=r"no model 'none-such'.*aimwell predict channels"):
        planned(stores)
    stores.close()


def test_a_rule_for_each_offer_and_channel_to_fall_back_to() -> None:
    more = {"offer": "five", "channel": "email", "template": "hello", "name": "news"}
    actions = [Action.model_validate(one) for one in (MAIL, TEXT, more)]
    rules = channel_rules(actions, ("control", "text", "mail", "news"))
    assert [one.name for one in rules] == [
        "ten: predicted channel, else email",
        "ten: predicted channel, else sms",
    ]
    marks = {
        "channel email": np.array([True, False, False]),
        "channel sms": np.array([False, True, False]),
    }
    people = People((), np.zeros((3, 0)), np.zeros((3, 0)), marks)
    assert [one.decide(people).tolist() for one in rules] == [[2, 1, 2], [2, 1, 1]]
    assert channel_rules(actions, ("control", "mail", "news")) == ()
