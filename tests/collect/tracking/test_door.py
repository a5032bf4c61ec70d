"""The door: who may come in, how much, and what a client is told when it cannot be taken."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.collect.tracking import door as door_module
from aimwell.collect.tracking.allowance import Allowance
from aimwell.collect.tracking.door import Door, inbox_folder
from aimwell.collect.tracking.keys import create_key, revoke_key
from aimwell.collect.tracking.messages import Message, Received, read_messages
from aimwell.collect.tracking.records import Kept, pack, unpack
from aimwell.errors import (
    ControlBusyError,
    StoreError,
    TrackingKeyError,
    TrackingRateError,
    TrackingRequestError,
)
from aimwell.privacy.known_keys import KEYS_SECONDS
from aimwell.store.inbox import InboxWriter, read_segment, sealed_segments
from collecting import Shop

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def body(count: int, **more: Any) -> bytes:
    items = [{"type": "track", "userId": "u", "event": f"e{n}"} for n in range(count)]
    return json.dumps({"batch": items, **more}).encode()


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def kept(folder: Path) -> list[Kept]:
    return [unpack(record) for path in sealed_segments(folder) for record in read_segment(path)]


def through(shop: Shop, scenario: Any, **options: Any) -> list[Kept]:
    """Run `scenario(door)`; what lies in the inbox afterwards."""

    async def run() -> None:
        folder = inbox_folder(shop.stores)
        door = Door(shop.stores, InboxWriter(folder), **options)
        try:
            await scenario(door)
        finally:
            await door.close()

    asyncio.run(run())
    return kept(inbox_folder(shop.stores))


def test_a_good_request_is_kept_as_it_came(shop: Shop) -> None:
    key, _ = create_key(shop.stores, "web", now=NOW, by="ann")

    async def scenario(door: Door) -> None:
        assert await door.take(body(3), "batch", key=key, opted_out=True, now=NOW) == 3

    [found] = through(shop, scenario)
    assert found == Kept("web", Received(call="batch", received_at=NOW, opted_out=True), body(3))
    read = list(read_messages(found.body, found.received))
    assert [one.name for one in read if isinstance(one, Message)] == ["e0", "e1", "e2"]


def test_the_key_may_stand_in_the_body(shop: Shop) -> None:
    key, _ = create_key(shop.stores, "web", now=NOW, by="ann")

    async def scenario(door: Door) -> None:
        await door.take(body(1, writeKey=key), "batch", key=None, opted_out=False, now=NOW)

    assert len(through(shop, scenario)) == 1


@pytest.mark.parametrize(("key", "words"), [(None, "missing"), ("", "missing"), ("x", "unknown")])
def test_without_a_good_key_nothing_is_kept(shop: Shop, key: str | None, words: str) -> None:
    async def scenario(door: Door) -> None:
        with pytest.raises(TrackingKeyError, match=words):
            await door.take(body(1), "batch", key=key, opted_out=False, now=NOW)

    assert through(shop, scenario) == []


def test_a_revoked_key_lets_nothing_in_after_seconds(shop: Shop) -> None:
    key, made = create_key(shop.stores, "web", now=NOW, by="ann")
    clock = Clock()

    async def scenario(door: Door) -> None:
        await door.take(body(1), "batch", key=key, opted_out=False, now=NOW)
        revoke_key(shop.stores, made.key_id, now=NOW, by="ann")
        clock.now += KEYS_SECONDS
        with pytest.raises(TrackingKeyError, match="revoked"):
            await door.take(body(1), "batch", key=key, opted_out=False, now=NOW)

    assert len(through(shop, scenario, clock=clock)) == 1


def test_known_keys_serve_while_the_control_database_is_away(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, _ = create_key(shop.stores, "web", now=NOW, by="ann")
    clock, asked = Clock(), []

    def away(_stores: object) -> dict[str, str]:
        asked.append(clock.now)
        raise ControlBusyError("away")

    async def scenario(door: Door) -> None:
        await door.take(body(1), "batch", key=key, opted_out=False, now=NOW)
        monkeypatch.setattr(door_module, "sources_by_hash", away)
        clock.now += 60
        for _ in range(5):
            await door.take(body(1), "batch", key=key, opted_out=False, now=NOW)
        assert len(asked) == 1, "the database is asked once, not by each request"
        clock.now += door_module.KEYS_SECONDS_MAX
        with pytest.raises(ControlBusyError, match="cannot be looked up"):
            await door.take(body(1), "batch", key=key, opted_out=False, now=NOW)

    assert len(through(shop, scenario, clock=clock)) == 6


def test_a_source_that_sends_too_much_is_told_when_to_come_again(shop: Shop) -> None:
    key, _ = create_key(shop.stores, "web", now=NOW, by="ann")
    clock = Clock()

    async def scenario(door: Door) -> None:
        for _ in range(10):
            await door.take(body(10), "batch", key=key, opted_out=False, now=NOW)
        with pytest.raises(TrackingRateError, match="'web' sends more") as told:
            await door.take(body(10), "batch", key=key, opted_out=False, now=NOW)
        assert told.value.seconds == pytest.approx(1.0)
        clock.now += 1.0
        await door.take(body(10), "batch", key=key, opted_out=False, now=NOW)

    assert len(through(shop, scenario, clock=clock, messages_per_second=10.0)) == 11


def test_what_cannot_be_read_is_refused_before_anything_else(shop: Shop) -> None:
    async def scenario(door: Door) -> None:
        with pytest.raises(TrackingRequestError):
            await door.take(b"{", "batch", key="x", opted_out=False, now=NOW)

    assert through(shop, scenario) == []


def test_an_empty_batch_leaves_no_record(shop: Shop) -> None:
    key, _ = create_key(shop.stores, "web", now=NOW, by="ann")

    async def scenario(door: Door) -> None:
        assert await door.take(body(0), "batch", key=key, opted_out=False, now=NOW) == 0

    assert through(shop, scenario) == []


@given(
    st.lists(st.tuples(st.integers(1, 50), st.floats(0, 5)), max_size=60),
    st.floats(0.5, 20),
)
def test_no_more_pass_than_allowed_and_none_is_shut_out_for_ever(
    sent: list[tuple[int, float]], per_second: float
) -> None:
    allowance, now, passed, largest = Allowance(per_second, burst_seconds=2.0), 0.0, 0, 0
    for messages, pause in sent:
        now += pause
        wait = allowance.wait_for("web", messages, now)
        if wait:
            now += wait * (1 + 1e-9) + 1e-9
            assert allowance.wait_for("web", messages, now) == 0.0
        passed += messages
        largest = max(largest, messages)
        assert passed <= per_second * (now + 2.0) + largest + 1e-6


def test_sources_do_not_take_from_each_other() -> None:
    allowance = Allowance(1.0, burst_seconds=1.0)
    assert allowance.wait_for("a", 1, 0.0) == 0.0
    assert allowance.wait_for("a", 1, 0.0) > 0.0
    assert allowance.wait_for("b", 1, 0.0) == 0.0
    assert Allowance(None).wait_for("a", 10**9, 0.0) == 0.0


@given(st.binary(max_size=300))
def test_bodies_come_back_byte_for_byte(content: bytes) -> None:
    found = Kept("web-2", Received(call="track", received_at=NOW), content)
    assert unpack(pack(found)) == found


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (b"", "understood"),
        (b"{}\n{}", "understood"),
        (b'[9,"w","batch","2026-03-01T00:00:00Z",false]\n', "form 9"),
    ],
)
def test_a_foreign_record_is_told(record: bytes, words: str) -> None:
    with pytest.raises(StoreError, match=words):
        unpack(record)
