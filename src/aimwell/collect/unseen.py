"""One text without what nobody sees and nobody meant; `clean_texts` has the same for columns, and says what goes."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["ENDS", "UNSEEN", "clean_text"]

# As the characters themselves: the engine and Python write them differently as escapes.
UNSEEN = "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u200b\u2060\ufeff]"
"""Characters that go wherever they stand."""

_DIRECTIONS = "[\t\n\f\r \u200e\u200f\u202a-\u202e\u2066-\u2069]+"
ENDS = f"^{_DIRECTIONS}|{_DIRECTIONS}$"
"""Marks of direction and space at the ends."""

_unseen, _ends = re.compile(UNSEEN), re.compile(rf"\A{_DIRECTIONS}|{_DIRECTIONS}\Z")


def clean_text(text: str) -> str:
    """The text as it should be; empty where nothing is left of it."""
    if text.isascii() and text.isprintable():
        return text.strip(" ")
    return _ends.sub("", _unseen.sub("", unicodedata.normalize("NFC", text)))
