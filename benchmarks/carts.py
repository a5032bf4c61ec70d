"""How soon somebody who leaves a cart behind is in the segment for it: from the event's arrival at `aimwell serve` on.

`benchmarks/carts.py [--people N] [--events N] [--seconds S] [--rate N] [--quick]`

A real server over a workspace with a history. People who were not known before put something into a cart, so many a second, over
HTTP; then each must be in the segment once. What is measured is the time from just before the request to the commit that writes
the membership, and to the commit that writes the event itself into the lake, which is the yardstick: what lies between is what
following costs. Other segments are followed beside.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from aimwell.collect.tracking.keys import create_key
from aimwell.definitions import service as definitions
from aimwell.definitions.catalogue import check
from aimwell.history.current import bring_up_to_date
from aimwell.segment.membership.refreshing import refresh
from aimwell.store.sql import sql
from aimwell.store.stores import Stores, create_stores
from segment_rules import fill
from segments_together import define

P95_SECONDS_MAX = 5.0
CARTS = {
    "all": [
        {"event": "Product Added", "within": "1d"},
        {"not": {"event": "Order Completed", "within": "1d"}},
    ]
}
_WAIT_SECONDS = 120.0


def main() -> int:
    """Print the figures; 1 where somebody is missing or the figure is missed."""
    parser = argparse.ArgumentParser(description="a cart left behind, from event to segment")
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=20.0, help="People a second.")
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    people, events, seconds = asked.people, asked.events, asked.seconds
    if asked.quick:
        people, events, seconds = 1_000, 20_000, 3.0
    with tempfile.TemporaryDirectory() as folder:
        stores = create_stores(Path(folder, "shop"), identity_key=bytes(32))
        fill(stores, people, events)
        bring_up_to_date(stores, now=datetime.now(UTC))
        define(stores)
        cart = check({"kind": "segment", "name": "carts", "rule": CARTS})
        definitions.apply(stores.control, [cart], now=datetime.now(UTC), by="benchmark")
        refresh(stores, now=datetime.now(UTC))
        key, _ = create_key(stores, "web", now=datetime.now(UTC), by="benchmark")
        with serving(stores) as address:
            sent = send(address, key, seconds, asked.rate)
            wait_for(stores, len(sent))
        fine = told(stores, sent, people, events, asked.rate)
        stores.close()
    return 0 if fine or asked.quick else 1


@contextmanager
def serving(stores: Stores) -> Iterator[str]:
    """The address of a server in a process of its own."""
    command = Path(sys.executable).with_name("aimwell")
    call = [command, "serve", "--port", "0", "-w", stores.root, "--json"]
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield json.loads(server.stdout.readline())["address"]
        finally:
            server.terminate()
            server.communicate()


def send(address: str, key: str, seconds: float, rate: float) -> dict[str, float]:
    """Send one event each of new people; message → when it was sent."""
    place = urlsplit(address)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=30)
    secret = base64.b64encode(f"{key}:".encode()).decode()
    headers = {"Authorization": f"Basic {secret}", "Content-Type": "application/json"}
    sent: dict[str, float] = {}
    began = time.time()
    for number in range(int(seconds * rate)):
        time.sleep(max(0.0, began + number / rate - time.time()))
        message = f"cart-{number}"
        body = {
            "messageId": message,
            "userId": f"shopper {number}",
            "event": "Product Added",
            "properties": {"sku": f"s{number % 50}", "price": 9.5, "quantity": 1},
        }
        sent[message] = time.time()
        connection.request("POST", "/v1/track", json.dumps(body), headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise SystemExit(f"The server answered {answer.status}.")
    connection.close()
    return sent


def entered(stores: Stores) -> dict[str, float]:
    """Origin → when the commit was written with which they entered."""
    return commits(stores, "memberships", "segment = 'carts' AND change = 'entered'", "origin_id")


def commits(stores: Stores, table: str, where: str, key: str) -> dict[str, float]:
    """Key → when the commit was written that brought its row."""
    folder = stores.lake.root / table
    found: dict[str, float] = {}
    for commit in sorted((folder / "_delta_log").glob("*.json")):
        actions = [json.loads(line) for line in commit.read_text().splitlines()]
        files = [str(folder / one["add"]["path"]) for one in actions if "add" in one]
        if not files:
            continue
        with stores.engine.session() as session:
            query = f"SELECT {key} FROM read_parquet(:files) WHERE {where}"  # noqa: S608 - texts of this file
            rows = session.rows(sql(query, files=files))
        for (one,) in rows:
            found.setdefault(one, commit.stat().st_mtime)
    return found


def wait_for(stores: Stores, people: int) -> None:
    """Wait until so many are in the segment."""
    end = time.monotonic() + _WAIT_SECONDS
    while len(entered(stores)) < people:
        if time.monotonic() > end:
            return
        time.sleep(1.0)


def told(stores: Stores, sent: dict[str, float], people: int, events: int, rate: float) -> bool:
    """Print how long it took; whether everybody is there and soon enough."""
    arrived = commits(stores, "events", "event_id LIKE 'cart-%'", "event_id")
    with stores.engine.session() as session:
        session.bind("events", stores.lake.pin("events").tables["events"])
        whose = dict(
            session.rows(sql("SELECT event_id, origin_id FROM events WHERE event_id LIKE 'cart-%'"))
        )
    inside = entered(stores)
    missing = [one for one in sent if one not in arrived or whose[one] not in inside]
    if missing or len(inside) != len(sent):
        print(
            f"{len(missing)} of {len(sent)} people are not in the segment, {len(inside)} are WRONG"
        )
        return False
    to_lake = sorted(arrived[one] - at for one, at in sent.items())
    to_segment = sorted(inside[whose[one]] - at for one, at in sent.items())
    p95, p95_lake = (statistics.quantiles(some, n=20)[-1] for some in (to_segment, to_lake))
    print(
        f"a cart left behind, {people:,} people, {events:,} events, 201 segments, {rate:g} a second: in its segment within "
        f"{statistics.median(to_segment):.2f} s (half), {p95:.2f} s (95 %), {to_segment[-1]:.2f} s (all); the event in the lake "
        f"within {statistics.median(to_lake):.2f} s, {p95_lake:.2f} s, {to_lake[-1]:.2f} s; to reach "
        f"{P95_SECONDS_MAX:.0f} s (95 %){'' if p95 <= P95_SECONDS_MAX else ' MISSED'}"
    )
    return p95 <= P95_SECONDS_MAX


if __name__ == "__main__":
    sys.exit(main())
