"""Groups that were assigned whole are found, and are not seen where chance explains it."""

from __future__ import annotations

import numpy as np
import pytest

from aimwell.errors import MeasureError
from aimwell.measure.experiments.groups import group_codes, groups_assigned

SHOP = np.repeat(np.arange(40), 5)
"""Forty shops of five people."""


def test_shops_that_were_assigned_whole_are_found_and_the_coarsest_counts() -> None:
    arm = SHOP // 4 % 2
    traits = {
        "age": [str(n % 7) for n in range(200)],
        "shop": [str(n) for n in SHOP],
        "region": [str(n // 4) for n in SHOP],
    }
    assert groups_assigned(traits, arm, [0.5, 0.5]) == "region"


def test_a_trait_that_differs_between_all_people_is_no_group() -> None:
    arm = np.arange(200) % 2
    assert groups_assigned({"name": [str(n) for n in range(200)]}, arm, [0.5, 0.5]) is None


def test_a_few_pairs_that_chance_put_together_are_no_groups() -> None:
    arm = np.array([0, 0, 1, 1, 0, 1, 0, 1])
    seats = {"table": ["a", "a", "b", "b", "c", "d", "e", "f"]}
    assert groups_assigned(seats, arm, [0.5, 0.5]) is None


def test_a_trait_that_tells_the_arm_itself_leaves_one_group_an_arm_and_is_none() -> None:
    arm = np.repeat([0, 1], 50)
    assert groups_assigned({"page": [str(n) for n in arm]}, arm, [0.5, 0.5]) is None


def test_a_group_in_several_arms_or_an_unknown_one_is_refused() -> None:
    with pytest.raises(MeasureError, match="in several arms"):
        group_codes("shop", ["a", "a", "b"], np.array([0, 1, 1]))
    with pytest.raises(MeasureError, match="not known of 1 of 3 people"):
        group_codes("shop", ["a", None, "b"], np.array([0, 1, 1]))
