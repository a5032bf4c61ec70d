"""Who gets offers, by groups that must not be passed over."""

from __future__ import annotations

import numpy as np
import pytest

from aimwell.decide.policies.treating import shares_by_group
from aimwell.errors import DecideError


def test_a_group_that_is_passed_over_is_beyond_the_limit() -> None:
    actions = np.array([1] * 60 + [0] * 40 + [1] * 20 + [0] * 80)
    gender = ["f"] * 100 + ["m"] * 100
    found = {one.value: one for one in shares_by_group(actions, {"gender": gender}, offers=[1])}
    assert found["f"].share.estimate == pytest.approx(0.6)
    assert found["f"].difference.estimate == pytest.approx(0.4)
    assert found["f"].beyond_limit
    assert found["m"].beyond_limit


def test_a_difference_within_the_limit_or_within_chance_is_not() -> None:
    rng = np.random.default_rng(1)
    even = rng.integers(2, size=400)
    gender = ["f", "m"] * 200
    assert not any(one.beyond_limit for one in shares_by_group(even, {"g": gender}, offers=[1]))
    actions = np.array([1] * 60 + [0] * 40 + [1] * 20 + [0] * 80)
    far = ["f"] * 100 + ["m"] * 100
    assert not any(
        one.beyond_limit for one in shares_by_group(actions, {"g": far}, offers=[1], limit=0.5)
    )


def test_unknown_and_tiny_groups_are_left_out() -> None:
    actions = np.ones(200, dtype=np.int64)
    groups = ["f"] * 90 + ["m"] * 90 + ["x"] * 10 + [None] * 10
    found = shares_by_group(actions, {"g": groups}, offers=[1])
    assert [one.value for one in found] == ["f", "m"]


def test_a_limit_is_a_share() -> None:
    with pytest.raises(DecideError, match="limit"):
        shares_by_group(np.zeros(3, np.int64), {}, offers=[1], limit=2.0)
