"""What is popular, for whom and when; what is bought again."""

from __future__ import annotations

import numpy as np
import pytest

from aimwell.predict.recommend.popularity import popularity
from aimwell.predict.recommend.repeats import due_chance, fit_repeats
from made_interactions import from_days


def test_shares_of_people_not_of_purchases() -> None:
    found = popularity(from_days([[9, 1, 0], [0, 1, 0], [0, 1, 1]]))
    assert found.product[0].tolist() == [1, 0, 2]
    assert found.share[0] == pytest.approx([1, 1 / 3, 1 / 3])


def test_recent_leaves_out_what_was_bought_long_ago_and_views_weigh_less() -> None:
    made = from_days(
        [[1, 1], [1, 0]],
        since=[[100, 5], [100, 0]],
        looked=[[0, 0], [0, 0.5]],
    )
    assert popularity(made, within_days=30).share[0] == pytest.approx([0.75, 0])
    assert popularity(made, within_days=30).product[0].tolist() == [1, -1]
    assert popularity(made).share[0] == pytest.approx([1, 0.75])


def test_a_group_has_its_own_and_a_small_one_is_drawn_to_all() -> None:
    days = [[1, 0]] * 200 + [[0, 1]] * 200 + [[0, 1]]
    group = np.array([0] * 200 + [1] * 200 + [2])
    found = popularity(from_days(days), groups=("a", "b", "c"), group=group)
    assert found.groups == ("", "a", "b", "c")
    assert found.product[1][0] == 0
    assert found.product[2][0] == 1
    assert found.share[2][0] == pytest.approx((200 + 50 * 201 / 401) / 250)
    assert found.share[3][0] == pytest.approx((1 + 50 * 201 / 401) / 51)


def test_what_is_due_rises_to_the_usual_gap_and_falls_behind_it() -> None:
    days = [[4.0]] * 5
    since = [[1.0], [20.0], [30.0], [45.0], [300.0]]
    made = from_days(days, since=since, span=[[90.0]] * 5)
    chance = due_chance(fit_repeats(made), made.pairs(), 30)
    assert chance[2] > chance[1] > chance[0]
    assert chance[2] > chance[3] > chance[4] > 0


def test_products_that_nobody_buys_again_are_not_due() -> None:
    made = from_days([[1, 3], [1, 3], [1, 3]], looked=[[0, 0]] * 3)
    found = fit_repeats(made)
    assert found.share[0] < found.share[1]
    chance = due_chance(found, made.pairs(), 30)
    assert chance[0] < chance[1]
    only_once = from_days([[1, 1]])
    assert due_chance(fit_repeats(only_once), only_once.pairs(), 30).tolist() == [0, 0]
