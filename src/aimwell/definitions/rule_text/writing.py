"""From a rule's document to its text, which is read back as the same document."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from typing import Any

from aimwell.definitions.rule_text.parsing import EVENT_WORDS
from aimwell.definitions.rule_text.tokens import COMPARISONS, is_plain

__all__ = ["write_rule"]

_WIDTH = 90
_SIGNS = {field: sign for sign, field in COMPARISONS.items()}
_COUNTS = {"exactly": "==", "at_least": ">=", "at_most": "<="}
_SHORT = {event: word for word, event in EVENT_WORDS.items()}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z_][A-Za-z0-9_-]*)*")
_DOTTED = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z_][A-Za-z0-9_-]*)+")


def write_rule(document: Mapping[str, Any], kinds: Collection[str]) -> str:
    """The text of a rule's document; a long one is broken at its outermost `and` and `or`."""
    text = _rule(document, kinds, " ")
    return text if len(text) <= _WIDTH else _rule(document, kinds, "\n")


def _rule(document: Mapping[str, Any], kinds: Collection[str], space: str) -> str:
    for key, word in (("all", "and"), ("any", "or")):
        if key in document:
            parts = [_inside(part, kinds) for part in document[key]]
            if len(parts) == 1:
                return f"{key}({_rule(document[key][0], kinds, ' ')})"
            return f"{space}{word} ".join(parts)
    if "not" in document:
        return f"not {_inside(document['not'], kinds)}"
    return _leaf(document, kinds)


def _inside(document: Mapping[str, Any], kinds: Collection[str]) -> str:
    text = _rule(document, kinds, " ")
    joined = any(len(document.get(key, ())) > 1 for key in ("all", "any"))
    return f"({text})" if joined else text


def _leaf(document: Mapping[str, Any], kinds: Collection[str]) -> str:
    kind = next(key for key in document if key in kinds)
    others = {key: value for key, value in document.items() if key != kind}
    if kind == "event":
        short = _event(document[kind], others)
        return short if short is not None else _call(kind, document[kind], others)
    signs = [key for key in others if key in _SIGNS or key == "exists"]
    suffix = ""
    if len(signs) == 1:
        compared = _comparison({signs[0]: others[signs[0]]})
        if compared is not None:
            suffix = f" {compared}"
            del others[signs[0]]
    if kind == "trait" and suffix and not others:
        return f"{_subject(document[kind])}{suffix}"
    return f"{_call(kind, document[kind], others)}{suffix}"


def _subject(name: str) -> str:
    plain = is_plain(name) and not name.startswith("$") and not name[0].isdigit()
    return name if plain else json.dumps(name, ensure_ascii=False)


def _event(name: str, others: Mapping[str, Any]) -> str | None:
    """As `orders.count(within: 90d) >= 2`; None where it asks for something else."""
    rest = {key: value for key, value in others.items() if key not in ("count", "sum")}
    subject = _SHORT.get(name, _subject(name))
    if name in EVENT_WORDS:
        subject = json.dumps(name)  # an event that bears a short word for another
    if "sum" in others and "count" not in others:
        limits = {key: value for key, value in others["sum"].items() if key != "of"}
        compared = _comparison(limits) if "of" in others["sum"] else None
        if compared is None:
            return None
        inside = ", ".join([_value(others["sum"]["of"]), *_entries(rest)])
        return f"{subject}.sum({inside}) {compared}"
    if "count" in others and "sum" not in others and len(others["count"]) == 1:
        ((key, number),) = others["count"].items()
        if key in _COUNTS and (isinstance(number, int | float) or str(number).startswith("$")):
            return f"{subject}.count({', '.join(_entries(rest))}) {_COUNTS[key]} {_value(number)}"
    return None


def _call(kind: str, value: Any, others: Mapping[str, Any]) -> str:
    if isinstance(value, Mapping) and value and not others:
        return f"{kind}({', '.join(_entries(value))})"
    return f"{kind}({', '.join([_value(value), *_entries(others)])})"


def _comparison(condition: Mapping[str, Any]) -> str | None:
    """A single comparison by its sign; None where there is no sign for it."""
    if len(condition) != 1:
        return None
    ((key, value),) = condition.items()
    if key == "exists" and isinstance(value, bool):
        return "exists" if value else "missing"
    return f"{_SIGNS[key]} {_value(value)}" if key in _SIGNS else None


def _entries(values: Mapping[str, Any]) -> list[str]:
    found = []
    for key, value in values.items():
        name = key if _NAME.fullmatch(key) else json.dumps(key, ensure_ascii=False)
        compared = _comparison(value) if isinstance(value, Mapping) else None
        found.append(f"{name}: {_value(value)}" if compared is None else f"{name} {compared}")
    return found


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{{', '.join(_entries(value))}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, str):
        plain = is_plain(value) or _DOTTED.fullmatch(value) is not None
        return value if plain else json.dumps(value, ensure_ascii=False)
    return json.dumps(value)
