"""From outcomes to profit: what is given away to who would have bought anyway counts too."""

from __future__ import annotations

import numpy as np
import pytest

from aimwell.decide.policies.net_revenue import net_incremental_revenue
from aimwell.decide.policies.rewards import Economics, profit_of
from aimwell.decide.uplift.data import ExperimentData, experiment_of
from aimwell.errors import DecideError


def data() -> ExperimentData:
    return experiment_of(
        np.zeros((40, 1)),
        ["none", "ten"] * 20,
        {"revenue": np.tile([0.0, 0.0, 50.0, 50.0], 10)},
        control="none",
    )


def test_profit_is_margin_less_discount_conversion_and_contact() -> None:
    economics = Economics(
        worth=0.4, contact={"ten": 0.5}, conversion={"ten": 2.0}, discount={"ten": 0.1}
    )
    found = profit_of(data(), "revenue", economics)
    assert found[:4] == pytest.approx([0.0, -0.5, 20.0, 0.4 * 0.9 * 50 - 2.0 - 0.5])


def test_a_promotion_to_sure_things_alone_loses_money() -> None:
    # The same people buy with it as without it.
    found = profit_of(data(), "revenue", Economics(worth=0.4, discount={"ten": 0.1}))
    arm = data().arm
    assert found[arm == 1].mean() < found[arm == 0].mean()


def test_a_cost_of_no_arm_names_the_arms() -> None:
    with pytest.raises(DecideError, match="'ten'"):
        profit_of(data(), "revenue", Economics(contact={"tenn": 1.0}))


@pytest.mark.parametrize(
    "wrong", [{"worth": np.inf}, {"contact": {"ten": -1.0}}, {"discount": {"ten": 1.5}}]
)
def test_costs_that_are_none_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(DecideError):
        Economics(**wrong)  # type: ignore[arg-type]


def test_net_incremental_revenue_counts_only_whom_the_policy_chose() -> None:
    bought = np.array([1.0, 1.0, 0.0, 1.0])
    treated = np.array([1, 0, 1, 1])
    sent = np.array([True, True, True, False])
    found = net_incremental_revenue(bought, treated, sent, price=10, cost=0.15)
    assert found.estimate == pytest.approx(10 - 2 * 0.15 - 10)
    nobody = net_incremental_revenue(bought, treated, np.zeros(4, bool), price=10, cost=0.15)
    assert nobody.reason == "the policy chooses fewer than two people"


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), 1e300, -1.0])
def test_what_no_message_costs_is_refused(wrong: float) -> None:
    with pytest.raises(DecideError, match="0 or more"):
        Economics(contact={"ten": wrong})
    if wrong > 0 or wrong != wrong:
        with pytest.raises(DecideError, match="cannot be worth"):
            Economics(worth=wrong)
