"""The messages of a batch are found in its bytes as a reader of JSON finds them, and the deep ones are taken out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.collect.tracking.batch_parts import DEPTH_MAX, parts_of, without_deep

TEXT = st.text() | st.sampled_from(['"batch":[', '\\"', "[{", "]}", ',"', "batch"])
JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


def depth_of(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depth_of, value), default=0) if isinstance(value, list) else 0


def deep(levels: int) -> str:
    return '{"type":"track","properties":' + '{"a":[' * (levels // 2) + "]}" * (levels // 2) + "}"


@given(
    st.lists(JSON, max_size=6),
    st.dictionaries(TEXT.filter(lambda name: name != "batch"), JSON, max_size=3),
    st.booleans(),
    st.sampled_from([None, 1]),
)
def test_the_parts_are_the_messages(
    items: list[Any], more: dict[str, Any], before: bool, indent: int | None
) -> None:
    whole = {**more, "batch": items} if before else {"batch": items, **more}
    body = json.dumps(whole, indent=indent, ensure_ascii=not before).encode()
    parts = parts_of(body)
    assert [json.loads(body[part.start : part.end]) for part in parts] == items
    assert [part.depth for part in parts] == [depth_of(item) for item in items]
    assert without_deep(body, parts) == body


@given(st.binary(max_size=300) | TEXT.map(lambda text: f'{{"batch":[{text}'.encode()))
def test_no_bytes_break_it(body: bytes) -> None:
    parts = parts_of(body)
    assert all(0 <= part.start <= part.end <= len(body) for part in parts)
    without_deep(body, parts)


@pytest.mark.parametrize("levels", [DEPTH_MAX + 2, 1_000, 50_000])
def test_what_is_too_deep_becomes_null_and_its_neighbours_stay(levels: int) -> None:
    body = f'{{"x": ["[", {{}}], "batch": [1, {deep(levels)}, {{"b": "]"}}]}}'.encode()
    parts = parts_of(body)
    assert [part.depth for part in parts] == [0, levels + 1, 1]
    assert json.loads(without_deep(body, parts)) == {
        "x": ["[", {}],
        "batch": [1, None, {"b": "]"}],
    }


def test_of_two_lists_of_messages_the_last_counts_as_for_readers_of_json() -> None:
    body = b'{"batch":[1,2],"a":{"batch":[3]},"batch":[4]}'
    assert [body[part.start : part.end] for part in parts_of(body)] == [b"4"]
