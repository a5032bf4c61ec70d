"""Customers: a row is one statement about one person."""

from __future__ import annotations

from sqlglot import exp

from aimwell.collect.field_kinds import FieldKind
from aimwell.collect.identifying import no_person_words, person_of
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
    field, words = no_person_words(names, "who it is")
    return named, [Check(field, "no_identifier", words, sql("person IS NULL"))]
