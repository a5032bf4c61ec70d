"""The exact one-sided test, against SciPy's distribution and what is certain."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import hypergeom

from aimwell.errors import StatsError
from aimwell.stats.hypergeometric import fisher_greater


@st.composite
def tables(draw: st.DrawFn) -> tuple[int, int, int, int]:
    total = draw(st.integers(1, 3_000))
    first = draw(st.integers(0, total))
    second = draw(st.integers(0, total))
    joint = draw(st.integers(max(0, first + second - total), min(first, second)))
    return joint, first, second, total


@settings(max_examples=200, deadline=None)
@given(tables())
def test_it_is_the_tail_of_the_hypergeometric_law(table: tuple[int, int, int, int]) -> None:
    joint, first, second, total = table
    expected = hypergeom.sf(joint - 1, total, first, second)
    assert fisher_greater(*table)[0] == pytest.approx(expected, rel=1e-7, abs=1e-12)


def test_the_lady_tasting_tea() -> None:
    found = fisher_greater([4, 3, 2, 1, 0], 4, 4, 8)
    assert found == pytest.approx(np.array([1, 17, 53, 69, 70]) / 70)


def test_tails_far_out_keep_their_digits() -> None:
    joint, first, second, total = 900, 1_000, 1_200, 1_000_000
    expected = hypergeom.sf(joint - 1, total, first, second)
    found = fisher_greater(joint, first, second, total)[0]
    assert found == expected == 0.0
    expected = hypergeom.sf(39, total, first, second)
    assert fisher_greater(40, first, second, total)[0] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("table", [(3, 2, 5, 9), (-1, 2, 5, 9), (0, 6, 6, 9), (1, 10, 1, 9)])
def test_counts_that_cannot_be_are_refused(table: tuple[int, int, int, int]) -> None:
    with pytest.raises(StatsError, match="cannot be"):
        fisher_greater(*table)
