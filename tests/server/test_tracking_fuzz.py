"""Whatever is sent to the tracking routes: never a failure of ours, and never a lost neighbour in a batch."""

from __future__ import annotations

import base64
import gzip
import json
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings

from aimwell.collect.tracking.flush import flush_inbox
from aimwell.collect.tracking.keys import create_key
from live_server import raw, serving
from shop import make_stores
from tracked import rows

KEY_WORDS = [
    b'"userId"',
    b"null",
    b"[",
    b"{",
    b'"batch"',
    b"1e999",
    b'"\\ud800"',
    b"\x00",
    b"\xff",
    b"NaN",
]


@pytest.mark.parametrize("examples", [12, pytest.param(400, marks=pytest.mark.long)])
@pytest.mark.timeout(3_600)
def test_requests_that_the_description_allows_or_not(tmp_path: Path, examples: int) -> None:
    stores = make_stores(tmp_path)
    key, _ = create_key(stores, "web", now=datetime.now(UTC), by="test")
    tried, kept = set(), 0
    with serving(stores) as base:
        found = httpx.get(base + "/schema/openapi.json").json()
        found["paths"] = {
            path: item for path, item in found["paths"].items() if path.startswith("/v1/")
        }
        for result in schemathesis.openapi.from_dict(found).get_all_operations():
            operation = result.ok()

            @settings(max_examples=examples, suppress_health_check=list(HealthCheck))
            @given(case=operation.as_strategy())
            def fine(case: Any) -> None:
                nonlocal kept
                answer = case.call(base_url=base, headers={"Authorization": f"Bearer {key}"})
                assert answer.status_code in {200, 400, 401, 404, 405}, case.as_curl_command()
                if answer.status_code == 200 and case.method == "POST":
                    kept += len(case.body["batch"]) if case.path == "/v1/batch" else 1
                elif isinstance(case.body, dict) and len(answer.request.body or b"") < 30_000:
                    raise AssertionError(f"refused: {answer.text}\n{case.as_curl_command()}")

            fine()
            tried.add(operation.path)
    assert tried == set(found["paths"])
    assert len(tried) == 8
    flushed = flush_inbox(stores, now=datetime.now(UTC))
    assert flushed.messages == kept, "what was answered with 200 was kept"
    assert flushed.taken > 0
    assert flushed.taken == len(rows(stores, "events"))


def test_bytes_at_random_are_taken_or_refused_and_no_neighbour_is_lost(
    tmp_path: Path, seed: int
) -> None:
    stores, draw = make_stores(tmp_path), random.Random(seed)  # noqa: S311
    key, _ = create_key(stores, "web", now=datetime.now(UTC), by="test")
    basic = "Basic " + base64.b64encode(f"{key}:".encode()).decode()
    good: set[str] = set()
    with serving(stores) as base, httpx.Client(base_url=base) as client:
        for turn in range(150):
            ids = [f"{turn}-{n}" for n in range(3)]
            items: list[Any] = [
                {"type": "track", "event": "E", "userId": "u", "messageId": one} for one in ids
            ]
            odd = draw.random() < 0.5
            if odd:  # one of them is nonsense, the others stand
                items[1] = draw.choice(
                    [
                        None,
                        7,
                        "x",
                        [],
                        {},
                        {"type": 3},
                        {**items[1], "userId": []},
                        {"type": "page"},
                    ]
                )
            body = json.dumps({"batch": items}).encode()
            if not odd:
                body = mutated(body, draw)
            headers = {"Authorization": basic}
            if draw.random() < 0.3:
                body = gzip.compress(body)
                headers["Content-Encoding"] = "gzip"
                if draw.random() < 0.5:
                    body, odd = mutated(body, draw), False
            answer = client.post("/v1/batch", content=body, headers=headers)
            assert answer.status_code in {200, 400}, (turn, answer.status_code, body)
            if odd:
                assert answer.status_code == 200
                good |= {ids[0], ids[2]}
        for _ in range(20):  # not even HTTP
            raw(int(base.rpartition(":")[2]), draw.randbytes(200), seconds=1.0)
        assert client.get("/healthz").status_code == 200
    flush_inbox(stores, now=datetime.now(UTC))
    found = [event_id for (event_id,) in rows(stores, "events", "event_id")]
    assert len(found) == len(set(found))
    assert good <= set(found)


def mutated(body: bytes, draw: random.Random) -> bytes:
    changed = bytearray(body)
    for _ in range(draw.randrange(1, 4)):
        place = draw.randrange(len(changed))
        kind = draw.randrange(4)
        if kind == 0:
            changed[place] = draw.randrange(256)
        elif kind == 1:
            del changed[place : place + draw.randrange(1, 9)]
        elif kind == 2:
            changed[place:place] = draw.choice(KEY_WORDS)
        else:
            changed[place:place] = changed[: draw.randrange(len(changed) + 1)]
        if not changed:
            changed = bytearray(b"{")
    return bytes(changed)
