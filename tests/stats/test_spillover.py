"""Households in both arms are counted, and warned of where there are many."""

from __future__ import annotations

import numpy as np
import pytest

from aimwell.errors import StatsError
from aimwell.stats.spillover import shared_groups


def test_households_in_both_arms_are_counted():
    groups = ["a", "a", "b", "b", "c", None, None, "d"]
    treated = np.array([True, False, True, True, False, True, False, False])
    found = shared_groups(groups, treated)
    assert (found.groups, found.in_both) == (2, 1)
    assert found.control_near.estimate == pytest.approx(1 / 4)
    assert found.control_near.method.startswith("Wilson")
    assert "1 of 4 people held out share a household" in found.warning
    assert "Assign by account" in shared_groups(groups, treated, what="account").warning


def test_few_shared_households_are_not_worth_a_warning():
    groups = [str(i) for i in range(1_000)]
    groups[1] = "0"
    found = shared_groups(groups, np.arange(1_000) % 2 == 0)
    assert found.in_both == 1
    assert found.warning is None


def test_nobody_held_out_or_nobody_known_is_no_error():
    assert shared_groups(["a", "a"], np.array([True, True])).in_both == 0
    assert shared_groups([None, None], np.array([True, False])).groups == 0
    assert shared_groups([], np.zeros(0, dtype=bool)).control_near.reason
    with pytest.raises(StatsError, match="3 groups"):
        shared_groups(["a", "b", "c"], np.array([True]))
