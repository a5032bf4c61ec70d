"""Values as a row said them, apart from what stood in for gaps."""

from __future__ import annotations

from collections.abc import Collection

from sqlglot import exp

from aimwell.store.sql import column, sql

__all__ = ["as_said"]


def as_said(name: str, filled: Collection[str]) -> exp.Expr:
    """A field's value without what stood in for a missing one: ids of rows are made of what was said, so that a row
    whose gap is filled otherwise another time is the same row. `filled`: fields with a rule."""
    if name not in filled:
        return column(name)
    return sql(
        "CASE WHEN n NOT IN (SELECT m.n FROM marks AS m WHERE m.field = :name AND m.how LIKE 'filled:%') THEN :x END",
        name=name,
        x=column(name),
    )
