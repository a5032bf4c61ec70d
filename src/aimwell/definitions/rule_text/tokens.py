"""The words of a rule's text: names, values, signs, each with its place."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

__all__ = [
    "COMPARISONS",
    "KEYWORDS",
    "Token",
    "fault",
    "is_plain",
    "tokens",
]

COMPARISONS = {
    "==": "is",
    "in": "in",
    ">": "above",
    "<": "below",
    ">=": "at_least",
    "<=": "at_most",
    "between": "between",
}
"""Sign → the field of a document that it stands for. `exists` and `missing` stand for `exists: true` and `false`."""

KEYWORDS = frozenset(
    {
        "and",
        "or",
        "not",
        "in",
        "between",
        "exists",
        "missing",
        "true",
        "false",
        "null",
        "all",
        "any",
    }
)
"""Words that mean something by themselves; a value that is one of them stands between quotation marks."""

_LENGTH_MAX = 200_000
_WORD = r"[A-Za-z_][A-Za-z0-9_-]*"
_KINDS = {
    "text": r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'",
    "date": r"\d{4}-\d\d-\d\d(?![\w-])",
    "duration": r"\d{1,6}[mhdw](?![\w-])",
    "number": r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w.])",
    "parameter": rf"\$\$?{_WORD}|\$\{{{_WORD}\}}[mhdw]",
    "word": _WORD,
    "sign": r"==|!=|>=|<=|[<>()\[\]{},:.=]",
}
_TOKEN = re.compile(
    "|".join(f"(?P<{name}>{pattern})" for name, pattern in _KINDS.items()), re.DOTALL
)
_PLAIN = re.compile("|".join(_KINDS[name] for name in ("date", "duration", "parameter", "word")))
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True)
class Token:
    """One word: its kind (see `_KINDS`, or 'end'), how it is written, and where (from 1)."""

    kind: str
    text: str
    line: int
    column: int

    @property
    def value(self) -> Any:
        """What it is as a value of a document."""
        if self.kind == "number":
            return float(self.text) if re.search(r"[.eE]", self.text) else int(self.text)
        if self.kind == "text":
            return _unquoted(self)
        return {"true": True, "false": False, "null": None}.get(self.text, self.text)


def fault(token: Token, problem: str) -> ValueError:
    """What is wrong at a place."""
    return ValueError(f"line {token.line}, column {token.column}: {problem}")


def is_plain(text: str) -> bool:
    """Whether a text can stand as it is, without quotation marks."""
    return _PLAIN.fullmatch(text) is not None and text not in KEYWORDS


def tokens(text: str) -> Iterator[Token]:
    """All words in order, and one of the kind 'end'. Raises ValueError with line and column."""
    if len(text) > _LENGTH_MAX:
        raise ValueError(f"a rule has at most {_LENGTH_MAX:,} characters")
    place, line, start = 0, 1, 0
    while True:
        space = _SPACE.match(text, place)
        if space is not None:
            breaks = space[0].count("\n")
            line += breaks
            start = space.start() + space[0].rfind("\n") + 1 if breaks else start
            place = space.end()
        here = Token("end", "", line, place - start + 1)
        if place == len(text):
            yield here
            return
        found = _TOKEN.match(text, place)
        if found is None:
            raise fault(here, _unreadable(text[place]))
        yield Token(str(found.lastgroup), found[0], line, place - start + 1)
        breaks = found[0].count("\n")
        line += breaks
        start = found.start() + found[0].rfind("\n") + 1 if breaks else start
        place = found.end()


def _unreadable(sign: str) -> str:
    if sign in "\"'":
        return "a text begins here that has no end; close the quotation marks"
    if sign.isdigit() or sign == "-":
        return "this is no number, no date as 2026-03-31 and no duration as 90d; write a text in quotation marks"
    return f"'{sign}' means nothing here; write a text in quotation marks"


def _unquoted(token: Token) -> str:
    body = token.text[1:-1]
    if token.text[0] == "'":
        body = re.sub(r'\\\'|"', lambda m: "'" if m[0] == "\\'" else '\\"', body)
    try:
        return str(json.loads(f'"{body}"', strict=False))
    except ValueError:
        raise fault(
            token, "a backslash stands before n, t, u0041, another backslash or a quotation mark"
        ) from None
