"""An interval by the randomisation test, beside the usual ways to a mere p-value.

`benchmarks/stats_randomisation.py [--rounds N] [--quick]`

For arms like those of a small win-back trial, of a whole shop and of a large mailing: processor time of one interval with
its p-value; of the whole answer with a covariate, the ratio and the winsorised figure; and, as yardsticks of the same
run, of one p-value by a NumPy loop over shuffled people and by SciPy's vectorised `permutation_test`, with as many
permutations. All take turns and the best round counts. An interval by either yardstick would need some 50 such p-values,
one for each step of a search; the ratio to reach is against a single one.

For a million people the yardsticks make a twentieth of the permutations, and their time counts twenty times.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np
from scipy.stats import permutation_test

from aimwell.stats.arms import Arm
from aimwell.stats.randomisation import randomisation_interval, randomise

PERMUTATIONS = 1_999
# People in the treated and the control arm, the share who buy, the ratios to reach against one p-value, and which part
# of the permutations the yardsticks make.
CASES = (
    (112, 28, 0.4, {"NumPy loop": 3.0, "SciPy": 1.0}, 1),
    (2_640, 660, 0.4, {"NumPy loop": 3.0, "SciPy": 3.0}, 1),
    (90_000, 10_000, 0.05, {"NumPy loop": 30.0, "SciPy": 30.0}, 1),
    (900_000, 100_000, 0.05, {"NumPy loop": 30.0, "SciPy": 30.0}, 20),
    (500_000, 500_000, 0.05, {"NumPy loop": 30.0, "SciPy": 30.0}, 20),
)
QUICK = (112, 28, 0.4, {"NumPy loop": 3.0, "SciPy": 1.0}, 1)


def main() -> int:
    """Measure every case and print figures with their yardsticks; 1 where one is missed."""
    parser = argparse.ArgumentParser(description="Intervals by the randomisation test.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="small arms only: does it run at all?")
    asked = parser.parse_args()
    met = True
    for treated_n, control_n, buying, least, part in (QUICK,) if asked.quick else CASES:
        treated, control = _arm(treated_n, 1, buying), _arm(control_n, 2, buying)
        permutations = PERMUTATIONS // part
        _check(treated, control, permutations)
        print(f"{treated_n:,} treated and {control_n:,} in control, {PERMUTATIONS:,} permutations")
        rounds = 1 if asked.quick or part > 1 else asked.rounds
        best = _best(_work(treated, control, permutations), rounds)
        met &= _print(best | {name: part * best[name] for name in least}, least)
    return 0 if met or asked.quick else 1


def _arm(n: int, seed: int, buying: float) -> Arm:
    """Spend that is mostly zero and heavy-tailed, with past spend that goes with it."""
    rng = np.random.default_rng(seed)
    taste = rng.normal(size=n)
    spend = np.where(rng.random(n) < buying, np.exp(2.5 + 0.9 * taste + rng.normal(size=n)), 0.0)
    return Arm.of(spend, np.exp(3.0 + 0.9 * taste + rng.normal(size=n)))


def _check(treated: Arm, control: Arm, permutations: int) -> None:
    """All ways must find the same p-value, within four standard errors of two simulations."""
    agreement = 4.0 * 2.0 * (0.25 / PERMUTATIONS + 0.25 / permutations) ** 0.5
    ours = randomisation_interval(
        treated.outcomes, control.outcomes, seed=0, permutations=PERMUTATIONS
    ).p_value
    assert ours is not None
    for witness in (_numpy_loop, _scipy):
        theirs = witness(treated.outcomes, control.outcomes, 1, permutations)
        assert abs(ours - theirs) < agreement, f"{ours} here, {theirs} by {witness.__name__}"


def _work(treated: Arm, control: Arm, permutations: int) -> dict[str, Callable[[int], object]]:
    """What is measured, by name; each takes a seed."""
    first, second = treated.outcomes, control.outcomes
    return {
        "interval": lambda seed: randomisation_interval(
            first, second, seed=seed, permutations=PERMUTATIONS
        ),
        "all": lambda seed: randomise(treated, control, seed=seed, permutations=PERMUTATIONS),
        "NumPy loop": lambda seed: _numpy_loop(first, second, seed, permutations),
        "SciPy": lambda seed: _scipy(first, second, seed, permutations),
    }


def _best(work: dict[str, Callable[[int], object]], rounds: int) -> dict[str, float]:
    """Seconds of processor time in the best of some rounds in which all take turns."""
    best = dict.fromkeys(work, float("inf"))
    for seed in range(rounds):
        for name, call in work.items():
            started = time.process_time()
            call(seed)
            best[name] = min(best[name], time.process_time() - started)
    return best


def _print(best: dict[str, float], least: dict[str, float]) -> bool:
    print(f"  interval and p-value              {1_000 * best['interval']:9.1f} ms")
    print(f"  with covariate, ratio, winsorised {1_000 * best['all']:9.1f} ms")
    met = True
    for name, ratio_least in least.items():
        ratio = best[name] / best["interval"]
        met &= ratio >= ratio_least
        print(
            f"  one p-value, {name:<20} {1_000 * best[name]:9.1f} ms, {ratio:.1f} × our interval, "
            f"to reach {ratio_least:g} ×{'' if ratio >= ratio_least else '  MISSED'}"
        )
    return met


def _studentised(x: np.ndarray, y: np.ndarray, axis: int = -1) -> np.ndarray:
    error = x.var(axis=axis, ddof=1) / x.shape[axis] + y.var(axis=axis, ddof=1) / y.shape[axis]
    return (x.mean(axis=axis) - y.mean(axis=axis)) / np.sqrt(error)


def _numpy_loop(treated: np.ndarray, control: np.ndarray, seed: int, permutations: int) -> float:
    """The p-value as most people would write it."""
    rng = np.random.default_rng(seed)
    pooled, seen = np.concatenate([treated, control]), _studentised(treated, control)
    high = low = 1
    for _ in range(permutations):
        shuffled = rng.permutation(pooled)
        drawn = _studentised(shuffled[: len(treated)], shuffled[len(treated) :])
        high += drawn >= seen
        low += drawn <= seen
    return float(min(1.0, 2.0 * min(high, low) / (1 + permutations)))


def _scipy(treated: np.ndarray, control: np.ndarray, seed: int, permutations: int) -> float:
    """The p-value as SciPy computes it, in batches that fit the caches."""
    return float(
        permutation_test(
            (treated, control),
            _studentised,
            n_resamples=permutations,
            vectorized=True,
            batch=max(1, 4_000_000 // (len(treated) + len(control))),
            rng=np.random.default_rng(seed),
        ).pvalue
    )


if __name__ == "__main__":
    sys.exit(main())
