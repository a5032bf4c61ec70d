"""Messages in quarantine are looked at, corrected, sent again or dismissed: each is taken once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from aimwell.collect import inspecting
from aimwell.collect.corrections import read_corrections
from aimwell.collect.dismissing import dismiss
from aimwell.collect.tracking import resending
from aimwell.collect.tracking.flush import flush_inbox
from aimwell.collect.tracking.resending import resend, write_messages
from aimwell.collect.tracking.sources import ensure_tracking_source
from aimwell.errors import CollectError, SourceFileError
from aimwell.store.stores import Stores, open_stores
from collecting import Shop
from tracked import NOW, control_rows, put, put_bodies, rows

SENT = (NOW - timedelta(hours=1)).isoformat()
HAPPENED = (NOW - timedelta(hours=2)).isoformat()
BAD = [
    {"type": "track", "event": "Nobody", "messageId": "m1", "originalTimestamp": HAPPENED},
    {"type": "buy", "userId": "ann", "event": "Bought"},
    {"type": "track", "userId": "ann", "messageId": "m3"},
    {"type": "track", "userId": "ann", "event": "Huge", "properties": {"text": "x" * 40_000}},
    {
        "type": "track",
        "userId": "ann",
        "messageId": "m5",
        "event": "Order Completed",
        "properties": {"revenue": 20, "email": "ann@example.com"},
        "originalTimestamp": HAPPENED,
    },
    {
        "type": "track",
        "userId": "ann",
        "messageId": "m6",
        "event": "Order Completed",
        "properties": {"order_id": "o2", "revenue": "10,50"},
        "originalTimestamp": HAPPENED,
    },
]


def set_aside(stores: Stores) -> None:
    ensure_tracking_source(stores, "web", now=NOW, by="test")
    put(
        stores,
        *BAD,
        {"type": "track", "userId": "ann", "event": "Good", "messageId": "m9"},
        sentAt=SENT,
        context={"locale": "en", "consent": {"categoryPreferences": {"Ads": True}}},
        opted_out=True,
    )
    flush_inbox(stores, now=NOW)


def corrected(stores: Stores, path: Path, mend: Callable[[str, dict[str, Any]], None]) -> Path:
    write_messages(stores, "web", path, by="test")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        mend(line["_reason"], line["_content"])
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def mend(reason: str, content: dict[str, Any]) -> None:
    if reason == "no_identifier":
        content["userId"] = "bob"
    elif reason == "unknown_type":
        content["type"] = "track"
    elif reason == "too_large":
        content["properties"] = {"text": "x"}
    elif reason == "no_order_id":
        content["properties"]["order_id"] = "o1"
    elif reason == "order_not_readable":
        content["properties"]["revenue"] = "10.50"


def reasons(stores: Stores) -> dict[str, int]:
    return inspecting.quarantine(stores, "web").counts.get("web", {})


def test_corrected_messages_are_taken_once_as_of_the_moment_at_which_they_came(
    shop_on_both: Shop, tmp_path: Path
) -> None:
    stores = shop_on_both.stores
    set_aside(stores)
    assert reasons(stores) == dict.fromkeys(
        (
            *("no_identifier", "unknown_type", "no_event_name", "too_large"),
            *("no_order_id", "order_not_readable"),
        ),
        1,
    )
    path = corrected(stores, tmp_path / "bad.jsonl", mend)
    assert path.stat().st_mode & 0o077 == 0
    fixed = read_corrections(path)
    done = resend(stores, "web", corrections=fixed, file=path.name, now=NOW)
    assert (done.left, done.stay, done.gone) == (5, {"no_event_name": 1}, 0)
    # They are gone before the flush, so nobody takes them up again.
    again = resend(stores, "web", corrections=fixed, file=path.name, now=NOW)
    assert (again.left, again.stay, again.gone) == (0, {"no_event_name": 1}, 5)
    report = flush_inbox(stores, now=NOW + timedelta(days=9))
    assert (report.taken, report.duplicates, report.quarantined) == (5, 0, {})
    assert reasons(stores) == {"no_event_name": 1}
    found = {
        name: (at, json.loads(envelope))
        for name, at, envelope in rows(stores, "events", "event", "occurred_at", "envelope")
    }
    assert {"Nobody", "Bought", "Huge", "Good", "Order Completed"} == found.keys()
    at, envelope = found["Nobody"]
    assert at == NOW - timedelta(hours=1), "arrival less the time from happening to sending"
    assert envelope["context"]["locale"] == "en", "what its batch said holds for it"
    assert envelope["gpc"] is True
    assert rows(stores, "orders", "order_id", "kind") == [("o1", "sale"), ("o2", "sale")]
    assert {at for (at,) in rows(stores, "orders", "ordered_at")} == {NOW - timedelta(hours=1)}
    assert "ann@example.com" not in str(rows(stores, "events"))
    people = control_rows(stores, "vault_people", "customer_id")
    assert ("bob",) in people


def test_a_crash_between_sending_and_noting_does_no_harm(
    empty_workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores = open_stores(shutil.copytree(empty_workspace, tmp_path / "w"))
    set_aside(stores)
    fixed = read_corrections(corrected(stores, tmp_path / "bad.jsonl", mend))
    with monkeypatch.context() as patch:

        def dies(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        patch.setattr(resending, "settle_rows", dies)
        with pytest.raises(KeyboardInterrupt):
            resend(stores, "web", corrections=fixed, now=NOW)
    assert sum(reasons(stores).values()) == 6
    assert resend(stores, "web", corrections=fixed, now=NOW).left == 5
    report = flush_inbox(stores, now=NOW)
    assert (report.taken, report.duplicates) == (5, 5)
    assert len(rows(stores, "events")) == 8
    assert len(rows(stores, "orders")) == 2
    stores.close()


def test_what_still_makes_no_sense_stays_and_what_never_will_is_dismissed(
    empty_workspace: Path, tmp_path: Path
) -> None:
    stores = open_stores(shutil.copytree(empty_workspace, tmp_path / "w"))
    set_aside(stores)
    done = resend(stores, "web", now=NOW)
    assert (done.left, sum(done.stay.values())) == (0, 6)
    path = corrected(stores, tmp_path / "bad.jsonl", lambda *_: None)
    text = path.read_text().replace('"_content"', '"_text"')
    path.write_text(text.splitlines()[0].split('"_text"')[0] + '"_text": "{"}\n')
    with pytest.raises(SourceFileError, match="is no JSON"):
        resend(stores, "web", corrections=read_corrections(path), file=path.name, now=NOW)
    assert dismiss(stores, "web", why="a test", by="ann", now=NOW, reason="too_large") == 1
    assert "too_large" not in reasons(stores)
    with pytest.raises(CollectError, match="No row of 'web' waits for the reason 'too_large'"):
        resend(stores, "web", now=NOW, reason="too_large")
    stores.close()


def test_what_is_nested_too_deeply_waits_whole_and_can_be_mended(
    empty_workspace: Path, tmp_path: Path
) -> None:
    stores = open_stores(shutil.copytree(empty_workspace, tmp_path / "w"))
    ensure_tracking_source(stores, "web", now=NOW, by="test")
    good = {"type": "track", "userId": "ann", "event": "Good", "messageId": "m1"}
    texts = [
        json.dumps({**good, "messageId": f"m{n}", "properties": {"a": 0}}) for n in range(2, 5)
    ]
    for place, levels in enumerate((400, 980, 30_000)):
        texts[place] = texts[place].replace('"a": 0', '"a": ' + "[" * levels + "]" * levels)
    body = f'{{"batch":[{json.dumps(good)},{",".join(texts)}]}}'.encode()
    put_bodies(stores, [(body, NOW, False)])
    flush_inbox(stores, now=NOW)
    assert rows(stores, "events", "event_id") == [("m1",)]
    assert reasons(stores) == {"nested_too_deeply": 3}
    done = resend(stores, "web", now=NOW)
    assert (done.left, done.stay) == (0, {"nested_too_deeply": 3})
    path = tmp_path / "bad.jsonl"
    assert write_messages(stores, "web", path, by="test") == 3
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        text = line.pop("_text", None) or json.dumps(line.pop("_content"))
        assert text in texts
        line["_text"] = text.replace("[", "").replace("]", "").replace('"a": ', '"a": 1')
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = resend(stores, "web", corrections=read_corrections(path), file=path.name, now=NOW)
    assert (done.left, done.stay) == (3, {})
    flush_inbox(stores, now=NOW)
    assert len(rows(stores, "events", "event_id")) == 4
    assert reasons(stores) == {}
    stores.close()
