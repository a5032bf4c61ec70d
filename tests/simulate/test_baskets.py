from datetime import UTC, datetime

import numpy as np
import pytest

from aimwell.simulate import ShopSpec, open_shop
from aimwell.simulate.baskets import expected_value, fill_baskets
from aimwell.simulate.people import simulate_people

END = datetime(2024, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize("spread", [0.0, 0.5, 1.0])
def test_baskets_are_worth_what_is_expected_of_each_person(spread):
    shop = open_shop(ShopSpec(people=3000, end=END, basket_spread=spread))
    people = simulate_people(shop, 0)
    person = np.repeat(np.arange(3000), 20)
    baskets = fill_baskets(np.random.default_rng(8), shop, people, person)
    buyer = person[baskets.order]
    for money, expected in zip(
        (shop.catalogue.price, shop.catalogue.cost), expected_value(shop, people), strict=True
    ):
        value = np.bincount(buyer, money[baskets.product] * baskets.quantity, 3000) / 20
        z = (value - expected).mean() / (value - expected).std() * np.sqrt(3000)
        assert abs(z) < 4
        assert np.corrcoef(value, expected)[0, 1] > 0.8


def test_every_order_has_lines_numbered_from_one():
    shop = open_shop(ShopSpec(people=50, end=END))
    people = simulate_people(shop, 0)
    baskets = fill_baskets(np.random.default_rng(1), shop, people, np.arange(50))
    assert set(baskets.order.tolist()) == set(range(50))
    for order in range(50):
        assert baskets.line[baskets.order == order].tolist() == list(
            range(1, (baskets.order == order).sum() + 1)
        )
    assert (baskets.quantity >= 1).all()


def test_keeping_orders_keeps_their_lines_and_numbers_them_anew():
    shop = open_shop(ShopSpec(people=50, end=END))
    people = simulate_people(shop, 0)
    baskets = fill_baskets(np.random.default_rng(1), shop, people, np.arange(50))
    wanted = np.arange(50) % 3 == 0
    kept = baskets.keep(wanted)
    assert kept.product.tolist() == baskets.product[wanted[baskets.order]].tolist()
    assert sorted(set(kept.order.tolist())) == list(range(wanted.sum()))
