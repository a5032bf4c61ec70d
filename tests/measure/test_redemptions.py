"""What offers cost where revenue does not show it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from aimwell.definitions.kinds.offer import Offer
from aimwell.measure.redemptions import Purchase, Redeemed, redeemed

DAY = datetime(2026, 3, 2, tzinfo=UTC)


def offer(**body: Any) -> Offer:
    return Offer.model_validate({"name": "o", **body})


def order(person: int, revenue: float, coupon: str | None = None, days: float = 0) -> Purchase:
    return Purchase(person, DAY + timedelta(days=days), revenue, coupon)


def test_a_code_is_redeemed_by_whoever_uses_it_in_any_case_and_spacing() -> None:
    offers = {"ten": offer(benefit={"percent": 10}, code="TEN", discount_in_orders=False)}
    found = redeemed(
        [
            order(0, 50, "ten "),
            order(0, 30, "TEN"),
            order(1, 20, "Ten"),
            order(2, 9, "OTHER"),
            order(3, 9),
        ],
        offers=offers,
        offer_of={0: "ten", 2: "ten", 3: "ten"},
    )
    assert found == {0: Redeemed(8.0, 2), 1: Redeemed(2.0, 1)}


def test_a_discount_that_revenue_shows_costs_nothing_more_than_its_fixed_part() -> None:
    offers = {"ten": offer(benefit={"percent": 10}, code="TEN", cost_fixed=1.5)}
    assert redeemed([order(0, 50, "TEN")], offers=offers, offer_of={}) == {0: Redeemed(1.5, 1)}


def test_an_amount_off_is_never_more_than_the_order() -> None:
    offers = {"five": offer(benefit={"amount": 5}, code="FIVE", discount_in_orders=False)}
    found = redeemed(
        [order(0, 50, "FIVE"), order(1, 3, "FIVE"), order(2, -4, "FIVE")],
        offers=offers,
        offer_of={},
    )
    assert found == {0: Redeemed(5.0, 1), 1: Redeemed(3.0, 1), 2: Redeemed(0.0, 1)}


def test_an_offer_without_a_code_is_redeemed_by_those_who_got_it_within_its_terms() -> None:
    offers = {
        "ship": offer(
            benefit={"free_shipping": True},
            cost_fixed=3.0,
            minimum_spend=20,
            valid={"start": "2026-03-01T00:00:00Z", "end": "2026-03-05T00:00:00Z"},
        )
    }
    got = {0: "ship", 1: "ship", 2: "ship"}
    orders = [order(0, 25), order(1, 19), order(2, 40, days=9), order(3, 40)]
    assert redeemed(orders, offers=offers, offer_of=got) == {0: Redeemed(3.0, 1)}


def test_an_offer_that_only_informs_costs_nothing() -> None:
    assert redeemed([order(0, 25)], offers={"news": offer()}, offer_of={0: "news"}) == {}
