"""Write keys and the flush by the command line."""

from __future__ import annotations

from pathlib import Path

from aimwell.store.stores import open_stores
from command import Run
from tracked import put


def test_keys_are_made_listed_and_revoked(run: Run, tmp_path: Path) -> None:
    assert run("init", "shop").code == 0
    made = run("collect", "keys", "create", "web", "--label", "shop", "-w", "shop", "--json").json
    assert made["source_made"]
    assert len(made["write_key"]) >= 32
    again = run("collect", "keys", "create", "web", "-w", "shop", "--json").json
    assert not again["source_made"]
    listed = run("collect", "keys", "list", "-w", "shop", "--json").json
    assert {key["key_id"] for key in listed} == {made["key_id"], again["key_id"]}
    assert made["write_key"] not in str(listed)
    gone = run("collect", "keys", "revoke", made["key_id"], "-w", "shop", "--json").json
    assert gone["revoked_at"]
    wrong = run("collect", "keys", "revoke", "nothing", "-w", "shop", code=1)
    assert "aimwell collect keys list" in wrong.err


def test_a_flush_says_what_it_took(run: Run, tmp_path: Path) -> None:
    assert run("init", "shop").code == 0
    assert "Nothing waits" in run("collect", "flush", "-w", "shop").out
    stores = open_stores(tmp_path / "shop")
    seen = {"type": "track", "userId": "u", "event": "E", "messageId": "m1"}
    put(stores, seen, seen, {"type": "buy"})
    stores.close()
    found = run("collect", "flush", "-w", "shop", "--json").json
    assert (found["taken"], found["duplicates"], found["profiles"]) == (1, 1, 1)
    assert found["quarantined"] == {"unknown_type": 1}
    stores = open_stores(tmp_path / "shop")
    put(stores, seen, {**seen, "messageId": "m2"})
    stores.close()
    said = run("collect", "flush", "-w", "shop").out
    assert "2 messages: 1 taken, 1 known before, 0 set aside." in said
    run("collect", "keys", "create", "web", "-w", "shop")
    written = run("collect", "quarantine", "web", "--to", "bad.jsonl", "-w", "shop").out
    assert "1 row written" in written
    bad = tmp_path / "bad.jsonl"
    bad.write_text(bad.read_text().replace('"buy"', '"page", "userId": "u"'))
    said = run("collect", "replay", "bad.jsonl", "-w", "shop").out
    assert "1 message left the quarantine, 0 messages stay" in said
    assert "Nothing is in quarantine" in run("collect", "quarantine", "-w", "shop").out
