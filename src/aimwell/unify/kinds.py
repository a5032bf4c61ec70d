"""The kinds of identifiers: their order, and which of them say who somebody is."""

from __future__ import annotations

from functools import lru_cache

__all__ = [
    "DECISION",
    "MATCH",
    "NAMELESS",
    "family",
    "is_named",
    "is_weak",
    "names_a_person",
    "rank",
    "said",
]

_ORDER = (
    "customer_id",
    "email",
    "phone",
    "loyalty_card",
    "external_id",
    "handle",
    "device_id",
    "anonymous_id",
    "alias",
)
_WEAK = frozenset({"device_id", "anonymous_id"})
NAMELESS = ("device_id", "anonymous_id", "alias")
"""Kinds that say of nobody who it is."""
# What several people of one household may give; with different names it does not make them one.
_NAMED = frozenset({"email", "phone", "loyalty_card", "handle"})
_SAID = {
    "customer_id": "customer id",
    "email": "e-mail address",
    "phone": "telephone number",
    "loyalty_card": "loyalty card",
    "external_id": "id of another system",
    "handle": "name on a network",
    "device_id": "device",
    "anonymous_id": "browser",
    "alias": "alias",
    "decision": "a person's decision",
    "match": "likeness",
}

DECISION = "decision"
"""Stands among the evidence where a person said that they are one."""

MATCH = "match"
"""Stands among the evidence where they are one by likeness."""


def family(kind: str) -> str:
    """A kind without the namespace, system or network behind the colon."""
    return kind.partition(":")[0]


@lru_cache(maxsize=4096)
def rank(kind: str) -> int:
    """Place in the order in which an origin takes its own identifier; unknown kinds come last."""
    name = family(kind)
    return _ORDER.index(name) if name in _ORDER else len(_ORDER)


def is_weak(kind: str) -> bool:
    """Whether it names a thing that several people may use, not a person."""
    return family(kind) in _WEAK


def is_named(kind: str) -> bool:
    """Whether different first names speak against it."""
    return family(kind) in _NAMED


def names_a_person(kind: str) -> bool:
    """Whether an origin whose own identifier is of this kind is somebody who is known."""
    return family(kind) in _ORDER and not is_weak(kind) and kind != "alias"


def said(kind: str) -> str:
    """The kind in words, as for the command line."""
    name, _, of = kind.partition(":")
    words = _SAID.get(name, name)
    return f"{words} ({of})" if of else words
