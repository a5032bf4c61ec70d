"""Several experiments with the same arms, pooled: waves of one campaign, shops, years."""

from __future__ import annotations

from collections.abc import Sequence

from aimwell.measure.experiments.model import ExperimentResult, PooledComparison
from aimwell.stats.meta_analysis import pool

__all__ = ["pooled_comparisons"]


def pooled_comparisons(found: Sequence[ExperimentResult]) -> tuple[PooledComparison, ...]:
    """One for each two arms that at least two experiments compare with an interval, in the order of the first."""
    pairs = dict.fromkeys((one.arm, one.against) for each in found for one in each.comparisons)
    rows = []
    for arm, against in pairs:
        here = [
            (each.name, one.difference)
            for each in found
            if (one := each.comparison(arm, against)) is not None and one.difference.normal_error
        ]
        if len(here) >= 2:
            rows.append(
                PooledComparison(
                    arm=arm,
                    against=against,
                    experiments=tuple(name for name, _ in here),
                    pooled=pool(
                        [one.estimate or 0.0 for _, one in here],
                        [one.normal_error or 0.0 for _, one in here],
                    ),
                )
            )
    return tuple(rows)
