"""What messages truly add: nothing where they move nobody, and of a single contact what potential outcomes say."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from aimwell.simulate import Action, ShopSpec, gain_of, open_shop, potential_outcomes

REMINDER = Action(name="reminder")


def messages(customers: pa.Array, shop_end: object) -> pa.Table:
    return pa.table(
        {
            "message_id": [f"m{number}" for number in range(len(customers))],
            "customer_id": customers,
            "action": ["reminder"] * len(customers),
            "sent_at": pa.array([shop_end] * len(customers), pa.timestamp("us", tz="UTC")),
        }
    )


@pytest.mark.parametrize(("strength", "moves"), [(0.0, False), (3.0, True)])
def test_the_gain_is_what_the_same_people_would_not_have_bought(
    strength: float, moves: bool
) -> None:
    shop = open_shop(ShopSpec(people=600, seed=4, effect_strength=strength, return_share=0.0))
    known = potential_outcomes(shop, REMINDER, sent_at=shop.spec.end, window_days=20)
    sent = messages(known["customer_id"].slice(0, 300), shop.spec.end)
    until = shop.spec.end + timedelta(days=20)
    found = gain_of(shop, sent, actions=[REMINDER], since=shop.spec.end, until=until)
    some = known.slice(0, 300)
    orders, revenue = (
        float(np.sum(some[f"{name}_with"].to_numpy() - some[f"{name}_without"].to_numpy()))
        for name in ("orders", "revenue")
    )
    assert found.messages == 300
    assert found.orders == orders
    assert found.revenue == pytest.approx(revenue)
    assert (found.orders != 0) == moves
    # Sent in both worlds, the same messages add nothing.
    nothing = gain_of(
        shop, sent.slice(0, 0), actions=[REMINDER], since=shop.spec.end, until=until, before=sent
    )
    assert (nothing.orders, nothing.revenue, nothing.margin) == (0, 0.0, 0.0)
