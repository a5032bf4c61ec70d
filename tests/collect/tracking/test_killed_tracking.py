"""Server, flusher and database killed at random moments under load: every acknowledged event is in the lake once."""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from aimwell.collect.tracking.door import inbox_folder
from aimwell.collect.tracking.flush import flush_inbox
from aimwell.collect.tracking.keys import create_key
from aimwell.errors import AimwellError
from aimwell.store.inbox import sealed_segments
from aimwell.store.stores import Stores, create_stores, open_stores
from child import eventually
from live_server import free_port
from postgres import PostgresServer
from tracked import NOW, control_rows, rows

# Forks a server or a flusher for each line that it reads, so that a new one is there in an instant.
# argv: workspace, port
NEST = """
import os, signal, sys, time
from datetime import datetime, UTC
from pathlib import Path
import uvicorn
from sqlalchemy.exc import SQLAlchemyError
from aimwell.collect.tracking.flush import flush_inbox
from aimwell.errors import AimwellError
from aimwell.server.app import create_app
from aimwell.store.stores import open_stores

root, port = Path(sys.argv[1]), int(sys.argv[2])
signal.signal(signal.SIGCHLD, signal.SIG_IGN)

def opened():
    while True:
        try:
            return open_stores(root)
        except (AimwellError, SQLAlchemyError):
            time.sleep(0.02)

def serve():
    app = create_app(opened())
    while True:
        try:
            uvicorn.run(app, host="127.0.0.1", port=port, log_level="critical", access_log=False)
            return
        except SystemExit:  # the database was away when it started
            time.sleep(0.02)

def flush():
    stores = opened()
    while True:
        try:
            flush_inbox(stores, now=datetime.now(UTC), wait_seconds=0.0)
        except (AimwellError, SQLAlchemyError):
            pass
        time.sleep(0.01)

print("ready", flush=True)
for line in sys.stdin:
    pid = os.fork()
    if not pid:
        try:
            {"server": serve, "flusher": flush}[line.strip()]()
        finally:
            os._exit(1)
    print(pid, flush=True)
"""
BATCH = 4


