"""What offers take off an order, on rows worked by hand, and laws that hold for any order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given as example
from hypothesis import strategies as st

from aimwell.decide.offers.cost import expected_cost
from aimwell.decide.offers.discount import Baskets, given
from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.offer import Offer
from aimwell.errors import DefinitionError

Line = tuple[int, str, str, float, float]


def offer(**fields: Any) -> Offer:
    found = check({"kind": "offer", "name": "it", **fields})
    assert isinstance(found, Offer)
    return found


def baskets(lines: list[Line], *, count: int, shipping: float = 4.0) -> Baskets:
    return Baskets(
        count=count,
        order=np.array([line[0] for line in lines], dtype=np.int64),
        sku=np.array([line[1] for line in lines], dtype=np.str_),
        category=np.array([line[2] for line in lines], dtype=np.str_),
        quantity=np.array([line[3] for line in lines], dtype=np.float64),
        value=np.array([line[4] for line in lines], dtype=np.float64),
        shipping=np.full(count, shipping),
    )


TWO = baskets(
    [
        (0, "mug", "home", 3, 30.0),
        (0, "tea", "food", 2, 8.0),
        (1, "tea", "food", 1, 4.0),
        (1, "hat", "wear", 1, 16.0),
    ],
    count=2,
)


@pytest.mark.parametrize(
    ("fields", "discount"),
    [
        ({"benefit": {"percent": 10}}, [3.8, 2.0]),
        ({"benefit": {"percent": 10}, "minimum_spend": 25}, [3.8, 0.0]),
        ({"benefit": {"amount": 25}}, [25.0, 20.0]),
        ({"benefit": {"free_shipping": True}}, [4.0, 4.0]),
        ({"benefit": {"gift": "pen"}}, [0.0, 0.0]),
        (
            {
                "benefit": {
                    "tiers": [{"from_spend": 20, "amount": 3}, {"from_spend": 35, "percent": 20}]
                }
            },
            [7.6, 3.0],
        ),
        # Five units: of each three the cheapest is free, so one tea.
        ({"benefit": {"buy_get": {"buy": 2, "get": 1}}}, [4.0, 0.0]),
        ({"benefit": {"buy_get": {"buy": 1, "get": 1, "percent": 50}}}, [4.0, 2.0]),
        ({"benefit": {"bundle": {"products": ["mug", "tea"], "amount": 5}}}, [10.0, 0.0]),
        ({"benefit": {"bundle": {"products": ["hat", "tea"], "percent": 25}}}, [0.0, 5.0]),
        ({"benefit": {"percent": 50}, "conditions": {"categories": ["food"]}}, [4.0, 2.0]),
        ({"benefit": {"percent": 50}, "conditions": {"without_products": ["mug"]}}, [4.0, 10.0]),
        (
            {
                "benefit": {"percent": 50},
                "conditions": {"categories": ["food"]},
                "minimum_spend": 5,
            },
            [4.0, 0.0],
        ),
    ],
)
def test_discounts_worked_by_hand(fields: dict[str, Any], discount: list[float]) -> None:
    assert given(offer(**fields), TWO).discount == pytest.approx(discount)


def test_a_redemption_costs_the_discount_and_what_no_order_shows() -> None:
    points = offer(benefit={"points": 200}, point_value=0.01, cost_fixed=0.5)
    found = given(points, TWO)
    assert found.discount.tolist() == [0.0, 0.0]
    assert found.cost == pytest.approx([2.5, 2.5])
    beyond = offer(benefit={"amount": 3}, minimum_spend=30, cost_fixed=1)
    assert given(beyond, TWO).cost == pytest.approx([4.0, 0.0])


@example(
    lines=st.lists(
        st.tuples(
            st.integers(0, 4),
            st.sampled_from(["a", "b", "c"]),
            st.sampled_from(["x", "y"]),
            st.integers(-2, 6).map(float),
            st.floats(-50, 500),
        ),
        max_size=25,
    ),
    benefit=st.sampled_from(
        [
            {"percent": 30},
            {"amount": 12},
            {"tiers": [{"from_spend": 5, "percent": 5}, {"from_spend": 90, "amount": 500}]},
            {"buy_get": {"buy": 1, "get": 2}},
            {"bundle": {"products": ["a", "b"], "percent": 100}},
        ]
    ),
)
def test_no_offer_takes_off_more_than_the_goods_cost(
    lines: list[Line], benefit: dict[str, Any]
) -> None:
    found = baskets(lines, count=5)
    bought = np.where((found.quantity > 0) & (found.value > 0), found.value, 0.0)
    discount = given(offer(benefit=benefit), found).discount
    assert (discount >= 0).all()
    if "bundle" not in benefit:
        assert (discount <= found.sum(np.maximum(found.value, 0.0)) + 1e-9).all()
    elif (found.quantity > 0).all() and (found.value >= 0).all():
        assert (discount <= found.sum(bought) + 1e-9).all()


@pytest.mark.parametrize(
    "fields",
    [
        {"benefit": {"percent": 10, "amount": 3}},
        {"benefit": {"tiers": [{"from_spend": 9, "amount": 1}, {"from_spend": 5, "amount": 2}]}},
        {"benefit": {"tiers": [{"from_spend": 9}]}},
        {"benefit": {"points": 10}},
        {"benefit": {"bundle": {"products": ["a", "a"], "amount": 1}}},
        {"benefit": {"buy_get": {"buy": 1}}, "discount_in_orders": False},
        {"code": "A", "codes": {}},
        {"stock": -1},
        {"valid_for": "48"},
    ],
)
def test_offers_that_make_no_sense_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(DefinitionError):
        offer(**fields)


def test_cost_counts_those_who_would_have_bought_anyway() -> None:
    orders = 100
    lines: list[Line] = [(number, "mug", "home", 1, 20.0) for number in range(orders)]
    found = given(offer(benefit={"percent": 10}), baskets(lines, count=orders))
    person = np.repeat(np.arange(50), 2)
    kwargs: dict[str, Any] = {
        "person": person,
        "ordered": np.arange(orders),
        "people": 200,
        "margin": np.full(orders, 8.0),
        "contact_cost": 0.02,
        "days": 30.0,
    }
    once = expected_cost(found, per_person=1, **kwargs)
    always = expected_cost(found, per_person=None, **kwargs)
    assert once.anyway.estimate == pytest.approx(2.0 * 50 / 200)
    assert always.anyway.estimate == pytest.approx(2.0 * 100 / 200)
    assert once.per_order.estimate == pytest.approx(2.0)
    assert once.anyway.covers(0.5)
    assert once.anyway.method == "Student's t interval of a mean"
    # 0.5 + 0.02 a person is earned back by orders that leave 8 − 2 each.
    assert once.break_even.value == pytest.approx(0.52 / 6)


def test_an_offer_that_costs_more_than_an_order_earns_never_pays() -> None:
    lines: list[Line] = [(number, "mug", "home", 1, 20.0) for number in range(40)]
    found = given(offer(benefit={"percent": 50}), baskets(lines, count=40))
    cost = expected_cost(
        found,
        person=np.arange(40),
        ordered=np.arange(40),
        people=40,
        margin=np.full(40, 9.0),
        per_person=None,
        contact_cost=0.0,
        days=30.0,
    )
    assert cost.break_even.value is None
    assert "no number of added orders pays" in (cost.break_even.reason or "")


def test_few_orders_say_nothing() -> None:
    found = given(offer(benefit={"percent": 50}), TWO)
    cost = expected_cost(
        found,
        person=np.array([0, 1]),
        ordered=np.array([0, 1]),
        people=2,
        margin=np.array([1.0, np.nan]),
        per_person=None,
        contact_cost=0.0,
        days=30.0,
    )
    assert cost.per_order.estimate is None
    assert "it takes 30" in (cost.per_order.reason or "")
    assert "margin" in (cost.margin.reason or "")
