"""From fresh order lines to rows of the lake: lines as they are, and what each order comes to."""

from __future__ import annotations

from sqlglot import exp

from aimwell.collect.null_texts import is_one_of
from aimwell.collect.provenance import Provenance, json_text
from aimwell.collect.standardising import marked_properties
from aimwell.definitions.kinds.source import OrdersEntity
from aimwell.store.sql import column, sql

__all__ = ["line_table", "order_table", "shared_discounts", "shared_totals"]


def shared_discounts() -> exp.Query:
    """`fresh` lines with an order's discount spread over its goods in proportion to their value.

    The parts add up to the discount exactly: each is the difference of two rounded running sums. A discount
    counts once, so an order that was taken before gets none again.
    """
    query = sql(
        """
        SELECT * EXCLUDE (whole, running, total, part)
               REPLACE (CAST(part AS decimal(18, 4)) AS discount,
                        CAST(revenue - part AS decimal(18, 4)) AS revenue)
        FROM (
          SELECT *, CASE WHEN total = 0 OR NOT goods THEN 0 ELSE
                 round(whole * running / total, 4) - round(whole * (running - revenue) / total, 4)
                 END AS part
          FROM (
            SELECT *,
                   sum(CASE WHEN goods THEN revenue ELSE 0 END)
                     OVER (PARTITION BY order_id, kind ORDER BY n) AS running,
                   sum(CASE WHEN goods THEN revenue ELSE 0 END) OVER (PARTITION BY order_id, kind) AS total,
                   CASE WHEN order_id IN (SELECT order_id FROM sold) AND kind = 'sale' THEN 0 ELSE
                     CASE kind WHEN 'return' THEN -1 ELSE 1 END
                     * coalesce(max(order_discount) OVER (PARTITION BY order_id, kind), 0) END AS whole
            FROM unshared
          ) AS sums
        ) AS parts
        """
    )
    assert isinstance(query, exp.Query)  # noqa: S101 - it is a SELECT
    return query


def shared_totals() -> exp.Query:
    """`fresh` lines with what the goods of an order came to shared among them in proportion to their value.

    The parts add up to the total exactly, as those of a discount do. What a line falls short of its value is its
    discount; where its part is more, the price was another one. Lines that are added to an order which was taken
    before keep their own value, since the total is not theirs alone; so do returns, and orders that say no total.
    """
    query = sql(
        """
        SELECT * EXCLUDE (goods_total, whole, running, total, part)
               REPLACE (CAST(coalesce(part, revenue) AS decimal(18, 4)) AS revenue,
                        CAST(CASE WHEN part IS NULL THEN discount ELSE greatest(discount + revenue - part, 0) END
                             AS decimal(18, 4)) AS discount,
                        CASE WHEN part > revenue + discount
                             THEN coalesce(TRY_CAST(part / quantity AS decimal(18, 4)), unit_price)
                             ELSE unit_price END AS unit_price)
        FROM (
          SELECT *, CASE WHEN goods AND total > 0 THEN
                 round(whole * running / total, 4) - round(whole * (running - revenue) / total, 4) END AS part
          FROM (
            SELECT *,
                   sum(CASE WHEN goods THEN revenue ELSE 0 END)
                     OVER (PARTITION BY order_id, kind ORDER BY n) AS running,
                   sum(CASE WHEN goods THEN revenue ELSE 0 END) OVER (PARTITION BY order_id, kind) AS total,
                   CASE WHEN kind = 'sale' AND order_id NOT IN (SELECT order_id FROM sold)
                        THEN max(goods_total) OVER (PARTITION BY order_id, kind) END AS whole
            FROM unshared
          ) AS sums
        ) AS parts
        """
    )
    assert isinstance(query, exp.Query)  # noqa: S101 - it is a SELECT
    return query


def line_table(
    names: tuple[str, ...], provenance: Provenance, *, marked: bool = False
) -> exp.Query:
    """`order_lines` of `fresh`; `marked`: some values were filled or brought into another form."""
    properties = json_text("properties", names)
    optional = {
        "sku": sql("CAST(NULL AS varchar)"),
        "unit_cost": sql("CAST(NULL AS decimal(18, 4))"),
    }
    given = {
        name: column(name, "f") if name in names else empty for name, empty in optional.items()
    }
    return (
        exp.select(
            *(column(name, "f") for name in ("line_id", "order_id")),
            column("origin_id", "o"),
            *(column(name, "f") for name in ("kind", "ordered_at")),
            exp.alias_(given["sku"], "sku"),
            *(column(n, "f") for n in ("goods", "quantity", "unit_price", "discount", "revenue")),
            exp.alias_(given["unit_cost"], "unit_cost"),
            exp.alias_(
                marked_properties(properties, column("n", "f")) if marked else properties,
                "properties",
            ),
            *provenance.columns(),
        )
        .from_(exp.to_table("fresh").as_("f"), copy=False)
        .join(
            exp.to_table("origins").as_("o"), on="o.person = f.person", join_type="left", copy=False
        )
    )


