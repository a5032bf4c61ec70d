"""Rules "who has A in the basket has C too": how strong, how sure, and whether they held over time.

Of a rule A → C with n baskets, of which a hold A, c hold C and j hold both:

- support j / n, confidence j / a, lift (j / a) / (c / n), leverage j / n − (a / n)(c / n) (Piatetsky-Shapiro 1991),
  conviction (1 − c / n) / (1 − j / a) (Brin, Motwani, Ullman and Tsur 1997).
- The interval of the lift is that of its logarithm by the delta method, the four cells being multinomial: its variance is
  (n / j − n / a − n / c + 2 lift − 1) / n.
- The test is Fisher's exact one, one-sided: C is no more frequent with A. Where A has several items the rule must also
  beat each rule with one item of A less among the baskets that hold the rest; the largest of these p-values counts
  (Webb 2007, Discovering significant patterns: "productive" rules). So does the test among baskets of the same half of
  time and about the same size (`stats.matched`): large baskets hold everything, which makes any two items look related.
- All rules that could have been written with the frequent items are tests, also those that were too rare to be seen, which
  count with a p-value of 1. Each size of set has the same share of what may be false (Webb 2008, Layered critical values,
  as weights in the procedure of Benjamini and Hochberg: Genovese, Roeder and Wasserman 2006).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from math import comb

import numpy as np
from scipy.special import ndtri

from aimwell.predict.patterns.itemsets import PERIODS, Itemsets
from aimwell.predict.patterns.model import LIFT_METHOD, Rule
from aimwell.predict.purchases import IntArray
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate, Figure
from aimwell.stats.hypergeometric import fisher_greater
from aimwell.stats.matched import matched_ratios
from aimwell.stats.multiplicity import benjamini_hochberg
from aimwell.stats.samples import FloatArray

__all__ = ["RuleCounts", "lift_bounds", "possible_rules", "rules_of", "written_rules"]

_LITTLE = 5.0  # baskets to be expected with both in a half; below it a missing excess says nothing

_BY_ROW = ("antecedent", "consequent", "joint", "first", "second", "p_value", "size")


@dataclass(frozen=True, slots=True, eq=False)
class RuleCounts:
    """Rules and what was counted of each, one row a rule.

    Args:
        antecedent, consequent: Columns of items, then −1.
        joint, first, second: Baskets with all items, with the antecedent, with the consequent, by part.
        totals: All baskets by part.
        p_value: Of Fisher's test against all simpler rules.
        size: Items of the rule together.
    """

    antecedent: IntArray
    consequent: IntArray
    joint: IntArray
    first: IntArray
    second: IntArray
    totals: IntArray
    p_value: FloatArray
    size: IntArray

    def __len__(self) -> int:
        return len(self.joint)

    @property
    def confidence(self) -> FloatArray:
        """The share of baskets with the antecedent that hold the consequent too."""
        found: FloatArray = self.joint.sum(axis=1) / self.first.sum(axis=1)
        return found

    def take(self, rows: IntArray) -> RuleCounts:
        """Some of the rules."""
        return replace(self, **{name: getattr(self, name)[rows] for name in _BY_ROW})


def possible_rules(frequent: int, size: int) -> int:
    """How many rules could be written with sets of `size` out of so many frequent items."""
    return comb(frequent, size) * ((1 << size) - 2)


def rules_of(itemsets: Itemsets, *, confidence: float) -> RuleCounts:
    """Every rule of at least that confidence: each frequent set, divided into antecedent and consequent in every way."""
    width = itemsets.members.shape[1]
    parts = [_divided(itemsets, size, confidence) for size in range(2, width + 1)]
    columns = [np.concatenate([part[place] for part in parts]) for place in range(7)]
    a, c, joint, first, second, p_value, size = columns
    return RuleCounts(a, c, joint, first, second, itemsets.totals, p_value, size)


def _divided(itemsets: Itemsets, size: int, confidence: float) -> tuple[np.ndarray, ...]:
    """The rules out of the sets of one size."""
    whole = np.flatnonzero(itemsets.sizes == size)
    counts = itemsets.counts.sum(axis=1)
    found = []
    for few in range(1, size):
        for places in combinations(range(size), few):
            others = tuple(place for place in range(size) if place not in places)
            sets = itemsets.members[whole]
            left, right = _chosen(sets, places), _chosen(sets, others)
            first, second = itemsets.find(left), itemsets.find(right)
            kept = counts[whole] >= confidence * counts[first] * (1 - 1e-12)
            rows, first, second = whole[kept], first[kept], second[kept]
            p_value = fisher_greater(
                counts[rows], counts[first], counts[second], itemsets.totals.sum()
            )
            for place in places if few > 1 else ():
                rest = tuple(one for one in places if one != place)
                simpler = itemsets.find(_chosen(sets[kept], rest))
                other = itemsets.find(_chosen(sets[kept], tuple(sorted((*rest, *others)))))
                against = fisher_greater(
                    counts[rows], counts[first], counts[other], counts[simpler]
                )
                p_value = np.maximum(p_value, against)
            numbers = itemsets.counts
            found.append(
                (left[kept], right[kept], numbers[rows], numbers[first], numbers[second], p_value)
            )
    columns = [np.concatenate([one[place] for one in found]) for place in range(6)]
    return (*columns, np.full(len(columns[0]), size))


def _chosen(sets: IntArray, places: tuple[int, ...]) -> IntArray:
    """Some members of each set, written as sets are."""
    found = np.full_like(sets, -1)
    found[:, : len(places)] = sets[:, list(places)]
    return found


def lift_bounds(
    joint: FloatArray,
    first: FloatArray,
    second: FloatArray,
    total: FloatArray,
    *,
    confidence: float,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The lift and its interval; NaN where nothing is in common, as its logarithm has no spread then."""
    with np.errstate(divide="ignore", invalid="ignore"):
        lift = np.where(joint > 0, joint * total / (first * second), np.nan)
        variance = (total / joint - total / first - total / second + 2.0 * lift - 1.0) / total
        reach = np.exp(float(ndtri(0.5 + confidence / 2.0)) * np.sqrt(np.maximum(variance, 0.0)))
        return lift, lift / reach, lift * reach


