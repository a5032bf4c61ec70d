"""What an order comes to, by all messages about it: the sale as it was told last, and what came back of it.

The state follows from the messages alone, in the order of their times, so that it is the same in whatever order they
arrive. An Order Completed that is sent again (a page that is loaded twice) says nothing new: the first one counts.
Where another source brought the order, its sale stands in that one's place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from aimwell.collect.tracking.commerce import (
    CANCELLED,
    COMPLETED,
    UPDATED,
    amount_of,
    currency_of,
    id_text,
    sku_of,
)

__all__ = ["Brought", "Line", "Order", "Part", "Told", "order_of"]

_UNIT = Decimal("0.0001")
_ZERO = Decimal(0)
_REVENUES = ("revenue", "total", "subtotal", "value")
_OF_LINES = frozenset({*_REVENUES, "discount", "tax", "shipping", "products"})


@dataclass(frozen=True)
class Told:
    """One message about the order."""

    event_id: str
    event: str
    origin_id: str
    occurred_at: datetime
    content: Mapping[str, Any]


@dataclass(frozen=True)
class Line:
    """So many of a product; below zero where they came back. Revenue is after discount."""

    sku: str | None
    quantity: Decimal
    unit_price: Decimal
    discount: Decimal
    revenue: Decimal
    unit_cost: Decimal | None = None


@dataclass(frozen=True)
class Part:
    """The sale (`message` is empty), or what one message says came back."""

    message: str
    origin_id: str | None
    ordered_at: datetime
    lines: tuple[Line, ...]
    tax: Decimal | None = None
    shipping: Decimal | None = None
    coupon: str | None = None
    shop_id: str | None = None
    payment_method: str | None = None


@dataclass(frozen=True, kw_only=True)
class Brought:
    """An order as another source brought it, in `currency`.

    Attributes:
        lines: The goods that were sold.
        returned: What that source took back of them; quantities and money below zero.
        tax, shipping, discount: Of the sale, where they are known.
        tax_back, shipping_back: What of them that source gave back; below zero.
    """

    currency: str
    origin_id: str | None
    ordered_at: datetime
    lines: tuple[Line, ...]
    returned: tuple[Line, ...] = ()
    tax: Decimal | None = None
    shipping: Decimal | None = None
    discount: Decimal | None = None
    tax_back: Decimal = _ZERO
    shipping_back: Decimal = _ZERO


@dataclass(frozen=True)
class Order:
    """All parts of an order, in its own currency (None: its source's)."""

    currency: str | None
    ordered_at: datetime
    parts: tuple[Part, ...]


def order_of(messages: Sequence[Told], brought: Brought | None = None) -> Order | None:
    """The order; None as long as no message has said that it was completed.

    Args:
        messages: All that was told of it; their amounts in the currency of `brought`, where that is given.
        brought: The order as another source brought it: then it counts by that, and messages change it.
    """
    told = sorted(messages, key=lambda one: (one.occurred_at, one.event_id))
    updates = [one.content for one in told if one.event == UPDATED]
    if brought is not None:
        sale = _brought_sale(brought, updates)
        currency: str | None = brought.currency
        left = _Left(sale)
        for line in brought.returned:
            left.came_back(line)
        tax, shipping = (
            _plus(sale.tax, brought.tax_back),
            _plus(sale.shipping, brought.shipping_back),
        )
    else:
        completed = next((one for one in told if one.event == COMPLETED), None)
        if completed is None:
            return None
        content = _updated(completed.content, updates)
        sale, currency = _sale(completed, content), currency_of(content.get("currency"))
        left, tax, shipping = _Left(sale), sale.tax, sale.shipping
    parts = [sale]
    for one in told:
        if one.event in (COMPLETED, UPDATED):
            continue
        lines = left.all() if one.event == CANCELLED else left.refund(one.content)
        whole = left.nothing
        if lines:
            parts.append(
                Part(
                    message=one.event_id,
                    origin_id=sale.origin_id,
                    ordered_at=max(one.occurred_at, sale.ordered_at),
                    lines=lines,
                    tax=_negative(tax) if whole else None,
                    shipping=_negative(shipping) if whole else None,
                )
            )
    return Order(currency, sale.ordered_at, tuple(parts))


def _updated(content: Mapping[str, Any], updates: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What an order's message says after updates; of one that tells the amount anew, in whichever way, that counts."""
    found = dict(content)
    for update in updates:
        if any(update.get(name) is not None for name in _REVENUES):
            found = {name: value for name, value in found.items() if name not in _REVENUES}
        found.update(update)
    return found


def _brought_sale(brought: Brought, updates: Sequence[Mapping[str, Any]]) -> Part:
    """The sale of a brought order: to the line as its source has it, as long as no update says otherwise."""
    content = _updated({}, updates)
    lines, tax, shipping = brought.lines, brought.tax, brought.shipping
    if _OF_LINES & content.keys():
        before = {
            "revenue": f"{sum((line.revenue for line in lines), _ZERO):f}",
            "tax": None if tax is None else f"{tax:f}",
            "shipping": None if shipping is None else f"{shipping:f}",
            "products": [
                {
                    "sku": line.sku,
                    "quantity": f"{line.quantity:f}",
                    "price": f"{line.unit_price:f}",
                    "unit_cost": None if line.unit_cost is None else f"{line.unit_cost:f}",
                }
                for line in lines
            ],
        }
        content = _updated(before, updates)
        tax, shipping = amount_of(content.get("tax")), amount_of(content.get("shipping"))
        lines = _sold(content, tax, shipping)
    return Part(
        message="",
        origin_id=brought.origin_id,
        ordered_at=brought.ordered_at,
        lines=lines,
        tax=tax,
        shipping=shipping,
        coupon=id_text(content.get("coupon")),
        shop_id=id_text(content.get("shop_id")) or id_text(content.get("affiliation")),
        payment_method=id_text(content.get("payment_method")),
    )


def _plus(value: Decimal | None, more: Decimal) -> Decimal | None:
    return None if value is None else max(value + more, _ZERO)


def _sale(completed: Told, content: Mapping[str, Any]) -> Part:
    tax, shipping = amount_of(content.get("tax")), amount_of(content.get("shipping"))
    return Part(
        message="",
        origin_id=completed.origin_id,
        ordered_at=completed.occurred_at,
        lines=_sold(content, tax, shipping),
        tax=tax,
        shipping=shipping,
        coupon=id_text(content.get("coupon")),
        shop_id=id_text(content.get("shop_id")) or id_text(content.get("affiliation")),
        payment_method=id_text(content.get("payment_method")),
    )


def _sold(
    content: Mapping[str, Any], tax: Decimal | None, shipping: Decimal | None
) -> tuple[Line, ...]:
    goods = [line for line in map(_goods, content.get("products") or ()) if line is not None]
    revenue = _revenue(content, tax, shipping)
    given = amount_of(content.get("discount")) or _ZERO
    priced = sum((price * q for _, q, price, _ in goods if price is not None), _ZERO)
    unpriced = sum((q for _, q, price, _ in goods if price is None), _ZERO)
    if revenue is None:
        revenue = max(priced - given, _ZERO)
    if not goods:
        gross = revenue + max(given, _ZERO)
        return (Line(None, Decimal(1), gross, gross - revenue, revenue),)
    # What no price tells is what the order comes to beyond the rest.
    rest = max(revenue - priced, _ZERO)
    share = (rest / unpriced).quantize(_UNIT) if unpriced else _ZERO
    full = [(sku, q, share if p is None else p, cost) for sku, q, p, cost in goods]
    gross = sum((q * price for _, q, price, _ in full), _ZERO)
    lines = _spread(full, gross, revenue)
    if revenue > gross:
        missing = revenue - gross  # lines that were not told
        lines.append(Line(None, Decimal(1), missing, _ZERO, missing))
    return tuple(lines)


def _revenue(
    content: Mapping[str, Any], tax: Decimal | None, shipping: Decimal | None
) -> Decimal | None:
    """Goods after discount, without tax and shipping, as far as the message tells it."""
    told = amount_of(content.get("revenue"))
    if told is not None:
        return told
    total = amount_of(content.get("total"))
    if total is not None:
        return max(total - (tax or _ZERO) - (shipping or _ZERO), _ZERO)
    subtotal = amount_of(content.get("subtotal"))
    if subtotal is not None:
        return max(subtotal - (amount_of(content.get("discount")) or _ZERO), _ZERO)
    return amount_of(content.get("value"))


def _goods(product: Any) -> tuple[str | None, Decimal, Decimal | None, Decimal | None] | None:
    """(sku, quantity, price, unit cost) of a product of the message; None: nothing was bought of it."""
    if not isinstance(product, Mapping):
        return None
    quantity = amount_of(product.get("quantity", 1))
    if quantity is None:
        quantity = Decimal(1)
    if quantity <= 0:
        return None
    cost = amount_of(product.get("unit_cost", product.get("cost")))
    return sku_of(product), quantity, amount_of(product.get("price")), cost


def _spread(
    goods: Sequence[tuple[str | None, Decimal, Decimal, Decimal | None]],
    gross: Decimal,
    revenue: Decimal,
) -> list[Line]:
    """Lines whose discounts add up to what the order comes to below its prices, in proportion to their value."""
    off = max(gross - revenue, _ZERO)
    lines, running, before = [], _ZERO, _ZERO
    for sku, quantity, price, cost in goods:
        value = (quantity * price).quantize(_UNIT)
        running += value
        upto = (off * running / gross).quantize(_UNIT) if gross else _ZERO
        discount, before = upto - before, upto
        lines.append(Line(sku, quantity, price, discount, value - discount, cost))
    return lines


@dataclass
class _LeftLine:
    """A line of the sale, less what came back of it."""

    line: Line
    units: Decimal
    discount: Decimal
    revenue: Decimal


class _Left:
    """What has not come back yet."""

    def __init__(self, sale: Part) -> None:
        self._lines = [
            _LeftLine(line, line.quantity, line.discount, line.revenue) for line in sale.lines
        ]
        self._unassigned = _ZERO  # given back without saying for which line

    @property
    def nothing(self) -> bool:
        return self._revenue() <= 0

    def _revenue(self) -> Decimal:
        return sum((left.revenue for left in self._lines), _ZERO) - self._unassigned

    def came_back(self, line: Line) -> None:
        """A line that has come back already; what fits no line of the sale is taken off its amount."""
        units, money = -line.quantity, -line.revenue
        for left in self._lines:
            if left.line.sku != line.sku or left.units <= 0 or units <= 0:
                continue
            taken = min(left.units, units)
            money += self._take(left, taken).revenue
            units -= taken
        self._unassigned += min(money, max(self._revenue(), _ZERO))

    def all(self) -> tuple[Line, ...]:
        """Everything that is left comes back."""
        if self.nothing and not any(left.units for left in self._lines):
            return ()
        lines = [self._take(left, left.units) for left in self._lines if left.units]
        if self._unassigned:
            lines.append(Line(None, _ZERO, _ZERO, _ZERO, self._unassigned))
            self._unassigned = _ZERO
        return tuple(lines)

    def refund(self, content: Mapping[str, Any]) -> tuple[Line, ...]:
        """What a refund says comes back: products, an amount, or all where it says neither; never more than is left."""
        products = [one for one in content.get("products") or () if isinstance(one, Mapping)]
        lines = [line for product in products for line in self._product(product)]
        if products:
            # What was given back before without saying for which line may have been for these.
            twice = min(-self._revenue(), self._unassigned)
            if twice > 0:
                self._unassigned -= twice
                lines.append(Line(None, _ZERO, _ZERO, _ZERO, twice))
            return tuple(lines)
        tax, shipping = amount_of(content.get("tax")), amount_of(content.get("shipping"))
        amount = _revenue(content, tax, shipping)
        if amount is None or amount >= self._revenue():
            return self.all()
        if amount <= 0:
            return ()
        self._unassigned += amount
        return (Line(None, _ZERO, _ZERO, _ZERO, -amount),)

    def _product(self, product: Mapping[str, Any]) -> list[Line]:
        sku, wanted = sku_of(product), amount_of(product.get("quantity"))
        found = []
        for left in self._lines:
            if left.line.sku != sku or left.units <= 0:
                continue
            taken = left.units if wanted is None else min(left.units, wanted)
            if taken <= 0:
                break
            found.append(self._take(left, taken))
            if wanted is not None:
                wanted -= taken
        return found

    def _take(self, left: _LeftLine, quantity: Decimal) -> Line:
        line, discount, revenue = left.line, left.discount, left.revenue
        if quantity < left.units:
            discount = (discount * quantity / left.units).quantize(_UNIT)
            revenue = (revenue * quantity / left.units).quantize(_UNIT)
        left.units -= quantity
        left.discount -= discount
        left.revenue -= revenue
        return Line(line.sku, -quantity, line.unit_price, -discount, -revenue, line.unit_cost)


def _negative(value: Decimal | None) -> Decimal | None:
    return None if value is None else -value
