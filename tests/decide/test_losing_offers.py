"""An offer that takes more than an order leaves is warned of, where that can be told from the usual order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aimwell.decide.losing_offers import UsualOrder, losing_offers
from aimwell.definitions.kinds.offer import Offer
from campaigns import planned, set_up
from shop import add_orders, day, make_stores

USUAL = UsualOrder(orders=40, value=100.0, margin=14.0)


def offer(**more: Any) -> Offer:
    return Offer.model_validate({"kind": "offer", "name": "x", **more})


@pytest.mark.parametrize(
    ("more", "warned"),
    [
        ({"benefit": {"percent": 20}}, True),
        ({"benefit": {"percent": 14}}, False),
        ({"benefit": {"amount": 15}}, True),
        ({"benefit": {"amount": 13}}, False),
        ({"benefit": {"amount": 13}, "cost_fixed": 2}, True),
        ({"benefit": {"points": 200}, "point_value": 0.1}, True),
        ({}, False),
        ({"benefit": {"percent": 20}, "minimum_spend": 50}, False),
        ({"benefit": {"percent": 20}, "conditions": {"categories": ["cups"]}}, False),
        ({"benefit": {"tiers": [{"from_spend": 10, "percent": 50}]}}, False),
    ],
)
def test_it_takes_more_than_the_usual_order_leaves(more: dict[str, Any], warned: bool) -> None:
    found = losing_offers([offer(**more)], USUAL, "GBP")
    assert bool(found) == warned


def test_without_enough_orders_of_known_margin_nothing_is_said() -> None:
    half = [offer(benefit={"percent": 50})]
    assert losing_offers(half, None, "GBP") == []
    assert losing_offers(half, UsualOrder(19, 100.0, 14.0), "GBP") == []


def test_a_plan_drawn_at_random_says_so(tmp_path: Path) -> None:
    stores = make_stores(tmp_path, margin_default=0.05)
    set_up(stores, 30)
    add_orders(
        stores,
        [
            {"customer": f"c{n:05}", "order_id": f"x{n}-{on}", "ordered_at": day(on), "revenue": 40}
            for n in range(30)
            for on in (20, 55)
        ],
    )
    warnings = " ".join(planned(stores).summary["warnings"])
    # Of what follows day 46: 30 orders of 40 and 30 of 10 to 16, with five per cent left of each.
    assert "The offer 'ten' takes about 2.6" in warnings
    assert "which leaves 1.3" in warnings
    assert "(60 orders of " in warnings
    stores.close()
