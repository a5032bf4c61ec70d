"""Orders as the firm's files have them: lines with price, discount, tax, shipping and cost; returns beside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from aimwell.simulate.accounts import Accounts
from aimwell.simulate.baskets import Baskets
from aimwell.simulate.columns import MONEY, join_text, lookup, moments, money, optional
from aimwell.simulate.people import Flags, Floats, Ints, People
from aimwell.simulate.places import COUNTRIES
from aimwell.simulate.shop import Shop

__all__ = [
    "COUPONS",
    "MEAN_COUPON",
    "ORDER_SCHEMA",
    "Orders",
    "Sums",
    "order_table",
    "ordinary_orders",
    "sums",
]

COUPONS: tuple[tuple[str, float], ...] = (
    ("SAVE5", 0.05),
    ("SAVE10", 0.10),
    ("SAVE15", 0.15),
    ("SAVE20", 0.20),
)
MEAN_COUPON = float(np.mean([share for _, share in COUPONS]))
"""Mean discount share of an ordinary order that has a coupon; all coupons are equally likely."""

_PAYMENTS = ("card", "paypal", "invoice", "cash")
ORDER_SCHEMA = pa.schema(
    [
        ("order_id", pa.string()),
        ("line", pa.int64()),
        ("customer_id", pa.string()),
        ("ordered_at", pa.timestamp("s", tz="UTC")),
        ("sku", pa.string()),
        ("quantity", pa.int64()),
        ("unit_price", MONEY),
        ("discount", MONEY),
        ("coupon", pa.string()),
        ("shipping", MONEY),
        ("tax", MONEY),
        ("unit_cost", MONEY),
        ("currency", pa.string()),
        ("payment_method", pa.string()),
        ("shop_id", pa.string()),
    ]
)


@dataclass(frozen=True)
class Orders:
    """One row per order: who, when, with which discount and where.

    `order_number` is unique in the shop. `coupon` indexes COUPONS (-1: none). An order that uses an offer
    (`offer` from 0, -1: none) has that offer's `discount_share`; `free_shipping` orders pay no shipping.
    `named` is False where the shop does not know the buyer; `store` is -1 for the web shop.
    """

    person: Ints
    at: Ints
    order_number: Ints
    coupon: Ints
    offer: Ints
    discount_share: Floats
    free_shipping: Flags
    named: Flags
    store: Ints
    payment: Ints

    def keep(self, rows: NDArray[np.bool_] | Ints) -> Orders:
        """Some of the orders."""
        return Orders(**{name: value[rows] for name, value in vars(self).items()})


def ordinary_orders(
    rng: np.random.Generator,
    shop: Shop,
    people: People,
    *,
    person: Ints,
    at: Ints,
    first_number: int,
    named: bool = True,
) -> Orders:
    """Orders as they come without any contact: with the shop's own coupons, on the web or in a shop."""
    n = person.size
    has_coupon = rng.random(n) < people.coupon_share[person]
    coupon = np.where(has_coupon, rng.integers(len(COUPONS), size=n), -1)
    in_store = (rng.random(n) < (shop.spec.store_share if named else 1.0)) & (shop.spec.shops > 0)
    payment = np.where(in_store & (rng.random(n) < 0.4), 3, rng.integers(3, size=n))
    shares = np.array([*(share for _, share in COUPONS), 0.0])
    return Orders(
        person=person,
        at=at,
        order_number=first_number + np.arange(n),
        coupon=coupon,
        offer=np.full(n, -1),
        discount_share=shares[coupon],
        free_shipping=np.zeros(n, np.bool_),
        named=np.full(n, named),
        store=np.where(in_store, people.store[person], -1),
        payment=payment,
    )


@dataclass(frozen=True)
class Sums:
    """One row per order line, in minor units: price of the goods, discount, their cost; `shipping` on line 1."""

    gross: Ints
    discount: Ints
    cost: Ints
    shipping: Ints

    @property
    def revenue(self) -> Ints:
        """Goods after discount, without tax and shipping."""
        return self.gross - self.discount


