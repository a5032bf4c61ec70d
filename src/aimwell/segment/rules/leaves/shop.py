"""`shop`: where a person bought."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from aimwell.definitions.leaves.shop import ShopRule
from aimwell.segment.rules.changing import Changes, by_rows
from aimwell.segment.rules.comparing import compare_text
from aimwell.segment.rules.phrases import both, compared, field_words, in_span
from aimwell.segment.rules.scope import Named, People, Scope, ago
from aimwell.store.sql import column, sql

__all__ = ["changes", "names", "people", "words"]


def people(rule: ShopRule, scope: Scope) -> People:
    """Who ordered in a shop that is so."""
    query = sql(
        """
        SELECT o.profile_id FROM orders AS o LEFT JOIN (
          SELECT shop_id, arg_max(:fact, (set_at, received_at, :fact)) AS fact FROM shops GROUP BY shop_id
        ) AS s ON s.shop_id = o.shop_id
        WHERE o.kind = 'sale' AND o.profile_id IS NOT NULL AND o.shop_id IS NOT NULL
        """,
        fact=column(rule.shop),
    )
    assert isinstance(query, exp.Select)  # noqa: S101 - the text above is a SELECT
    if rule.within is not None:
        query = query.where(sql("o.ordered_at >= :start", start=ago(scope.as_of, rule.within)))
    value = column("shop_id", "o") if rule.shop == "shop_id" else column("fact", "s")
    if rule.exists is False:
        return People(query.where(sql(":value IS NOT NULL", value=value)), inverted=True)
    return People(query.where(*compare_text(value, rule)))


def words(rule: ShopRule) -> str:
    """As "who ordered in the last 90 days in a shop whose city is Leeds"."""
    lately = f" {in_span(rule.within)}" if rule.within is not None else ""
    if rule.exists is False:
        return f"who did not order{lately} in a shop whose {field_words(rule.shop)} is known"
    return (
        f"who ordered{lately} in a shop whose {field_words(rule.shop)} {both(compared(rule, 'is'))}"
    )


def names(rule: ShopRule) -> Iterator[Named]:
    """Texts that shops are compared with."""
    table = "orders" if rule.shop == "shop_id" else "shops"
    for value in [rule.is_, *(rule.in_ or ())]:
        if isinstance(value, str):
            told = f"No shop's {rule.shop} is '{{}}'."
            yield Named(value, table, rule.shop, told, compared=True)


def changes(rule: ShopRule) -> Changes:
    """By orders, as they grow old, and by what is said of any shop."""
    return by_rows("orders", "ordered_at", [rule.within], shared=["shops"])
