"""Products: what a file says of them, as rows of the lake when it is news."""

from __future__ import annotations

from datetime import datetime

from sqlglot import exp

from aimwell.collect.field_kinds import FieldKind
from aimwell.collect.provenance import Provenance, json_text
from aimwell.collect.standardising import marked_properties
from aimwell.collect.statements import ALWAYS, make_news
from aimwell.store.engine import Session
from aimwell.store.lake import TableVersion
from aimwell.store.sql import column, sql

__all__ = ["PRODUCT_TARGETS", "named_by_lines", "product_rows", "product_table"]

PRODUCT_TARGETS: tuple[tuple[str, FieldKind], ...] = (
    ("sku", "id"),
    ("name", "text"),
    ("category", "text"),
    ("brand", "text"),
    ("price", "number"),
    ("unit_cost", "number"),
    ("currency", "currency"),
    ("set_at", "time"),
)
"""Columns of `typed` for products."""


def product_rows(names: tuple[str, ...], currency: str) -> exp.Query:
    """A query over `typed`; a product without a currency of its own has the source's."""
    further = [column(name) for name in names if name.startswith("properties.")]
    filled = sql("coalesce(currency, :currency) AS currency", currency=currency)
    rows = exp.select(exp.Star(replace=[filled])).from_("typed")
    return exp.select("n", *(column(name) for name, _ in PRODUCT_TARGETS), *further).from_(
        rows.subquery("products")
    )


def product_table(
    session: Session,
    names: tuple[str, ...],
    lake: TableVersion | exp.Query,
    provenance: Provenance,
    *,
    now: datetime,
    marked: bool = False,
) -> exp.Query:
    """`products` of `fresh`, whose money is in the workspace's currency; `marked`: some values were filled or brought
    into another form."""
    properties = json_text("properties", names)
    if marked:
        properties = marked_properties(properties, column("n", "fresh"))
    session.bind(
        "said",
        sql(
            """
            SELECT n, sku AS k1, '' AS k2, set_at,
                   {'name': name, 'category': category, 'brand': brand, 'price': price,
                    'unit_cost': unit_cost, 'properties': :properties} AS v
            FROM fresh
            """,
            properties=properties,
        ),
    )
    session.bind("lake_products", lake)
    session.bind(
        "before",
        sql(
            """
            SELECT sku AS k1, '' AS k2, set_at,
                   {'name': name, 'category': category, 'brand': brand, 'price': price,
                    'unit_cost': unit_cost, 'properties': properties} AS v
            FROM lake_products WHERE source = :source
            """,
            source=provenance.source,
        ),
    )
    make_news(session, now=now)
    return (
        exp.select("k1 AS sku", "v.name AS name", "v.category AS category", "v.brand AS brand")
        .select(
            "v.price AS price", "v.unit_cost AS unit_cost", "set_at", "v.properties AS properties"
        )
        .select(*provenance.columns())
        .from_("news")
    )


def named_by_lines(
    session: Session, names: tuple[str, ...], lake: TableVersion | exp.Query, provenance: Provenance
) -> exp.Query | None:
    """Products that nothing else describes, as order lines call them most often; None: lines tell no names.

    `told` has the rows that were taken with `sku`, and `description` or `category`.
    """
    told = [name for name in ("description", "category") if name in names]
    if not told or "sku" not in names:
        return None
    session.bind("lake_products", lake)
    modes = {
        name: sql("mode(:x)", x=column(name)) if name in told else sql("CAST(NULL AS varchar)")
        for name in ("description", "category")
    }
    some = exp.or_(*[sql(":x IS NOT NULL", x=column(name)) for name in told])
    rows = (
        exp.select(
            "sku",
            exp.alias_(modes["description"], "name"),
            exp.alias_(modes["category"], "category"),
        )
        .from_("told")
        .where("sku IS NOT NULL")
        .where(some)
        .where("sku NOT IN (SELECT sku FROM lake_products)")
        .group_by("sku")
    )
    return (
        exp.select("sku", "name", "category")
        .select(
            sql("CAST(NULL AS varchar) AS brand"),
            sql("CAST(NULL AS decimal(18, 4)) AS price"),
            sql("CAST(NULL AS decimal(18, 4)) AS unit_cost"),
            sql(":always AS set_at", always=ALWAYS),
            sql("CAST(NULL AS varchar) AS properties"),
        )
        .select(*provenance.columns())
        .from_(rows.subquery("named"))
    )
