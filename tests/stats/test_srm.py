"""Sample-ratio mismatch."""

from __future__ import annotations

import numpy as np
import pytest

from aimwell.errors import StatsError
from aimwell.stats.srm import check_ratio


def test_two_arms_are_tested_exactly():
    found = check_ratio({"treated": 821, "control": 179}, {"treated": 0.8, "control": 0.2})
    assert found.p_value == pytest.approx(0.10494941063605909, rel=1e-9)  # scipy binomtest
    assert found.mismatch is False
    assert found.method == "exact binomial test"
    assert found.expected == {"treated": 800.0, "control": 200.0}
    assert found.message == "The arms are about as large as planned (p = 0.105)."


def test_the_well_known_example_of_a_half_split_is_judged_by_its_threshold():
    # 15,752 against 15,257 of an even split: p = 0.005 (scipy binomtest 0.005025790500853155).
    counts, shares = {"b": 15_752, "a": 15_257}, {"a": 1, "b": 1}
    found = check_ratio(counts, shares)
    assert found.p_value == pytest.approx(0.005025790500853155, rel=1e-9)
    assert found.mismatch is False
    assert check_ratio(counts, shares, threshold=0.01).mismatch is True


def test_three_arms_are_tested_by_chi_square():
    counts = {"none": 330, "men": 310, "women": 420}
    found = check_ratio(counts, {"none": 1, "men": 1, "women": 1})
    assert found.p_value == pytest.approx(6.025161794618542e-05, rel=1e-9)  # scipy chisquare
    assert found.mismatch is True
    assert "'women' has 420 people where about 353 were expected" in found.message
    assert "Find out who is missing" in found.message


def test_counts_of_numpy_become_numbers_that_json_knows():
    found = check_ratio({"a": np.int64(40), "b": np.int64(60)}, {"a": 1, "b": 1})
    assert {type(count) for count in found.counts.values()} == {int}
    assert {type(count) for count in found.expected.values()} == {float}


def test_the_order_of_the_arms_is_of_no_account():
    one = check_ratio({"a": 40, "b": 160}, {"a": 0.25, "b": 0.75})
    other = check_ratio({"b": 160, "a": 40}, {"b": 3, "a": 1})
    assert one.p_value == pytest.approx(other.p_value)


def test_nobody_and_too_few_people_are_not_judged():
    nobody = check_ratio({"a": 0, "b": 0}, {"a": 1, "b": 1})
    assert (nobody.p_value, nobody.mismatch) == (None, None)
    assert nobody.message == "The sizes of the arms cannot be checked: nobody is in any arm."
    few = check_ratio({"a": 30, "b": 30, "c": 1}, {"a": 49, "b": 49, "c": 2})
    assert few.p_value is None
    assert "only 1.2 people are expected in arm 'c'" in few.reason


def test_few_people_in_two_arms_are_still_tested_exactly():
    found = check_ratio({"treated": 20, "control": 0}, {"treated": 0.5, "control": 0.5})
    assert found.p_value == pytest.approx(2 * 0.5**20)
    assert found.mismatch is True


@pytest.mark.parametrize(
    ("counts", "shares", "words"),
    [
        ({"a": 1, "b": 1}, {"a": 1, "c": 1}, "same arms"),
        ({"a": 1}, {"a": 1}, "at least two"),
        ({"a": -1, "b": 1}, {"a": 1, "b": 1}, "whole number"),
        ({"a": 1.5, "b": 1}, {"a": 1, "b": 1}, "whole number"),
        ({"a": 1, "b": 1}, {"a": 0, "b": 1}, "above 0"),
        ({"a": 1, "b": 1}, {"a": float("nan"), "b": 1}, "above 0"),
    ],
)
def test_arms_that_cannot_be_are_refused(counts, shares, words):
    with pytest.raises(StatsError, match=words):
        check_ratio(counts, shares)


def test_false_alarms_come_as_seldom_as_the_threshold_says():
    """Over all sizes that an arm of 400 people at 20 % can take, weighted by their probability."""
    from scipy.stats import binom

    alarm = sum(
        binom.pmf(k, 400, 0.2)
        for k in range(401)
        if check_ratio({"c": k, "t": 400 - k}, {"c": 0.2, "t": 0.8}).mismatch
    )
    assert 0.0003 < alarm <= 0.001
