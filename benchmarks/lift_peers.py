"""Lift of a million assigned people, against tea-tasting and statsmodels on the same people in the same run.

`benchmarks/lift_peers.py [--peer PYTHON] [--turns N] [--quick]`

The yardsticks live in an environment of their own (`python -m venv …; … pip install tea-tasting statsmodels pandas`). `--peer` or
`AIMWELL_LIFT_PYTHON` names its interpreter. They take turns with ours, in a process that stays up, so that no import is timed; the arrays
(for tea-tasting a pandas table; of an Arrow table of a million rows its version 1.14 gave variances 0.4 to 0.5 % too large) lie ready. Where the method is the same the interval must come out the same: Welch's and revenue per
order (tea-tasting), clusters by CR1 (statsmodels), people needed (statsmodels). CUPED's theta is pooled otherwise by
tea-tasting, so there the intervals must lie within a thousandth of their width.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from aimwell.stats.clusters import Clusters, clustered_difference
from aimwell.stats.cuped import cuped
from aimwell.stats.estimate import Estimate
from aimwell.stats.intervals import welch
from aimwell.stats.power import mean_sample_size
from aimwell.stats.ratio_metrics import ratio_difference
from aimwell.stats.samples import JointSample

PEOPLE, SHOPS = 1_000_000, 2_000
MOST_RATIO, MOST_DIFFERENCE, MOST_OF_WIDTH = 1.1, 1e-7, 1e-3

Columns = dict[str, np.ndarray]

PEER = """
import json, sys, time, warnings
import numpy as np
warnings.simplefilter("ignore")
import pandas as pd
import statsmodels.api as sm
import tea_tasting as tt
from statsmodels.stats.power import TTestIndPower
data = {name: column for name, column in np.load(sys.argv[1]).items()}
table = pd.DataFrame(data)
design = np.column_stack([np.ones(len(data["arm"])), data["arm"]])

def tested(metric):
    found = tt.Experiment({"y": metric}, variant="arm").analyze(table, control=0)["y"]
    return [found.effect_size, found.effect_size_ci_lower, found.effect_size_ci_upper]

def clusters():
    fit = sm.OLS(data["spend"], design).fit(cov_type="cluster", cov_kwds={"groups": data["shop"]}, use_t=True)
    return [fit.params[1], *fit.conf_int()[1]]

work = {
    "Welch": lambda: tested(tt.Mean("spend")),
    "CUPED": lambda: tested(tt.Mean("spend", "before")),
    "revenue per order": lambda: tested(tt.RatioOfMeans("spend", "orders")),
    "clusters (CR1)": clusters,
    "people needed": lambda: [TTestIndPower().solve_power(0.1, alpha=0.05, power=0.9)] * 3,
}
for line in sys.stdin:
    start = time.perf_counter()
    found = work[line.strip()]()
    print(json.dumps([time.perf_counter() - start, [float(x) for x in found]]), flush=True)
