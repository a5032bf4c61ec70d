"""People who buy as the renewal model says, purchase by purchase, so that the truth is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aimwell.predict.timing.renewal import Renewal
from aimwell.predict.timing.waits import Waits
from aimwell.stats.samples import FloatArray

__all__ = ["Renewed", "buy_again"]


@dataclass(frozen=True)
class Renewed:
    """What is seen by the end, and how many days later each buys again (inf: never)."""

    waits: Waits
    comes: FloatArray


def buy_again(truth: Renewal, people: int, *, days: int, seed: int) -> Renewed:
    """People whose first purchase lies somewhere in the first four fifths of the days."""
    rng = np.random.default_rng(seed)
    pace = rng.normal(truth.log_mean, truth.between, people)
    leaves = rng.beta(truth.leave_a, truth.leave_b, people)
    at = np.floor(rng.uniform(0, days * 0.8, people))
    last = at.copy()
    count, total, squares = np.zeros(people), np.zeros(people), np.zeros(people)
    comes = np.full(people, np.inf)
    active = np.arange(people)
    while len(active):
        active = active[rng.random(len(active)) >= leaves[active]]
        gap = np.maximum(np.round(np.exp(rng.normal(pace[active], truth.within))), 1)
        at[active] += gap
        seen = at[active] <= days
        comes[active[~seen]] = at[active[~seen]] - days
        active, gap = active[seen], gap[seen]
        count[active] += 1
        total[active] += np.log(gap)
        squares[active] += np.log(gap) ** 2
        last[active] = at[active]
    mean = np.divide(total, count, out=np.zeros(people), where=count > 0)
    deviations = np.maximum(squares - count * mean**2, 0)
    return Renewed(Waits(count, mean, deviations, days - last, np.ones(people)), comes)
