"""Frequent sets on Online Retail, against mlxtend's FP-growth on the same baskets in the same run.

`benchmarks/itemsets.py [--peer PYTHON] [--turns N] [--quick]`

The yardstick, `mlxtend`, lives in an environment of its own (`python -m venv …; … pip install mlxtend`). `--peer` or
`AIMWELL_MLXTEND_PYTHON` names its interpreter; it gets the baskets as the matrix of truth values that it wants, and a
process that stays up, so neither import nor conversion is timed. Ours includes dividing the baskets into their parts (halves
of time by size), by which every set is counted too. Both find all sets of up to three products; counts must be the same.
Also measured: a made-up shop of a million baskets, for time and memory alone. `--quick`: support .02 and fewer baskets.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from scipy import sparse

from aimwell.predict.patterns.itemsets import Baskets, find_itemsets, halves_of, size_classes

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("AIMWELL_DATA", ROOT.parent / "shared" / "data"))
FILE = DATA / "online-retail" / "online_retail.csv.gz"
PUBLISHED = {0.02: 361, 0.01: 1_790}
LEAST_RATIO = 5.0

# Runs in the peer's interpreter: a support in for each turn, a line of JSON out.
PEER = """
import json, sys, time, warnings
import numpy as np, pandas as pd
warnings.simplefilter("ignore")
from mlxtend.frequent_patterns import fpgrowth
data = np.load(sys.argv[1])
held = np.zeros(tuple(data["shape"]), bool)
held[data["rows"], data["columns"]] = True
held = pd.DataFrame(held)
for line in sys.stdin:
    start = time.perf_counter()
    found = fpgrowth(held, min_support=float(line), max_len=3)
    print(json.dumps({"seconds": time.perf_counter() - start, "sets": len(found)}), flush=True)
"""


def main() -> int:
    """Print a line for each figure; 1 where counts differ or the ratio is missed."""
    parser = argparse.ArgumentParser(description="Frequent sets against mlxtend")
    parser.add_argument("--peer", default=os.environ.get("AIMWELL_MLXTEND_PYTHON"))
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    fine = True
    if FILE.exists():
        support, turns = (0.02, 1) if asked.quick else (0.01, asked.turns)
        fine = against_peer(online_retail(), support, turns, asked.peer, binding=not asked.quick)
    else:
        print("The data set online-retail is absent; set AIMWELL_DATA to measure it.")
    large(20_000 if asked.quick else 1_000_000, asked.seed)
    return 0 if fine else 1


def online_retail() -> Baskets:
    """Invoices with a positive quantity of goods."""
    with duckdb.connect(":memory:") as connection:
        lines = connection.execute(
            """
            SELECT DISTINCT dense_rank() OVER (ORDER BY InvoiceNo) - 1 AS basket,
                   dense_rank() OVER (ORDER BY StockCode) - 1 AS item
            FROM read_csv(?, all_varchar = true)
            WHERE CAST(Quantity AS integer) > 0 AND regexp_matches(StockCode, '^[0-9]{5}')
            """,
            [str(FILE)],
        ).fetchnumpy()
    return baskets(lines["basket"], lines["item"])


def baskets(rows: np.ndarray, columns: np.ndarray) -> Baskets:
    """The lines as baskets, one after another in time."""
    number, items = int(rows.max()) + 1, int(columns.max()) + 1
    ones = np.ones(len(rows), np.int32)
    matrix = sparse.csc_array((ones, (rows, columns)), shape=(number, items))
    matrix.data[:] = 1
    size = np.asarray(matrix.sum(axis=1)).ravel().astype(np.int64)
    names = tuple(str(item) for item in range(items))
    return Baskets(
        matrix, names, halves_of(np.arange(number, dtype=np.float64)), size_classes(size)
    )


def against_peer(
    held: Baskets, support: float, turns: int, peer: str | None, *, binding: bool
) -> bool:
    """Both by turns, ours first; the first turn warms up and is not counted."""
    ours, theirs, counts = [], [], set()
    with tempfile.TemporaryDirectory() as folder:
        process = started(peer, held, Path(folder)) if peer else None
        for turn in range(turns + 1):
            start = time.perf_counter()
            found = len(find_itemsets(held, support=support))
            seconds = time.perf_counter() - start
            answer = answered(process, support) if process else {}
            counts |= {found, answer.get("sets", found), PUBLISHED[support]}
            if turn:
                ours.append(seconds)
                theirs += [answer["seconds"]] if answer else []
        if process and process.stdin:
            process.stdin.close()
            process.wait()
    same = len(counts) == 1
    line = (
        f"{len(held):,} baskets, support {support}: {max(counts):,} sets in {statistics.median(ours):.2f} s"
        f"{'' if same else f' WRONG {sorted(counts)}'}"
    )
    if not theirs:
        print(f"{line}; mlxtend was not measured: name its interpreter by AIMWELL_MLXTEND_PYTHON.")
        return same
    ratio = statistics.median(theirs) / statistics.median(ours)
    spread = [their / our for our, their in zip(ours, theirs, strict=True)]
    fast = ratio >= LEAST_RATIO
    print(
        f"{line}, mlxtend's FP-growth {statistics.median(theirs):.2f} s: {ratio:.1f} x faster (turns {min(spread):.1f}-"
        f"{max(spread):.1f}), to reach {LEAST_RATIO:.0f} x{'' if fast else ' MISSED'}"
    )
    return same and (fast or not binding)


def started(peer: str, held: Baskets, folder: Path) -> subprocess.Popen[str]:
    """The peer with the same baskets."""
    lines = held.matrix.tocoo()
    data = folder / "baskets.npz"
    np.savez(data, rows=lines.row, columns=lines.col, shape=np.array(lines.shape))
    return subprocess.Popen(
        [peer, "-c", PEER, str(data)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def answered(process: subprocess.Popen[str], support: float) -> dict[str, Any]:
    """The peer's next answer."""
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("The peer has no pipes.")
    process.stdin.write(f"{support}\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        sys.exit("The peer ended without an answer; does its environment have mlxtend?")
    answer: dict[str, Any] = json.loads(line)
    return answer


def large(number: int, seed: int) -> None:
    """Baskets of eight of 5,000 products, the popular ones much more often: time, and how far memory grew."""
    draw = np.random.default_rng(seed)
    rows = np.repeat(np.arange(number), 8)
    columns = (5_000 * draw.random(len(rows)) ** 3).astype(np.int64)
    held = baskets(rows, columns)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    found = find_itemsets(held, support=0.0005)
    seconds = time.perf_counter() - start
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20
    print(
        f"{number:,} made-up baskets of 8, support .0005: {len(found):,} sets in {seconds:.1f} s, "
        f"memory grew by {grown:.2f} GiB"
    )


if __name__ == "__main__":
    raise SystemExit(main())
