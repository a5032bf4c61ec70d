"""Flush of tracking messages, against a bare `read_json` → Parquet of the same messages.

`benchmarks/flush.py [--messages N] [--turns N] [--memory N] [--quick]`

The flush takes sealed segments of batches of 100 into an empty workspace: it reads every message, parts what is personal,
drops duplicates, finds identities, keeps vault and identifiers in the control database (SQLite), and gives events, traits,
products and orders to the lake. The yardstick reads the same messages as JSON lines with types found by itself and writes
them. They take turns, each in a process of its own. `--memory N` flushes N messages once and prints the peak.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb

from _tracking import START, batches
from aimwell.collect.tracking.flush import flush_inbox
from aimwell.collect.tracking.messages import Received
from aimwell.collect.tracking.records import Kept, pack
from aimwell.collect.tracking.sources import ensure_tracking_source
from aimwell.store.inbox import InboxWriter
from aimwell.store.sql import sql
from aimwell.store.stores import create_stores, open_stores

MESSAGES, MESSAGES_QUICK = 200_000, 10_000
LEAST_RATIO = 0.12
MOST_GIB = 2.0
NOW = START + timedelta(days=60)


def main() -> int:
    """Print the ratio and the memory; 1 where a count is wrong or a figure is missed."""
    parser = argparse.ArgumentParser(description="flush against read_json → Parquet")
    parser.add_argument("--messages", type=int)
    parser.add_argument("--people", type=int, help="default: a tenth of the messages")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--memory", type=int, help="flush so many once; peak of memory")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs=2, metavar=("WHAT", "FOLDER"))
    asked = parser.parse_args()
    if asked.only:
        what, folder = asked.only
        print(json.dumps(bare(Path(folder)) if what == "bare" else flushed(Path(folder))))
        return 0
    if asked.memory:
        return memory(asked.memory, asked.people or asked.memory // 10, asked.seed)
    count = asked.messages or (MESSAGES_QUICK if asked.quick else MESSAGES)
    return take_turns(
        count,
        asked.people or max(count // 10, 1),
        asked.seed,
        1 if asked.quick else asked.turns,
        binding=not asked.quick,
    )


def take_turns(count: int, people: int, seed: int, turns: int, *, binding: bool) -> int:
    """Both by turns; the first turn of each warms up and is not counted."""
    ours: list[dict[str, Any]] = []
    theirs: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="aimwell-") as folder:
        lines = Path(folder) / "messages.jsonl"
        for turn in range(turns + 1):
            workspace = Path(folder) / f"workspace-{turn}"
            size = prepare(workspace, count, people, seed, lines if turn == 0 else None)
            if turn == 0:
                print(f"{count:,} messages of {people:,} people, {size / count:.0f} bytes each")
            yard = apart("bare", Path(folder))
            mine = apart("flush", workspace)
            if yard["rows"] != count or mine["rows"] != count:
                print(f"read {yard['rows']:,} and flushed {mine['rows']:,} of {count:,} WRONG")
                return 1
            if turn or not binding:
                ours.append(mine)
                theirs.append(yard)
    pairs = list(zip(ours, theirs, strict=True))

    def middle(name: str) -> tuple[float, float, float]:
        return (
            statistics.median(m[name] for m, _ in pairs),
            statistics.median(t[name] for _, t in pairs),
            statistics.median(t[name] / m[name] for m, t in pairs),
        )

    seconds, yard_seconds, ratio = middle("seconds")
    cpu, yard_cpu, cpu_ratio = middle("cpu")
    fast = ratio >= LEAST_RATIO
    print(
        f"flush: {seconds:.2f} s ({count / seconds / 1e3:,.0f}k messages/s), read_json → Parquet {yard_seconds:.2f} s: "
        f"{ratio:.3f} x, to reach {LEAST_RATIO} x{'' if fast else ' MISSED'}; by turns "
        + " ".join(f"{t['seconds'] / m['seconds']:.3f}" for m, t in pairs)
    )
    print(
        f"processor time: {cpu:.2f} s ({cpu / count * 1e6:.1f} µs a message), yardstick {yard_cpu:.2f} s: "
        f"{cpu_ratio:.3f} x (unbound)"
    )
    print(f"peak memory: {max(m['peak_gib'] for m in ours):.2f} GiB")
    return 0 if fast or not binding else 1


def memory(count: int, people: int, seed: int) -> int:
    """Flush so many messages once, from as many segments as a server would have left."""
    with tempfile.TemporaryDirectory(prefix="aimwell-") as folder:
        workspace = Path(folder) / "workspace"
        prepare(workspace, count, people, seed, None)
        found = apart("flush", workspace)
    fine = found["rows"] == count and found["peak_gib"] <= MOST_GIB
    print(
        f"{found['rows']:,} of {count:,} messages of {people:,} people in {found['seconds']:.0f} s, peak memory "
        f"{found['peak_gib']:.2f} GiB, at most {MOST_GIB} GiB{'' if fine else ' MISSED'}"
    )
    return 0 if fine else 1


def prepare(root: Path, count: int, people: int, seed: int, lines: Path | None) -> int:
    """A workspace whose inbox holds the messages, and the same as JSON lines; bytes of the messages."""
    stores = create_stores(root, currency="GBP")
    ensure_tracking_source(stores, "web", now=START, by="benchmark")
    stores.close()
    size = 0

    async def fill() -> None:
        nonlocal size
        writer = InboxWriter(root / "inbox", segment_bytes=16 * 2**20, segment_seconds=3600.0)
        received = Received(call="batch", received_at=NOW)
        stream = lines.open("wb") if lines else None
        for batch in batches(count, people=people, seed=seed):
            body = b'{"batch":[' + b",".join(batch) + b"]}"
            await writer.append(pack(Kept("web", received, body)))
            size += sum(map(len, batch))
            if stream:
                stream.writelines(line + b"\n" for line in batch)
        if stream:
            stream.close()
        await writer.close()

    asyncio.run(fill())
    return size


def apart(what: str, folder: Path) -> dict[str, Any]:
    """What a process of its own measures."""
    ran = subprocess.run(
        [sys.executable, __file__, "--only", what, str(folder)],
        check=True,
        capture_output=True,
        text=True,
    )
    return dict(json.loads(ran.stdout.splitlines()[-1]))


def bare(folder: Path) -> dict[str, Any]:
    """The yardstick."""
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET enable_progress_bar = false")
        before, start = processor(), time.perf_counter()
        target = str(folder / "bare.parquet")
        connection.read_json(str(folder / "messages.jsonl")).write_parquet(target)
        seconds, cpu = time.perf_counter() - start, processor() - before
        [(rows,)] = connection.read_parquet(target).count("*").fetchall()
    return {"seconds": seconds, "cpu": cpu, "rows": int(rows)}


def flushed(root: Path) -> dict[str, Any]:
    """One flush."""
    stores = open_stores(root)
    before, start = processor(), time.perf_counter()
    report = flush_inbox(stores, now=NOW)
    seconds, cpu = time.perf_counter() - start, processor() - before
    with stores.engine.session() as session:
        session.bind("events", stores.lake.pin("events").tables["events"])
        [(rows,)] = session.rows(sql("SELECT count(DISTINCT event_id) FROM events"))
    stores.close()
    if report.quarantined or report.taken != rows:
        rows = -1
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"seconds": seconds, "cpu": cpu, "rows": int(rows), "peak_gib": peak}


def processor() -> float:
    """Processor time of this process and of the helpers that it has ended so far."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    sys.exit(main())
