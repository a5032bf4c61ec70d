"""What a row of an orders file is: a sale or a return, goods or not, at which price, under which line id."""

from __future__ import annotations

from decimal import Decimal

from sqlglot import exp

from aimwell.collect.field_kinds import FieldKind
from aimwell.collect.identifying import PERSON_TARGETS, person_of
from aimwell.collect.null_texts import is_one_of
from aimwell.collect.said import as_said
from aimwell.collect.staging import Check
from aimwell.definitions.kinds.source import Limits, OrdersEntity
from aimwell.store.sql import column, sql

__all__ = ["LINE_NUMBER_AT", "ORDER_TARGETS", "hashed_id", "line_rows"]

ORDER_TARGETS: tuple[tuple[str, FieldKind], ...] = (
    ("order_id", "id"),
    ("line", "id"),
    ("customer_id", "id"),
    ("email", "email"),
    ("phone", "phone"),
    ("ordered_at", "time"),
    ("sku", "id"),
    ("description", "text"),
    ("category", "text"),
    ("quantity", "number"),
    ("unit_price", "number"),
    ("line_total", "number"),
    ("goods_total", "number"),
    ("discount", "number"),
    ("tax", "number"),
    ("shipping", "number"),
    ("coupon", "text"),
    ("unit_cost", "number"),
    ("currency", "currency"),
    ("payment_method", "text"),
    ("shop_id", "id"),
    ("kind", "text"),
    ("original_order_id", "id"),
)
"""Columns of `typed` for orders."""

_RETURN_WORDS = (
    *(
        "return",
        "returned",
        "returns",
        "refund",
        "refunded",
        "cancellation",
        "cancelled",
        "canceled",
    ),
    *("cancel", "credit", "credit note", "chargeback"),
)
_SALE_WORDS = ("sale", "sales", "order", "purchase", "invoice", "sold", "completed")

# What only products and traits are made of is read again, of the rows that were taken.
_KEPT: tuple[str, ...] = (
    *PERSON_TARGETS,
    "sku",
    "coupon",
    "unit_cost",
    "payment_method",
    "shop_id",
)
_KEPT += ("original_order_id", "line")
_KEPT_GROUPS = ("properties.", "external_ids.", "handles.")
_VALUES: tuple[str, ...] = (
    "sku",
    "unit_price",
    "line_total",
    "description",
    "category",
    "discount",
    "tax",
    "shipping",
    "coupon",
    "unit_cost",
)
_VALUES += ("currency", "payment_method", "shop_id", "original_order_id")
_SEPARATOR = "\x1f"
LINE_NUMBER_AT = 34
"""Where in the id of a numbered line its number begins."""

_KEY_DIGITS = 24  # 96 bits; a longer key would cost the hash another round


def line_rows(
    entity: OrdersEntity,
    names: tuple[str, ...],
    *,
    source: str,
    key: bytes,
    limits: Limits,
    currency: str,
) -> tuple[exp.Query, list[Check]]:
    """A query over `typed`, and the checks of its rows.

    Args:
        entity: The mapping.
        names: Names of the mapped fields.
        source: Name of the source, a part of the line ids.
        key: The workspace's key, so that nobody finds out from an id what it was made of.
        limits: What is taken for a mistake.
        currency: Currency of rows that say none.

    Returns:
        Rows with `n`, `line_id`, `person` (the identifier that names the customer, or null), `kind`, `goods`,
        signed `quantity`, `unit_price`, `discount`, `revenue`, `tax`, `shipping`, `currency`, the ids, the
        properties, `order_discount` where the discount is the order's, and `goods_total` where it is mapped.
    """
    whose = "order_discount" if "discount" in entity.once_per_order else "line_discount"
    shaped = exp.select(
        exp.Star(
            replace=[
                sql("coalesce(quantity, 1) AS quantity"),
                sql("coalesce(currency, :currency) AS currency", currency=currency),
            ]
        ),
        exp.alias_(_what(names), "what"),
        exp.alias_(_goods(entity), "goods"),
        exp.alias_(person_of(names), "person"),
    ).from_("typed")
    signed = exp.select(
        "*",
        exp.alias_(_signed("quantity"), "q"),
        exp.alias_(_signed("line_total"), "total"),
        exp.alias_(_signed("discount") if "discount" in names else _no_money(), "given"),
    ).from_(shaped.subquery("shaped"))
    is_orders = whose == "order_discount"
    valued = exp.select(
        "*", *_values(names, off=_no_money() if is_orders else sql("coalesce(given, 0)"))
    ).from_(signed.subquery("signed"))
    optional = [column(name) for name in names if name in _KEPT or name.startswith(_KEPT_GROUPS)]
    rows = exp.select(
        "n",
        exp.alias_(_line_id(entity, names, source, key), "line_id"),
        *("person", "goods", "order_id", "ordered_at", "currency"),
        *(f"{short} AS {name}" for short, name in _RENAMED.items()),
        *(exp.alias_(_signed(name), name) for name in ("tax", "shipping") if name in names),
        *(["abs(given) AS order_discount"] if is_orders else []),
        *(["abs(goods_total) AS goods_total"] if "goods_total" in names else []),
        *optional,
    ).from_(valued.subquery("valued"))
    return rows, _checks(entity, names, limits)


