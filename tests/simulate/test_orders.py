from collections import Counter
from decimal import Decimal

import numpy as np
import pytest

from aimwell.simulate import ShopSpec, open_shop
from aimwell.simulate.cells import open_cell, trade_before
from aimwell.simulate.orders import COUPONS, ORDER_SCHEMA, order_table
from aimwell.simulate.places import COUNTRIES


@pytest.fixture(scope="module")
def shop():
    return open_shop(ShopSpec(people=1500, seed=3, return_share=0.1, anonymous_share=0.1))


@pytest.fixture(scope="module")
def cell(shop):
    return open_cell(shop, 0)


def _rows(shop, cell, which):
    trade = trade_before(shop, cell)[which]
    table = order_table(
        shop, cell.people, cell.accounts, trade.orders, trade.baskets, until=shop.end
    )
    assert table.schema == ORDER_SCHEMA
    return table.to_pylist()


def test_a_return_undoes_a_line_that_was_sold_before(shop, cell):
    rows = _rows(shop, cell, 0)
    sold = {(row["order_id"], row["line"]): row for row in rows if row["quantity"] > 0}
    back = [row for row in rows if row["quantity"] < 0]
    assert len(sold) + len(back) == len(rows)
    assert 0.08 < len(back) / len(sold) < 0.11
    for row in back:
        first = sold[row["order_id"].removeprefix("C"), row["line"]]
        assert row["order_id"].startswith("C")
        assert row["ordered_at"] > first["ordered_at"]
        for name in ("quantity", "discount", "tax"):
            assert row[name] == -first[name]
        for name in ("customer_id", "sku", "unit_price", "unit_cost", "coupon", "shop_id"):
            assert row[name] == first[name]


def test_discounts_are_those_of_the_coupon_and_tax_is_the_countrys(shop, cell):
    shares = {code: Decimal(str(share)) for code, share in COUPONS} | {None: Decimal(0)}
    countries = list(COUNTRIES.values())
    home = {
        id_: countries[country]
        for account in (0, 1)
        for id_, country in zip(
            cell.accounts.ids_of_account(np.arange(1500), np.full(1500, account)).to_pylist(),
            cell.people.country.tolist(),
            strict=True,
        )
    }
    penny = Decimal("0.0051")
    used = Counter()
    for row in _rows(shop, cell, 0):
        gross = row["quantity"] * row["unit_price"]
        assert abs(row["discount"] - gross * shares[row["coupon"]]) <= penny
        tax = (gross - row["discount"]) * Decimal(str(home[row["customer_id"]].tax))
        assert abs(row["tax"] - tax) <= penny
        used[row["coupon"]] += 1
    assert set(used) == set(shares)


def test_shipping_is_paid_once_per_web_order_and_never_in_a_shop(shop, cell):
    fee = Decimal(str(shop.spec.shipping_fee))
    for row in _rows(shop, cell, 0):
        pays = row["shop_id"] == "web" and row["line"] == 1 and row["quantity"] > 0
        assert row["shipping"] == (fee if pays else 0)


def test_nameless_sales_have_no_customer_and_happen_in_shops(shop, cell):
    rows = _rows(shop, cell, 1)
    assert rows
    assert {row["customer_id"] for row in rows} == {None}
    assert all(row["shop_id"].startswith("store-") for row in rows)


def test_order_numbers_are_never_used_twice(shop, cell):
    named, nameless = trade_before(shop, cell)
    numbers = np.concatenate([named.orders.order_number, nameless.orders.order_number])
    assert np.unique(numbers).size == numbers.size


def test_lovers_of_bargains_have_more_coupons(shop, cell):
    orders = trade_before(shop, cell)[0].orders
    bargain = cell.people.bargain[orders.person]
    assert bargain[orders.coupon >= 0].mean() > bargain[orders.coupon < 0].mean() + 0.1
