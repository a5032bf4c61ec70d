"""Events: a row is one thing that somebody did."""

from __future__ import annotations

from collections.abc import Collection

from sqlglot import exp

from aimwell.collect.field_kinds import FieldKind
from aimwell.collect.identifying import PERSON_TARGETS, no_person_words, person_of
from aimwell.collect.order_lines import hashed_id
from aimwell.collect.provenance import Provenance, json_text
from aimwell.collect.raw import no_text
from aimwell.collect.said import as_said
from aimwell.collect.staging import Check
from aimwell.collect.standardising import marked_properties
from aimwell.store.sql import column, sql

__all__ = ["EVENT_TARGETS", "event_rows", "event_table"]

EVENT_TARGETS: tuple[tuple[str, FieldKind], ...] = (
    ("event", "text"),
    ("occurred_at", "time"),
    ("customer_id", "id"),
    ("email", "email"),
    ("phone", "phone"),
    ("event_id", "id"),
    ("session_id", "id"),
    ("sku", "id"),
    ("category", "text"),
    ("revenue", "number"),
    ("quantity", "number"),
    ("currency", "currency"),
)
"""Columns of `typed` for events."""

_OF_MESSAGES = ("message_type", "envelope", "vault_key", "machine")
_HASHED = ("event", "sku", "session_id", "category", "revenue", "quantity", "currency")


def event_rows(
    names: tuple[str, ...],
    *,
    source: str,
    key: bytes,
    currency: str,
    filled: Collection[str] = (),
) -> tuple[exp.Query, list[Check]]:
    """A query over `typed` with `person` and a unique `event_id`, and the checks of its rows; gaps of fields in `filled`
    are filled by rule."""
    named = exp.select("*", exp.alias_(person_of(names), "person")).from_("typed").subquery("named")
    body = [sql("person"), sql("CAST(epoch_us(occurred_at) AS varchar)")]
    body += [as_said(n, filled) for n in names if n in _HASHED or n.startswith("properties.")]
    made = hashed_id(source, key, body)
    event_id = sql("coalesce(event_id, :made)", made=made) if "event_id" in names else made
    kept = [n for n, _ in EVENT_TARGETS if n not in ("event_id", "currency")]
    kept += [n for n in PERSON_TARGETS if n in names and n not in kept]
    further = [n for n in names if n.startswith(("properties.", "external_ids.", "handles."))]
    rows = exp.select(
        "n",
        "person",
        exp.alias_(event_id, "event_id"),
        exp.alias_(sql("coalesce(currency, :currency)", currency=currency), "currency"),
        *(column(name) for name in [*kept, *further]),
    ).from_(named)
    field, words = no_person_words(names, "who did it")
    return rows, [Check(field, "no_identifier", words, sql("person IS NULL"))]


def event_table(
    names: tuple[str, ...], provenance: Provenance, *, marked: bool = False
) -> exp.Query:
    """`events` of `fresh`; `marked`: some values were filled or brought into another form."""
    properties = json_text("properties", names)
    if marked:
        properties = marked_properties(properties, column("n", "f"))
    return (
        exp.select("f.event_id", "o.origin_id")
        .select(
            *(
                column(name, "f")
                for name in ("event", "occurred_at", "session_id", "sku", "category", "revenue")
            )
        )
        .select("f.quantity", exp.alias_(properties, "properties"))
        .select(*(exp.alias_(no_text(), name) for name in _OF_MESSAGES))
        .select(*provenance.columns())
        .from_(exp.to_table("fresh").as_("f"))
        .join(exp.to_table("origins").as_("o"), on="o.person = f.person")
    )
