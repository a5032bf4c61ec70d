"""A JSON document as JSON lines: each element of its list of rows becomes a line, written as it stands there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from json import JSONDecodeError, JSONDecoder
from json.decoder import WHITESPACE  # type: ignore[attr-defined]
from pathlib import Path
from typing import IO, Any

from aimwell.errors import SourceFileError

__all__ = ["is_document", "write_lines"]

_CHUNK_CHARACTERS = 1 << 20
_VALUE_CHARACTERS_MAX = 64 << 20
"""What one row, or a part that is passed over, may take."""

_SHOWN = 8


def is_document(head: str, records: str | None) -> bool:
    """Whether a text is one document rather than a line for each object, as far as its beginning tells."""
    text = head.lstrip("\ufeff \t\r\n")
    if records is not None or text.startswith("["):
        return True
    first = text.partition("\n")[0]
    try:
        return not isinstance(json.loads(first), dict)
    except ValueError:
        return text.startswith("{")


def write_lines(
    source: Path, target: Path, *, name: str, records: str | None, cut: bool = False
) -> None:
    """Write the rows of a document, in UTF-8, one a line.

    Args:
        source: The document, in UTF-8.
        target: Where the lines go.
        name: What messages call the document.
        records: Keys with dots that lead to the list; None: the document is the list.
        cut: Only the beginning of the document is there, for a preview.

    Raises:
        SourceFileError: It is no JSON, or there is no list where it was said.
    """
    path = records.split(".") if records else []
    with (
        source.open(encoding="utf-8", errors="surrogateescape", newline="") as text,
        target.open("w", encoding="utf-8", errors="surrogateescape", newline="\n") as lines,
    ):
        for row in _Document(text, name, cut=cut).rows(path):
            lines.write(" ".join(row.split("\n")) if "\n" in row else row)
            lines.write("\n")


class _Document:
    """Goes through a document once, with little of it in memory."""

    def __init__(self, text: IO[str], name: str, *, cut: bool) -> None:
        self._text, self._name, self._cut = text, name, cut
        self._buffer, self._at, self._ended = "", 0, False
        self._decoder = JSONDecoder()

    def rows(self, path: list[str]) -> Iterator[str]:
        """The elements of the list at `path`, as they are written."""
        seen: list[str] = []
        for key in path:
            self._enter(key, [*seen, key], path)
            seen.append(key)
        if self._peek() != "[":
            self._refuse_no_list(path)
        self._at += 1
        while (sign := self._peek()) != "]":
            if sign == ",":
                self._at += 1
                continue
            try:
                row = self._value()[1]
            except SourceFileError:
                if self._cut:
                    return
                raise
            yield row
        self._at += 1
        if not path and self._peek():
            raise self._damaged()

    def _enter(self, key: str, way: list[str], path: list[str]) -> None:
        """Go to the value of a key of the object that comes next."""
        told = ".".join(way)
        if self._peek() != "{":
            raise self._absent(told, path, [])
        self._at += 1
        known = []
        while (sign := self._peek()) not in ("}", ""):
            if sign == ",":
                self._at += 1
                continue
            found, _ = self._value()
            if self._peek() != ":":
                raise self._damaged()
            self._at += 1
            if found == key:
                return
            known.append(str(found))
            self._peek()
            self._value()
        raise self._absent(told, path, known)

    def _absent(self, told: str, path: list[str], known: list[str]) -> SourceFileError:
        keys = f" Keys there: {', '.join(known[:_SHOWN])}." if known else ""
        return SourceFileError(
            f"'{self._name}' has nothing at '{told}', where `records: {'.'.join(path)}` looks for its rows.{keys} "
            "Nothing was taken.",
            file=self._name,
        )

    def _refuse_no_list(self, path: list[str]) -> None:
        if path:
            raise SourceFileError(
                f"What '{self._name}' has at '{'.'.join(path)}' is no list of rows. Nothing was taken; say where the list "
                "is by `records`.",
                file=self._name,
            )
        if self._peek() != "{":
            raise self._damaged()
        value, _ = self._value()
        lists = [key for key, inner in value.items() if isinstance(inner, list)]
        lists += [
            f"{key}.{deep}"
            for key, inner in value.items()
            if isinstance(inner, dict)
            for deep, rows in inner.items()
            if isinstance(rows, list)
        ]
        told = f" It has lists at {', '.join(lists[:_SHOWN])}." if lists else ""
        raise SourceFileError(
            f"'{self._name}' is one JSON object, not a list of rows. Say where its rows are, as `records: data.orders`."
            f"{told} Nothing was taken.",
            file=self._name,
        )

    def _value(self) -> tuple[Any, str]:
        """The next value, and how it is written."""
        while True:
            try:
                value, end = self._decoder.raw_decode(self._buffer, self._at)
            except (JSONDecodeError, RecursionError) as error:
                if isinstance(error, RecursionError) or not self._more():
                    raise self._damaged() from error
                continue
            # A number at the end of what was read may go on.
            if end == len(self._buffer) and self._more():
                continue
            text = self._buffer[self._at : end]
            self._at = end
            return value, text

    def _peek(self) -> str:
        """The next sign that is no space; nothing at the end."""
        while True:
            self._at = WHITESPACE.match(self._buffer, self._at).end()
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self._more():
                return ""

    def _more(self) -> bool:
        """Read on; what lies behind is let go."""
        if self._ended:
            return False
        kept = self._buffer[self._at :]
        if len(kept) > _VALUE_CHARACTERS_MAX:
            raise SourceFileError(
                f"A part of '{self._name}' is longer than {_VALUE_CHARACTERS_MAX >> 20} million characters. Write its "
                "rows as JSON lines. Nothing was taken.",
                file=self._name,
            )
        chunk = self._text.read(max(_CHUNK_CHARACTERS, len(kept)))
        self._ended = not chunk
        self._buffer, self._at = kept + chunk, 0
        return bool(chunk)

    def _damaged(self) -> SourceFileError:
        return SourceFileError(
            f"'{self._name}' is no whole JSON document; it was probably cut off. Nothing was taken; fetch it again.",
            file=self._name,
        )
