"""Segment's own clients, unchanged: what they send comes into the lake."""

from __future__ import annotations

import http.server
import shutil
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from segment.analytics import Client

from aimwell.collect.tracking.flush import flush_inbox
from aimwell.collect.tracking.keys import create_key
from aimwell.store.stores import Stores
from live_server import serving
from shop import make_stores
from tracked import control_rows, rows

JS = Path(__file__).parents[1] / "js"
UMD = JS / "node_modules" / "@segment" / "analytics-next" / "dist" / "umd"


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    return make_stores(tmp_path)


def program(*names: str) -> str:
    """Where a program lies; the tests need it."""
    found = next((path for path in map(shutil.which, names) if path), None)
    assert found is not None, f"{names[0]} is missing: run scripts/install-test-needs"
    assert UMD.is_dir(), "tests/js lacks its libraries: run scripts/install-test-needs"
    return found


def names(stores: Stores) -> Counter[str]:
    return Counter(event for (event,) in rows(stores, "events", "event"))


def flushed(stores: Stores) -> None:
    report = flush_inbox(stores, now=datetime.now(UTC))
    assert report.quarantined == {}


@pytest.mark.parametrize("gzip", [False, True])
def test_the_client_for_python(stores: Stores, gzip: bool) -> None:
    key, _ = create_key(stores, "web", now=datetime.now(UTC), by="test")
    faults: list[Any] = []
    with serving(stores) as base:
        client = Client(key, host=base, gzip=gzip, on_error=lambda *told: faults.append(told))
        client.identify("py-1", {"email": "py@example.com", "plan": "pro"})
        client.track("py-1", "Product Viewed", {"sku": "7", "at": datetime(2026, 1, 1, tzinfo=UTC)})
        client.page("py-1", "Shop", "Home", {"url": "https://shop.example/"})
        client.screen("py-1", "Start")
        client.group("py-1", "acme", {"name": "Acme"})
        client.alias("py-old", "py-1")
        client.flush()
        client.join()
    assert faults == []
    flushed(stores)
    assert names(stores) == {
        "User Identified": 1,
        "Product Viewed": 1,
        "Page Viewed": 1,
        "Screen Viewed": 1,
        "Account Joined": 1,
        "Identity Joined": 1,
    }
    assert ("py-1", "py@example.com") in control_rows(
        stores, "vault_people", "customer_id", "email"
    )


def test_the_client_for_node(stores: Stores) -> None:
    node = program("node", "nodejs")
    key, _ = create_key(stores, "web", now=datetime.now(UTC), by="test")
    with serving(stores) as base:
        ran = subprocess.run(
            [node, str(JS / "node-client.mjs"), base, key],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ran.returncode == 0, ran.stderr
    flushed(stores)
    assert sum(names(stores).values()) == 6
    assert rows(stores, "accounts", "account_id", "name", "size") == [("acme", "Acme", 5)]


class _Pages(http.server.SimpleHTTPRequestHandler):
    """The shop's page and the library, from another address than the tracking server's."""

    told: list[str]
    done: threading.Event

    def __init__(self, *arguments: Any, told: list[str], done: threading.Event) -> None:
        self.told, self.done = told, done
        super().__init__(*arguments, directory=str(UMD))

    def translate_path(self, path: str) -> str:
        clean = path.partition("?")[0]
        if clean == "/":
            return str(JS / "page.html")
        return super().translate_path(clean.removeprefix("/umd"))

    def do_POST(self) -> None:
        size = int(self.headers["Content-Length"])
        self.told.append(self.rfile.read(size).decode())
        self.send_response(204)
        self.end_headers()
        self.done.set()

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def pages(told: list[str], done: threading.Event) -> Iterator[str]:
    handler = partial(_Pages, told=told, done=done)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_the_client_for_browsers_in_chromium(stores: Stores, tmp_path: Path) -> None:
    chromium = program("chromium", "chromium-browser", "google-chrome")
    key, _ = create_key(stores, "web", now=datetime.now(UTC), by="test")
    told: list[str] = []
    done = threading.Event()
    with serving(stores) as base, pages(told, done) as shop:
        browser = subprocess.Popen(
            [
                chromium,
                *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
                *("--no-first-run", "--disable-background-networking", "--disable-extensions"),
                f"--user-data-dir={tmp_path / 'browser'}",
                f"{shop}/?key={key}&server={base}",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            assert done.wait(90), "the page did not come to its end"
        finally:
            browser.terminate()
            try:
                browser.wait(20)
            except subprocess.TimeoutExpired:
                browser.kill()
                browser.wait()
    assert told == ["fine"]
    flushed(stores)
    assert names(stores) == {
        "Page Viewed": 1,
        "Product Viewed": 1,
        "User Identified": 1,
        "Order Completed": 1,
        "Account Joined": 1,
        "Identity Joined": 1,
    }
    assert rows(stores, "orders", "order_id", "kind") == [("b-1", "sale")]
    # What was done before the login is tied to the person by the anonymous id.
    shared = Counter(
        value
        for kind, value, _ in control_rows(stores, "identifiers", "kind", "value_hash", "origin_id")
        if kind == "anonymous_id"
    )
    assert max(shared.values()) >= 2
