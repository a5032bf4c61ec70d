"""A flush: each acknowledged message comes into the lake once, whole, with what is personal in the vault."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aimwell.collect.tracking.door import inbox_folder
from aimwell.collect.tracking.flush import flush_inbox
from aimwell.collect.tracking.sources import ensure_tracking_source
from aimwell.collect.tracking.whole import whole_message
from aimwell.errors import LeaseBusyError
from aimwell.history.current import bring_up_to_date
from aimwell.jobs.alerts import Alerts
from aimwell.privacy.hashing import identifier_hash
from aimwell.privacy.message_parts import read_parts
from aimwell.store.inbox import sealed_segments
from aimwell.store.stores import Stores, open_stores
from collecting import Shop
from tracked import NOW, control_rows, people_state, put, rows, tracked_state

ANN = {"userId": "ann", "anonymousId": "a-1"}


def track(event: str, message_id: str, **more: Any) -> dict[str, Any]:
    return {"type": "track", "event": event, "messageId": message_id, **ANN, **more}


def test_messages_become_events_of_their_person_by_the_type_s_name(shop_on_both: Shop) -> None:
    stores = shop_on_both.stores
    put(
        stores,
        track("Product Viewed", "m1", properties={"sku": "7", "category": "Mugs", "revenue": 4.5}),
        {"type": "page", "name": "Home", "messageId": "m2", "anonymousId": "a-2"},
        {"type": "screen", "messageId": "m3", **ANN},
        {"type": "identify", "messageId": "m4", **ANN, "traits": {"plan": "pro", "age": 40}},
        {"type": "track", "messageId": "m5", "event": "Smiled 😀 ابتسم", **ANN},
    )
    report = flush_inbox(stores, now=NOW)
    assert (report.messages, report.taken, report.duplicates) == (5, 5, 0)
    ann = identifier_hash(stores.identity_key, "customer_id", "ann")
    nobody = identifier_hash(stores.identity_key, "anonymous_id", "a-2")
    assert report.origins == {ann, nobody}
    assert rows(stores, "events", "event_id", "origin_id", "event", "sku", "message_type") == [
        ("m1", ann, "Product Viewed", "7", "track"),
        ("m2", nobody, "Page Viewed", None, "page"),
        ("m3", ann, "Screen Viewed", None, "screen"),
        ("m4", ann, "User Identified", None, "identify"),
        ("m5", ann, "Smiled 😀 ابتسم", None, "track"),
    ]
    assert next(str(one) for (one,) in rows(stores, "events", "revenue")) == "4.5000"
    assert rows(stores, "traits", "origin_id", "name", "value", "set_at") == [
        (ann, "age", "40", NOW),
        (ann, "plan", "pro", NOW),
    ]
    assert sealed_segments(inbox_folder(stores)) == []
    assert list(stores.folder("staging").iterdir()) == []


def test_a_message_is_taken_once_in_a_flush_and_across_days(shop_on_both: Shop) -> None:
    stores = shop_on_both.stores
    put(stores, track("A", "m1"), track("A", "m1"), track("B", "m2"))
    put(stores, track("A", "m1"))
    assert flush_inbox(stores, now=NOW).duplicates == 2
    later = NOW + timedelta(days=40)
    put(stores, track("A", "m1"), track("C", "m3"), at=later)
    report = flush_inbox(stores, now=later)
    assert (report.taken, report.duplicates) == (1, 1)
    assert rows(stores, "events", "event_id") == [("m1",), ("m2",), ("m3",)]
    # Another source counts its messages for itself.
    put(stores, track("A", "m1"), source="app")
    assert flush_inbox(stores, now=NOW).taken == 1


def test_what_is_personal_is_in_the_vault_only(stores: Stores) -> None:
    secrets = ["ann@example.com", "Ann Lee", "203.0.113.7", "07700 900123", "High Street 1", "a-1"]
    traits = {
        "email": "Ann@Example.com",
        "name": "Ann Lee",
        "phone": "07700 900123",
        "address": {"street": "High Street 1", "city": "Leeds", "country": "GB"},
        "plan": "pro",
    }
    context = {
        "ip": "203.0.113.7",
        "page": {"url": "https://shop.example/?mail=ann@example.com"},
        "traits": {"name": "Ann Lee"},
    }
    put(
        stores, {"type": "identify", "messageId": "m1", **ANN, "traits": traits, "context": context}
    )
    put(stores, track("Wrote ann@example.com", "ann@example.com-1", context=context))
    flush_inbox(stores, now=NOW)
    lake = json.dumps([rows(stores, name) for name in ("events", "traits")], default=str)
    for secret in secrets:
        assert secret.lower() not in lake.lower()
    found = control_rows(
        stores, "vault_people", "customer_id", "email", "phone", "full_name", "street"
    )
    assert found == [("ann", "ann@example.com", "+447700900123", "Ann Lee", "High Street 1")]
    kept = dict(rows(stores, "traits", "name", "value"))
    assert kept == {"plan": "pro", "city": "Leeds", "country": "GB"}


def test_a_login_leaves_the_identifiers_that_stitch_the_history(stores: Stores) -> None:
    key = stores.identity_key
    put(stores, {"type": "page", "anonymousId": "a-1", "messageId": "m0"})
    device = {"device": {"id": "d-1"}, "traits": {"email": "ann@example.com"}}
    put(stores, track("Signed In", "m1", context=device))
    put(stores, {"type": "alias", "previousId": "old", "userId": "ann", "messageId": "m2"})
    flush_inbox(stores, now=NOW)
    ann = identifier_hash(key, "customer_id", "ann")
    anonymous = identifier_hash(key, "anonymous_id", "a-1")
    found = set(control_rows(stores, "identifiers", "kind", "value_hash", "origin_id"))
    for kind, value in [("customer_id", "ann"), ("device_id", "d-1"), ("email", "ann@example.com")]:
        assert (kind, identifier_hash(key, kind, value), ann) in found
    assert {origin for kind, _, origin in found if kind == "anonymous_id"} >= {ann, anonymous}
    aliases = {(value, origin) for kind, value, origin in found if kind == "alias"}
    assert len({value for value, _ in aliases}) == 1
    assert {origin for _, origin in aliases} == {
        ann,
        identifier_hash(key, "customer_id", "old"),
        identifier_hash(key, "anonymous_id", "old"),
    }


def test_what_names_nobody_joins_nobody_and_stays_in_the_message(stores: Stores) -> None:
    nobody = {
        "type": "identify",
        "userId": "0",
        "traits": {"email": "noreply@shop.test"},
        "context": {"device": {"id": "00000000-0000-0000-0000-000000000000"}},
    }
    put(stores, {**nobody, "anonymousId": "a1"}, {**nobody, "anonymousId": "a2"}, nobody)
    flush_inbox(stores, now=NOW)
    found = control_rows(stores, "identifiers", "kind", "origin_id")
    assert [kind for kind, _ in found] == ["anonymous_id"] * 2
    assert len({origin for _, origin in found}) == 2
    assert rows(stores, "quarantine", "reason") == [("no_identifier",)]
    parts = [content for (content,) in control_rows(stores, "vault_parts", "content")]
    assert len(parts) == 2
    assert all('"userId":"0"' in part and "noreply@shop.test" in part for part in parts)


def test_customer_ids_are_of_the_source_s_namespace(stores: Stores) -> None:
    from aimwell.definitions import service as definitions
    from aimwell.definitions.catalogue import check

    source = check({"kind": "source", "name": "web", "tracking": {}, "id_namespace": "eu"})
    definitions.apply(stores.control, [source], now=NOW, by="test")
    put(stores, track("A", "m1"))
    flush_inbox(stores, now=NOW)
    eu = identifier_hash(stores.identity_key, "customer_id:eu", "ann")
    assert rows(stores, "events", "origin_id") == [(eu,)]
    assert ("customer_id:eu", eu) in control_rows(stores, "identifiers", "kind", "origin_id")


def test_a_group_tells_the_firm_and_who_belongs_to_it(stores: Stores) -> None:
    traits = {"name": "Acme", "industry": "Toys", "employees": 12, "plan": "gold"}
    put(stores, {"type": "group", "groupId": "acme", "messageId": "m1", **ANN, "traits": traits})
    flush_inbox(stores, now=NOW)
    ann = identifier_hash(stores.identity_key, "customer_id", "ann")
    assert rows(stores, "accounts", "account_id", "name", "industry", "size", "properties") == [
        ("acme", "Acme", "Toys", 12, '{"plan":"gold"}')
    ]
    assert rows(stores, "account_members", "account_id", "origin_id", "state") == [
        ("acme", ann, "member")
    ]


def test_what_cannot_be_taken_waits_in_quarantine_with_a_reason_once(stores: Stores) -> None:
    bad = {"type": "track", "userId": "ann@example.com"}
    for _ in range(2):
        put(stores, track("A", "m1"), bad, None, {"type": "buy"}, track("B", "m2"))
        flush_inbox(stores, now=NOW)
    assert rows(stores, "events", "event_id") == [("m1",), ("m2",)]
    found = rows(stores, "quarantine", "source", "reason", "field", "detail")
    assert [reason for _, reason, _, _ in found] == [
        "no_event_name",
        "not_an_object",
        "unknown_type",
    ]
    assert "ann@" not in str(found)
    assert any("ann@example.com" in one for (one,) in control_rows(stores, "vault_rows", "content"))


def test_the_newest_value_counts_in_whatever_order_it_came(stores: Stores) -> None:
    def said(n: int, **traits: str) -> dict[str, Any]:
        at = (NOW - timedelta(hours=10 - n)).isoformat()
        return {"type": "identify", "messageId": f"m{n}", "timestamp": at, **ANN, "traits": traits}

    put(stores, said(1, email="a@example.com"), said(3, phone="+447700900123"))
    flush_inbox(stores, now=NOW)
    put(stores, said(2, email="b@example.com"))
    flush_inbox(stores, now=NOW)
    found = control_rows(stores, "vault_people", "email", "phone", "set_at")
    assert found == [("b@example.com", "+447700900123", NOW - timedelta(hours=7))]


def test_two_flushers_take_turns(stores: Stores) -> None:
    put(stores, track("A", "m1"))
    with stores.leases.hold("flush:inbox"):
        other = open_stores(stores.root)
        import threading

        faults: list[BaseException] = []

        def run() -> None:
            try:
                flush_inbox(other, now=NOW, wait_seconds=0.0)
            except LeaseBusyError as error:
                faults.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        other.close()
        assert faults
    assert flush_inbox(stores, now=NOW).taken == 1


def test_a_segment_that_cannot_be_opened_waits_and_holds_up_no_other(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIMWELL_INBOX_KEY", "0f" * 32)
    put(stores, track("A", "m1"))
    monkeypatch.delenv("AIMWELL_INBOX_KEY")
    put(stores, track("B", "m2"))
    assert flush_inbox(stores, now=NOW).taken == 1
    [alert] = Alerts(stores.control).all()
    assert "no key of the inbox is set" in alert.message
    monkeypatch.setenv("AIMWELL_INBOX_KEY", "0f" * 32)
    assert flush_inbox(stores, now=NOW).taken == 1
    assert rows(stores, "events", "event_id") == [("m1",), ("m2",)]


def test_a_damaged_segment_gives_what_can_be_read_and_is_kept(stores: Stores) -> None:
    from tracked import put_bodies

    put_bodies(stores, [({"batch": [track("A", f"m{n}")]}, NOW, False) for n in range(3)])
    [path] = sealed_segments(inbox_folder(stores))
    content = bytearray(path.read_bytes())
    content[len(content) - 40] ^= 0xFF
    path.write_bytes(content)
    assert flush_inbox(stores, now=NOW).taken == 2
    [alert] = Alerts(stores.control).all()
    assert "damaged" in alert.message
    assert (path.parent / "damaged" / path.name).exists()
    assert sealed_segments(inbox_folder(stores)) == []


TEXTS = st.sampled_from(["x", "Ann", "ann@example.com", "1.2.3.4", "😀 مرحبا", "a\0b", ""])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["email", "name", "sku", "ip", "traits"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)
OBJECT = st.dictionaries(
    st.sampled_from(["email", "name", "plan", "products", "order_id", "revenue", "address"]),
    JSON,
    min_size=1,
    max_size=4,
)
MESSAGE = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["track", "page", "identify", "group", "screen", "alias"]),
        "userId": st.sampled_from(["u1", "ann@example.com", 17]),
        "previousId": st.just("p"),
        "groupId": st.just("g"),
    },
    optional={
        "anonymousId": st.just("a-1"),
        "properties": OBJECT,
        "traits": OBJECT,
        "context": OBJECT,
        "name": st.sampled_from(["Home", " Home ", "to ann@example.com"]),
        "timestamp": st.just("2026-06-01T11:00:00Z"),
        "_metadata": OBJECT,
    },
)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(MESSAGE, min_size=1, max_size=12))
def test_nothing_that_a_message_holds_is_lost(
    stores: Stores, messages: list[dict[str, Any]]
) -> None:
    test_nothing_that_a_message_holds_is_lost.counter = (  # type: ignore[attr-defined]
        getattr(test_nothing_that_a_message_holds_is_lost, "counter", 0) + 1
    )
    run = test_nothing_that_a_message_holds_is_lost.counter  # type: ignore[attr-defined]
    sent: dict[str, dict[str, Any]] = {}
    for n, message in enumerate(messages):
        whole = {**message, "messageId": f"{run}-{n}"}
        if whole["type"] == "track":
            whole["event"] = whole.pop("name", "Smiled")
        sent[whole["messageId"]] = whole
    put(stores, *sent.values())
    flush_inbox(stores, now=NOW)
    columns = ("event_id", "event", "message_type", "properties", "envelope", "vault_key")
    found = [dict(zip(columns, row, strict=True)) for row in rows(stores, "events", *columns)]
    mine = [row for row in found if row["event_id"] in sent]
    assert len(mine) == len(sent)
    with stores.read_control() as connection:
        parts = read_parts(connection, [row["vault_key"] for row in mine])
    for row in mine:
        assert whole_message(row, parts[row["vault_key"]]) == sent[row["event_id"]]


def test_a_tracking_source_is_made_once_and_takes_no_files(stores: Stores, tmp_path: Path) -> None:
    from aimwell.collect import collect
    from aimwell.errors import MappingError

    source, made = ensure_tracking_source(stores, "web", now=NOW, by="ann")
    assert made
    assert ensure_tracking_source(stores, "web", now=NOW, by="ann") == (source, False)
    with pytest.raises(MappingError, match="collect flush"):
        collect(stores, source, root=tmp_path, now=NOW)


def test_replayed_split_and_turned_round_the_lake_and_its_people_are_the_same(
    empty_workspace: Path, tmp_path: Path, seed: int
) -> None:
    import random
    import shutil

    draw = random.Random(seed)  # noqa: S311
    types = ["track", "page", "identify", "group", "alias"]
    messages = []
    for n in range(60):
        who = draw.randrange(6)
        at = (NOW - timedelta(minutes=draw.randrange(10_000))).isoformat()
        message: dict[str, Any] = {
            "type": draw.choice(types),
            "event": f"E{draw.randrange(4)}",
            "messageId": f"m{n}",
            "timestamp": at,
            "anonymousId": f"a-{who}",
            "groupId": "g",
            "previousId": f"p-{who}",
            "traits": {"plan": draw.choice(["a", "b"]), "email": f"{who}@example.com"},
            "context": {"ip": f"10.0.0.{draw.randrange(3)}"},
        }
        if draw.random() < 0.5:
            message["userId"] = f"u-{who}"
        if message["type"] == "track" and draw.random() < 0.5:
            message["event"] = draw.choice(["Order Completed", "Order Refunded", "Product Added"])
            message["properties"] = {
                "order_id": f"o{draw.randrange(4)}",
                "currency": "GBP",
                "products": [{"sku": draw.choice("xyz"), "price": draw.randrange(1, 9)}],
            }
        messages.append(message)
    messages.append({"type": "buy", "userId": "bad"})
    states = []
    for turn in range(2):
        opened = open_stores(shutil.copytree(empty_workspace, tmp_path / f"w{turn}"))
        order = list(messages)
        if turn:
            order = [*messages, *messages]
            draw.shuffle(order)
        size = 61 if turn == 0 else 17
        for start in range(0, len(order), size):
            put(opened, *order[start : start + size])
            if turn == 0 or draw.random() < 0.6:
                flush_inbox(opened, now=NOW, batch_bytes=draw.choice([1, 10**9]))
        flush_inbox(opened, now=NOW)
        bring_up_to_date(opened, now=NOW)
        states.append(tracked_state(opened) | people_state(opened))
        opened.close()
    assert states[0] == states[1]
    assert len(states[0]["profiles"]) > 1
