"""The server as operators and strangers meet it: health, figures, reports, hostile requests, nothing in the logs."""

from __future__ import annotations

import json
import logging
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from aimwell.deliver.token import Tokens
from aimwell.store.stores import Stores
from campaigns import NOW, executed, set_up
from live_server import free_port, raw, serving
from postgres import PostgresServer
from shop import make_stores

TOKEN = "abcdef0123456789"


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    return make_stores(tmp_path)


def test_health_readiness_and_figures(stores: Stores) -> None:
    set_up(stores, 3, spring={"holdout": 0.0})
    executed(stores)
    with serving(stores) as base:
        assert httpx.get(base + "/healthz").text == "ok"
        assert httpx.get(base + "/readyz").status_code == 200
        token = Tokens([stores.token_key]).make("click", "nobody")
        httpx.get(f"{base}/c/{token}/1")
        httpx.request("INVENTED", base + "/healthz")
        httpx.get(base + "/nowhere/at/all")
        text = httpx.get(base + "/metrics").text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert {
        "aimwell_messages",
        "aimwell_jobs",
        "aimwell_requests",
        "aimwell_request_seconds",
    } <= set(families)
    counts = {s.labels["state"]: s.value for s in families["aimwell_messages"].samples}
    assert counts == {"queued": 3}
    assert families["aimwell_control_up"].samples[0].value == 1
    assert token not in text
    assert "INVENTED" not in text
    assert "nowhere" not in text


def test_a_database_that_is_away_is_said_and_breaks_nothing(
    tmp_path: Path, crash_postgres: PostgresServer
) -> None:
    stores = make_stores(tmp_path, crash_postgres.fresh_database())
    with serving(stores) as base:
        assert httpx.get(base + "/readyz").status_code == 200
        crash_postgres.kill_hard()
        assert httpx.get(base + "/healthz").status_code == 200
        assert httpx.get(base + "/readyz", timeout=60).status_code == 503
        figures = httpx.get(base + "/metrics", timeout=60)
        assert figures.status_code == 200
        assert "aimwell_control_up 0.0" in figures.text
        token = Tokens([stores.token_key]).make("unsubscribe", "m1")
        answer = httpx.post(f"{base}/u/{token}", timeout=60)
        assert answer.status_code == 503
        assert "try again" in answer.text
        picture = Tokens([stores.token_key]).make("open", "m1")
        assert httpx.get(f"{base}/o/{picture}.gif", timeout=60).status_code == 200
    stores.close()


def test_reports_are_served_only_when_asked_for_and_nothing_beside_them(stores: Stores) -> None:
    folder = stores.folder("reports")
    (folder / "p1.html").write_text("<h1>A report</h1>", encoding="utf-8")
    (stores.root / "secret.txt").write_text("secret", encoding="utf-8")
    (folder / "outside.html").symlink_to(stores.root / "secret.txt")
    with serving(stores) as base:
        assert httpx.get(base + "/reports/p1.html").status_code == 404
    with serving(stores, reports=True) as base:
        page = httpx.get(base + "/reports/p1.html")
        assert page.status_code == 200
        assert "A report" in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]
        port = int(base.rpartition(":")[2])
        for path in (
            "/reports/../secret.txt",
            "/reports/..%2fsecret.txt",
            "/reports/%2e%2e/secret.txt",
            "/reports/..%5csecret.txt",
            "/reports//etc/passwd",
            "/reports/%00",
            "/reports/",
            "/reports/outside.html",
        ):
            answer = raw(
                port, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
            )
            assert b" 200 " not in answer.split(b"\r\n")[0], path
            assert b" 500 " not in answer.split(b"\r\n")[0], path
            assert b"secret" not in answer.split(b"\r\n\r\n", 1)[-1]


def test_pages_allow_nothing_from_elsewhere(stores: Stores) -> None:
    with serving(stores) as base:
        page = httpx.get(base + "/u/wrong")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe-inline" not in policy
    assert "http" not in page.text.replace('http-equiv="', "")
    assert page.headers["cache-control"] == "no-store"
    assert "<script" not in page.text
    assert 'lang="en"' in page.text


def test_bodies_are_bounded(stores: Stores) -> None:
    token = Tokens([stores.token_key]).make("preference", "nobody")
    with serving(stores) as base:
        answer = httpx.post(f"{base}/p/{token}", content=b"x" * 5_000_000)
        assert answer.status_code in {400, 413}
        assert httpx.get(base + "/healthz").status_code == 200


