"""How fast a simulated shop is written, and in how much memory.

`benchmarks/simulate.py [--people N] [--format csv|parquet] [--no-events] [--quick]`

Yardsticks of the same run: drawing as many lognormal numbers as there are rows with numpy, and writing the rows
of the Parquet files once more from memory. `--people 1000000` is the large shop of the documentation.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow.parquet as pq

from aimwell.simulate import (
    Action,
    ShopSpec,
    SourceCounts,
    open_shop,
    true_effect,
    write_sources,
)

T = TypeVar("T")


LEAST_ROWS_PER_SECOND = 20_000_000 / 600  # "20 million lines and events in minutes": ten at most
MOST_GIB = 8.0


def main() -> int:
    """Write a shop into a temporary folder and print what it took; 1 where a figure is missed or wrong."""
    asked = _arguments()
    people = 5_000 if asked.quick else asked.people
    shop = open_shop(ShopSpec(people=people))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds, counts = _timed(
            lambda: write_sources(shop, folder, format=asked.format, events=asked.events)
        )
        # Taken before the yardsticks, which hold whole row groups of their own.
        gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        fine = _print_size(counts, seconds, gib)
        rows = counts.order_rows + counts.events
        drawn, _ = _timed(lambda: _draw(rows))
        print(
            f"bare numpy     {drawn:8.2f} s for {rows:,} lognormals; simulated in {seconds / drawn:.0f} x"
        )
        if asked.format == "parquet":
            again, read = _write_again(counts.files, folder / "again.parquet")
            fine &= read == rows + counts.customers + counts.products
            print(
                f"bare Parquet   {again:8.2f} s for the same rows; simulated in {seconds / again:.1f} x"
            )
    action, sent = Action(name="ten", discount_share=0.1), shop.spec.end + timedelta(days=1)
    seconds, effect = _timed(lambda: true_effect(shop, action, sent_at=sent, window_days=14))
    fine &= len(effect) == people
    print(f"true effect    {seconds:8.2f} s of everybody, {people / seconds:,.0f} people a second")
    return 0 if fine or asked.quick else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time the simulated shop.")
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--format", choices=("csv", "parquet"), default="parquet")
    parser.add_argument("--no-events", dest="events", action="store_false")
    parser.add_argument("--quick", action="store_true", help="a small shop: does it run at all?")
    return parser.parse_args()


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def _print_size(counts: SourceCounts, seconds: float, gib: float) -> bool:
    """Print the size of the shop and what it took; False where a figure to reach was missed."""
    rows = counts.order_rows + counts.events
    size = sum(path.stat().st_size for path in counts.files) / 1e6
    fast, small = rows / seconds >= LEAST_ROWS_PER_SECOND, gib <= MOST_GIB
    print(
        f"the shop       {counts.people:,} people, {counts.order_rows:,} order lines, {counts.events:,} events"
    )
    print(
        f"simulating     {seconds:8.1f} s, {rows / seconds:,.0f} lines and events a second into {size:,.0f} MB "
        f"(to reach: {LEAST_ROWS_PER_SECOND:,.0f}{'' if fast else '; MISSED'})"
    )
    print(
        f"peak memory    {gib:8.2f} GiB (to reach: at most {MOST_GIB:g}{'' if small else '; MISSED'})"
    )
    return fast and small


def _draw(rows: int) -> None:
    """As many lognormal numbers, in pieces that fit the cache as the simulation's do."""
    rng = np.random.default_rng(1)
    for first in range(0, rows, 100_000):
        rng.lognormal(size=min(100_000, rows - first))


def _write_again(files: tuple[Path, ...], target: Path) -> tuple[float, int]:
    """Seconds to write every row group of the files again, without reading them, and how many rows they have."""
    seconds, rows = 0.0, 0
    for path in files:
        source = pq.ParquetFile(path)
        with pq.ParquetWriter(target, source.schema_arrow, compression="zstd") as writer:
            for group in range(source.num_row_groups):
                table = source.read_row_group(group)
                began = time.perf_counter()
                writer.write_table(table)
                seconds += time.perf_counter() - began
                rows += len(table)
    return seconds, rows


if __name__ == "__main__":
    raise SystemExit(main())