"""


def main() -> int:
    """Print a line per piece of work; 1 where results differ or the ratio is missed."""
    parser = argparse.ArgumentParser(description="lift against tea-tasting and statsmodels")
    parser.add_argument("--peer", default=os.environ.get("AIMWELL_LIFT_PYTHON"))
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    people, turns = (20_000, 2) if asked.quick else (PEOPLE, asked.turns)
    data = made(people)
    fine = True
    with peers(data, asked.peer) as ask:
        for name, (work, whose) in works(data).items():
            fine &= told(name, whose, work, ask, turns, people, binding=not asked.quick)
    if not asked.peer:
        print("No peer was measured: name an interpreter by AIMWELL_LIFT_PYTHON.")
    return 0 if fine else 1


def made(people: int) -> Columns:
    """People of shops that were given an arm whole; what they spend goes with what they spent before."""
    rng = np.random.default_rng(1)
    shops = min(SHOPS, people // 20)
    shop = rng.integers(shops, size=people)
    before = rng.gamma(2.0, 20.0, people)
    orders = rng.poisson(2.0, people).astype(float)
    arm = (shop % 2).astype(np.int64)
    noise = rng.standard_normal((2, people))
    taste = rng.standard_normal(shops)
    spend = 0.3 * before + orders * (10.0 + arm) + 5.0 * noise[0] + 2.0 * taste[shop]
    return {"arm": arm, "spend": spend, "before": before, "orders": orders, "shop": shop}


def works(data: Columns) -> dict[str, tuple[Callable[[], list[float]], str]]:
    """Name → our work, and whose is the yardstick."""
    treated, control = data["arm"] == 1, data["arm"] == 0
    spend = data["spend"]

    def joint(name: str) -> list[JointSample]:
        return [JointSample.of(spend[rows], data[name][rows, None]) for rows in (treated, control)]

    def of_shops() -> list[float]:
        arms = [Clusters.of(spend[rows], data["shop"][rows]) for rows in (treated, control)]
        means = clustered_difference(arms[0], arms[1], usual=True)
        if isinstance(means, str):
            raise TypeError(means)
        return figures(means.difference())

    def needed() -> list[float]:
        return [mean_sample_size(0.1, power=0.9).control] * 3

    return {
        "Welch": (lambda: figures(welch(spend[treated], spend[control])), "tea-tasting"),
        "CUPED": (lambda: figures(cuped(*joint("before"))[0]), "tea-tasting"),
        "revenue per order": (lambda: figures(ratio_difference(*joint("orders"))), "tea-tasting"),
        "clusters (CR1)": (of_shops, "statsmodels"),
        "people needed": (needed, "statsmodels"),
    }


def figures(one: Estimate) -> list[float]:
    """Estimate and interval."""
    if one.estimate is None or one.lower is None or one.upper is None:
        raise TypeError(one.reason)
    return [one.estimate, one.lower, one.upper]


def told(
    name: str,
    whose: str,
    work: Callable[[], list[float]],
    ask: Callable[[str], tuple[float, list[float]] | None],
    turns: int,
    people: int,
    *,
    binding: bool,
) -> bool:
    """Take turns, print; False where results differ or, if that binds, where it takes too long."""
    ours, theirs = [], []
    other = None
    for turn in range(turns + 1):
        start = time.perf_counter()
        found = np.array(work())
        seconds = time.perf_counter() - start
        answer = ask(name)
        if turn:
            ours.append(seconds)
        if answer is not None:
            other = np.array(answer[1])
            theirs += [answer[0]] if turn else []
    line = f"{name}, {people:,} people: {statistics.median(ours) * 1e3:.1f} ms"
    if other is None:
        print(line)
        return True
    ratio = statistics.median(ours) / statistics.median(theirs)
    apart = float(np.abs(found - other).max())
    scale = MOST_OF_WIDTH * (other[2] - other[1]) if name == "CUPED" else MOST_DIFFERENCE * other[0]
    same, fast = apart <= scale, ratio <= MOST_RATIO
    print(
        f"{line}, {whose} {statistics.median(theirs) * 1e3:.1f} ms: {ratio:.2f} x its time, to reach {MOST_RATIO} x"
        f"{'' if fast else ' MISSED'}; results differ by {apart:.1e}{'' if same else ' WRONG'}"
    )
    return same and (fast or not binding)


@contextmanager
def peers(
    data: Columns, peer: str | None
) -> Iterator[Callable[[str], tuple[float, list[float]] | None]]:
    """Ask the peers to do one thing; None where there are none."""
    if not peer:
        yield lambda _name: None
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "people.npz")
        np.savez(file, **data)  # type: ignore[arg-type]
        with subprocess.Popen(
            [peer, "-c", PEER, str(file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:

            def ask(name: str) -> tuple[float, list[float]]:
                if process.stdin is None or process.stdout is None:
                    raise RuntimeError("The peer has no pipes.")
                process.stdin.write(f"{name}\n")
                process.stdin.flush()
                line = process.stdout.readline()
                if not line:
                    sys.exit(
                        "The peer ended without an answer; has it tea-tasting and statsmodels?"
                    )
                seconds, found = json.loads(line)
                return seconds, found

            yield ask


if __name__ == "__main__":
    raise SystemExit(main())
