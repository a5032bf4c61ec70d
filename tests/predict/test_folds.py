"""Random divisions: everybody once, both outcomes everywhere, the same for the same seed."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aimwell.predict.folds import folds, sample

OUTCOMES = st.lists(st.booleans(), min_size=1, max_size=200).map(np.array)


@given(outcome=OUTCOMES, count=st.integers(2, 6), seed=st.integers(0, 9))
def test_everybody_is_held_out_once_and_learnt_from_otherwise(
    outcome: np.ndarray, count: int, seed: int
) -> None:
    divisions = list(folds(outcome, count=count, seed=seed))
    held = np.concatenate([held for _, held in divisions])
    assert np.sort(held).tolist() == list(range(len(outcome)))
    for learn, left in divisions:
        assert np.sort(np.r_[learn, left]).tolist() == list(range(len(outcome)))
    positives = [int(outcome[left].sum()) for _, left in divisions]
    assert max(positives) - min(positives) <= 1
    again = list(folds(outcome, count=count, seed=seed))
    assert all((a == b).all() for (_, a), (_, b) in zip(divisions, again, strict=True))


@given(outcome=OUTCOMES, most=st.integers(2, 150), seed=st.integers(0, 9))
def test_a_sample_keeps_the_share_of_positives(outcome: np.ndarray, most: int, seed: int) -> None:
    rows = sample(outcome, most=most, seed=seed)
    assert len(np.unique(rows)) == len(rows) <= min(len(outcome), most + 1)
    kept = len(rows) / len(outcome)
    assert abs(outcome[rows].sum() - kept * outcome.sum()) <= 1.01
