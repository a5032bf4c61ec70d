"""Tracking messages: who, what and when as Segment's clients say it; a bad one takes no neighbour along."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.collect.tracking.messages import Fault, Message, Received, read_messages
from aimwell.definitions.nobody import NOBODY, ids_in

ARRIVED = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def read(*items: Any, **shared: Any) -> list[Message | Fault]:
    body = json.dumps({"batch": list(items), **shared}).encode()
    return list(read_messages(body, Received(call="batch", received_at=ARRIVED)))


def one(item: Any, **shared: Any) -> Message:
    [found] = read(item, **shared)
    assert isinstance(found, Message), found
    return found


def fault(item: Any, **shared: Any) -> Fault:
    [found] = read(item, **shared)
    assert isinstance(found, Fault), found
    return found


SEEN = {"type": "track", "userId": "u1", "event": "Product Viewed", "messageId": "m1"}


def test_a_track_tells_who_did_what() -> None:
    found = one({**SEEN, "anonymousId": "a1", "properties": {"sku": "7"}, "context": {"ip": "::1"}})
    assert (found.type, found.name, found.message_id) == ("track", "Product Viewed", "m1")
    assert (found.user_id, found.anonymous_id) == ("u1", "a1")
    assert (found.properties, found.context) == ({"sku": "7"}, {"ip": "::1"})
    assert (found.occurred_at, found.clock) == (ARRIVED, "server")


def test_the_call_says_the_type_of_a_single_message() -> None:
    received = Received(call="identify", received_at=ARRIVED, opted_out=True)
    [found] = read_messages(b'{"userId":"u","traits":{"plan":"pro"}}', received)
    assert isinstance(found, Message)
    assert (found.type, found.traits, found.opted_out) == ("identify", {"plan": "pro"}, True)


@pytest.mark.parametrize("levels", [950, 1_000, 20_000])
@pytest.mark.parametrize("with_id", [True, False])
def test_a_deep_message_is_set_aside_alone_with_what_its_batch_said(
    levels: int, with_id: bool
) -> None:
    own = {"messageId": "m2"} if with_id else {}
    deep = json.dumps({**SEEN, **own, "properties": {"a": 0}}).replace(
        "0", "[" * levels + "]" * levels
    )
    if not with_id:
        deep = deep.replace('"messageId": "m1", ', "")
    good = json.dumps(SEEN)
    body = f'{{"sentAt":"{ARRIVED.isoformat()}","batch":[{good},{deep},{good}]}}'.encode()
    received = Received(call="batch", received_at=ARRIVED, opted_out=True)
    first, found, last = read_messages(body, received)
    assert isinstance(first, Message)
    assert first == last
    if isinstance(found, Message):  # it could be read after all, as the rest of the path finds
        assert levels < 1_000
        return
    assert found.reason == "nested_too_deeply"
    said = json.dumps({"sentAt": ARRIVED.isoformat(), "_sec_gpc": True}, separators=(",", ":"))
    assert found.content == said[:-1] + "," + deep[1:]


def test_what_holds_for_a_batch_holds_for_its_messages() -> None:
    found = one(
        {**SEEN, "context": {"page": "p"}, "integrations": {"X": False}},
        context={"library": "l", "page": "q"},
        integrations={"All": True},
    )
    assert found.context == {"library": "l", "page": "p"}
    assert found.rest == {"integrations": {"All": True, "X": False}}


def test_nothing_that_a_message_holds_is_dropped() -> None:
    item = {
        "type": "page",
        "userId": 7,
        "anonymousId": "a",
        "previousId": "b",
        "groupId": "g",
        "name": "Home",
        "event": "odd",
        "category": "c",
        "properties": {"p": [1]},
        "traits": {"t": None},
        "context": {"x": {"y": 1}},
        "messageId": "m",
        "timestamp": "2026-03-01T11:00:00Z",
        "_metadata": {"bundled": []},
    }
    found = one(item)
    assert (found.user_id, found.previous_id, found.group_id) == ("7", "b", "g")
    assert found.rest == {
        "event": "odd",
        "category": "c",
        "timestamp": "2026-03-01T11:00:00Z",
        "_metadata": {"bundled": []},
    }


def test_the_clock_of_the_client_is_corrected() -> None:
    # Its clock is a day ahead; it sent ten seconds after it happened.
    found = one({**SEEN, "timestamp": "2026-03-02T11:59:50Z"}, sentAt="2026-03-02T12:00:00Z")
    assert (found.occurred_at, found.clock) == (ARRIVED - timedelta(seconds=10), "corrected")
    found = one(
        {
            **SEEN,
            "originalTimestamp": "1999-01-01T00:00:00Z",
            "sentAt": "1999-01-01T00:01:00+00:00",
        }
    )
    assert found.occurred_at == ARRIVED - timedelta(minutes=1)


def test_without_a_time_of_sending_the_client_is_believed() -> None:
    found = one({**SEEN, "timestamp": "2026-02-28T12:00:00+01:00"})
    assert (found.occurred_at, found.clock) == (datetime(2026, 2, 28, 11, tzinfo=UTC), "client")
    assert one({**SEEN, "timestamp": 1_772_000_000_000}).occurred_at.year == 2026


@pytest.mark.parametrize(
    "moment", ["2026-03-03T00:00:00Z", "9999-12-31T23:59:59Z", "soon", {}, 1e300, True]
)
def test_times_that_cannot_be_are_those_of_arrival(moment: Any) -> None:
    found = one({**SEEN, "timestamp": moment})
    assert (found.occurred_at, found.clock) == (ARRIVED, "server")


def test_a_difference_beyond_all_calendars_breaks_nothing() -> None:
    found = one({**SEEN, "timestamp": "9999-12-31T23:59:59Z"}, sentAt="0001-01-01T00:00:00Z")
    assert found.clock == "server"


def test_nothing_happens_after_it_arrived() -> None:
    assert one({**SEEN, "timestamp": "2026-03-01T12:30:00Z"}).occurred_at == ARRIVED


@pytest.mark.parametrize(
    ("item", "reason", "field"),
    [
        (None, "not_an_object", None),
        ([], "not_an_object", None),
        ({}, "unknown_type", "type"),
        ({**SEEN, "type": "buy"}, "unknown_type", "type"),
        ({**SEEN, "type": ["track"]}, "unknown_type", "type"),
        ({"type": "track", "event": "x"}, "no_identifier", "userId"),
        ({**SEEN, "userId": "  "}, "no_identifier", "userId"),
        ({**SEEN, "userId": {"id": 1}}, "bad_id", "userId"),
        ({**SEEN, "userId": 1.5}, "bad_id", "userId"),
        ({**SEEN, "userId": True}, "bad_id", "userId"),
        ({**SEEN, "userId": "a\0b"}, "bad_id", "userId"),
        ({**SEEN, "userId": "x" * 513}, "bad_id", "userId"),
        ({**SEEN, "messageId": "x" * 101}, "bad_message_id", "messageId"),
        ({**SEEN, "messageId": [1]}, "bad_message_id", "messageId"),
        ({**SEEN, "event": ""}, "no_event_name", "event"),
        ({**SEEN, "event": 7}, "no_event_name", "event"),
        ({**SEEN, "event": "x" * 513}, "bad_name", "event"),
        ({**SEEN, "properties": [1]}, "not_an_object", "properties"),
        ({**SEEN, "context": "x"}, "not_an_object", "context"),
        ({**SEEN, "timestamp": "1970-01-01T00:00:00Z"}, "ancient", "timestamp"),
        ({"type": "alias", "userId": "u"}, "no_previous_id", "previousId"),
        ({"type": "group", "userId": "u"}, "no_group_id", "groupId"),
        ({**SEEN, "properties": {"x": "y" * 33_000}}, "too_large", None),
    ],
)
def test_a_bad_message_is_set_aside_with_its_reason_and_its_neighbours_are_taken(
    item: Any, reason: str, field: str | None
) -> None:
    before, bad, after = read(SEEN, item, {**SEEN, "messageId": "m2"})
    assert isinstance(before, Message)
    assert isinstance(after, Message)
    assert isinstance(bad, Fault)
    assert (bad.reason, bad.field) == (reason, field)
    assert json.loads(bad.content) == item


def test_a_number_as_id_is_its_text() -> None:
    assert one({**SEEN, "userId": 9223372036854775807}).user_id == "9223372036854775807"
    assert one({**SEEN, "userId": 17850.0}).user_id == "17850"


def test_a_message_without_an_id_gets_the_same_one_each_time() -> None:
    item = {"type": "page", "userId": "u", "properties": {"a": 1, "b": 2}}
    turned = {"properties": {"b": 2, "a": 1}, "userId": "u", "type": "page"}
    assert one(item).message_id == one(turned).message_id
    assert one(item).message_id != one({**item, "userId": "v"}).message_id
    assert len(one(item).message_id) <= 100


def test_a_shared_context_that_is_none_is_told() -> None:
    assert fault(SEEN, context="x").field == "context"


ITEMS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "userId",
                    "anonymousId",
                    "event",
                    "name",
                    "messageId",
                    "timestamp",
                    "sentAt",
                    "context",
                    "traits",
                ]
            )
            | st.text(max_size=5),
            inner,
            max_size=6,
        )
    ),
    max_leaves=15,
)
GOOD = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["track", "page", "identify"]),
        "userId": st.text("abc", min_size=1, max_size=3),
        "event": st.text("xyz", min_size=1),
    }
)


def assert_kept(item: Any, kept: Any) -> None:
    """Nothing of the message is lost; what its batch said for it may stand beside."""
    if not isinstance(item, dict):
        assert kept == item
        return
    for name, value in item.items():
        if name in ("context", "integrations") and isinstance(value, dict):
            assert_kept(value, kept[name])
        elif name != "writeKey":
            assert kept[name] == value


@given(
    st.lists(ITEMS | GOOD, max_size=8),
    st.dictionaries(st.sampled_from(["sentAt", "context"]), ITEMS),
)
def test_every_message_of_any_batch_is_taken_or_set_aside(
    items: list[Any], shared: dict[str, Any]
) -> None:
    found = read(*items, **shared)
    assert len(found) == len(items)
    for item, result in zip(items, found, strict=True):
        if isinstance(result, Fault):
            assert_kept(item, json.loads(result.content))
        else:
            assert result.occurred_at <= ARRIVED
            assert result.user_id or result.anonymous_id


def test_an_id_that_names_nobody_is_none_and_is_kept_beside() -> None:
    body = json.dumps(
        {"batch": [{**SEEN, "userId": id_, "anonymousId": "a1"} for id_ in (0, "undefined")]}
    )
    received = Received(call="batch", received_at=ARRIVED)
    for found in read_messages(body.encode(), received, nobody=ids_in(NOBODY)):
        assert isinstance(found, Message)
        assert (found.user_id, found.anonymous_id) == (None, "a1")
        assert found.told["userId"] in (0, "undefined")
    [alone] = read_messages(
        json.dumps({**SEEN, "userId": "null"}).encode(),
        Received(call="track", received_at=ARRIVED),
        nobody=ids_in(NOBODY),
    )
    assert isinstance(alone, Fault)
    assert alone.reason == "no_identifier"


def test_a_group_that_is_no_firm_is_none() -> None:
    [found] = read_messages(
        json.dumps({**SEEN, "groupId": "unknown"}).encode(),
        Received(call="group", received_at=ARRIVED),
        nobody=ids_in(NOBODY),
    )
    assert isinstance(found, Fault)
    assert found.reason == "no_group_id"


def test_an_id_is_the_same_however_its_letters_are_put_together() -> None:
    written = "zoe\u0308\u200b@shop"
    found = one({**SEEN, "userId": written})
    assert found.user_id == "zo\u00eb@shop"
    assert found.told["userId"] == written  # nothing of what was sent is lost
