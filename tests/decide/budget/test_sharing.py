"""One budget over several campaigns: by hand, by trying all splits, and what the curve and the interval say of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from aimwell.decide.budget.curve import profit_curve
from aimwell.decide.budget.sharing import PlanCurve, shared_budget
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
    plans = {name: (f"{name}-1", one, {"letter": "post"}) for name, one in curves.items()}
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
