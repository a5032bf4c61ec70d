"""The key figures by their formulas, worked by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from aimwell.measure.churn import LapsePeriod
from aimwell.measure.kpis import Facts, kpis
from aimwell.measure.lifts import conversion_difference, lifts_of
from aimwell.measure.model import Costs, Delivery, Kpi
from aimwell.measure.people import People


def by_key(people: People, facts: Facts) -> dict[str, Kpi]:
    found = kpis(
        people,
        facts,
        lifts=lifts_of(people, seed=1, permutations=199),
        conversion=conversion_difference(people),
    )
    return {kpi.key: kpi for kpi in found}


def cost(contact: float, offers: float = 0.0) -> Costs:
    return Costs(
        contact=contact, offers=offers, offers_control=0.0, redemptions=0, redemptions_control=0
    )


@pytest.fixture
def shop(make_people: Callable[..., People]) -> People:
    """Eight targeted, four held out; three targeted and one held-out person buy."""
    return make_people(
        [0] * 8 + [-1] * 4,
        orders=[2, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0],
        revenue=[40, 20, 12, 0, 0, 0, 0, 0, 9, 0, 0, 0],
        margin=np.zeros(12),
        customer=[True, True, False, False, True, True, True, True, True, True, False, True],
        active=[True, True, False, False, True, True, True, False, True, True, False, True],
        still_active=[True, True, True, False, True, False, False, False, True, False, False, True],
    )


def test_conversion_rate_is_conversions_over_targeted(
    shop: People, make_facts: Callable[..., Facts]
) -> None:
    kpi = by_key(shop, make_facts())["conversion_rate"]
    assert kpi.formula == "conversions ÷ targeted customers × 100"
    assert kpi.worked == "3 ÷ 8 × 100"
    assert kpi.value.value == 37.5
    assert kpi.interval is not None
    assert kpi.interval.covers(37.5)
    assert kpi.causal.estimate == pytest.approx(37.5 - 25.0)
    assert kpi.causal_unit == "points"


def test_acquisition_cost_is_campaign_cost_over_new_customers(
    shop: People, make_facts: Callable[..., Facts]
) -> None:
    kpi = by_key(shop, make_facts(costs=cost(5.0, offers=2.0)))["acquisition_cost"]
    # One of the two targeted prospects bought.
    assert kpi.worked == "£7.00 ÷ 1"
    assert kpi.value.value == 7.0
    assert kpi.causal.estimate is None
    assert "not clear that sending added any new customer" in (kpi.causal.reason or "")


def test_acquisition_cost_of_added_customers_turns_the_interval_over(
    make_people: Callable[..., People], make_facts: Callable[..., Facts]
) -> None:
    people = make_people(
        [0] * 1000 + [-1] * 1000,
        orders=[1] * 300 + [0] * 700 + [1] * 100 + [0] * 900,
        revenue=[10] * 300 + [0] * 700 + [10] * 100 + [0] * 900,
        customer=[False] * 2000,
    )
    kpi = by_key(people, make_facts(costs=cost(600.0)))["acquisition_cost"]
    assert kpi.value.value == 2.0
    assert kpi.causal.estimate == pytest.approx(600 / 200)
    assert kpi.causal.lower is not None
    assert kpi.causal.upper is not None
    assert 0 < kpi.causal.lower < 3.0 < kpi.causal.upper < 4.0


def test_no_new_customer_leaves_the_cost_of_one_undefined(
    make_people: Callable[..., People], make_facts: Callable[..., Facts]
) -> None:
    kpi = by_key(make_people([0, 0, -1, -1]), make_facts(costs=cost(5.0)))["acquisition_cost"]
    assert kpi.value.value is None
    assert "everybody who was targeted had bought before" in (kpi.value.reason or "")
    prospects = make_people([0, 0, -1, -1], customer=[False] * 4)
    kpi = by_key(prospects, make_facts(costs=cost(5.0)))["acquisition_cost"]
    assert (kpi.value.value, kpi.value.reason) == (None, "no new customer was acquired")


def test_what_a_new_customer_cost_is_not_defined_where_nobody_was_reached(
    shop: People, make_facts: Callable[..., Facts]
) -> None:
    kpi = by_key(shop, make_facts(reached_nobody=True))["acquisition_cost"]
    assert kpi.value.value is None
    assert "a trial" in (kpi.value.reason or "")
    assert kpi.causal.estimate is None
    assert "a trial" in (kpi.causal.reason or "")


def test_return_on_spend_is_revenue_of_the_targeted_over_spend(
    shop: People, make_facts: Callable[..., Facts]
) -> None:
    kpi = by_key(shop, make_facts(costs=cost(8.0)))["return_on_ad_spend"]
    assert kpi.worked == "£72.00 ÷ £8.00"
    assert kpi.value.value == 9.0
    free = by_key(shop, make_facts())["return_on_ad_spend"]
    assert free.value.value is None
    assert "cost nothing" in (free.value.reason or "")
    assert free.causal.estimate is None


def test_the_causal_return_is_added_revenue_over_spend(
    make_people: Callable[..., People], make_facts: Callable[..., Facts], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    people = make_people(
        [0] * 500 + [-1] * 500,
        orders=[1] * 1000,
        revenue=rng.normal(20, 2, 1000) + np.repeat([3.0, 0.0], 500),
    )
    kpi = by_key(people, make_facts(costs=cost(100.0)))["return_on_ad_spend"]
    total = lifts_of(people, seed=1, permutations=199)["revenue"].total
    assert kpi.causal.estimate == pytest.approx((total.estimate or 0) / 100)
    assert kpi.causal.estimate == pytest.approx(15.0, abs=3.2)


def test_engagement_counts_people_and_sets_machines_apart(
    shop: People, make_facts: Callable[..., Facts], make_delivery: Callable[..., Delivery]
) -> None:
    delivery = make_delivery(messages=8, sent=8, engaged=4, engaged_machine=2)
    kpi = by_key(shop, make_facts(audience_size=16, delivery=delivery))["engagement_rate"]
    assert kpi.formula == "clicks or opens ÷ total audience × 100"
    assert kpi.value.value == 25.0
    assert kpi.worked.startswith("4 ÷ 16 × 100")
    assert "machines alone: 12.5%" in kpi.worked
    assert "Of the 8 messages sent it is 50.0%" in kpi.notes[0]
    assert kpi.causal.estimate is None
    nothing = by_key(shop, make_facts())["engagement_rate"]
    assert (nothing.value.value, nothing.value.reason) == (None, "nothing was sent")
    trial = make_facts(audience_size=16, delivery=delivery, reached_nobody=True)
    of_trial = by_key(shop, trial)["engagement_rate"]
    assert (of_trial.value.value, of_trial.interval, of_trial.worked) == (None, None, "")
    assert "a trial" in (of_trial.value.reason or "")


def test_churn_is_customers_lost_over_customers_at_start(
    shop: People, make_facts: Callable[..., Facts]
) -> None:
    kpi = by_key(shop, make_facts())["churn_rate"]
    # Five of the targeted are customers at the start; two of them are lost. Of the held-out: one of three.
    assert kpi.worked == "2 ÷ 5 × 100"
    assert kpi.value.value == 40.0
    assert kpi.causal.estimate == pytest.approx(40 - 100 / 3)
    assert "within the last 30 days" in kpi.notes[0]


def test_churn_is_missing_where_nobody_can_say_who_is_lost(
    make_people: Callable[..., People], make_facts: Callable[..., Facts]
) -> None:
    lapse = LapsePeriod(None, "too few gaps")
    kpi = by_key(make_people([0, -1]), make_facts(lapse=lapse))["churn_rate"]
    assert (kpi.value.value, kpi.value.reason, kpi.causal.reason) == (
        None,
        "too few gaps",
        "too few gaps",
    )
    none = make_people([0, -1], active=[False, False], still_active=[False, False])
    kpi = by_key(none, make_facts())["churn_rate"]
    assert kpi.value.reason == (
        "nobody targeted had bought within the 30 days before the start, so none was a customer who could be lost"
    )


def test_value_lift_is_the_change_of_value_over_the_value_before(
    make_people: Callable[..., People], make_facts: Callable[..., Facts], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    before = rng.normal(100, 10, 1000)
    after = before * 1.02 + np.repeat([5.0, 0.0], 500) + rng.normal(0, 1, 1000)
    before[0] = after[0] = np.nan
    people = make_people([0] * 500 + [-1] * 500, value_before=before, value_after=after)
    kpi = by_key(people, make_facts())["lifetime_value_lift"]
    pre, post = before[1:500].mean(), after[1:500].mean()
    assert kpi.value.value == pytest.approx(100 * (post - pre) / pre)
    # Time alone adds two per cent to everybody; only the five pounds are caused.
    assert kpi.causal.estimate == pytest.approx(5.0 / pre * 100, abs=0.4)
    assert not kpi.causal.covers(7.0)


@pytest.mark.parametrize("values", [None, [np.nan] * 4, [0.0] * 4])
def test_value_lift_without_values_is_missing(
    make_people: Callable[..., People], make_facts: Callable[..., Facts], values: Any
) -> None:
    people = make_people([0, 0, -1, -1], value_before=values, value_after=values)
    kpi = by_key(people, make_facts(value_reason=None if values else "too few buyers"))
    found = kpi["lifetime_value_lift"]
    assert found.value.value is None
    assert found.value.reason
    assert found.causal.estimate is None


def test_without_anybody_everything_is_missing_with_a_reason(
    make_people: Callable[..., People], make_facts: Callable[..., Facts]
) -> None:
    for cell in ([], [0], [-1]):
        for kpi in by_key(make_people(cell), make_facts(audience_size=0)).values():
            if kpi.value.value is None:
                assert kpi.value.reason
                assert kpi.worked == ""
            if not kpi.causal.defined:
                assert kpi.causal.reason
        assert by_key(make_people([]), make_facts())["conversion_rate"].value.value is None