_RENAMED = {"what": "kind", "q": "quantity", "p": "unit_price", "d": "discount", "r": "revenue"}


def _no_money() -> exp.Expr:
    return sql("CAST(0 AS decimal(18, 4))")


def _signed(name: str) -> exp.Expr:
    """An amount below zero for a return, above for a sale, whatever sign the file gives it."""
    return sql("CASE what WHEN 'return' THEN -abs(:x) ELSE abs(:x) END", x=column(name))


def _product() -> exp.Expr:
    """Quantity times price, rounded to four decimals. The engine multiplies in 64 bits, which hold 92 billion with
    eight decimals; only what is more is multiplied in the slower 128."""
    narrow = sql(
        "TRY_CAST(:product AS decimal(18, 4))", product=exp.Try(this=sql("q * unit_price"))
    )
    wide = sql(
        "TRY_CAST(CAST(q AS decimal(38, 4)) * CAST(unit_price AS decimal(38, 4)) AS decimal(18, 4))"
    )
    return exp.Coalesce(this=narrow, expressions=[wide])


def _values(names: tuple[str, ...], *, off: exp.Expr) -> list[exp.Expr]:
    """Price `p`, discount `d` and revenue `r` of a line, from those of price, discount and total that are there.

    The total stands where it is said; then the price follows from it, or what is off the price does.
    """
    from_price = {
        "p": sql("unit_price"),
        "d": off,
        "r": sql("TRY_CAST(:product - :off AS decimal(18, 4))", product=_product(), off=off),
    }
    if "line_total" not in names:
        return [exp.alias_(value, name) for name, value in from_price.items()]
    from_total = {
        "p": sql("TRY_CAST((total + :off) / q AS decimal(18, 4))", off=off),
        "d": off,
        "r": sql("total"),
    }
    if "unit_price" not in names:
        return [exp.alias_(value, name) for name, value in from_total.items()]
    below = sql("TRY_CAST(:product - total AS decimal(18, 4))", product=_product())
    both = (
        from_total
        if "discount" in names
        else {
            # What a line comes to below its price is a discount; above it, the price was another one.
            "p": sql(
                "CASE WHEN total / q > unit_price THEN :p ELSE unit_price END", p=from_total["p"]
            ),
            "d": sql("CASE WHEN total / q > unit_price THEN 0 ELSE :below END", below=below),
            "r": sql("total"),
        }
    )
    return [
        exp.alias_(
            sql(
                "CASE WHEN total IS NULL THEN :price WHEN unit_price IS NULL THEN :total ELSE :both END",
                price=from_price[name],
                total=from_total[name],
                both=both[name],
            ),
            name,
        )
        for name in ("p", "d", "r")
    ]


def _what(names: tuple[str, ...]) -> exp.Expr:
    """'sale' or 'return', by the word or else by the sign; null where the word is unknown."""
    signs = [sql(":x < 0", x=column(n)) for n in ("quantity", "line_total") if n in names]
    by_sign = (
        sql("CASE WHEN :negative THEN 'return' ELSE 'sale' END", negative=exp.or_(*signs))
        if signs
        else sql("'sale'")
    )
    if "kind" not in names:
        return by_sign
    return sql(
        """
        CASE WHEN kind = 'sale' OR kind = 'return' THEN kind WHEN kind IS NULL THEN :by_sign
             WHEN :returned THEN 'return' WHEN :sold THEN 'sale' END
        """,
        by_sign=by_sign,
        returned=is_one_of(sql("lower(kind)"), _RETURN_WORDS),
        sold=is_one_of(sql("lower(kind)"), _SALE_WORDS),
    )


