"""Tracking requests at the door: what cannot be kept is refused, everything else is let in."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.collect.tracking.requests import (
    BATCH_BYTES_MAX,
    BATCH_MESSAGES_MAX,
    MESSAGE_BYTES_MAX,
    Request,
    decode_json,
    read_request,
    sizes_in_batch,
)
from aimwell.errors import TrackingRequestError

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def batch(*items: Any, **more: Any) -> bytes:
    return json.dumps({"batch": list(items), **more}).encode()


def test_a_batch_tells_its_key_and_its_size() -> None:
    assert read_request(batch({}, {}, writeKey="k"), "batch") == Request("k", 2)
    assert read_request(batch(), "batch") == Request(None, 0)


def test_a_single_message_tells_its_key() -> None:
    assert read_request(b'{"event":"Seen","writeKey":"k"}', "track") == Request("k", 1)


def test_messages_that_make_no_sense_are_let_in() -> None:
    assert read_request(batch(None, 7, "text", [], {"type": "nonsense"}), "batch").messages == 5
    assert read_request(b"{}", "track").messages == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b'{"batch":[{}]} x', "not valid JSON"),
        (b'{"batch":[NaN]}', "not valid JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b'{"batch":[{"a":"\xff"}]}', "not UTF-8"),
        (b"[]", "another form"),
        (b'"text"', "another form"),
        (b"{}", "another form"),
        (b'{"batch":{}}', "another form"),
        (b'{"batch":[],"writeKey":7}', "another form"),
        (b'{"batch":[],"context":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
        (b'{"batch":[' + b"[" * 100_000, "not valid JSON"),
        (b'{"batch":[' + b"[" * 100_000 + b"]" * 100_000 + b"]", "not valid JSON"),
    ],
)
def test_what_cannot_be_kept_is_refused_in_words(body: bytes, words: str) -> None:
    with pytest.raises(TrackingRequestError, match=words):
        read_request(body, "batch")


@pytest.mark.parametrize("levels", [100, 900, 1_000, 100_000])
def test_a_deep_message_keeps_no_neighbour_out(levels: int) -> None:
    item = b'{"properties":{"a":' + b"[" * levels + b"]" * levels + b"}}"
    body = b'{"writeKey":"k","batch":[{},' + item + b",{}]}"
    assert read_request(body, "batch") == Request("k", 3)
    sizes = sizes_in_batch(body)
    assert sizes == [2, len(item), 2]


def test_the_limits_are_exact() -> None:
    empty = len(b'{"a":""}')
    fits = b'{"a":"' + b"x" * (MESSAGE_BYTES_MAX - empty) + b'"}'
    assert read_request(fits, "track").messages == 1
    with pytest.raises(TrackingRequestError, match=r"32,769 bytes; at most 32,768"):
        read_request(fits + b" ", "track")
    fits = batch() + b" " * (BATCH_BYTES_MAX - len(batch()))
    assert read_request(fits, "batch").messages == 0
    with pytest.raises(TrackingRequestError, match=r"512,001 bytes; at most 512,000"):
        read_request(fits + b" ", "batch")
    assert read_request(batch(*[0] * BATCH_MESSAGES_MAX), "batch").messages == BATCH_MESSAGES_MAX
    with pytest.raises(TrackingRequestError, match=r"2,501 messages; at most 2,500"):
        read_request(batch(*[0] * (BATCH_MESSAGES_MAX + 1)), "batch")


def test_half_a_character_as_javascript_may_send_it_is_let_in() -> None:
    body = b'{"batch":[{"event":"x\\ud800y"},{"event":"\\ud83d\\ude00"}],"writeKey":"k"}'
    assert read_request(body, "batch") == Request("k", 2)
    assert [item["event"] for item in decode_json(body)["batch"]] == ["x\ufffdy", "😀"]


@given(JSON)
def test_json_comes_back_as_it_was(value: Any) -> None:
    assert decode_json(json.dumps(value).encode()) == value


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reading(body: bytes) -> None:
    for call in ("batch", "track"):
        try:
            read_request(body, call)  # type: ignore[arg-type]
        except TrackingRequestError:
            continue
        decode_json(body)


@pytest.mark.parametrize(
    "body", [b"[1e999]", b'["\\ud800", 1e999]', b'["\\ud800", Infinity]', b"[-Infinity]"]
)
def test_numbers_without_a_value_are_no_json(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"range|number"):
        decode_json(body)


def test_long_ids_survive() -> None:
    assert decode_json(b"[9223372036854775808123]") == [9223372036854775808123]
