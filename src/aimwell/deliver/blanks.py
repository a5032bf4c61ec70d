"""Whether a rendered text says anything.

The fixed pieces of a template are judged once, by their words; what varies is judged by not being empty. A message
whose whole text comes from a field that is empty is blank, although it still has a frame and a link to unsubscribe.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from aimwell.texts.render import FixedPiece

__all__ = ["OWN_MARKUP", "BlankCheck"]

OWN_MARKUP = re.compile(
    r"<(?:img|a|div) data-aimwell.*?>|<(?:img|a|div) data-aimwell.*\Z", re.DOTALL
)
"""The picture and link that Aimwell adds itself, which say nothing, or as much of one as stands in a piece."""

_NOT_SHOWN = re.compile(
    r"<!--.*?(?:-->|\Z)"
    r"|<(?P<tag>head|style|script|title)\b.*?(?:</(?P=tag)>|\Z)"
    r"|\A(?:(?!<(?:head|style|script|title)\b).)*?</(?:head|style|script|title)>",
    re.DOTALL | re.IGNORECASE,
)
_TAG = re.compile(r"<[^<>]*(?:>|\Z)|\A[^<>]*>")
_PICTURE = re.compile(r"<img\b", re.IGNORECASE)
_WORD = re.compile(r"\w")
_END = re.compile(r"\n|[.!?\u2026]\s")
_PAGES = frozenset({"unsubscribe_url", "preference_url"})


class BlankCheck:
    """Judges the rendered pieces of one text."""

    def __init__(self, fixed: Iterable[FixedPiece], *, html: bool) -> None:
        self._html = html
        self._says: dict[str, bool] = {}
        self.never = False
        for piece in fixed:
            says = self._judge(piece)
            self._says[piece.text] = self._says.get(piece.text, False) or says
            self.never = self.never or (says and piece.always)

    def is_blank(self, parts: Sequence[str], *, own: frozenset[str]) -> bool:
        """True where nothing in `parts` says anything; `own` are the values that Aimwell put in."""
        if self.never:
            return False
        for part in parts:
            says = self._says.get(part)
            if says or (says is None and part not in own and not part.isspace() and part):
                return False
        return True

    def _judge(self, piece: FixedPiece) -> bool:
        text = piece.text
        if not self._html:
            # The words beside the address of the unsubscribe page, up to the next line or sentence, are not what the
            # message says.
            ends = [found.end() for found in _END.finditer(text)]
            first = (ends[0] if ends else len(text)) if piece.after in _PAGES else 0
            last = (ends[-1] if ends else 0) if piece.before in _PAGES else len(text)
            return _WORD.search(text[first:last]) is not None
        if piece.after in _PAGES:
            text = re.sub(r"\A[^<>]*>.*?(?:</a>|\Z)", "", text, flags=re.DOTALL | re.IGNORECASE)
        shown = _NOT_SHOWN.sub("", OWN_MARKUP.sub("", text))
        return _PICTURE.search(shown) is not None or _WORD.search(_TAG.sub(" ", shown)) is not None