def _goods(entity: OrdersEntity) -> exp.Expr:
    codes = [*entity.not_goods, *entity.shipping_codes]
    tests = [is_one_of(sql("sku"), codes)] if codes else []
    if entity.not_goods_pattern is not None:
        tests.append(sql("regexp_matches(sku, :form)", form=entity.not_goods_pattern))
    return sql("coalesce(NOT (:tests), TRUE)", tests=exp.or_(*tests)) if tests else sql("TRUE")


def _line_id(entity: OrdersEntity, names: tuple[str, ...], source: str, key: bytes) -> exp.Expr:
    """32 hex digits of a hash over all that is mapped of the line (not over traits, which are the person's).

    Where lines are numbered the number follows, so that another version of a known line can be told from a new
    line.
    """
    body = [
        sql("order_id"),
        sql("what"),
        sql("epoch_us(ordered_at)"),
        sql("quantity"),
        sql("person"),
    ]
    # What is said of the whole order is no part of a line: a line of an order whose total was corrected is the same line.
    own = [name for name in _VALUES if name in names and name not in entity.once_per_order]
    body += [as_said(name, entity.fill) for name in own]
    body += [as_said(name, entity.fill) for name in names if name.startswith("properties.")]
    whole = hashed_id(source, key, body)
    if entity.map.line is not None:
        return sql("concat(:whole, '-', line)", whole=whole)
    if not entity.keep_repeats:
        return whole
    place = sql("row_number() OVER (PARTITION BY :whole ORDER BY n)", whole=whole)
    return sql("md5(:whole || CAST(:place AS varchar))", whole=whole, place=place)


def hashed_id(source: str, key: bytes, parts: list[exp.Expr]) -> exp.Expr:
    """32 hex digits that stand for `parts` (null and empty count alike) of a row of `source`."""
    head = exp.Literal.string(f"{key.hex()[:_KEY_DIGITS]}{source}")
    texts: list[exp.Expr] = [head]
    for part in parts:
        texts += [exp.Literal.string(_SEPARATOR), part]
    # By its plain name: as the dialect's own function it would be written with tests for null, which this one
    # passes over.
    return sql("md5(:joined)", joined=exp.Anonymous(this="concat", expressions=texts))


def _checks(entity: OrdersEntity, names: tuple[str, ...], limits: Limits) -> list[Check]:
    price = "unit_price" if "unit_price" in names else "line_total"
    most_units, most_money = Decimal(limits.quantity), Decimal(limits.price)
    checks = [
        Check(
            price,
            "amount_out_of_range",
            "the line comes to more than 100 trillion",
            sql(
                "q <> 0 AND (r IS NULL OR p IS NULL) AND coalesce(unit_price, line_total) IS NOT NULL"
            ),
        )
    ]
    if {"unit_price", "line_total"} <= set(names):
        checks.append(
            Check(
                price,
                "missing",
                "unit_price or line_total is required",
                sql("unit_price IS NULL AND line_total IS NULL"),
            )
        )
    if "quantity" in names:
        checks += [
            Check(
                "quantity",
                "zero_quantity",
                "quantity is zero; a sale has more, a return less",
                sql("quantity = 0"),
            ),
            Check(
                "quantity",
                "quantity_out_of_range",
                f"quantity is beyond {limits.quantity:,.0f}; see `limits`",
                sql("abs(quantity) > :most", most=most_units),
            ),
        ]
    if "kind" in names:
        checks += [
            Check(
                "kind",
                "unknown_kind",
                "kind is neither sale nor return (refund, cancellation); map it by an expression",
                sql("what IS NULL"),
            ),
            Check(
                "quantity",
                "negative_quantity",
                "quantity is negative although the row is called a sale",
                sql("quantity < 0 AND what = 'sale' AND kind IS NOT NULL"),
            ),
        ]
    if "unit_price" in names:
        checks += [
            Check(
                "unit_price",
                "price_out_of_range",
                f"unit_price is beyond {limits.price:,.0f}; see `limits`",
                sql("abs(unit_price) > :most", most=most_money),
            ),
            Check(
                "unit_price",
                "negative_price",
                "unit_price is negative; a discount has a column, or a code that is no goods",
                sql("unit_price < 0 AND goods"),
            ),
        ]
    if "line_total" in names:
        checks.append(
            Check(
                "line_total",
                "negative_price",
                "line_total is negative although the row is called a sale",
                sql("line_total < 0 AND what = 'sale' AND goods"),
            )
        )
    del entity
    return checks
