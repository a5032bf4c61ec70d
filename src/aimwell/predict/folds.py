"""Divides people into parts at random, the same way for the same seed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from aimwell.predict.purchases import IntArray
from aimwell.predict.tables import BoolArray

__all__ = ["folds", "sample"]


def folds(outcome: BoolArray, *, count: int, seed: int) -> Iterator[tuple[IntArray, IntArray]]:
    """`count` pairs (positions to learn from, positions held out); everybody is held out once.

    Positives and negatives are dealt out apart, so that every part has its share of both.
    """
    part = np.empty(len(outcome), dtype=np.int64)
    dealt = _shuffled(outcome, seed)
    for people in dealt:
        part[people] = np.arange(len(people)) % count
    for number in range(count):
        yield np.flatnonzero(part != number), np.flatnonzero(part == number)


def sample(outcome: BoolArray, *, most: int, seed: int) -> IntArray:
    """Ascending positions of at most `most` people, with the same share of positives; all where they are fewer."""
    if len(outcome) <= most:
        return np.arange(len(outcome))
    kept = [
        people[: round(most * len(people) / len(outcome))] for people in _shuffled(outcome, seed)
    ]
    return np.sort(np.concatenate(kept))


def _shuffled(outcome: BoolArray, seed: int) -> tuple[IntArray, IntArray]:
    """Negatives and positives, each in random order."""
    rng = np.random.default_rng(seed)
    return rng.permutation(np.flatnonzero(~outcome)), rng.permutation(np.flatnonzero(outcome))
