"""Equal rows taken together: counts, and everybody finds their row again."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aimwell.predict.grouping import distinct_rows


@given(rows=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=60))
def test_everybody_finds_their_row_again_and_no_row_comes_twice(
    rows: list[tuple[int, int]],
) -> None:
    columns = [np.array([row[place] for row in rows], dtype=float) for place in (0, 1)]
    found = distinct_rows(*columns)
    for column, distinct in zip(columns, found.columns, strict=True):
        assert (distinct[found.place] == column).all()
    assert len(set(rows)) == len(found.counts) == len(found.columns[0])
    assert found.counts.sum() == len(rows)
    assert (np.bincount(found.place, minlength=len(found.counts)) == found.counts).all()
