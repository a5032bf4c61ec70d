"""Hides the Liquid of a text, so that its HTML, MJML or links can be read and changed around it.

`{{ … }}` and `{% … %}` become short placeholders made of Unicode noncharacters, which no HTML or XML reader
minds and no honest text holds. `raw` and `comment` blocks are hidden whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from aimwell.errors import TemplateError

__all__ = ["ANY", "OUTPUT", "TAG", "Masked", "Piece", "mask"]

_VALUE, _TAG, _END = "\ufdd0", "\ufdd1", "\ufdd2"

OUTPUT = f"{_VALUE}[0-9]+{_END}"
"""A pattern for the placeholder of an output, `{{ … }}`."""

TAG = f"{_TAG}[0-9]+{_END}"
"""A pattern for the placeholder of a tag, `{% … %}`."""

ANY = f"[{_VALUE}{_TAG}][0-9]+{_END}"
"""A pattern for any placeholder."""

_LIQUID = re.compile(
    r"\{%-?\s*(?P<block>raw|comment|doc)\s*-?%\}.*?\{%-?\s*end(?P=block)\s*-?%\}"
    r"|\{\{.*?\}\}"
    r"|\{%.*?%\}",
    re.DOTALL,
)
_PLACEHOLDER = re.compile(f"[{_VALUE}{_TAG}]([0-9]+){_END}")
_LETTERS = re.compile("aimwell([0-9]+)liquid")


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of Liquid as it was written, and the line that it began on, from 1."""

    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Masked:
    """A text whose Liquid is hidden; `pieces` are what the placeholders stand for, in order."""

    text: str
    pieces: tuple[Piece, ...]

    def unmask(self, text: str) -> str:
        """Puts the Liquid back into `text`, which was made from this text."""
        return _PLACEHOLDER.sub(lambda found: self.pieces[int(found[1])].text, text)

    def in_letters(self) -> str:
        """The text with placeholders of letters and digits, for readers that change other characters.

        Raises:
            TemplateError: The text holds such a word itself.
        """
        if _LETTERS.search(self.text):
            raise TemplateError("The text holds a word like 'aimwell7liquid'. Use another word.")
        return _PLACEHOLDER.sub(r"aimwell\1liquid", self.text)

    def from_letters(self, text: str) -> tuple[str, set[int]]:
        """Puts the Liquid back where `in_letters` left a word, and says which pieces `text` still had."""
        kept = {int(found) for found in _LETTERS.findall(text)}
        return _LETTERS.sub(lambda found: self.pieces[int(found[1])].text, text), kept


def mask(source: str) -> Masked:
    """Hides the Liquid of `source`.

    Raises:
        TemplateError: The text holds the characters that placeholders are made of.
    """
    if _VALUE in source or _TAG in source or _END in source:
        raise TemplateError(
            "The text holds U+FDD0, U+FDD1 or U+FDD2, which are not characters. Remove them."
        )
    pieces: list[Piece] = []

    def hide(found: re.Match[str]) -> str:
        pieces.append(Piece(found[0], source.count("\n", 0, found.start()) + 1))
        return f"{_VALUE if found[0].startswith('{{') else _TAG}{len(pieces) - 1}{_END}"

    return Masked(_LIQUID.sub(hide, source), tuple(pieces))
