"""The plain-text part of a message, derived from its HTML.

Works on masked HTML, so the Liquid stays in the text: values, conditions and loops come along. Words keep their
order, blocks become paragraphs, links show where they lead (`Shop now <https://…>`), pictures their alternative
text. What is hidden, and what is only for styling, is left out.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

from aimwell.texts.masking import TAG

__all__ = ["to_text"]

_SKIPPED = frozenset({"head", "script", "style", "template", "title"})
_VOID = frozenset(
    [
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "param",
        "source",
        "track",
        "wbr",
    ]
)
_LINES = frozenset(
    [
        "address",
        "article",
        "aside",
        "caption",
        "div",
        "dl",
        "dt",
        "footer",
        "header",
        "li",
        "main",
        "nav",
        "section",
        "tr",
    ]
)
_PARAGRAPHS = frozenset(
    [
        "blockquote",
        "center",
        "figure",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "ol",
        "p",
        "pre",
        "table",
        "ul",
    ]
)
_HIDDEN = re.compile(r"display\s*:\s*none", re.IGNORECASE)
_LONELY_TAGS = re.compile(f"(?<=\n)((?:{TAG})+)\n+")


# Where a block begins or ends; several at one place are one break. Noncharacters, which no honest text holds.
_LINE, _PARAGRAPH = "\ufdd3", "\ufdd4"
_BREAKS = re.compile(f"[ {_LINE}{_PARAGRAPH}]*[{_LINE}{_PARAGRAPH}][ {_LINE}{_PARAGRAPH}]*")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self._skipping: list[str] = []
        self._links: list[tuple[str, int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if self._skipping or tag in _SKIPPED or _HIDDEN.search(given.get("style", "")):
            if tag not in _VOID:
                self._skipping.append(tag)
        elif tag == "br":
            self.out.append("\n")
        elif tag == "hr":
            self.out.append("\n\n---\n\n")
        elif tag == "img":
            self.out.append(given.get("alt", ""))
        elif tag == "a":
            self._links.append((given.get("href", "").strip(), len(self.out)))
        else:
            self._break(tag)
            if tag == "li":
                self.out.append("- ")

    def handle_endtag(self, tag: str) -> None:
        if self._skipping:
            if tag in self._skipping:
                while self._skipping.pop() != tag:
                    pass
        elif tag == "a" and self._links:
            self._end_link(*self._links.pop())
        elif tag in ("td", "th"):
            self.out.append(" ")
        else:
            self._break(tag)

    def handle_data(self, data: str) -> None:
        if not self._skipping:
            self.out.append(re.sub(r"\s+", " ", data))

    def _break(self, tag: str) -> None:
        if tag in _PARAGRAPHS:
            self.out.append(_PARAGRAPH)
        elif tag in _LINES:
            self.out.append(_LINE)

    def _end_link(self, href: str, began: int) -> None:
        label = "".join(self.out[began:]).strip()
        if not href or href.startswith("#"):
            return
        shown = href.removeprefix("mailto:").removeprefix("tel:")
        if label in (href, shown):
            return
        self.out.append(f" <{shown}>" if label else shown)


def to_text(masked_html: str) -> str:
    """The plain text of masked HTML, Liquid still masked.

    A line that would hold nothing but Liquid tags is joined to the next one, so that conditions and loops leave no
    holes in the text.
    """
    reader = _Reader()
    reader.feed(masked_html)
    reader.close()
    text = _BREAKS.sub(_one_break, "".join(reader.out))
    lines = [re.sub(r"[ \t\u00a0]+", " ", line).strip() for line in text.split("\n")]
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
    return _LONELY_TAGS.sub(r"\1", f"\n{text}\n").strip("\n") + "\n"


def _one_break(found: re.Match[str]) -> str:
    return "\n\n" if _PARAGRAPH in found[0] else "\n"
