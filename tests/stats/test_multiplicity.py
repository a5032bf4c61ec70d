"""Adjusted p-values: the worked example of the paper, statsmodels, and the algebra."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.errors import StatsError
from aimwell.stats import multiplicity
from aimwell.stats.multiplicity import benjamini_hochberg, holm

# Benjamini and Hochberg (1995), section 3.2: fifteen p-values of a trial of heart treatments. At .05 their procedure
# keeps four findings; Bonferroni's and Holm's keep three.
PAPER = [
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
    0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0,
]  # fmt: skip

p_values = st.lists(st.one_of(st.none(), st.floats(0.0, 1.0)), max_size=30)


def test_the_paper_keeps_four_findings_where_holm_keeps_three():
    assert sum(p <= 0.05 for p in benjamini_hochberg(PAPER)) == 4
    assert sum(p <= 0.05 for p in holm(PAPER)) == 3


def test_adjusted_values_agree_with_statsmodels():
    # statsmodels 0.15.0, multipletests(method="fdr_bh" and "holm"), computed once
    assert benjamini_hochberg(PAPER)[:9] == pytest.approx(
        [
            0.0015,
            0.003,
            0.0095,
            0.035625,
            0.0603,
            0.06385714285714286,
            0.06385714285714286,
            0.0645,
            0.0765,
        ]
    )
    assert holm(PAPER)[:10] == pytest.approx(
        [0.0015, 0.0056, 0.0247, 0.114, 0.2211, 0.278, 0.278, 0.278, 0.3213, 1.0]
    )


def test_the_examples_in_the_documentation_are_right():
    assert doctest.testmod(multiplicity).failed == 0


@given(p_values, st.randoms(use_true_random=False))
def test_the_order_of_the_tests_is_of_no_account(values, random):
    order = list(range(len(values)))
    random.shuffle(order)
    for adjust in (benjamini_hochberg, holm):
        straight = adjust(values)
        shuffled = adjust([values[i] for i in order])
        assert shuffled == [straight[i] for i in order]


@given(p_values)
def test_holm_is_never_below_benjamini_hochberg_nor_that_below_the_p_value(values):
    for raw, fdr, family in zip(values, benjamini_hochberg(values), holm(values), strict=True):
        if raw is None:
            assert fdr is None
            assert family is None
        else:
            assert raw <= fdr * (1 + 1e-12)
            assert fdr <= family * (1 + 1e-12)
            assert family <= 1.0


def test_a_missing_p_value_does_not_count_as_a_test():
    assert benjamini_hochberg([0.01, None, 0.04]) == [0.02, None, 0.04]
    assert holm([None]) == [None]
    assert holm([]) == []


@pytest.mark.parametrize("wrong", [-0.1, 1.1, float("nan")])
def test_what_is_no_p_value_is_refused(wrong):
    with pytest.raises(StatsError, match="between 0 and 1"):
        holm([0.5, wrong])


def test_tests_that_are_not_given_count_with_a_p_value_of_one():
    given = [0.001, 0.2, 0.0004, None]
    whole = benjamini_hochberg([*given, *[1.0] * 47])
    assert benjamini_hochberg(given, tests=50) == whole[:4]


def test_fewer_tests_than_p_values_are_refused():
    with pytest.raises(StatsError, match="2 p-values of only 1 tests"):
        benjamini_hochberg([0.1, 0.2], tests=1)