def _hostile(draw: random.Random, tokens: list[str]) -> bytes:
    """One request of odd bytes, often near to a true one."""
    junk = bytes(draw.randrange(256) for _ in range(draw.randrange(1, 40)))
    method = draw.choice(
        [b"GET", b"POST", b"HEAD", b"PUT", b"OPTIONS", b"PATCH", b"X" * 40, junk[:4]]
    )
    kind = draw.choice("ucpo")
    odd = draw.choice(
        [
            draw.choice(tokens).encode(),
            b"%00",
            b"%ff%fe",
            b"..%2f..%2f",
            b"'%20OR%201=1--",
            str(10**40).encode(),
            b"-1",
            "\u202e\U0001f600".encode(),
            b"{{7*7}}",
            b"a" * 5_000,
            junk.replace(b" ", b"").replace(b"\r", b"").replace(b"\n", b""),
        ]
    )
    rest = draw.choice([b"", b"/1", b"/0", b"/%31", b"/99999999999999999999999", b"/1/" + odd])
    query = draw.choice(
        [b"", b"?" + junk.hex().encode(), b"?utm_source=%ff%00", b"?" + b"a=1&" * 500]
    )
    body = draw.choice([b"", junk, b"List-Unsubscribe=One-Click", b"choice=made&email=yes&" + junk])
    content = draw.choice(
        [
            b"application/x-www-form-urlencoded",
            b"multipart/form-data; boundary=x",
            b"multipart/form-data",
            b"application/json",
            b"text/plain; charset=utf-99",
            b"\xff",
        ]
    )
    agent = draw.choice([b"Firefox", b"\xe9\xff", b"x" * 3_000, b"a\tb", b"'; DROP TABLE messages"])
    path = b"/" + kind.encode() + b"/" + odd + rest
    path = draw.choice([path, path, path, b"/" + junk.hex().encode(), b"//", b"/schema", b"*"])
    head = [
        method + b" " + path + query + b" HTTP/1.1",
        b"Host: x",
        b"User-Agent: " + agent,
        b"Content-Type: " + content,
        b"Content-Length: " + str(len(body)).encode(),
        b"Cookie: session=1",
        b"Connection: close",
    ]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def _bombard(stores: Stores, *, requests: int, seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311 - hostile bytes
    makers = Tokens([stores.token_key])
    with stores.read_control() as connection:
        ids = [row[0] for row in connection.exec_driver_sql("SELECT message_id FROM messages")]
    kinds = ("click", "open", "unsubscribe", "preference")
    tokens = [makers.make(kind, key) for kind in kinds for key in [*ids[:2], "nobody"]]
    codes = set()
    with serving(stores) as base:
        port = int(base.rpartition(":")[2])
        for number in range(requests):
            request = _hostile(draw, tokens)
            answer = raw(port, request)
            first = answer.split(b"\r\n")[0]
            code = int(first.split()[1]) if first.startswith(b"HTTP/1.1 ") else 0
            codes.add(code)
            assert code < 500, (number, request)
            assert b"set-cookie" not in answer.lower()
            assert b"Traceback" not in answer
        assert httpx.get(base + "/healthz").text == "ok"
    assert {200, 400, 404} <= codes


def test_hostile_requests_are_refused_and_never_break_the_server(
    tmp_path: Path, control_url: str, seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    stores = make_stores(tmp_path, control_url)
    set_up(stores, 3, spring={"holdout": 0.0})
    executed(stores)
    with caplog.at_level(logging.DEBUG):
        _bombard(stores, requests=300, seed=seed)
    said = "\n".join(record.getMessage() for record in caplog.records if record.name != "httpx")
    assert "example.com" not in said
    assert "/u/" not in said
    stores.close()


@pytest.mark.long
@pytest.mark.timeout(3_600)
def test_very_many_hostile_requests(tmp_path: Path, control_url: str, seed: int) -> None:
    stores = make_stores(tmp_path, control_url)
    set_up(stores, 3, spring={"holdout": 0.0})
    executed(stores)
    _bombard(stores, requests=20_000, seed=seed)
    stores.close()


def test_the_interface_is_described(stores: Stores) -> None:
    with serving(stores) as base:
        described = httpx.get(base + "/schema/openapi.json").json()
    assert described["openapi"].startswith("3.1")
    assert "/u/{token}" in described["paths"]
    assert json.dumps(described).count("cdn.") == 0


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)]
)
def test_serve_starts_answers_and_stops_when_told(tmp_path: Path, number: int) -> None:
    stores = make_stores(tmp_path)
    set_up(stores, 1, spring={"holdout": 0.0})
    executed(stores)
    token = Tokens([stores.token_key]).make("unsubscribe", "m1")
    port = free_port()
    process = subprocess.Popen(
        [
            str(Path(sys.executable).with_name("aimwell")),
            "serve",
            "--port",
            str(port),
            "-w",
            str(stores.root),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        base = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 60
        while True:
            try:
                assert httpx.get(base + "/healthz").text == "ok"
                break
            except httpx.TransportError:
                assert time.monotonic() < deadline
                assert process.poll() is None
                time.sleep(0.1)
        assert httpx.get(f"{base}/u/{token}").status_code == 200
        assert httpx.post(f"{base}/u/{token}").status_code == 404
        process.send_signal(number)
        out, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, out
    assert token not in out
    assert "Serving on" in out
    assert NOW.year == 2026
    stores.close()


def test_an_unknown_call_under_v1_is_answered_to_programs_and_elsewhere_to_people(
    stores: Stores,
) -> None:
    with serving(stores) as base:
        answer = httpx.post(base + "/v1/nosuch", json={})
        assert answer.status_code == 404
        assert answer.json()["success"] is False
        assert "no such call. Calls are /v1/identify, /v1/track" in answer.json()["message"]
        wrong = httpx.get(base + "/v1/track")
        assert wrong.status_code == 405
        assert "messages are sent by POST" in wrong.json()["message"]
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Please use the link in the message" in httpx.get(base + "/nosuch").text
