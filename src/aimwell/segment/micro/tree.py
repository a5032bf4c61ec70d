"""An honest tree: people are parted by what one half of them did, and judged by the other half.

**Growing**, on the first half: the yes-or-no question that parts the response most (least squares) is asked, if it leaves enough
people on both sides and its p-value, times the number of questions, is at most 0.05; then each side is parted again.

**Judging**, on the second half, which had no say in it: first whether the leaves differ at all, by shuffling responses; then
leaves that cannot be told apart are joined, the least different pair first, until every pair differs with p times the
number of pairs at the start at most 0.05. Where the leaves do not differ at all, one group is left: there is nothing here.

Sources: Breiman et al. (1984), CART; Athey and Imbens (2016), Recursive partitioning for heterogeneous causal effects, for honesty;
Kass (1980), CHAID, for joining with Bonferroni's bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from aimwell.stats.intervals import newcombe, welch

__all__ = ["Leaf", "Response", "grow", "join"]

Response = Literal["share", "mean"]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

_ALPHA = 0.05
_LOOKED_AT_MAX = 50_000
_SHUFFLES = 999
_SHUFFLED_MAX = 20_000_000  # people × shuffles in memory's reach within seconds


@dataclass(frozen=True)
class Leaf:
    """The answers that lead to a leaf, as (place of the question, yes or no), and the rows of those who gave them."""

    way: tuple[tuple[int, bool], ...]
    rows: IntArray


def grow(
    questions: BoolArray,
    response: FloatArray,
    first: BoolArray,
    *,
    fewest: int,
    deepest: int = 4,
) -> tuple[Leaf, ...]:
    """The leaves of the tree.

    Args:
        questions: One row a person, one column a question.
        response: One number a person; only those of `first` are looked at.
        first: Who is in the first half.
        fewest: People in a leaf, at least; at least half as many in each half.
        deepest: Questions in a row, at most.
    """
    waiting = [Leaf((), np.arange(len(response)))]
    done: list[Leaf] = []
    while waiting:
        leaf = waiting.pop()
        question = None
        if len(leaf.way) < deepest:
            question = _best(questions, response, first, leaf.rows, fewest)
        if question is None:
            done.append(leaf)
            continue
        yes = questions[leaf.rows, question]
        waiting.append(Leaf((*leaf.way, (question, True)), leaf.rows[yes]))
        waiting.append(Leaf((*leaf.way, (question, False)), leaf.rows[~yes]))
    return tuple(sorted(done, key=lambda leaf: leaf.way))


def _best(
    questions: BoolArray, response: FloatArray, first: BoolArray, rows: IntArray, fewest: int
) -> int | None:
    """The question that parts these people best; None where none parts them surely."""
    if len(rows) < 2 * fewest or questions.shape[1] == 0:
        return None
    answers = questions[rows]
    half = first[rows]
    yes = answers.sum(axis=0)
    yes_first = answers[half].sum(axis=0)
    n, own = len(rows), int(half.sum())
    enough = np.minimum(yes, n - yes) >= fewest
    for known, whole in ((yes_first, own), (yes - yes_first, n - own)):
        enough &= np.minimum(known, whole - known) >= fewest / 2
    if not enough.any():
        return None
    # Of very many people a part tells as well which question is best, and takes a bounded part of memory.
    looked_at = np.flatnonzero(half)[:: -(-own // _LOOKED_AT_MAX)]
    values = response[rows[looked_at]]
    chosen = answers[looked_at][:, enough].astype(np.float64)
    counts = chosen.sum(axis=0)
    sums, squares = chosen.T @ values, chosen.T @ (values * values)
    total, total_squares = float(values.sum()), float(values @ values)
    rest = len(values) - counts
    means, other = sums / np.maximum(counts, 1), (total - sums) / np.maximum(rest, 1)
    spread = np.maximum(squares - counts * means**2, 0.0) / np.maximum(counts - 1, 1)
    other_spread = np.maximum(total_squares - squares - rest * other**2, 0.0) / np.maximum(
        rest - 1, 1
    )
    error = np.sqrt(spread / np.maximum(counts, 1) + other_spread / np.maximum(rest, 1))
    gain = counts * rest / len(values) * (means - other) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(error > 0, np.abs(means - other) / error, 0.0)
    p_values = np.minimum(2.0 * ndtr(-z) * len(gain), 1.0)
    gain[(p_values > _ALPHA) | (np.minimum(counts, rest) < 2)] = 0.0
    best = int(np.argmax(gain))
    return int(np.flatnonzero(enough)[best]) if gain[best] > 0 else None


def join(
    leaves: tuple[Leaf, ...],
    response: FloatArray,
    second: BoolArray,
    *,
    kind: Response,
    seed: int,
) -> tuple[tuple[tuple[int, ...], ...], float | None]:
    """Leaves that belong together, as places, and the p-value of "no leaf differs"; None where there is one leaf.

    Args:
        leaves: Of `grow`.
        response: One number a person; only those of `second` are looked at.
        second: Who is in the second half.
        kind: 'share' where the response is 0 or 1, else 'mean'.
        seed: Of shuffling.
    """
    if len(leaves) < 2:
        return ((0,),), None
    values = [response[leaf.rows[second[leaf.rows]]] for leaf in leaves]
    p_value = _shuffled(values, seed)
    everything = (tuple(range(len(leaves))),)
    if p_value > _ALPHA:
        return everything, p_value
    groups: list[tuple[int, ...]] = [(place,) for place in range(len(leaves))]
    pairs = len(leaves) * (len(leaves) - 1) / 2
    while len(groups) > 1:
        tests = [
            (_apart(_pooled(values, one), _pooled(values, other), kind), one, other)
            for one, other in combinations(groups, 2)
        ]
        largest, one, other = max(tests, key=lambda test: test[0])
        if largest * pairs <= _ALPHA:
            break
        groups = [group for group in groups if group not in (one, other)]
        groups.append(tuple(sorted((*one, *other))))
        groups.sort()
    return tuple(groups), p_value


def _pooled(values: list[FloatArray], places: tuple[int, ...]) -> FloatArray:
    return np.concatenate([values[place] for place in places])


def _apart(one: FloatArray, other: FloatArray, kind: Response) -> float:
    """The p-value of "both are alike"; 1 where it cannot be told."""
    if kind == "share":
        found = newcombe(
            treated_successes=int(one.sum()),
            treated_n=len(one),
            control_successes=int(other.sum()),
            control_n=len(other),
        )
    else:
        found = welch(one, other)
    return 1.0 if found.p_value is None else found.p_value


def _shuffled(values: list[FloatArray], seed: int) -> float:
    """How often leaves of these sizes differ so much when responses are dealt by lot (share of the spread between leaves)."""
    together = np.concatenate(values)
    sizes = np.array([len(one) for one in values])
    ends = np.cumsum(sizes)[:-1]
    rng = np.random.default_rng(seed)
    times = max(99, min(_SHUFFLES, _SHUFFLED_MAX // max(len(together), 1)))
    own = _between(together, sizes, ends)
    beyond = sum(
        _between(rng.permutation(together), sizes, ends) >= own * (1 - 1e-12)
        for _turn in range(times)
    )
    return float((1 + beyond) / (1 + times))


def _between(together: FloatArray, sizes: IntArray, ends: IntArray) -> float:
    sums = np.array([part.sum() for part in np.split(together, ends)])
    return float((sums**2 / sizes).sum())
