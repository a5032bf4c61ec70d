"""When a shop is open, as people write it: 'Mo-Fr 09:00-18:00; Sa 10:00-14:00; Su closed'."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

__all__ = ["read_hours"]

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NAMES = {day[:2]: place for place, day in enumerate(_DAYS)}
_DAY = r"[A-Za-z]{2,9}\.?"
_PART = re.compile(
    rf"(?P<days>{_DAY}(?:\s*[-–,]\s*{_DAY})*)\s*:?\s*(?P<times>[0-9].*|closed|off)", re.IGNORECASE
)
_SPAN = re.compile(r"(\d{1,2})[:.]?(\d{2})?\s*[-–]\s*(\d{1,2})[:.]?(\d{2})?")


def read_hours(text: str) -> str | None:
    """The hours as JSON text, each day with its spans: {"mon": [["09:00", "18:00"]], …}; None: not understood.

    Parts are separated by semicolons or line ends. A day that is not named is closed. A span that ends at or before
    its start goes on into the night.
    """
    found: dict[str, list[list[str]]] = {day: [] for day in _DAYS}
    parts = [part.strip() for part in re.split(r"[;\n|]", text) if part.strip()]
    if text.strip().lower() == "24/7":
        return json.dumps({day: [["00:00", "24:00"]] for day in _DAYS})
    if not parts:
        return None
    for part in parts:
        match = _PART.fullmatch(part)
        days = list(_days(match["days"])) if match else []
        spans = _spans(match["times"]) if match else None
        if not days or spans is None:
            return None
        for day in days:
            found[day] = spans
    return json.dumps(found)


def _days(text: str) -> Iterator[str]:
    """The days of 'Mo-Fr, Su'; nothing where a name is unknown."""
    named = []
    for piece in text.split(","):
        ends = [_NAMES.get(name.strip().lower()[:2]) for name in re.split("[-–]", piece)]
        if any(end is None for end in ends) or len(ends) > 2:
            return
        first, last = int(ends[0] or 0), int(ends[-1] or 0)
        named += [(first + step) % 7 for step in range((last - first) % 7 + 1)]
    yield from (_DAYS[place] for place in named)


def _spans(text: str) -> list[list[str]] | None:
    """The spans of '09:00-12:00, 13:00-18:00'; None where one cannot be read."""
    if text.strip().lower() in ("closed", "off"):
        return []
    spans = []
    for piece in text.split(","):
        match = _SPAN.fullmatch(piece.strip())
        if match is None:
            return None
        first, last = _clock(match[1], match[2]), _clock(match[3], match[4])
        if first is None or last is None:
            return None
        spans.append([first, last])
    return spans


def _clock(hour: str, minute: str | None) -> str | None:
    h, m = int(hour), int(minute or 0)
    return f"{h:02}:{m:02}" if (h < 24 and m < 60) or (h, m) == (24, 0) else None
