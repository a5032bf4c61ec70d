"""Customers: a row is one statement about one person."""

from __future__ import annotations

from sqlglot import exp

from aimwell.collect.fields import FieldKind
from aimwell.collect.order_lines import person_of
from aimwell.collect.staging import Check
from aimwell.store.sql import column, sql

__all__ = ["CUSTOMER_TARGETS", "customer_rows"]

CUSTOMER_TARGETS: tuple[tuple[str, FieldKind], ...] = (
    ("customer_id", "id"),
    ("email", "email"),
    ("phone", "phone"),
    ("set_at", "time"),
)
"""Columns of `typed` for customers that are always there."""


def customer_rows(names: tuple[str, ...]) -> tuple[exp.Query, list[Check]]:
    """A query over `typed` with `person`, and the checks of its rows."""
    rows = exp.select("*", exp.alias_(person_of(names), "person")).from_("typed")
    when = [] if "set_at" in names else [column("set_at")]
    named = exp.select("n", "person", *(column(name) for name in names), *when).from_(
        rows.subquery("customers")
    )
    ids = [name for name in ("customer_id", "email", "phone") if name in names]
    check = Check(
        ids[0],
        "no_identifier",
        f"nothing tells who it is: {' and '.join(ids)} missing or unreadable",
        sql("person IS NULL"),
    )
    return named, [check]
