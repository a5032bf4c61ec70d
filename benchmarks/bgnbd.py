"""Laws of buying: fit 23,570 simulated customers, against lifetimes on the same customers in the same run.

`benchmarks/bgnbd.py [--peer PYTHON] [--turns N] [--quick]`

The yardstick, `lifetimes`, lives in an environment of its own (`python -m venv …; … pip install lifetimes`; 0.11.3 works
with numpy 2). `--peer` or `AIMWELL_LIFETIMES_PYTHON` names its interpreter. Both fit the same arrays and take turns, lifetimes
in a process that stays up, so that no import is timed. Purchases dated by the day share many rows, which is what a shop has;
moments to the second share none, which is the worst case for the grouping of rows. Each law is fitted to the same customers, who buy
by BG/NBD; the ratio to reach is BG/NBD's.
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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np

from aimwell.predict.bgnbd import BgNbd
from aimwell.predict.futures import simulate_customers
from aimwell.predict.laws import LAWS, Law, fit_law
from aimwell.predict.purchases import PurchaseHistory

CUSTOMERS = 23_570
TRUTH = BgNbd(r_=0.243, alpha_=4.414, a_=0.793, b_=2.426)
LEAST_RATIO = 5.0
THEIRS = {"bgnbd": "BetaGeoFitter", "mbg": "ModifiedBetaGeoFitter", "pareto": "ParetoNBDFitter"}
MOST_DIFFERENCE = 1e-3  # of a parameter: the same fit, found by two optimisers

# Runs in the peer's interpreter: a line in for each fit, a line of JSON out.
PEER = """
import json, sys, time, warnings
import numpy as np
warnings.simplefilter("ignore")
import lifetimes
data = np.load(sys.argv[1])
for _ in sys.stdin:
    start = time.perf_counter()
    model = getattr(lifetimes, sys.argv[2])()
    model.fit(data["x"], data["recency"], data["age"])
    seconds = time.perf_counter() - start
    parameters = [float(model.params_[name]) for name in sys.argv[3].split(",")]
    print(json.dumps({"seconds": seconds, "parameters": parameters}), flush=True)
"""


@dataclass
class Turns:
    """Seconds of each fit of both, and how far their parameters lay apart."""

    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)
    difference: float = 0.0


def main() -> int:
    """Print a line per kind of data; 1 where parameters differ or the ratio is missed."""
    parser = argparse.ArgumentParser(description="BG/NBD against lifetimes")
    parser.add_argument("--peer", default=os.environ.get("AIMWELL_LIFETIMES_PYTHON"))
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    size, turns = (2_000, 2) if asked.quick else (CUSTOMERS, asked.turns)
    fine = True
    for name, by_day in (("dated by day", True), ("to the second", False)):
        history = simulated(size, asked.seed, by_day=by_day)
        for law, kind in LAWS.items():
            measured = take_turns(history, law, asked.peer, turns)
            what = f"{kind.title}, {size:,} customers {name}"
            bound = law == "bgnbd"
            fine &= told(what, measured, bound=bound, binding=bound and not asked.quick)
    if not asked.peer:
        print("lifetimes was not measured: name its interpreter by AIMWELL_LIFETIMES_PYTHON.")
    return 0 if fine else 1


def told(what: str, turns: Turns, *, bound: bool, binding: bool) -> bool:
    """Print what was measured; False where it is wrong or, if that binds, too slow for what is to reach."""
    ours = statistics.median(turns.ours)
    line = f"{what}: fit in {ours * 1e3:.1f} ms"
    if not turns.theirs:
        print(line)
        return True
    theirs = statistics.median(turns.theirs)
    ratio = theirs / ours
    spread = [their / our for our, their in zip(turns.ours, turns.theirs, strict=True)]
    same = turns.difference <= MOST_DIFFERENCE
    fast = ratio >= LEAST_RATIO
    reach = f", to reach {LEAST_RATIO:.0f} x{'' if fast else ' MISSED'}" if bound else ""
    print(
        f"{line}, lifetimes {theirs * 1e3:.1f} ms: {ratio:.1f} x faster "
        f"(turns {min(spread):.1f}-{max(spread):.1f}){reach}; parameters differ by {turns.difference:.1e}"
        f"{'' if same else ' WRONG'}"
    )
    return same and (fast or not binding)


def simulated(size: int, seed: int, *, by_day: bool) -> PurchaseHistory:
    """A cohort that joined over a quarter and was followed to the 39th week."""
    rng = np.random.default_rng(seed)
    ages = rng.uniform(27, 39, size)
    history, _ = simulate_customers(TRUTH, ages, horizon=0, rng=rng)
    if not by_day:
        return history
    # A date knows no hour, and a repeat purchase falls on the day after the first one at the earliest.
    days, last = np.ceil(ages * 7), np.ceil(history.recency * 7)
    return PurchaseHistory(history.frequency, np.minimum(last, days) / 7, days / 7)


def take_turns(history: PurchaseHistory, law: Law, peer: str | None, turns: int) -> Turns:
    """Fit by turns, ours first; the first turn warms up and is not counted."""
    measured = Turns()
    with peer_fits(history, law, peer) as fits:
        for turn in range(turns + 1):
            start = time.perf_counter()
            model = fit_law(history, law)
            seconds = time.perf_counter() - start
            answer = next(fits)
            if answer:
                apart = np.abs(model.parameters / answer["parameters"] - 1).max()
                measured.difference = max(measured.difference, float(apart))
            if turn:
                measured.ours.append(seconds)
                measured.theirs += [answer["seconds"]] if answer else []
    return measured


@contextmanager
def peer_fits(
    history: PurchaseHistory, law: Law, peer: str | None
) -> Iterator[Iterator[dict[str, Any]]]:
    """Answers of the peer, one fit each; empty ones where there is no peer."""
    if not peer:
        yield repeat({})
        return
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "customers.npz")
        np.savez(data, x=history.frequency, recency=history.recency, age=history.age)
        asked = [THEIRS[law], ",".join(LAWS[law].names)]
        with subprocess.Popen(
            [peer, "-c", PEER, str(data), *asked],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            yield answers(process)


def answers(process: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    """Ask for a fit each time that an answer is wanted."""
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("The peer has no pipes.")
    while True:
        process.stdin.write("fit\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            sys.exit("The peer ended without an answer; does its environment have lifetimes?")
        yield json.loads(line)


if __name__ == "__main__":
    raise SystemExit(main())
