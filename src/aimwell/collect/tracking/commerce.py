"""The e-commerce events of Segment's specification (v2) that become orders and products."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from aimwell.currencies import CURRENCIES

__all__ = [
    "CANCELLED",
    "COMPLETED",
    "ORDER_FAULTS",
    "ORDER_NAMES",
    "REFUNDED",
    "UPDATED",
    "amount_of",
    "currency_of",
    "has_money",
    "id_text",
    "number_text",
    "order_content",
    "order_fault",
    "products_of",
]

COMPLETED, UPDATED = "Order Completed", "Order Updated"
REFUNDED, CANCELLED = "Order Refunded", "Order Cancelled"
ORDER_NAMES = frozenset({COMPLETED, UPDATED, REFUNDED, CANCELLED})

ORDER_FAULTS = frozenset({"no_order_id", "order_not_readable", "unknown_currency"})
"""Reasons for which a message is taken as an event, and waits to be taken as an order as well."""

_PRODUCT_NAMES = frozenset({"Product Viewed", "Product Added", COMPLETED, UPDATED})
"""Events whose products are taken for what the shop says of them; lists would say it a hundred times over."""

_ORDER_KEYS = (
    *("revenue", "total", "subtotal", "value", "shipping", "tax", "discount", "coupon"),
    *("currency", "payment_method", "shop_id", "affiliation"),
)
_LINE_KEYS = ("sku", "product_id", "price", "quantity", "discount", "unit_cost", "cost", "coupon")
_AMOUNTS = ("revenue", "total", "subtotal", "value")
"""What tells the amount of an order; the first that is there counts."""
_NUMBER = re.compile(r"[+-]?[0-9]{1,14}([.][0-9]*)?")
_ID_MAX = 512
_UNIT = Decimal("0.0001")
_MOST = Decimal(10) ** 13


def number_text(value: Any) -> str | None:
    """A number as text, also one that was sent as text; None: it is none."""
    if type(value) is int or type(value) is float:
        text = f"{value:.6f}" if type(value) is float else str(value)
        return text if _NUMBER.fullmatch(text) else None
    if isinstance(value, str):
        text = value.strip()
        return text if _NUMBER.fullmatch(text) else None
    return None


def amount_of(value: Any) -> Decimal | None:
    """An amount of money or a quantity, as the lake keeps it; None: it is none, or beyond all bounds."""
    text = number_text(value)
    if text is None:
        return None
    found = Decimal(text).quantize(_UNIT)
    return found if abs(found) < _MOST else None


def id_text(value: Any) -> str | None:
    """An id or short text; whole numbers are as good; None: it is none."""
    if type(value) is str:
        text = value.strip()
        if "\0" in text:
            text = text.replace("\0", "")
        return text if 0 < len(text) <= _ID_MAX else None
    if type(value) is int:
        return str(value)
    if type(value) is float and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return None


def currency_of(value: Any) -> str | None:
    """An ISO currency, however its case; None: it is none."""
    if not isinstance(value, str):
        return None
    text = value.strip().upper()
    return text if text in CURRENCIES else None


def has_money(properties: Mapping[str, Any]) -> bool:
    """Whether its amounts are money: they are not where a currency is told that there is not."""
    currency = properties.get("currency")
    return _empty(currency) or currency_of(currency) is not None


def order_content(properties: Mapping[str, Any]) -> dict[str, Any]:
    """What an order's message says that its rows are made of."""
    found = {key: properties[key] for key in _ORDER_KEYS if properties.get(key) is not None}
    lines = [
        {key: line[key] for key in _LINE_KEYS if line.get(key) is not None}
        for line in _listed(properties)
    ]
    return {**found, "products": lines} if lines else found


def order_fault(event: str, properties: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """(reason, field, what was wrong) of an order's message of which no order can be made; None: one can.

    An amount that cannot be read is not zero (nor, of a refund, all of the order), and money of an unknown currency
    is not money of the workspace's. A cancellation needs neither.
    """
    if id_text(properties.get("order_id")) is None:
        detail = "the message is kept as an event, but without an order_id it is no order"
        return "no_order_id", "properties.order_id", detail
    if event == CANCELLED:
        return None
    if not has_money(properties):
        detail = "the message is kept as an event, but its currency is no code of ISO 4217, as GBP"
        return "unknown_currency", "properties.currency", detail
    told = next((name for name in _AMOUNTS if not _empty(properties.get(name))), None)
    if told is not None and amount_of(properties[told]) is None:
        return _unreadable(told)
    for place, line in enumerate(_listed(properties)):
        for name in ("quantity",) if told is not None else ("quantity", "price"):
            if not _empty(line.get(name)) and amount_of(line[name]) is None:
                return _unreadable(f"products[{place}].{name}")
    return None


def _empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _unreadable(field: str) -> tuple[str, str, str]:
    detail = "the message is kept as an event, but this is no number below 10 trillion, as 12.50"
    return "order_not_readable", f"properties.{field}", detail


def products_of(event: str, properties: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(sku, what is said of it) of the products that an event tells."""
    if event not in _PRODUCT_NAMES:
        return
    listed = _listed(properties)
    for product in listed or [properties]:
        sku = sku_of(product)
        if sku is not None:
            yield sku, dict(product)


def sku_of(product: Mapping[str, Any]) -> str | None:
    """The id of a product: its sku, else its product id."""
    return id_text(product.get("sku")) or id_text(product.get("product_id"))


def _listed(properties: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    products = properties.get("products")
    return [one for one in products if isinstance(one, dict)] if isinstance(products, list) else []