def order_table(entity: OrdersEntity, names: tuple[str, ...], provenance: Provenance) -> exp.Query:
    """`orders` of `fresh`: a row an order for what was sold, and one for each moment at which something of it
    came back. `sold` holds the orders whose sale was taken before."""
    summed = (
        exp.select(
            "order_id",
            "kind AS what",
            "min(ordered_at) AS ordered_at",
            "arg_min(person, n) AS person",
            "coalesce(sum(revenue) FILTER (WHERE goods), 0) AS revenue",
            *(exp.alias_(value, name) for name, value in _charges(entity, names).items()),
            "coalesce(sum(quantity) FILTER (WHERE goods), 0) AS quantity",
            "count(*) AS lines",
            "bool_or(goods) AS any_goods",
            *(exp.alias_(_first(name, names), name) for name in _TEXTS),
        )
        .from_("fresh", copy=False)
        .group_by("order_id", "kind", "CASE WHEN kind = 'return' THEN ordered_at END", copy=False)
    )
    # A known order's first sale was counted; what comes later adds to it. So does an invoice without goods.
    kind = sql(
        """
        CASE WHEN what = 'return' THEN 'return' WHEN any_goods AND s.order_id IS NULL THEN 'sale'
             ELSE 'addition' END
        """
    )
    money = {
        name: sql("CAST(:x AS decimal(18, 4))", x=_once(name, entity))
        for name in ("revenue", "discount", "tax", "shipping", "quantity")
    }
    return (
        exp.select(
            "g.order_id",
            "o.origin_id",
            exp.alias_(kind, "kind"),
            "g.ordered_at",
            *(
                exp.alias_(money[n], n)
                for n in ("revenue", "discount", "tax", "shipping", "quantity")
            ),
            "g.lines",
            *(column(name, "g") for name in _TEXTS[:3]),
            column("original_order_id", "g"),
            sql("CAST(NULL AS varchar) AS properties"),
            *provenance.columns(),
        )
        .from_(summed.subquery("g", copy=False), copy=False)
        .join(
            exp.to_table("origins").as_("o"), on="o.person = g.person", join_type="left", copy=False
        )
        .join(
            exp.to_table("sold").as_("s"),
            on="s.order_id = g.order_id",
            join_type="left",
            copy=False,
        )
    )


_TEXTS = ("coupon", "shop_id", "payment_method", "original_order_id")


def _first(name: str, names: tuple[str, ...]) -> exp.Expr:
    return sql("arg_min(:x, n)", x=column(name)) if name in names else sql("CAST(NULL AS varchar)")


def _charges(entity: OrdersEntity, names: tuple[str, ...]) -> dict[str, exp.Expr]:
    """Discount, tax and shipping of an order; null where nothing tells them."""
    unknown = sql("CAST(NULL AS decimal(18, 4))")
    tells_discount = (
        "discount" in names or "goods_total" in names or {"unit_price", "line_total"} <= set(names)
    )
    charges = {
        "discount": sql("coalesce(sum(discount) FILTER (WHERE goods), 0)")
        if tells_discount
        else unknown,
        "tax": _charge("tax", entity, names) or unknown,
        "shipping": unknown,
    }
    shipping = [_charge("shipping", entity, names)]
    if entity.shipping_codes:
        codes = is_one_of(sql("sku"), entity.shipping_codes)
        shipping.append(sql("coalesce(sum(revenue) FILTER (WHERE :codes), 0)", codes=codes))
    told = [part for part in shipping if part is not None]
    if told:
        charges["shipping"] = (
            told[0] if len(told) == 1 else exp.Add(this=told[0], expression=told[1])
        )
    return charges


def _charge(name: str, entity: OrdersEntity, names: tuple[str, ...]) -> exp.Expr | None:
    if name not in names:
        return None
    if name in entity.once_per_order:
        return sql("coalesce(arg_max(:x, abs(:x)), 0)", x=column(name))
    return sql("coalesce(sum(:x), 0)", x=column(name))


def _once(name: str, entity: OrdersEntity) -> exp.Expr:
    """A total of the order counts with its sale only."""
    if name in entity.once_per_order and name != "discount":
        return sql(
            "CASE WHEN what = 'sale' AND s.order_id IS NOT NULL THEN 0 ELSE :x END",
            x=column(name, "g"),
        )
    return column(name, "g")
