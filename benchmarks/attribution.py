"""Attribution of a million paths: every model, against the yardstick of one pass of counting in the same run.

    python benchmarks/attribution.py            # 1,000,000 paths, 8 channels
    python benchmarks/attribution.py --quick    # 20,000

The yardstick is the plainest thing that can be done with the paths: `numpy.bincount` of all touches by channel with a
weight each. A model's time is given in seconds and in so many yardsticks; with intervals each is fitted 21 times.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np

from aimwell.measure.attribution.crediting import credited
from aimwell.measure.attribution.model import MODELS
from aimwell.measure.attribution.paths import Paths


def made(n: int, channels: int = 8, seed: int = 0) -> Paths:
    """Paths of geometric length (mean 4, at most 40), some channels more popular and some more effective."""
    rng = np.random.default_rng(seed)
    lengths = np.minimum(rng.geometric(0.25, n), 40)
    starts = np.append(0, np.cumsum(lengths)).astype(np.int64)
    popular = 1.0 / np.arange(1, channels + 1)
    channel = rng.choice(channels, starts[-1], p=popular / popular.sum())
    odds = -3.0 + np.add.reduceat(rng.normal(0.0, 0.3, channels)[channel], starts[:-1])
    converted = rng.random(n) < 1.0 / (1.0 + np.exp(-odds))
    return Paths(
        channels=tuple(f"channel {i}" for i in range(channels)),
        starts=starts,
        channel=channel.astype(np.int64),
        days_before=rng.exponential(5.0, starts[-1]),
        converted=converted,
        value=np.where(converted, rng.gamma(2.0, 20.0, n), 0.0),
        person=np.arange(n, dtype=np.int64),
    )


def main() -> None:
    """Time each model without and with intervals."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true", help="20,000 paths.")
    n = 20_000 if options.parse_args().quick else 1_000_000
    paths = made(n)
    print(f"{n:,} paths, {len(paths.channel):,} touches, {paths.conversions:,} conversions")
    weights = np.ones(len(paths.channel))
    start = time.perf_counter()
    np.bincount(paths.channel, weights=weights)
    yardstick = time.perf_counter() - start
    print(f"yardstick, one weighted count of the touches: {yardstick:.3f} s\n")
    print(f"{'model':14}{'seconds':>9}{'yardsticks':>12}{'with intervals':>16}")
    for model in MODELS:
        taken = []
        for intervals in (False, True):
            start = time.perf_counter()
            (found,) = credited(paths, models=[model], intervals=intervals)
            if abs(found.credits[0].sum() - paths.conversions) > 1e-6 * paths.conversions:
                raise SystemExit(f"The credits of {model} do not add up to the conversions.")
            taken.append(time.perf_counter() - start)
        print(f"{model:14}{taken[0]:9.2f}{taken[0] / yardstick:12.0f}{taken[1]:16.2f}")
    start = time.perf_counter()
    credited(paths)
    print(f"\nall ten with intervals, together: {time.perf_counter() - start:.1f} s")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GB")


if __name__ == "__main__":
    main()
