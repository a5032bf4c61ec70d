"""Whether a text is whole enough to be read: what is begun is ended, and nothing is nested without end.

The readers behind look for each end from each beginning, so a text of beginnings alone costs them time that grows
with its square, and the compiler of MJML recurses. What is refused here, in one pass, never reaches them.
"""

from __future__ import annotations

import re

from aimwell.errors import TemplateError

__all__ = ["MAX_MJML_DEPTH", "refuse_deep_mjml", "refuse_open_html", "refuse_open_liquid"]

MAX_MJML_DEPTH = 50
"""How deep MJML elements may lie in each other; an honest letter needs about ten."""

_BEGIN = re.compile(r"\{\{|\{%-?\s*(?P<block>raw|comment|doc)?")
_MJML = re.compile(r"<(?P<end>/?)mj[a-z-]*(?P<rest>[^<>]*)>")
_OPENING = re.compile(r"<(?=[A-Za-z/!?])")


def refuse_open_liquid(source: str) -> None:
    """Raise TemplateError where `{{`, `{%` or a block of raw text is not ended."""
    at = 0
    while (begin := _BEGIN.search(source, at)) is not None:
        ends = "}}" if begin[0] == "{{" else "%}"
        end = source.find(ends, begin.end())
        if end < 0:
            raise _open(f"'{begin[0].strip()}' is not ended by '{ends}'", source, begin.start())
        at = end + 2
        block = begin["block"]
        if block is not None and not source[begin.end() : end].strip("- \t\r\n"):
            last = re.compile(rf"\{{%-?\s*end{block}\s*-?%\}}").search(source, at)
            if last is None:
                words = f"'{{% {block} %}}' is not ended by '{{% end{block} %}}'"
                raise _open(words, source, begin.start())
            at = last.end()


def refuse_open_html(source: str) -> None:
    """Raise TemplateError where a tag or a comment of HTML is not ended."""
    at = 0
    while (begin := source.find("<!--", at)) >= 0:
        end = source.find("-->", begin + 2)
        if end < 0:
            raise _open("a comment, '<!--', is not ended by '-->'", source, begin)
        at = end + 3
    last = source.rfind(">")
    tag = _OPENING.search(source, last + 1)
    if tag is not None:
        raise _open("a tag is not ended by '>'", source, tag.start())


def refuse_deep_mjml(source: str) -> None:
    """Raise TemplateError where MJML elements are nested deeper than MAX_MJML_DEPTH."""
    depth = 0
    for found in _MJML.finditer(source):
        if found["end"]:
            depth -= 1
        elif not found["rest"].endswith("/"):
            depth += 1
        if depth > MAX_MJML_DEPTH:
            words = f"MJML elements are nested deeper than {MAX_MJML_DEPTH} levels"
            raise _open(words, source, found.start())


def _open(problem: str, source: str, at: int) -> TemplateError:
    return TemplateError(f"{problem[0].upper()}{problem[1:]}.", line=source.count("\n", 0, at) + 1)
