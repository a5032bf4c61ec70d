"""Collect of a gzip file of order lines, against a bare `read_csv` → Parquet of the same file, in process.

`benchmarks/collect.py [--people N] [--turns N] [--quick]`

The file is the simulated shop's: 15 columns, with customers, discounts, tax, coupons, returns and anonymous sales. Collect reads
it with checks, types, duplicates, identities, order sums, vault and control database, and publishes it to the lake; each turn
takes a new workspace. The yardstick only reads the file with types found by itself, and writes it. They take turns. Both sums of
money are compared with what the shop wrote. Peak memory is that of a process of its own that collects once.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from aimwell.collect import collect
from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.source import Source
from aimwell.definitions.reading import read_documents
from aimwell.simulate import ShopSpec, open_shop, write_sources
from aimwell.store.sql import sql
from aimwell.store.stores import create_stores

PEOPLE, PEOPLE_QUICK = 150_000, 4_000
LEAST_RATIO = 0.3
MOST_GIB = 2.0
NOW = datetime(2030, 1, 1, tzinfo=UTC)
EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "sources" / "simulated-shop.yaml"


def main() -> int:
    """Print the ratio and the memory; 1 where a sum is wrong or a figure is missed."""
    parser = argparse.ArgumentParser(description="collect against read_csv → Parquet")
    parser.add_argument("--people", type=int)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", metavar="FOLDER", help="collect once and print what it took")
    asked = parser.parse_args()
    if asked.only:
        print(json.dumps(once(Path(asked.only))))
        return 0
    people = asked.people or (PEOPLE_QUICK if asked.quick else PEOPLE)
    with tempfile.TemporaryDirectory(prefix="aimwell-") as folder:
        root = Path(folder)
        written = write_sources(
            open_shop(ShopSpec(people=people, seed=asked.seed)), root, events=False
        )
        rows, minor = written.order_rows, written.revenue_minor
        size = (root / "orders.csv.gz").stat().st_size / 2**20
        print(f"{rows:,} order lines of {people:,} people, {size:.0f} MiB gzip")
        fine = take_turns(
            root, rows, minor, 1 if asked.quick else asked.turns, binding=not asked.quick
        )
        return 0 if memory(root, binding=not asked.quick) and fine else 1


def take_turns(root: Path, rows: int, minor: int, turns: int, *, binding: bool) -> bool:
    """Both by turns, the yardstick first; the first turn of each warms up and is not counted."""
    ours: list[dict[str, Any]] = []
    theirs: list[dict[str, Any]] = []
    for turn in range(turns + 1):
        yard = bare(root / "orders.csv.gz", root / "bare.parquet")
        if yard["rows"] != rows:
            print(f"the yardstick read {yard['rows']:,} rows WRONG")
            return False
        measured = once(root)
        if measured["rows"] != rows or measured["minor"] != minor:
            print(f"collected {measured['rows']:,} rows worth {measured['minor']} WRONG")
            return False
        if turn or not binding:
            ours.append(measured)
            theirs.append(yard)

    def middle(key: str) -> tuple[float, float, float]:
        pairs = [(m[key], t[key]) for m, t in zip(ours, theirs, strict=True)]
        return (
            statistics.median(m for m, _ in pairs),
            statistics.median(t for _, t in pairs),
            statistics.median(t / m for m, t in pairs),
        )

    mine, yards, ratio = middle("seconds")
    my_cpu, yard_cpu, cpu_ratio = middle("cpu")
    fast = ratio >= LEAST_RATIO
    print(
        f"collect: {mine:.2f} s ({rows / mine / 1e3:,.0f}k lines/s), read_csv → Parquet {yards:.2f} s: "
        f"{ratio:.2f} x, to reach {LEAST_RATIO} x{'' if fast else ' MISSED'}; by turns "
        + " ".join(f"{t['seconds'] / m['seconds']:.2f}" for m, t in zip(ours, theirs, strict=True))
    )
    print(
        f"processor time: {my_cpu:.2f} s, yardstick {yard_cpu:.2f} s: {cpu_ratio:.2f} x (unbound)"
    )
    return fast or not binding


def bare(file: Path, target: Path) -> dict[str, Any]:
    """The yardstick: what it took, and the rows that it wrote."""
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET enable_progress_bar = false")
        before, start = processor(), time.perf_counter()
        connection.read_csv(str(file)).write_parquet(str(target))
        seconds, cpu = time.perf_counter() - start, processor() - before
        [(rows,)] = connection.read_parquet(str(target)).count("*").fetchall()
    return {"seconds": seconds, "cpu": cpu, "rows": int(rows)}


def source() -> Source:
    """The example's definition, of the orders alone."""
    [document] = read_documents([EXAMPLE])
    body = dict(document.body)
    body["files"] = {"orders": body["files"]["orders"]}
    body["entities"] = [one for one in body["entities"] if one["entity"] == "orders"]
    del body["consent"]
    checked = check(body)
    if not isinstance(checked, Source):
        raise TypeError("the example is no source")
    return checked


def once(root: Path) -> dict[str, Any]:
    """Collect the file into a new workspace."""
    with tempfile.TemporaryDirectory(prefix="aimwell-") as folder:
        stores = create_stores(Path(folder) / "workspace", currency="GBP")
        before, start = processor(), time.perf_counter()
        report = collect(stores, source(), root=root, now=NOW)
        seconds, cpu = time.perf_counter() - start, processor() - before
        with stores.engine.session() as session:
            session.bind("orders", stores.lake.pin("orders").tables["orders"])
            [(revenue,)] = session.rows(sql("SELECT sum(revenue) FROM orders"))
        stores.close()
    return {
        "seconds": seconds,
        "cpu": cpu,
        "rows": report.loads[0].rows_taken,
        "minor": int(revenue * 100),
        "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


def processor() -> float:
    """Processor time of this process, in seconds."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def memory(root: Path, *, binding: bool) -> bool:
    """The peak of a process that does nothing else."""
    told = subprocess.run(
        [sys.executable, __file__, "--only", str(root)], capture_output=True, text=True, check=True
    )
    peak = json.loads(told.stdout)["peak_gib"]
    small = peak <= MOST_GIB
    print(f"peak memory: {peak:.2f} GiB, at most {MOST_GIB} GiB{'' if small else ' MISSED'}")
    return small or not binding


if __name__ == "__main__":
    raise SystemExit(main())
