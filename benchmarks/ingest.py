"""Durable ingest of tracking messages, against the same server discarding them.

`benchmarks/ingest.py [--seconds S] [--turns N] [--connections N] [--quick]`

Both servers are Aimwell's own, in a process each, with write keys, limits and figures; the yardstick's inbox forgets what it
is given, the other one answers when the messages are on the disk. Requests of 100 messages (86 kB) come over several
connections that are kept open, from a third process that only writes bytes prepared beforehand. They take turns. Then the
durable server is loaded with 70 % of the most that it took, at a steady rate, and the time to each answer is measured.
Afterwards the inbox is read: every acknowledged message must be there once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import uvicorn

from _serving import Connection, Server, connected
from _tracking import batches
from aimwell.collect.tracking.keys import create_key
from aimwell.collect.tracking.records import unpack
from aimwell.server import app as server_app
from aimwell.store.inbox import read_segment, sealed_segments
from aimwell.store.stores import create_stores, open_stores

LEAST_RATIO = 0.5
P99_MS_MAX = 50.0
PER_REQUEST = 100


def main() -> int:
    """Print ratio and latency; 1 where a message is lost or a figure is missed."""
    parser = argparse.ArgumentParser(description="durable ingest against discarding")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--serve", nargs=3, metavar=("PORT", "FOLDER", "HOW"))
    asked = parser.parse_args()
    if asked.serve:
        port, folder, how = asked.serve
        serve(Path(folder), int(port), discard=how == "discard")
        return 0
    seconds = 0.5 if asked.quick else asked.seconds
    return measure(
        seconds, 1 if asked.quick else asked.turns, asked.connections, binding=not asked.quick
    )


class _Forgetting:
    """An inbox that forgets what it is given at once."""

    waiting_bytes = 0

    def __init__(self, *_arguments: object, **_options: object) -> None:
        pass

    async def append(self, _payload: bytes) -> None:
        return None

    async def close(self) -> None:
        return None


def serve(root: Path, port: int, *, discard: bool) -> None:
    """One server until it is told to stop."""
    if discard:
        server_app.InboxWriter = _Forgetting  # type: ignore[misc,assignment]
    app = server_app.create_app(open_stores(root))
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False)


def measure(seconds: float, turns: int, connections: int, *, binding: bool) -> int:
    """Both by turns, then the latency."""
    with tempfile.TemporaryDirectory(prefix="aimwell-") as folder:
        root = Path(folder) / "workspace"
        stores = create_stores(root)
        key, _ = create_key(stores, "web", now=datetime.now(UTC), by="benchmark")
        stores.close()
        requests = prepared(key)
        rates: dict[str, list[float]] = {"discard": [], "durable": []}
        acknowledged = 0
        for turn in range(turns + 1):
            for how, found in rates.items():
                count, took = asyncio.run(_turn(root, how, requests, connections, seconds))
                if how == "durable":
                    acknowledged += count
                if turn or not binding:
                    found.append(count / took)
        ratio = statistics.median(
            ours / theirs for ours, theirs in zip(rates["durable"], rates["discard"], strict=True)
        )
        most = statistics.median(rates["durable"])
        fast = ratio >= LEAST_RATIO
        print(
            f"durable ingest, {connections} connections: {most / 1e3:,.0f}k messages/s, discarding "
            f"{statistics.median(rates['discard']) / 1e3:,.0f}k: {ratio:.2f} x, to reach {LEAST_RATIO} x"
            f"{'' if fast else ' MISSED'}"
        )
        rate = 0.7 * most / PER_REQUEST
        times = asyncio.run(_paced(root, requests, connections, seconds, rate))
        acknowledged += len(times) * PER_REQUEST
        p50, p99 = (1000 * times[int(share * (len(times) - 1))] for share in (0.5, 0.99))
        quick = p99 <= P99_MS_MAX
        print(
            f"at {rate * PER_REQUEST / 1e3:,.0f}k messages/s (70 %): half of the answers within {p50:.1f} ms, 99 % within "
            f"{p99:.1f} ms, at most {P99_MS_MAX:.0f} ms{'' if quick else ' MISSED'}"
        )
        kept = in_inbox(root)
    if kept != acknowledged:
        print(f"{kept:,} messages in the inbox, {acknowledged:,} acknowledged WRONG")
        return 1
    return 0 if (fast and quick) or not binding else 1


def prepared(key: str) -> list[bytes]:
    """Whole requests, as they go over the wire."""
    found = []
    for batch in batches(2_000, people=500, seed=1):
        body = b'{"batch":[' + b",".join(batch) + b"]}"
        head = (
            f"POST /v1/batch HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        found.append(head.encode() + body)
    return found


def in_inbox(root: Path) -> int:
    """Messages that lie in the inbox."""
    count = 0
    for path in sealed_segments(root / "inbox"):
        for record in read_segment(path):
            count += len(json.loads(unpack(record).body)["batch"])
    return count


async def _turn(
    root: Path, how: str, requests: list[bytes], connections: int, seconds: float
) -> tuple[int, float]:
    """As much as it takes: messages acknowledged, and seconds."""
    async with Server(__file__, str(root), how) as port:
        lines = await connected(port, connections)
        done = 0
        begun = time.perf_counter()
        until = begun + seconds

        async def load(place: int, line: Connection) -> None:
            nonlocal done
            while time.perf_counter() < until:
                await line.ask(requests[place % len(requests)])
                place += connections
                done += PER_REQUEST

        await asyncio.gather(*(load(place, line) for place, line in enumerate(lines)))
        took = time.perf_counter() - begun
        for line in lines:
            line.close()
    return done, took


async def _paced(
    root: Path, requests: list[bytes], connections: int, seconds: float, rate: float
) -> list[float]:
    """Times to the answer at a steady rate, counted from when a request was due; in order."""
    times: list[float] = []
    async with Server(__file__, str(root), "durable") as port:
        lines = await connected(port, connections)
        begun = time.perf_counter() + 0.1
        turn = iter(range(int(rate * seconds)))

        async def load(line: Connection) -> None:
            for number in turn:
                due = begun + number / rate
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                await line.ask(requests[number % len(requests)])
                times.append(time.perf_counter() - due)

        await asyncio.gather(*(load(line) for line in lines))
        for line in lines:
            line.close()
    return sorted(times)


if __name__ == "__main__":
    sys.exit(main())