def sums(shop: Shop, orders: Orders, baskets: Baskets) -> Sums:
    """The money of each line."""
    gross = shop.catalogue.price[baskets.product] * baskets.quantity
    fee = round(shop.spec.shipping_fee * 100)
    paid = np.where(
        orders.free_shipping[baskets.order] | (orders.store[baskets.order] >= 0), 0, fee
    )
    return Sums(
        gross=gross,
        discount=np.rint(gross * orders.discount_share[baskets.order]).astype(np.int64),
        cost=shop.catalogue.cost[baskets.product] * baskets.quantity,
        shipping=np.where(baskets.line == 1, paid, 0),
    )


def order_table(
    shop: Shop,
    people: People,
    accounts: Accounts,
    orders: Orders,
    baskets: Baskets,
    *,
    until: int,
    offer_codes: tuple[str, ...] = (),
) -> pa.Table:
    """The lines of orders and of returns up to the second `until`, in order of time (see ORDER_SCHEMA).

    A return is an order of its own: `C` before the number of the first, negative quantity, discount and tax,
    so that quantity x unit_price - discount is what is paid back.
    """
    sales = _lines(shop, people, accounts, orders, baskets, offer_codes=offer_codes)
    back = np.flatnonzero(
        baskets.returned & (orders.at[baskets.order] + baskets.return_seconds < until)
    )
    returns = _returned(sales.take(pa.array(back)), baskets.return_seconds[back])
    table = pa.concat_tables([sales, returns]).combine_chunks()
    return table.sort_by(
        [("ordered_at", "ascending"), ("order_id", "ascending"), ("line", "ascending")]
    )


def _lines(
    shop: Shop,
    people: People,
    accounts: Accounts,
    orders: Orders,
    baskets: Baskets,
    *,
    offer_codes: tuple[str, ...],
) -> pa.Table:
    amounts = sums(shop, orders, baskets)
    order, product = baskets.order, baskets.product
    taxes = np.array([country.tax for country in COUNTRIES.values()])[people.country[orders.person]]
    codes = [*(code for code, _ in COUPONS), *offer_codes]
    code = np.where(orders.offer >= 0, len(COUPONS) + orders.offer, orders.coupon)
    by_order = {
        "order_id": pa.array(orders.order_number).cast(pa.string()),
        "customer_id": optional(accounts.ids(orders.person, orders.at), orders.named),
        "ordered_at": moments(orders.at),
        "coupon": optional(lookup(codes, np.maximum(code, 0)), code >= 0),
        "payment_method": lookup(_PAYMENTS, orders.payment),
        "shop_id": lookup(
            ["web", *(f"store-{n}" for n in range(1, shop.spec.shops + 1))], orders.store + 1
        ),
    }
    row = pa.array(order)
    columns = {name: column.take(row) for name, column in by_order.items()} | {
        "line": pa.array(baskets.line),
        "sku": lookup(shop.catalogue.sku, product),
        "quantity": pa.array(baskets.quantity),
        "unit_price": money(shop.catalogue.price[product]),
        "discount": money(amounts.discount),
        "shipping": money(amounts.shipping),
        "tax": money(np.rint(amounts.revenue * taxes[order]).astype(np.int64)),
        "unit_cost": money(shop.catalogue.cost[product], known=shop.catalogue.cost_known[product]),
        "currency": pa.repeat(shop.spec.currency, order.size),
    }
    return pa.table([columns[name] for name in ORDER_SCHEMA.names], schema=ORDER_SCHEMA)


def _returned(sales: pa.Table, later: Ints) -> pa.Table:
    """The lines that undo these lines, `later` seconds after them. The shipping is not paid back."""
    delay = pa.array(later).cast(pa.duration("s"))
    changed = {
        "order_id": join_text("C", sales["order_id"]),
        "ordered_at": pc.add(sales["ordered_at"], delay),
        "shipping": money(np.zeros(len(sales), np.int64)),
    } | {name: pc.negate(sales[name]) for name in ("quantity", "discount", "tax")}
    return pa.table(
        [changed.get(name, sales[name]) for name in ORDER_SCHEMA.names], schema=ORDER_SCHEMA
    )
