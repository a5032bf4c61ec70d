"""Channels of a workspace: who answers where is found, machines and late answers do not count, chance is no preference."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aimwell.definitions.kinds.prediction import Answer
from aimwell.errors import PredictError, TooLittleDataError
from aimwell.predict.cards import model_card
from aimwell.predict.care.fairness import fairness
from aimwell.predict.responding.channels import ChannelPreferences, channel_preferences
from aimwell.predict.responding.reading import read_messages
from aimwell.predict.scoring import stored_scores
from aimwell.store.stores import Stores
from shop import add_orders, add_touches, add_traits, day, make_stores, origin

AS_OF = day(200)
NOW = day(201)
RATES = {"email": (0.45, 0.05), "sms": (0.05, 0.40)}
"""How often people of even numbers, and of odd ones, answer."""


def messages(
    *,
    alike: bool = False,
    people: int = 120,
    every: int = 10,
    rates: dict[str, tuple[float, float]] = RATES,
) -> list[dict[str, Any]]:
    """A mail and an SMS in turns; answers come after an hour."""
    rng = np.random.default_rng(5)
    rows: list[dict[str, Any]] = []
    for person in range(people):
        for place, at in enumerate(range(person % every, 198, every)):
            channel = ("email", "sms")[place % 2]
            rate = 0.22 if alike else rates[channel][person % 2]
            row = {
                "customer": f"c{person}",
                "channel": channel,
                "campaign": f"week {at // 7}",
                "occurred_at": day(at),
            }
            name = {"email": "Email", "sms": "SMS"}[channel]
            rows.append({**row, "event": f"{name} Sent"})
            if rng.random() < rate:
                rows.append(
                    {**row, "event": f"{name} Link Clicked", "occurred_at": day(at + 1 / 24)}
                )
    return rows


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    opened = make_stores(tmp_path_factory.mktemp("channels"))
    add_touches(opened, messages())
    # A robot that clicks on every mail, and clicks that come too late, are no answers.
    robot = {"customer": "robot", "channel": "email", "campaign": "x"}
    add_touches(
        opened,
        [
            {**robot, "event": event, "occurred_at": day(at + after), "machine": after > 0}
            for at in range(0, 190, 5)
            for event, after in (("Email Sent", 0.0), ("Email Link Clicked", 0.01))
        ],
    )
    late = {"customer": "late", "channel": "sms", "campaign": "x"}
    add_touches(
        opened,
        [
            {**late, "event": event, "occurred_at": day(at + after)}
            for at in range(0, 180, 20)
            for event, after in (("SMS Sent", 0.0), ("SMS Link Clicked", 8.0))
        ],
    )
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def found(stores: Stores) -> ChannelPreferences:
    return channel_preferences(stores, as_of=AS_OF, now=NOW)


def test_each_half_of_the_people_has_its_channel(stores: Stores, found: ChannelPreferences) -> None:
    rows = {row["profile_id"]: row for row in found.people.to_pylist()}
    own = [rows[origin(stores, f"c{person}")] for person in range(120)]
    right = [
        row["own"] and row["channel"] == ("email", "sms")[person % 2]
        for person, row in enumerate(own)
    ]
    assert sum(right) >= 85
    wrong = [
        row["own"] and row["channel"] == ("sms", "email")[person % 2]
        for person, row in enumerate(own)
    ]
    assert sum(wrong) <= 1


def test_it_is_judged_on_later_messages(found: ChannelPreferences) -> None:
    whole, *each = found.judged
    assert (whole.channel, whole.verdict) == ("all", "better")
    assert whole.log_loss < whole.log_loss_everybody
    assert whole.messages == sum(one.messages for one in each)
    # Messages of the last seven days cannot have been answered in time yet, so they do not count.
    assert whole.messages <= 120 * 6


def test_machines_and_late_answers_do_not_count(stores: Stores, found: ChannelPreferences) -> None:
    rows = {(row["profile_id"], row["channel"]): row for row in found.rates.to_pylist()}
    robot, late = rows[origin(stores, "robot"), "email"], rows[origin(stores, "late"), "sms"]
    assert (robot["sent"], robot["answered"], robot["against"]) == (38, 0, "below")
    assert (late["sent"], late["answered"]) == (9, 0)
    # Only one channel wrote to them: nothing is said of which one they would like.
    assert (robot["best"], late["best"]) == (None, None)


def test_rates_hold_what_they_are_made_of(found: ChannelPreferences) -> None:
    laws = {one.channel: one.law for one in found.channels}
    for row in found.rates.to_pylist():
        law = laws[row["channel"]]
        assert law is not None
        rate = (law.strength * law.mean + row["answered"]) / (law.strength + row["sent"])
        assert row["rate"] == pytest.approx(rate)
        assert row["lower"] < row["rate"] < row["upper"]


def test_scores_are_kept_and_are_the_same_again(stores: Stores, found: ChannelPreferences) -> None:
    assert found.entry is not None
    assert found.scores == ["prefers-click-email", "prefers-click-sms"]
    kept = stored_scores(stores, replace(found.entry, name="prefers-click-email"), AS_OF)
    assert kept is not None
    told = {
        row["profile_id"]: row["best"]
        for row in found.rates.to_pylist()
        if row["channel"] == "email" and row["best"] is not None
    }
    assert dict(zip(kept["profile_id"].to_pylist(), kept["score"].to_pylist(), strict=True)) == told
    again = channel_preferences(stores, as_of=AS_OF, now=day(202))
    assert again.entry is not None
    assert again.entry.label == found.entry.label
    assert again.people.equals(found.people)
    card = model_card(found.entry)
    assert "better than everybody's" in card["sentence"]
    assert "chosen by somebody" in card["caveats"][0]


def test_nothing_after_the_moment_is_seen(stores: Stores) -> None:
    before = channel_preferences(stores, as_of=day(150), now=NOW, keep=False)
    assert sum(one.sent for one in before.channels) == sum(
        row["event"].endswith("Sent") and row["occurred_at"] < day(143) for row in messages()
    ) + sum(at < 143 for at in range(0, 190, 5)) + sum(at < 143 for at in range(0, 180, 20))


def test_people_who_are_alike_get_no_preference(tmp_path: Path) -> None:
    opened = make_stores(tmp_path)
    add_touches(opened, messages(alike=True))
    told = channel_preferences(opened, as_of=AS_OF, now=NOW, keep=False)
    assert told.judged[0].verdict != "better"
    assert not any(told.people.column("own").to_pylist())
    assert told.entry is None
    opened.close()


def test_an_order_answers_the_last_message(tmp_path: Path) -> None:
    opened = make_stores(tmp_path)
    rows = messages(every=5)
    add_touches(opened, [row for row in rows if row["event"].endswith("Sent")])
    add_orders(
        opened,
        [
            {
                "customer": row["customer"],
                "order_id": str(place),
                "ordered_at": row["occurred_at"],
                "revenue": 9,
            }
            for place, row in enumerate(rows)
            if row["event"].endswith("Clicked")
        ],
    )
    told = channel_preferences(opened, as_of=AS_OF, answer="order", now=NOW, keep=False)
    clicks = sum(row["event"].endswith("Clicked") and row["occurred_at"] < day(193) for row in rows)
    assert sum(one.answered for one in told.channels) == pytest.approx(clicks, abs=5)
    opened.close()


def test_too_few_messages_and_unknown_answers_are_refused(tmp_path: Path, stores: Stores) -> None:
    opened = make_stores(tmp_path)
    add_touches(opened, messages(people=3))
    with pytest.raises(TooLittleDataError, match="messages: 60 of at least 500"):
        channel_preferences(opened, as_of=AS_OF, now=NOW)
    opened.close()
    with pytest.raises(PredictError, match="Did you mean 'click'"):
        channel_preferences(stores, as_of=AS_OF, answer="clicks", now=NOW)  # type: ignore[arg-type]


def test_who_answers_stands_in_for_a_trait_and_is_flagged(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    add_touches(stores, messages(rates=dict.fromkeys(RATES, (0.45, 0.05))))
    traits = [
        {"customer": f"c{person}", "name": "gender", "value": "fm"[person % 2], "set_at": day(0)}
        for person in range(120)
    ]
    add_traits(stores, traits)
    entry = channel_preferences(stores, as_of=AS_OF, now=NOW).entry
    assert entry is not None
    one = fairness(stores, entry, as_of=AS_OF)
    assert (one.did, one.money) == ("answered", False)
    assert "fitted to what was known" in (one.stand_in or "")
    groups = {group.value: group for group in one.groups}
    # People of even numbers answer in 45 of 100 cases, the others in 5.
    assert groups["f"].did_it.covers(0.45)
    assert groups["m"].did_it.covers(0.05)
    assert groups["f"].predicted > 3 * groups["m"].predicted
    (proxy,) = one.proxies
    assert (proxy.attribute, proxy.most) == ("gender", "f")
    assert proxy.verdict in ("proxy", "uneven")
    stores.close()


@pytest.mark.parametrize(("answer", "told"), [("click", (3.0, 1.0)), ("order", (3.0, 2.0))])
def test_messages_of_one_moment_are_told_apart_and_one_that_came_twice_is_one(
    tmp_path: Path, answer: Answer, told: tuple[float, float]
) -> None:
    """A mail, which was reported twice, and an SMS at once, then an SMS more that is answered by nothing."""
    made = make_stores(tmp_path)
    mail = {"customer": "ann", "channel": "email", "campaign": "x", "event": "Email Sent"}
    text = {"customer": "ann", "channel": "sms", "campaign": "x", "event": "SMS Sent"}
    at = {"occurred_at": day(10)}
    click = {**mail, "event": "Email Link Clicked", "occurred_at": day(10.5)}
    again = {**text, "occurred_at": day(20)}
    add_touches(made, [{**mail, **at}, {**mail, **at}, {**text, **at}, click, again])
    add_orders(made, [{"customer": "ann", "order_id": "1", "ordered_at": day(11), "revenue": 5.0}])
    settings = {"answer": answer, "horizon_days": 5, "check_days": 20}
    counts = read_messages(made, settings, as_of=day(60))
    made.close()
    assert (counts.sent.sum(), counts.answered.sum()) == told
    assert counts.names == ("email", "sms")
    assert counts.answered.sum(axis=2).tolist() == [[1.0, float(answer == "order")]]
