"""One budget over several campaigns: by hand, by trying all splits, and what the curve and the interval say of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from aimwell.decide.budget.bounded import Bound
from aimwell.decide.budget.curve import profit_curve
from aimwell.decide.budget.pieces import OfPlan, Part
from aimwell.decide.budget.plan_curve import PlanCurve
from aimwell.decide.budget.sharing import shared_budget
from aimwell.errors import DecideError


def points(
    spent: list[float], value: list[float], *, judged: float = 1.0, reach: float = 1.0
) -> list[dict[str, Any]]:
    return [
        {
            "spent": s,
            "value": v,
            "judged": {
                "estimate": judged * v,
                "lower": judged * v - reach,
                "upper": judged * v + reach,
            },
            "actions": {"letter": 10 * s},
        }
        for s, v in zip(spent, value, strict=True)
    ]


def curve(*args: Any, **more: Any) -> PlanCurve:
    found = PlanCurve.of(points(*args, **more))
    assert isinstance(found, PlanCurve)
    return found


STEEP = curve([10.0, 20.0], [50.0, 60.0])
EVEN = curve([30.0], [60.0], reach=2.0)


def shared(budget: float, **curves: PlanCurve) -> Any:
    plans = {name: OfPlan(f"{name}-1", one, {"letter": "post"}) for name, one in curves.items()}
    return shared_budget(plans, budget, currency="GBP")


def test_money_goes_where_the_next_pound_adds_most() -> None:
    found = shared(25.0, steep=STEEP, even=EVEN)
    gets = {one.campaign: one for one in found.campaigns}
    # The first ten pounds add 5 each, then the even campaign's add 2 each, and the steep one's last only 1.
    assert (gets["steep"].budget, gets["even"].budget) == (10.0, 15.0)
    assert gets["steep"].profit.estimate == 50.0
    assert found.profit.estimate == 80.0
    # Half of the even campaign has half of its distance.
    assert found.profit.upper == pytest.approx(80 + math.hypot(1, 1))
    assert (found.marginal, found.spent) == (2.0, 25.0)
    assert found.channels == {"post": 250}


def test_no_other_split_earns_more() -> None:
    rng = np.random.default_rng(3)
    curves = {}
    for name in ("a", "b", "c"):
        values = rng.gamma(1.0, 2.0, (40, 2)) - 0.5
        told = profit_curve(values, np.array([1.0, 2.5]), judged=values).points
        curves[name] = curve([one.spent for one in told], [one.value for one in told])
    found = shared(30.0, **curves)
    best = max(
        sum(
            float(np.interp(part, one.spent, one.hoped))
            for part, one in zip((a, b, 30 - a - b), curves.values(), strict=True)
        )
        for a in range(31)
        for b in range(31 - a)
    )
    assert found.profit.estimate >= best - 1e-9


def test_a_campaign_whose_hope_was_too_high_is_given_less() -> None:
    hopeful = curve([10.0], [100.0], judged=0.1)
    found = shared(10.0, hopeful=hopeful, even=EVEN)
    gets = {one.campaign: one.budget for one in found.campaigns}
    assert gets == {"even": 10.0, "hopeful": 0.0}
    assert hopeful.trust == pytest.approx(0.1)
    # Judged a loss, it gets nothing although there is money left.
    losing = curve([10.0], [100.0], judged=-0.5)
    assert shared(100.0, losing=losing, even=EVEN).spent == 30.0


def test_the_curve_rises_and_its_last_pound_adds_nothing() -> None:
    found = shared(0.0, steep=STEEP, even=EVEN)
    assert (found.profit.estimate, found.marginal) == (0.0, 5.0)
    profits = [one.profit.estimate for one in found.curve]
    assert profits == sorted(profits)
    assert found.curve[-1].budget == 50.0
    assert found.curve[-1].marginal == 0.0
    assert found.curve[-1].shares == {"steep": 20.0, "even": 30.0}


def test_what_makes_no_curve_is_said() -> None:
    assert PlanCurve.of([]) == "nothing that it does costs anything, so it needs no budget"
    unjudged = points([1.0], [1.0])
    unjudged[0]["judged"]["estimate"] = None
    assert PlanCurve.of(unjudged) == "nobody could judge its curve"
    with pytest.raises(DecideError, match="no plan"):
        shared(1.0)
    with pytest.raises(DecideError, match="0 or more"):
        shared(-1.0, even=EVEN)


def in_segments(budget: float, *bounds: Bound) -> Any:
    """Two campaigns, one of them by segment: the steep one's loyal and new people, and who is both or none."""
    parts = [
        Part(("loyal",), curve([10.0], [50.0])),
        Part(("new",), curve([10.0], [20.0])),
        Part(("loyal", "new"), curve([10.0], [30.0])),
        Part((), curve([10.0], [10.0])),
    ]
    whole = curve([10.0, 20.0, 30.0, 40.0], [50.0, 80.0, 100.0, 110.0])
    plans = {
        "steep": OfPlan("steep-1", whole, {"letter": "post"}, parts),
        "even": OfPlan("even-1", EVEN, {"letter": "post"}),
    }
    return shared_budget(plans, budget, currency="GBP", bounds=bounds)


