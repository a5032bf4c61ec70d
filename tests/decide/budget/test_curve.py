"""Profit against budget: agrees with single allocations, is concave, and its intervals cover."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from aimwell.decide.budget.allocating import allocate
from aimwell.decide.budget.curve import profit_curve, share_out
from aimwell.decide.budget.model import NOTHING, Limit
from aimwell.decide.budget.steps import spending_steps
from aimwell.errors import DecideError


@given(
    hnp.arrays(np.float64, (7, 3), elements=st.integers(-3, 12).map(float)),
    hnp.arrays(np.float64, (3,), elements=st.integers(0, 5).map(float)),
)
@settings(max_examples=12, deadline=None)
def test_the_curve_is_the_bound_of_the_allocation(values: np.ndarray, cost: np.ndarray) -> None:
    steps = spending_steps(values, cost)
    spent, worth = np.cumsum(steps.cost), np.cumsum(steps.value)
    assert (np.diff(steps.rate[np.isfinite(steps.rate)]) <= 1e-12).all()
    for place in np.flatnonzero(np.append(steps.cost, 1.0)[1:] > 0):
        # At a corner nobody hangs between two actions, so the choice is the best of its budget.
        choice = steps.choice(int(place) + 1)
        taken = np.flatnonzero(choice != NOTHING)
        assert cost[choice[taken]].sum() == pytest.approx(spent[place])
        assert values[taken, choice[taken]].sum() == pytest.approx(worth[place])
        found = allocate(values, [Limit("budget", cost, at_most=float(spent[place]))])
        assert found.value == pytest.approx(worth[place], abs=1e-6)


def test_points_tell_what_a_budget_buys() -> None:
    values = np.array([[3.0, 5.0], [1.0, 1.5], [np.nan, -1.0]])
    curve = profit_curve(values, np.array([1.0, 2.0]), [0, 1, 2, 3, 100])
    assert [p.value for p in curve.points] == [0.0, 3.0, 5.0, 6.0, 6.5]
    assert [p.people for p in curve.points] == [0, 1, 1, 2, 2]
    assert [p.marginal for p in curve.points] == [3.0, 2.0, 1.0, 0.5, 0.0]
    assert curve.most == 4.0
    assert curve.points[0].judged.reason is not None


def test_judged_intervals_cover_the_true_worth() -> None:
    rng = np.random.default_rng(3)
    people, covered, runs = 2_000, 0, 400
    for _run in range(runs):
        truth = rng.gamma(1.0, 2.0, (people, 2)) - 1
        hoped = truth + rng.normal(0, 2, truth.shape)
        judged = truth + rng.normal(0, 5, truth.shape)
        curve = profit_curve(hoped, np.ones(2), [500.0], judged=judged)
        choice = spending_steps(hoped, np.ones(2)).choice(500)
        taken = np.flatnonzero(choice != NOTHING)
        worth = truth[taken, choice[taken]].sum()
        point = curve.points[0]
        covered += bool(point.judged.covers(worth))
        # The values that chose are too hopeful about what was chosen: the winner's curse.
        assert point.value > worth
    assert covered / runs >= 0.93


def test_a_common_budget_goes_where_the_next_pound_adds_most() -> None:
    rng = np.random.default_rng(4)
    tables = {name: rng.gamma(1.0, scale, (3_000, 2)) for name, scale in (("a", 1.0), ("b", 3.0))}
    cost = np.array([1.0, 2.0])
    shares = share_out({n: profit_curve(v, cost) for n, v in tables.items()}, 2_000.0)
    assert sum(share.budget for share in shares.values()) == pytest.approx(2_000)
    together = allocate(
        np.concatenate(list(tables.values())), [Limit("budget", cost, at_most=2_000)]
    )
    assert sum(share.value for share in shares.values()) == pytest.approx(together.value, rel=2e-3)
    assert shares["a"].marginal == pytest.approx(shares["b"].marginal, rel=0.05)
    assert share_out({}, 5.0) == {}
    rich = share_out({n: profit_curve(v, cost) for n, v in tables.items()}, 1e9)
    assert [share.marginal for share in rich.values()] == [0.0, 0.0]


def test_what_makes_no_curve_is_refused() -> None:
    with pytest.raises(DecideError, match="do not fit together"):
        profit_curve(np.ones((2, 2)), np.ones(3))
    with pytest.raises(DecideError, match="negative"):
        profit_curve(np.ones((2, 2)), np.array([1.0, -1.0]))
    with pytest.raises(DecideError, match="budget must be"):
        profit_curve(np.ones((2, 2)), np.ones(2), [-1.0])
    with pytest.raises(DecideError, match="same people and actions"):
        profit_curve(np.ones((2, 2)), np.ones(2), judged=np.ones((1, 2)))
    with pytest.raises(DecideError, match="0 or more"):
        share_out({}, -1.0)


def test_nobody_worth_it_gives_a_flat_curve() -> None:
    curve = profit_curve(np.full((4, 2), -1.0), np.ones(2), [3.0])
    assert curve.points[0].value == 0
    assert curve.points[0].people == 0
    assert curve.points[0].marginal == 0
    assert profit_curve(np.full((4, 2), -1.0), np.ones(2)).most == 0
