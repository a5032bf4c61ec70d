"""Effect sizes that set a persona apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.errors import StatsError
from aimwell.stats.effects import (
    cohens_d,
    cramers_v,
    standardised_difference,
    standardised_share_difference,
)
from aimwell.stats.samples import Sample

GROUP, OTHERS = [2.0, 4.0, 6.0], [1.0, 1.0, 2.0, 4.0]


def test_cohens_d_pools_the_variances_by_size():
    # Means 4 and 2; sums of squares 8 and 6 over 5 degrees of freedom.
    assert cohens_d(GROUP, OTHERS).value == pytest.approx(2.0 / np.sqrt(14.0 / 5.0))
    assert cohens_d(Sample.of(GROUP), Sample.of(OTHERS)) == cohens_d(GROUP, OTHERS)
    assert cohens_d([5.0], OTHERS).value == pytest.approx(3.0 / np.sqrt(2.0))


def test_the_standardised_difference_does_not_change_with_the_sizes():
    # Variances 4 and 2.
    assert standardised_difference(GROUP, OTHERS).value == pytest.approx(2.0 / np.sqrt(3.0))
    large = Sample(10**6, 2.0, 2.0)
    assert standardised_difference(GROUP, large) == standardised_difference(GROUP, OTHERS)


def test_shares_are_compared_in_their_own_spread():
    found = standardised_share_difference(0.5, 0.2)
    assert found.value == pytest.approx(0.3 / np.sqrt((0.25 + 0.16) / 2))
    assert standardised_share_difference(0.2, 0.5).value == -found.value


def test_cramers_v_agrees_with_scipy_and_knows_its_ends():
    # scipy.stats.contingency.association(method="cramer")
    table = [[30, 10, 5], [12, 25, 18]]
    assert cramers_v(table).value == pytest.approx(0.45494680818854655, rel=1e-12)
    assert cramers_v([[10, 0], [0, 7]]).value == pytest.approx(1.0)
    assert cramers_v([[10, 20], [30, 60]]).value == pytest.approx(0.0, abs=1e-9)
    with_empty = [[30, 10, 5, 0], [0, 0, 0, 0], [12, 25, 18, 0]]
    assert cramers_v(with_empty) == cramers_v(table)


@given(st.lists(st.lists(st.integers(0, 50), min_size=3, max_size=3), min_size=2, max_size=5))
def test_cramers_v_stays_in_range_and_does_not_care_which_trait_is_first(table):
    found, turned = cramers_v(table), cramers_v(np.array(table).T)
    if found.value is None:
        assert turned.value is None
    else:
        assert 0.0 <= found.value <= 1.0
        assert turned.value == pytest.approx(found.value, abs=1e-9)


@pytest.mark.parametrize(
    ("figure", "words"),
    [
        (cohens_d([], [1.0, 2.0, 3.0]), "nobody"),
        (cohens_d([1.0], [2.0]), "fewer than three"),
        (cohens_d([2.0, 2.0], [2.0, 2.0]), "does not vary"),
        (standardised_difference([1.0], OTHERS), "under two people"),
        (standardised_difference([1.0, 1.0], [3.0, 3.0]), "does not vary"),
        (standardised_share_difference(1.0, 0.0), "does not vary"),
        (cramers_v([[1, 2, 3]]), "only one value"),
        (cramers_v([[0, 0], [0, 0]]), "only one value"),
    ],
)
def test_an_undefined_effect_is_missing_with_the_reason(figure, words):
    assert figure.value is None
    assert words in figure.reason


@pytest.mark.parametrize(
    "call",
    [
        lambda: cramers_v([[1, -2], [3, 4]]),
        lambda: cramers_v([1, 2, 3]),
        lambda: cramers_v([[1, float("nan")], [3, 4]]),
        lambda: standardised_share_difference(1.2, 0.1),
        lambda: cohens_d([1.0, float("inf")], OTHERS),
    ],
)
def test_input_that_makes_no_sense_is_refused(call):
    with pytest.raises(StatsError):
        call()