def test_what_each_segment_gets_is_told_over_all_campaigns() -> None:
    found = in_segments(35.0)
    by_name = {one.segment: one for one in found.segments}
    # 5 a pound for the loyal, 3 for who is both; of those at 2, by name, the even campaign is first.
    assert {one.campaign: one.budget for one in found.campaigns} == {"even": 15.0, "steep": 20.0}
    assert (by_name["loyal"].budget, by_name["new"].budget, by_name[None].budget) == (20, 10, 15)
    assert by_name["loyal"].people == {"steep letter": 200}
    assert by_name[None].people == {"steep letter": 0, "even letter": 150}
    assert found.profit.estimate == pytest.approx(50 + 30 + 30)
    assert by_name["loyal"].profit.estimate == pytest.approx(80)


def test_bounds_of_segments_hold_and_their_price_is_told() -> None:
    found = in_segments(35.0, Bound("loyal", at_most=12.0), Bound("new", at_least=15.0))
    by_name = {one.segment: one for one in found.segments}
    assert by_name["loyal"].budget == pytest.approx(12.0)
    assert by_name["new"].budget >= 15.0 - 1e-9
    # One more pound of the ceiling moves one from 2 to 3 or 5.
    assert by_name["loyal"].price > 0
    assert found.spent == pytest.approx(35.0)
    # Nothing that the ceiling leaves open is worth more than the next pound of the budget.
    assert max(one.marginal for one in found.campaigns) == pytest.approx(found.marginal)
    best = max(
        5 * loyal + 2 * new + 3 * both + 2 * even
        for loyal in range(11)
        for new in range(11)
        for both in range(11)
        for even in range(31)
        if loyal + both <= 12 and new + both >= 15 and loyal + new + both + even <= 35
    )
    assert found.profit.estimate == pytest.approx(best)
    # Budgets that cannot meet the floor are left out of the curve.
    assert min(point.budget for point in found.curve) >= 15.0


@pytest.mark.parametrize(
    ("bound", "words"),
    [
        (Bound("old", at_most=1.0), "tells of the segment 'old' \\(known: loyal, new\\)"),
        (Bound("loyal", at_least=40.0), "the budget is 35"),
        (Bound("loyal", at_least=30.0), "worth spending on it in these campaigns is 20"),
    ],
)
def test_bounds_that_cannot_be_kept_are_refused(bound: Bound, words: str) -> None:
    with pytest.raises(DecideError, match=words):
        in_segments(35.0, bound)


def test_floors_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(DecideError, match="cannot be met together"):
        in_segments(25.0, Bound("loyal", at_least=20.0), Bound("new", at_least=20.0))
