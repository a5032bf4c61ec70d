"""How fast is the interval of the randomisation test, beside the usual ways to a mere p-value?

    python benchmarks/stats_randomisation.py

Prints, for arms like those of a small win-back trial and of a whole shop, the time of one interval (with p-value; and the
whole answer with covariate, ratio and winsorised figure), of a plain NumPy loop over shuffled labels for one p-value, and
of SciPy's vectorised `permutation_test` for one p-value. An interval by either of these would need one such p-value for
each step of a search, some 50 of them; the last column multiplies it out.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable

import numpy as np
from scipy.stats import permutation_test

from aimwell.stats.arms import Arm
from aimwell.stats.randomisation import randomisation_interval, randomise

PERMUTATIONS = 1_999
SEARCH_STEPS = 50
SIZES = ((112, 28), (2_640, 660), (90_000, 10_000))


def shop(n: int, seed: int, *, buying: float) -> tuple[np.ndarray, np.ndarray]:
    """Spend that is mostly zero and heavy-tailed, and past spend that goes with it."""
    rng = np.random.default_rng(seed)
    taste = rng.normal(size=n)
    spend = np.where(rng.random(n) < buying, np.exp(2.5 + 0.9 * taste + rng.normal(size=n)), 0.0)
    return spend, np.exp(3.0 + 0.9 * taste + rng.normal(size=n))


def studentised(x: np.ndarray, y: np.ndarray, axis: int = -1) -> np.ndarray:
    error = x.var(axis=axis, ddof=1) / x.shape[axis] + y.var(axis=axis, ddof=1) / y.shape[axis]
    return (x.mean(axis=axis) - y.mean(axis=axis)) / np.sqrt(error)


def plain_loop(treated: np.ndarray, control: np.ndarray, seed: int) -> float:
    """The p-value as most people would write it."""
    rng = np.random.default_rng(seed)
    pooled, seen, high = np.concatenate([treated, control]), studentised(treated, control), 0
    for _ in range(PERMUTATIONS):
        shuffled = rng.permutation(pooled)
        high += studentised(shuffled[: len(treated)], shuffled[len(treated) :]) >= seen
    share = (1 + high) / (1 + PERMUTATIONS)
    return min(1.0, 2.0 * min(share, 1.0 - share + 1.0 / (1 + PERMUTATIONS)))


def scipy_test(treated: np.ndarray, control: np.ndarray, seed: int) -> float:
    """The p-value as SciPy computes it, in batches that fit the memory."""
    return float(
        permutation_test(
            (treated, control),
            studentised,
            n_resamples=PERMUTATIONS,
            vectorized=True,
            batch=max(1, 4_000_000 // (len(treated) + len(control))),
            rng=np.random.default_rng(seed),
        ).pvalue
    )


def seconds(call: Callable[[int], object], *, repeats: int) -> float:
    """The fastest of some calls, each with another seed."""
    times = []
    for seed in range(repeats):
        started = time.perf_counter()
        call(seed)
        times.append(time.perf_counter() - started)
    return min(times)


def main() -> None:
    print(
        f"{platform.processor() or platform.machine()}, {PERMUTATIONS:,} permutations, fastest of 3"
    )
    for treated_n, control_n in SIZES:
        buying = 0.4 if treated_n < 10_000 else 0.05
        treated, before_t = shop(treated_n, 1, buying=buying)
        control, before_c = shop(control_n, 2, buying=buying)
        arms = Arm.of(treated, before_t), Arm.of(control, before_c)
        found = randomisation_interval(treated, control, seed=0, permutations=PERMUTATIONS)
        for witness in (plain_loop(treated, control, 1), scipy_test(treated, control, 1)):
            # Two independent simulations of the same p-value: four standard errors apart at most.
            assert found.p_value is not None
            assert abs(found.p_value - witness) < 0.07, (found.p_value, witness)
        repeats = 3 if treated_n < 10_000 else 1
        interval = seconds(
            lambda seed, a=treated, b=control: randomisation_interval(
                a, b, seed=seed, permutations=PERMUTATIONS
            ),
            repeats=3,
        )
        whole = seconds(
            lambda seed, a=arms: randomise(*a, seed=seed, permutations=PERMUTATIONS), repeats=3
        )
        print(f"\n{treated_n:,} treated, {control_n:,} control")
        print(f"  interval and p-value, Aimwell           {1_000 * interval:9.1f} ms")
        print(f"  with covariate, ratio and winsorised    {1_000 * whole:9.1f} ms")
        for name, way in (("NumPy loop", plain_loop), ("SciPy permutation_test", scipy_test)):
            one = seconds(lambda seed, a=treated, b=control, w=way: w(a, b, seed), repeats=repeats)
            print(
                f"  one p-value, {name:<26} {1_000 * one:9.1f} ms = {one / interval:6.1f} × "
                f"our interval; an interval so: {SEARCH_STEPS * one / interval:,.0f} ×"
            )


if __name__ == "__main__":
    main()
