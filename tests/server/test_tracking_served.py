"""Tracking as `aimwell serve` wires it: messages in the inbox, the browser's settings, figures, the inbox encrypted."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from aimwell.collect.tracking.door import inbox_folder
from aimwell.collect.tracking.keys import create_key
from aimwell.errors import PrivacyError
from aimwell.privacy.inbox_cipher import RecordCipher, inbox_cipher
from aimwell.store.inbox import read_segment, sealed_segments
from aimwell.store.stores import Stores
from live_server import serving
from shop import make_stores

KEY = "0f" * 32


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    return make_stores(tmp_path)


def key_of(stores: Stores) -> str:
    return create_key(stores, "web", now=datetime.now(UTC), by="test")[0]


def test_served_messages_wait_in_the_inbox_and_are_counted(stores: Stores) -> None:
    key = key_of(stores)
    with serving(stores) as base:
        batch = {"writeKey": key, "batch": [{"type": "page", "userId": "u"}] * 3}
        assert httpx.post(base + "/v1/batch", json=batch).status_code == 200
        assert httpx.post(base + "/v1/m", json={"series": []}).status_code == 200
        assert httpx.get(base + "/readyz").status_code == 200
        text = httpx.get(base + "/metrics").text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    [taken] = families["aimwell_tracking_messages"].samples
    assert (taken.labels, taken.value) == ({"call": "batch"}, 3)
    assert families["aimwell_inbox_segments"].samples[0].value == 1
    assert families["aimwell_inbox_lag_seconds"].samples[0].value > 0
    assert key not in text
    assert len(sealed_segments(inbox_folder(stores))) == 1


def test_the_browser_library_is_told_where_its_messages_go(stores: Stores) -> None:
    key = key_of(stores)
    with serving(stores) as base:
        path = f"{base}/v1/projects/{key}/settings"
        answer = httpx.get(path)
        assert answer.headers["access-control-allow-origin"] == "*"
        found = answer.json()["integrations"]["Segment.io"]
        assert (found["apiKey"], found["protocol"]) == (key, "http")
        assert f"http://{found['apiHost']}" == f"{base}/v1"
        assert answer.json()["metrics"] == {"sampleRate": 0}
        strange = httpx.get(path, headers={"Host": "x/<script>"})
        assert "script" not in strange.text
        assert httpx.get(f"{base}/v1/projects/unknown/settings").status_code == 404
        asked = httpx.options(path, headers={"Origin": "https://shop.example"})
        assert asked.status_code == 204


def test_with_a_key_messages_are_encrypted_while_they_wait(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = key_of(stores)
    monkeypatch.setenv("AIMWELL_INBOX_KEY", KEY)
    with serving(stores) as base:
        body = {"writeKey": key, "userId": "ann@example.com", "event": "Signed Up"}
        assert httpx.post(base + "/v1/track", json=body).status_code == 200
    [path] = sealed_segments(inbox_folder(stores))
    assert b"ann@example.com" not in path.read_bytes()
    [record] = read_segment(path, cipher=inbox_cipher(stores))
    assert json.loads(record.partition(b"\n")[2])["userId"] == "ann@example.com"
    with pytest.raises(PrivacyError, match="cannot be opened"):
        list(read_segment(path, cipher=RecordCipher(bytes(32))))


def test_a_key_of_another_form_is_refused_in_words(stores: Stores) -> None:
    with pytest.raises(PrivacyError, match="64 hex digits"):
        inbox_cipher(stores, environment={"AIMWELL_INBOX_KEY": "secret"})
    assert inbox_cipher(stores, environment={}) is None
