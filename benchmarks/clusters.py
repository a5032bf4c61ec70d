"""Looking for groups among 100,000 people, against plain k-means for every number of groups.

`benchmarks/clusters.py [--quick]`

The yardstick is what one would run to have all numbers of groups from two to eight at all: scikit-learn's KMeans, ten
starts each, on everybody, on the same prepared features. Ours also compares each number with people without groups,
measures its stability, chooses, names and assigns everybody. The four true groups must be found again.
"""

from __future__ import annotations

import argparse
import sys
import time
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
from sklearn.cluster import KMeans

from aimwell.segment.attributes.preparation import prepare
from aimwell.segment.clusters.grouping import find_groups
from aimwell.stats.resampling import adjusted_rand_index

MOST_RATIO = 1.0
LEAST_AGREEMENT = 0.9
NAMES = ("recency_days", "orders", "average_order_value", "discount_share")


def main() -> int:
    """Print the figure; 1 where the groups are wrong or the ratio is missed."""
    parser = argparse.ArgumentParser(description="Groups against plain k-means")
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    size = 3_000 if asked.quick else 100_000
    table, truth = people(size, seed=1)
    start = time.perf_counter()
    found = find_groups(table, NAMES, name="bench", as_of=datetime(2026, 1, 1, tzinfo=UTC), seed=1)
    ours = time.perf_counter() - start
    rows = prepare(table, NAMES).apply(table)
    start = time.perf_counter()
    for number in range(2, 9):
        KMeans(number, n_init=10, random_state=1).fit(rows)
    theirs = time.perf_counter() - start
    labels = found.assignments.column("cluster").to_numpy() if found.assignments else np.zeros(size)
    agreement = adjusted_rand_index(truth, labels)
    right, fast = agreement >= LEAST_AGREEMENT, ours / theirs <= MOST_RATIO
    print(
        f"groups among {size:,} people: {ours:.1f} s, plain k-means for 2 to 8 groups {theirs:.1f} s: "
        f"{ours / theirs:.2f} x, to reach {MOST_RATIO:.2f} x{'' if fast else ' MISSED'}; "
        f"agreement with the true groups {agreement:.3f}{'' if right else ' WRONG'}"
    )
    return 0 if right and (fast or asked.quick) else 1


def people(size: int, *, seed: int) -> tuple[pa.Table, np.ndarray]:
    """Regulars, big spenders, discount seekers and lapsed people, and who is which."""
    draw = np.random.default_rng(seed)
    # recency, orders, value of an order, share of discount
    kinds = np.array(
        [(10, 18, 25, 0.03), (25, 4, 320, 0.02), (30, 6, 40, 0.45), (400, 2, 45, 0.04)]
    )
    truth = draw.choice(4, size, p=[0.4, 0.2, 0.2, 0.2])
    means = kinds[truth]
    columns = {
        "recency_days": draw.gamma(4, means[:, 0] / 4),
        "orders": 1.0 + draw.poisson(means[:, 1] - 1),
        "average_order_value": draw.lognormal(np.log(means[:, 2]), 0.35),
        "discount_share": draw.beta(20 * means[:, 3], 20 * (1 - means[:, 3])),
    }
    ids = pa.array([f"p{number}" for number in range(size)])
    return pa.table({"profile_id": ids, **columns}), truth


if __name__ == "__main__":
    sys.exit(main())
