"""Lifts, profit and the sizes of the arms."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from aimwell.errors import MeasureError
from aimwell.measure.lifts import (
    action_ratio,
    arm_ratio,
    conversion_difference,
    less_cost,
    lifts_of,
    planned_shares,
    profit,
    share_difference,
)
from aimwell.measure.people import Cell, People, arm_figures
from aimwell.stats.estimate import Estimate


def test_figures_of_an_arm_by_hand(make_people: Callable[..., People]) -> None:
    people = make_people(
        [0, 0, 0, 0, -1], orders=[2, 1, 0, 0, 1], revenue=[30, 10, 0, -5, 7],
        margin=[12, 4, 0, -2, 3], offer_cost=[1, 0, 0, 0, 0],
    )  # fmt: skip
    arm = arm_figures(people, people.treated)
    assert (arm.people, arm.converted, arm.buyers, arm.orders) == (4, 2, 2, 3)
    assert (arm.revenue, arm.margin) == (35.0, 13.0)
    assert (arm.conversion_percent, arm.revenue_per_person) == (50.0, 8.75)
    assert arm.margin_per_person == 3.25


def test_an_empty_arm_has_no_figures_per_person(make_people: Callable[..., People]) -> None:
    people = make_people([0, 0])
    arm = arm_figures(people, ~people.treated)
    assert (arm.people, arm.revenue) == (0, 0.0)
    assert arm.conversion_percent is arm.revenue_per_person is arm.margin_per_person is None


def test_one_unknown_margin_makes_margin_unknown(make_people: Callable[..., People]) -> None:
    people = make_people([0, 0, -1, -1], revenue=[1, 2, 3, 4], margin=[1.0, np.nan, 1.0, 1.0])
    assert people.margin_unknown == 1
    lifts = lifts_of(people, seed=1, permutations=199)
    assert set(lifts) == {"revenue", "orders", "conversion"}
    earned = profit(lifts, contact_cost=1.0)
    assert earned.estimate is None
    assert "cost of some goods" in (earned.reason or "")
    assert arm_figures(people, people.treated).margin is None
    with pytest.raises(MeasureError, match="unknown"):
        people.outcome("margin")


def test_columns_of_different_length_are_refused(make_people: Callable[..., People]) -> None:
    with pytest.raises(MeasureError, match="differ in length"):
        make_people([0, 0], revenue=[1.0])


def test_profit_is_the_added_margin_less_offer_and_contact_cost(
    make_people: Callable[..., People], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    n = 4_000
    cell = np.where(rng.random(n) < 0.5, 0, -1)
    margin = rng.normal(10, 3, n) + 2.0 * (cell == 0)
    offer_cost = np.where((cell == 0) & (rng.random(n) < 0.3), 1.0, 0.0)
    people = make_people(
        list(cell), orders=np.ones(n), revenue=margin * 2, margin=margin, offer_cost=offer_cost
    )
    lifts = lifts_of(people, seed=1)
    earned = profit(lifts, contact_cost=100.0)
    treated = int((cell == 0).sum())
    # Two pounds of margin a person, less 30 pence for the offer, less the messages.
    truth = treated * (2.0 - 0.3) - 100.0
    # Five standard errors of the difference, which is about 9.5 pence a person.
    assert earned.estimate == pytest.approx(truth, abs=5 * 0.095 * treated)
    assert earned.lower is not None
    assert earned.upper is not None
    assert 0.3 * treated < earned.upper - earned.lower < 0.5 * treated
    added = lifts["margin"].total
    assert earned.estimate == pytest.approx((added.estimate or 0) - 100.0)
    assert earned.p_value is None


def test_less_cost_leaves_a_missing_amount_missing() -> None:
    missing = Estimate.missing("why", method="m")
    assert less_cost(missing, 5.0) is missing


def test_past_spend_takes_out_noise(make_people: Callable[..., People], seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 4_000
    cell = np.where(rng.random(n) < 0.5, 0, -1)
    before = rng.normal(100, 30, n)
    people = make_people(
        list(cell),
        orders=np.ones(n),
        revenue=before + rng.normal(0, 10, n) + 3.0 * (cell == 0),
        margin=np.zeros(n),
        spend_before=before,
    )
    lift = lifts_of(people, seed=1)["revenue"]
    assert lift.choice.method == "cuped_welch"
    assert lift.adjustment.variance_reduction == pytest.approx(0.9, abs=0.02)
    assert lift.difference.estimate == pytest.approx(3.0, abs=1.6)
    assert (lift.difference.upper or 9) - (lift.difference.lower or 0) < 2.0


def test_who_spent_nothing_before_gives_no_adjustment_and_a_reason(
    make_people: Callable[..., People],
) -> None:
    people = make_people([0] * 50 + [-1] * 50, revenue=list(range(100)), orders=[1] * 100)
    adjustment = lifts_of(people, seed=1, permutations=199)["revenue"].adjustment
    assert not adjustment.active
    assert "constant" in (adjustment.reason or "")


def test_shares_are_compared_in_points() -> None:
    found = share_difference((30, 100), (20, 100))
    assert found.estimate == pytest.approx(10.0)
    # Newcombe's hybrid score interval, worked by hand from Wilson's bounds.
    assert found.lower == pytest.approx(-2.0, abs=0.1)
    assert found.upper == pytest.approx(21.7, abs=0.1)
    assert share_difference((3, 10), (0, 0)).reason == "there is nobody in the control arm"


def test_without_control_the_reason_says_so(make_people: Callable[..., People]) -> None:
    assert "nobody was held out" in (conversion_difference(make_people([0, 0])).reason or "")


def test_arms_of_the_wrong_size_are_found(make_people: Callable[..., People]) -> None:
    fine = arm_ratio(make_people([0] * 800 + [-1] * 200), holdout=0.2)
    wrong = arm_ratio(make_people([0] * 900 + [-1] * 100), holdout=0.2)
    assert fine is not None
    assert wrong is not None
    assert (fine.mismatch, wrong.mismatch) == (False, True)
    assert arm_ratio(make_people([0] * 10), holdout=0.0) is None


CELLS = (Cell("a", "x"), Cell("a", "y"), Cell("b", "x"))


def test_actions_are_checked_against_their_own_shares(make_people: Callable[..., People]) -> None:
    shares = {0: 0.2, 1: 0.2, 2: 0.4, -1: 0.2}
    cell = [0] * 200 + [1] * 200 + [2] * 400 + [-1] * 200
    people = make_people(cell, cells=CELLS, probability=[shares[c] for c in cell])
    assert planned_shares(people, holdout=0.2) == pytest.approx({0: 0.2, 1: 0.2, 2: 0.4})
    check = action_ratio(people, holdout=0.2)
    assert check is not None
    assert check.mismatch is False
    assert set(check.counts) == {"a / x", "a / y", "b / x", "held out"}
    odd = [0] * 300 + [1] * 100 + [2] * 400 + [-1] * 200
    check = action_ratio(
        make_people(odd, cells=CELLS, probability=[shares[c] for c in odd]), holdout=0.2
    )
    assert check is not None
    assert check.mismatch is True


def test_shares_that_differ_between_people_are_not_one_plan(
    make_people: Callable[..., People],
) -> None:
    cell = [0, 0, 1, 1, -1]
    cells = (Cell("a", None), Cell("b", None))
    mixed = make_people(cell, cells=cells, probability=[0.8, 0.4, 0.4, 0.4, 0.2])
    unknown = make_people(cell, cells=cells)
    short = make_people(cell, cells=cells, probability=[0.3, 0.3, 0.4, 0.4, 0.2])
    for people in (mixed, unknown, short):
        assert planned_shares(people, holdout=0.2) is None
        assert action_ratio(people, holdout=0.2) is None
