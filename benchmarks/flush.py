"""Flush of tracking messages, against a bare `read_json` → Parquet of the same messages.

`benchmarks/flush.py [--messages N] [--turns N] [--memory N] [--known N] [--quick]`

The flush takes sealed segments of batches of 100 into an empty workspace: it reads every message, parts what is personal,
drops duplicates, finds identities, keeps vault and identifiers in the control database (SQLite), and gives events, traits,
products and orders to the lake. The yardstick reads the same messages as JSON lines with types found by itself and writes
them. They take turns, each in a process of its own. `--memory N` flushes N messages once and prints the peak.
`--known N` flushes 1,000 messages, half of which came before, into a lake of N events: the first time, when its lists of
hashes are made, and then with them; the yardstick is the same flush without lists, which asks every file.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from _tracking import START, batches
from aimwell.collect.tracking.flush import FlushReport, flush_inbox
from aimwell.collect.tracking.messages import Received
from aimwell.collect.tracking.records import Kept, pack
from aimwell.collect.tracking.row_index import RowIndex
from aimwell.collect.tracking.sources import ensure_tracking_source
from aimwell.store.inbox import InboxWriter
from aimwell.store.sql import sql
from aimwell.store.stores import Stores, create_stores, open_stores
from aimwell.store.tables import LAKE_TABLES

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
    parser.add_argument("--known", type=int, help="flush a few messages into so many events")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs=2, metavar=("WHAT", "FOLDER"))
    asked = parser.parse_args()
    if asked.only:
        what, folder = asked.only
        print(json.dumps(_PARTS[what](Path(folder))))
        return 0
    if asked.known:
        return known(asked.known, asked.seed, asked.turns)
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
        prepare(workspace, 0, 1, seed, None)
        fill(workspace, rounds(count, people, seed), None)
        found = apart("flush-telling", workspace)
    fine = found["rows"] == count and found["peak_gib"] <= MOST_GIB
    print(
        f"{found['rows']:,} of {count:,} messages of {people:,} people in {found['seconds']:.0f} s, peak memory "
        f"{found['peak_gib']:.2f} GiB, at most {MOST_GIB} GiB{'' if fine else ' MISSED'}"
    )
    return 0 if fine else 1


_EVENTS = """
COPY (
  SELECT 'ajs-next-' || range || '-' || uuid() AS event_id, md5(CAST(range % 1000000 AS varchar)) AS origin_id,
         'Product Viewed' AS event, TIMESTAMPTZ '2026-01-01 00:00:00+00' + INTERVAL 1 SECOND * (range % 5000000) AS occurred_at,
         's' || range % 500 AS sku, '{"sku":"s' || range % 500 || '","price":12.5,"position":' || range % 9 || '}' AS properties,
         'track' AS message_type, 'web' AS source, 'flush:before' AS load_id,
         TIMESTAMPTZ '2026-03-01 00:00:00+00' AS received_at
  FROM range($first, $last)
) TO $path (FORMAT parquet, COMPRESSION snappy, DICTIONARY_SIZE_LIMIT 1000)
"""
_FILE_EVENTS = 1_000_000


def known(events: int, seed: int, turns: int) -> int:
    """Flush a few messages into a lake that has many."""
    with tempfile.TemporaryDirectory(prefix="aimwell-") as folder:
        root = Path(folder) / "workspace"
        prepare(root, 500, 100, seed, None)
        stores = open_stores(root)
        flush_inbox(stores, now=NOW)
        shutil.rmtree(root / "message-index", ignore_errors=True)
        files = [made(Path(folder), start, events) for start in range(0, events, _FILE_EVENTS)]
        stores.lake.append_files("events", files, transaction=("benchmark", 1))
        stores.close()
        ways = ["flush-known"] + ["flush-known", "flush-asking-all"] * turns
        for turn, way in enumerate(ways):
            drawn = batches(500 * (turn + 2), people=100, seed=seed)
            fill(root, islice(drawn, 5 * turn, None), None)
            mine = apart(way, root)
            told = (
                "every file asked"
                if way != "flush-known"
                else "lists made"
                if not turn
                else "lists there"
            )
            print(
                f"1,000 messages into {events:,} events, {told}: {mine['seconds']:.2f} s, processor time {mine['cpu']:.2f} s"
            )
            if mine["rows"] != 500:
                print(f"{mine['rows']} messages were new, not the 500 that were WRONG")
                return 1
        size = sum(path.stat().st_size for path in (root / "message-index").rglob("*.hashes"))
    print(f"the lists take {size / events:.1f} bytes a message")
    return 0


def made(folder: Path, first: int, last: int) -> Path:
    """A file of events as the lake keeps them."""
    path, plain = folder / f"events-{first}.parquet", folder / "plain.parquet"
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.execute(
            _EVENTS,
            {"first": first, "last": min(last, first + _FILE_EVENTS), "path": str(plain)},
        )
    given = pq.read_table(plain)
    schema = LAKE_TABLES["events"].schema
    columns = [
        given.column(field.name).cast(field.type)
        if field.name in given.column_names
        else pa.nulls(len(given), field.type)
        for field in schema
    ]
    pq.write_table(pa.table(columns, schema=schema), path)
    return path


def prepare(root: Path, count: int, people: int, seed: int, lines: Path | None) -> int:
    """A workspace whose inbox holds the messages, and the same as JSON lines; bytes of the messages."""
    stores = create_stores(root, currency="GBP")
    ensure_tracking_source(stores, "web", now=START, by="benchmark")
    stores.close()
    return fill(root, batches(count, people=people, seed=seed), lines)


def rounds(count: int, people: int, seed: int) -> Iterator[list[bytes]]:
    """Very many messages: those of a first round again and again, each time of other people and with other ids."""
    first = min(count, MESSAGES)
    drawn = list(batches(first, people=max(people * first // count, 1), seed=seed))
    for turn in range(-(-count // first)):
        told = [
            (b'"messageId":"', b'"messageId":"%d-' % turn),
            (b'"userId":"u', b'"userId":"u%d-' % turn),
            (b'"anonymousId":"00000000', b'"anonymousId":"%08x' % turn),
            (b'"email":"user', b'"email":"user%d-' % turn),
            (b'"order_id":"o', b'"order_id":"o%d-' % turn),
        ]
        for batch in islice(drawn, (count - turn * first + 99) // 100):
            joined = b"\n".join(batch)
            for before, after in told:
                joined = joined.replace(before, after)
            yield joined.split(b"\n")


def fill(root: Path, told: Iterable[list[bytes]], lines: Path | None) -> int:
    """Put messages into the inbox; bytes of them."""
    size = 0

    async def write() -> None:
        nonlocal size
        writer = InboxWriter(root / "inbox", segment_bytes=16 * 2**20, segment_seconds=3600.0)
        received = Received(call="batch", received_at=NOW)
        stream = lines.open("wb") if lines else None
        for batch in told:
            body = b'{"batch":[' + b",".join(batch) + b"]}"
            await writer.append(pack(Kept("web", received, body)))
            size += sum(map(len, batch))
            if stream:
                stream.writelines(line + b"\n" for line in batch)
        if stream:
            stream.close()
        await writer.close()

    asyncio.run(write())
    return size


def apart(what: str, folder: Path) -> dict[str, Any]:
    """What a process of its own measures."""
    ran = subprocess.run(
        [sys.executable, __file__, "--only", what, str(folder)],
        check=True,
        stdout=subprocess.PIPE,
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
    """One flush into an empty lake."""
    stores = open_stores(root)
    found, report = flush_once(stores)
    with stores.engine.session() as session:
        session.bind("events", stores.lake.pin("events").tables["events"])
        [(rows,)] = session.rows(sql("SELECT count(DISTINCT event_id) FROM events"))
    stores.close()
    if report.quarantined or report.taken != rows:
        rows = -1
    return {**found, "rows": int(rows)}


def flushed_telling(root: Path) -> dict[str, Any]:
    """The same, with the memory so far by standard error."""
    stores = open_stores(root)

    def tell(_what: str, done: int, total: int | None) -> None:
        print(f"{done} of {total} segments, peak {peak_gib():.2f} GiB", file=sys.stderr, flush=True)

    found, report = flush_once(stores, tell)
    stores.close()
    return {**found, "rows": -1 if report.quarantined else report.taken}


def flushed_into_known(root: Path) -> dict[str, Any]:
    """One flush into a lake that has events."""
    stores = open_stores(root)
    found, report = flush_once(stores)
    stores.close()
    return {**found, "rows": report.taken}


def flushed_asking_all(root: Path) -> dict[str, Any]:
    """The same without the lists: every file of the lake is asked."""
    RowIndex.narrowed = lambda _, events, __: events  # type: ignore[method-assign]
    return flushed_into_known(root)


def flush_once(
    stores: Stores, tell: Callable[[str, int, int | None], None] | None = None
) -> tuple[dict[str, Any], FlushReport]:
    """One flush, and what it took."""
    before, start = processor(), time.perf_counter()
    report = flush_inbox(stores, now=NOW, progress=tell)
    seconds, cpu = time.perf_counter() - start, processor() - before
    return {"seconds": seconds, "cpu": cpu, "peak_gib": peak_gib()}, report


def peak_gib() -> float:
    """The most memory that this process had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


_PARTS = {
    "bare": bare,
    "flush": flushed,
    "flush-telling": flushed_telling,
    "flush-known": flushed_into_known,
    "flush-asking-all": flushed_asking_all,
}


def processor() -> float:
    """Processor time of this process and of the helpers that it has ended so far."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    sys.exit(main())
