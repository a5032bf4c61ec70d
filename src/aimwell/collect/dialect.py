"""How a text file is cut into columns: its delimiter and the names in its first line."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

__all__ = ["column_names", "detect_delimiter", "first_record", "head_of", "looks_like_data"]

_DELIMITERS = (",", ";", "\t", "|")
_HEAD_CHARACTERS = 200_000
_RECORDS = 100
_NUMBER = re.compile(r"[-+]?[0-9][0-9 .,']*")
_DATE = re.compile(r"[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}([ T].*)?")
_MAIL = re.compile(r"[^@ ]+@[^@ ]+[.][^@ ]+")
_NUMBERS_SHARE = 0.3


def head_of(path: Path) -> str:
    """The beginning of a snapshot, up to the end of a line where there is one."""
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        head = file.read(_HEAD_CHARACTERS)
    if len(head) < _HEAD_CHARACTERS:
        return head
    return head[: head.rfind("\n") + 1] or head


def detect_delimiter(head: str) -> str:
    """The delimiter that cuts most records into the same number of fields, above one; else a comma."""
    best, best_score = ",", (0.0, 0)
    for delimiter in _DELIMITERS:
        widths = Counter(len(record) for record in islice(_records(head, delimiter), _RECORDS))
        if not widths:
            continue
        width, count = max(widths.items(), key=lambda item: (item[1], item[0]))
        score = (round(count / widths.total(), 1), width)
        if width > 1 and score > best_score:
            best, best_score = delimiter, score
    return best


def first_record(head: str, delimiter: str) -> list[str]:
    """The fields of the first record; empty where there is none."""
    return next(_records(head, delimiter), [])


def _records(head: str, delimiter: str) -> _Records:
    return _Records(head, delimiter)


class _Records:
    """The records of a text, blank lines left out; ends where the text is no CSV."""

    def __init__(self, head: str, delimiter: str) -> None:
        lines = head.splitlines(keepends=True)
        self._reader = csv.reader(lines, delimiter=delimiter, doublequote=True)

    def __iter__(self) -> _Records:
        return self

    def __next__(self) -> list[str]:
        try:
            while not (record := next(self._reader)):
                pass
        except csv.Error:
            raise StopIteration from None
        return record


def looks_like_data(header: Sequence[str]) -> bool:
    """Whether the first record holds values rather than names: a mail address, a date, or many numbers."""
    fields = [text.strip() for text in header]
    if any(_MAIL.fullmatch(text) or _DATE.fullmatch(text) for text in fields):
        return True
    numbers = sum(_NUMBER.fullmatch(text) is not None for text in fields)
    return numbers > 0 and numbers >= _NUMBERS_SHARE * len(fields)


def column_names(header: Sequence[str]) -> tuple[str, ...]:
    """Names from a header: trimmed, unnamed ones numbered, the second of two equal ones marked."""
    names: dict[str, None] = {}
    for number, text in enumerate(header, start=1):
        name = text.strip().strip("\ufeff").strip() or f"column_{number}"
        taken, again = name, 2
        while taken in names:
            taken, again = f"{name}_{again}", again + 1
        names[taken] = None
    return tuple(names)