def written_rules(
    counts: RuleCounts,
    items: tuple[str, ...],
    *,
    tests: dict[int, int],
    confidence: float = DEFAULT_CONFIDENCE,
) -> tuple[Rule, ...]:
    """The rules with all their figures, the surest strong ones first: by the lower bound of the lift among like baskets.

    Args:
        counts: The rules.
        items: What the columns stand for.
        tests: How many rules of each size could have been written.
        confidence: Of the intervals.
    """
    if not len(counts):
        return ()
    # Products of the totals must not overflow as whole numbers.
    joint, first, second = (
        one.astype(np.float64) for one in (counts.joint, counts.first, counts.second)
    )
    alike = matched_ratios(joint, first, second, counts.totals, confidence=confidence)
    each = [one.reshape(len(counts), PERIODS, -1).sum(axis=2) for one in (joint, first, second)]
    spans = counts.totals.reshape(PERIODS, -1).sum(axis=1).astype(np.float64)
    halves = np.stack(lift_bounds(each[0], each[1], each[2], spans, confidence=confidence), axis=-1)
    j, a, c = (one.sum(axis=1) for one in (joint, first, second))
    total = np.full(len(j), float(counts.totals.sum()))
    lifts = np.column_stack(lift_bounds(j, a, c, total, confidence=confidence))
    held = _held(halves, expected=each[1] * each[2] / np.maximum(spans, 1.0))
    p_value = np.maximum(counts.p_value, alike.p_value)
    adjusted = _adjusted(p_value, counts.size, tests)
    n = float(counts.totals.sum())
    surest = np.where(np.isfinite(alike.lower), alike.lower, -1.0)
    rules = []
    for row in np.lexsort((-lifts[:, 1], -surest)):
        share, of_all = float(j[row] / a[row]), float(c[row] / n)
        rules.append(
            Rule(
                antecedent=_named(counts.antecedent[row], items),
                consequent=_named(counts.consequent[row], items),
                baskets=int(j[row]),
                support=float(j[row] / n),
                confidence=share,
                lift=_estimate(lifts[row], confidence),
                matched_lift=alike.estimate(row),
                leverage=float(j[row] / n - a[row] / n * of_all),
                conviction=Figure(value=(1 - of_all) / (1 - share))
                if share < 1
                else Figure(
                    value=None, reason="every basket with the first has the second: it is infinite"
                ),
                p_value=float(p_value[row]),
                adjusted_p_value=float(adjusted[row] or 0.0),
                lift_by_half=tuple(_estimate(half, confidence) for half in halves[row]),
                held=held[row],
            )
        )
    return tuple(rules)


def _adjusted(p_value: FloatArray, size: IntArray, tests: dict[int, int]) -> list[float | None]:
    whole = sum(tests.values())
    share = np.array([tests.get(size, 0) * len(tests) / whole for size in range(max(tests) + 1)])
    weighted = np.minimum(p_value * share[size], 1.0)
    return benjamini_hochberg(weighted.tolist(), tests=whole)


def _held(halves: FloatArray, *, expected: FloatArray) -> list[bool | None]:
    """Above 1 beyond noise in each half; None where that fails in a half that has too little to tell."""
    lower, upper = halves[..., 1], halves[..., 2]
    above = lower > 1.0
    refuted = (upper < 1.0) | (~above & (expected >= _LITTLE))
    both, one = np.all(above, axis=1), np.any(refuted, axis=1)
    return [True if yes else (False if no else None) for yes, no in zip(both, one, strict=True)]


def _estimate(bounds: FloatArray, confidence: float) -> Estimate:
    if np.isnan(bounds).any():
        return Estimate.missing("no basket has both", method=LIFT_METHOD, confidence=confidence)
    return Estimate(
        estimate=float(bounds[0]),
        lower=float(bounds[1]),
        upper=float(bounds[2]),
        confidence=confidence,
        method=LIFT_METHOD,
    )


def _named(members: IntArray, items: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(items[place] for place in members if place >= 0)
