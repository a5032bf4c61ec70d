"""How a row names its person: which of its fields are identifiers, in which order, and of which kind each is.

The first one that a row has is its `person`: a mark and the value. The marks of the first three are one letter, as
they were when there were no others; ids of rows are made of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from aimwell.collect.identities import customer_kind
from aimwell.store.sql import column, sql

__all__ = ["PERSON_TARGETS", "identifiers_in", "kind_of", "mark_of", "no_person_words", "person_of"]

PERSON_TARGETS = ("customer_id", "email", "phone", "loyalty_card", "device_id", "anonymous_id")
"""Targets that identify, but for `external_ids.<system>` and `handles.<network>`."""

_BEFORE = ("customer_id", "email", "phone", "loyalty_card")
_AFTER = ("device_id", "anonymous_id")
_MARKS = {
    "customer_id": "c",
    "email": "e",
    "phone": "p",
    "loyalty_card": "l",
    "device_id": "d",
    "anonymous_id": "a",
}
_GROUPS = {"external_ids": "x", "handles": "h"}
_END = "\x1f"


def identifiers_in(names: Sequence[str]) -> list[str]:
    """The fields of `names` that identify, the one that counts first at the front."""
    systems = sorted(name for name in names if name.startswith("external_ids."))
    networks = sorted(name for name in names if name.startswith("handles."))
    return [
        *(name for name in _BEFORE if name in names),
        *systems,
        *networks,
        *(name for name in _AFTER if name in names),
    ]


def mark_of(name: str) -> str:
    """What a person begins with that is named by this field."""
    group, _, last = name.partition(".")
    return f"{_GROUPS[group]}{last}{_END}" if last else _MARKS[name]


def kind_of(name: str, namespace: str | None) -> str:
    """The kind of identifier that a field holds."""
    group, _, last = name.partition(".")
    if group == "external_ids":
        return f"external_id:{last}"
    if group == "handles":
        return f"handle:{last}"
    return customer_kind(namespace) if name == "customer_id" else name


def person_of(names: Sequence[str]) -> exp.Expr:
    """The identifier that names the person of a row. Null: nobody is named."""
    parts = [
        sql(":mark || :x", mark=mark_of(name), x=column(name)) for name in identifiers_in(names)
    ]
    if not parts:
        return sql("CAST(NULL AS varchar)")
    return parts[0] if len(parts) == 1 else exp.Coalesce(this=parts[0], expressions=parts[1:])


def no_person_words(names: Sequence[str], what: str) -> tuple[str, str]:
    """The field, and the words, of a row that names nobody."""
    ids = identifiers_in(names)
    return ids[0], f"nothing tells {what}: {' and '.join(ids)} missing or unreadable"