class Nest:
    """Begins servers and flushers; kills all that are left."""

    def __init__(self, root: Path, port: int, inbox: Path | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", NEST, str(root), str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **({"AIMWELL_INBOX_FOLDER": str(inbox)} if inbox else {})},
        )
        assert self._line() == "ready"
        self._begun: dict[str, int] = {}

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def begin(self, what: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        self._begun[what] = int(self._line())

    def kill(self, what: str, number: int = signal.SIGKILL) -> None:
        pid = self._begun.pop(what)
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        while Path(f"/proc/{pid}").exists():
            time.sleep(0.005)

    def again(self, what: str) -> None:
        self.kill(what)
        self.begin(what)

    def close(self) -> None:
        for what in list(self._begun):
            self.kill(what)
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


class Sender:
    """Sends batches until it is stopped, each again until it is acknowledged, as clients do; to any of the servers."""

    def __init__(self, bases: Sequence[str], key: str) -> None:
        self._bases, self._key = itertools.cycle(bases), key
        self.acknowledged: set[str] = set()
        self.sent = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        with httpx.Client(timeout=5.0) as client:
            while not self._stopping.is_set():
                ids = [f"m{self.sent + place}" for place in range(BATCH)]
                self.sent += BATCH
                items = [
                    {"type": "track", "event": "E", "messageId": one, "userId": f"u{one[-1]}"}
                    for one in ids
                ]
                body = {"writeKey": self._key, "batch": items}
                while not self._stopping.is_set():
                    try:
                        answer = client.post(next(self._bases) + "/v1/batch", json=body)
                    except httpx.HTTPError:
                        time.sleep(0.01)
                        continue
                    if answer.status_code == 200:
                        self.acknowledged.update(ids)
                        break
                    assert answer.status_code == 503, answer.text
                    time.sleep(0.01)
                time.sleep(0.002)

    @contextmanager
    def sending(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            self._thread.join()

    def wait(self, more: int) -> None:
        """Until so many more were acknowledged."""
        enough, deadline = len(self.acknowledged) + more, time.monotonic() + 60
        while len(self.acknowledged) < enough:
            assert time.monotonic() < deadline, "nothing is acknowledged any more"
            time.sleep(0.005)


def survive(root: Path, wanted: int, seed: int, kill_database: Callable[[], None] | None) -> None:
    """Kill each of them so often, in random order; then all that was acknowledged is there once."""
    draw, port = random.Random(seed), free_port()  # noqa: S311
    stores = open_stores(root)
    key, _ = create_key(stores, "web", now=NOW, by="test")
    victims = ["server", "flusher"] * wanted
    if kill_database is not None:
        victims += ["database"] * wanted
    draw.shuffle(victims)
    nest, sender = Nest(root, port), Sender([f"http://127.0.0.1:{port}"], key)
    try:
        nest.begin("server")
        nest.begin("flusher")
        with sender.sending():
            sender.wait(BATCH)
            for victim in victims:
                time.sleep(draw.uniform(0.0, 0.15))
                if victim == "database":
                    assert kill_database is not None
                    kill_database()
                else:
                    nest.again(victim)
                if draw.random() < 0.3:
                    sender.wait(BATCH)
            sender.wait(BATCH)
        nest.kill("flusher")
        nest.kill("server", signal.SIGTERM)
    finally:
        nest.close()
    eventually(lambda: flushed(stores))
    all_are_there_once(stores, sender, wanted, seed)
    stores.close()


def all_are_there_once(stores: Stores, sender: Sender, wanted: int, seed: int) -> None:
    assert sealed_segments(inbox_folder(stores)) == []
    found = Counter(event_id for (event_id,) in rows(stores, "events", "event_id"))
    assert max(found.values()) == 1, f"seed {seed}: some are there twice"
    lost = sender.acknowledged - found.keys()
    assert not lost, f"seed {seed}: {len(lost)} of {len(sender.acknowledged)} are lost"
    assert len(sender.acknowledged) >= wanted * BATCH
    keys = {one for (one,) in rows(stores, "events", "vault_key")}
    assert keys <= {one for (one,) in control_rows(stores, "vault_parts", "vault_key")}
    assert {state for (state,) in control_rows(stores, "flushes", "state")} == {"done"}


def flushed(stores: Stores) -> bool:
    """Whether all is flushed; the lease of somebody who lost the database runs out first."""
    try:
        flush_inbox(stores, now=NOW, wait_seconds=30.0)
    except AimwellError as error:
        if not error.retryable:
            raise
        return False
    return True


OPTIONS = {"lease_seconds": 2, "inbox_segment_seconds": 0.05}
TIMES = [5, pytest.param(200, marks=pytest.mark.long)]


@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("wanted", TIMES)
def test_killed_at_any_moment_every_acknowledged_event_is_in_the_lake_once(
    tmp_path: Path, wanted: int, seed: int
) -> None:
    root = tmp_path / "workspace"
    create_stores(root, **OPTIONS).close()
    survive(root, wanted, seed, None)


@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("wanted", TIMES)
def test_so_it_is_when_the_database_is_killed_too(
    tmp_path: Path, wanted: int, seed: int, crash_postgres: PostgresServer
) -> None:
    root = tmp_path / "workspace"
    create_stores(root, control_url=crash_postgres.fresh_database(), **OPTIONS).close()

    def kill() -> None:
        crash_postgres.kill_hard()
        crash_postgres.start()

    survive(root, wanted, seed, kill)


@pytest.mark.timeout(3_600)
@pytest.mark.postgres
@pytest.mark.parametrize("wanted", [2, pytest.param(200, marks=pytest.mark.long)])
def test_so_it_is_on_two_machines_with_an_inbox_each(
    tmp_path: Path, wanted: int, seed: int, postgres_server: PostgresServer
) -> None:
    """Servers and flushers of both are killed; what one did not acknowledge is sent to the other."""
    root, draw = tmp_path / "workspace", random.Random(seed)  # noqa: S311
    control_url = postgres_server.fresh_database()
    create_stores(root, control_url=control_url, **OPTIONS).close()
    inboxes = [tmp_path / "inbox-a", tmp_path / "inbox-b"]
    stores = [open_stores(root, inbox_folder=str(inbox)) for inbox in inboxes]
    key, _ = create_key(stores[0], "web", now=NOW, by="test")
    ports = [free_port(), free_port()]
    nests = [Nest(root, port, inbox) for port, inbox in zip(ports, inboxes, strict=True)]
    sender = Sender([f"http://127.0.0.1:{port}" for port in ports], key)
    victims = [(nest, what) for nest in nests for what in ("server", "flusher")] * wanted
    draw.shuffle(victims)
    try:
        for nest in nests:
            nest.begin("server")
            nest.begin("flusher")
        with sender.sending():
            sender.wait(BATCH)
            for nest, what in victims:
                time.sleep(draw.uniform(0.0, 0.15))
                nest.again(what)
                if draw.random() < 0.3:
                    sender.wait(BATCH)
            sender.wait(BATCH)
        for nest in nests:
            nest.kill("flusher")
            nest.kill("server", signal.SIGTERM)
    finally:
        for nest in nests:
            nest.close()
    for one in (*stores, stores[0]):
        eventually(lambda one=one: flushed(one))
    for one in stores:
        all_are_there_once(one, sender, wanted, seed)
    taken = {node for (node,) in control_rows(stores[0], "flushes", "node")}
    assert len(taken) == 2, "both have flushed"
    for one in stores:
        one.close()
