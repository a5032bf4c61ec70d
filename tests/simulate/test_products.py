import numpy as np
import pytest

from aimwell.simulate import ShopSpec, open_shop
from aimwell.simulate.products import product_table


@pytest.mark.parametrize(("products", "categories"), [(1, 1), (1, 8), (5, 3), (400, 12)])
def test_popularity_picks_products_of_the_right_category_at_its_mean_price(products, categories):
    goods = open_shop(ShopSpec(products=products, categories=categories)).catalogue
    rng = np.random.default_rng(3)
    for category in range(len(goods.category_names)):
        picked = goods.pick(np.full(40_000, category), rng.random(40_000))
        assert (goods.category[picked] == category).all()
        prices, costs = goods.price[picked], goods.cost[picked]
        assert abs(prices.mean() - goods.mean_price[category]) <= 4 * prices.std() / 200 + 1e-6
        assert abs(costs.mean() - goods.mean_cost[category]) <= 4 * costs.std() / 200 + 1e-6


def test_the_file_has_no_cost_where_it_is_not_known():
    goods = open_shop(ShopSpec(products=1000, no_cost_share=0.1)).catalogue
    table = product_table(goods)
    assert table["unit_cost"].null_count == (~goods.cost_known).sum()
    assert 60 < table["unit_cost"].null_count < 140
    assert len(set(table["sku"].to_pylist())) == 1000


def test_the_margin_is_about_that_of_the_spec():
    goods = open_shop(ShopSpec(products=2000, margin=0.3)).catalogue
    assert np.mean(1 - goods.cost / goods.price) == pytest.approx(0.3, abs=0.02)
    assert (goods.cost < goods.price).all()
