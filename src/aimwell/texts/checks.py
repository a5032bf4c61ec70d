"""What is wrong with a text before anybody gets it: everything that can be known without people."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from aimwell.errors import TemplateError
from aimwell.texts.masking import mask
from aimwell.texts.mjml import compile_mjml
from aimwell.texts.plaintext import to_text
from aimwell.texts.render import Program, reserved_piece
from aimwell.texts.sandbox import TAGS
from aimwell.texts.shape import refuse_open_html, refuse_open_liquid
from aimwell.texts.vocabulary import impossible

__all__ = ["TextFault", "plain_part_fault", "text_faults"]

Part = Literal["subject", "preheader", "html", "mjml", "text"]

_TAG_NAME = re.compile(r"\{%-?\s*(\w+)")
_BLOCKS = frozenset({"capture", "case", "for", "if", "ifchanged", "unless"})


@dataclass(frozen=True, slots=True)
class TextFault:
    """One thing that is wrong: its line in the text, from 1 (0 where it is the text as a whole), and that line."""

    problem: str
    line: int = 0
    excerpt: str = ""
    allowed: str = ""


def text_faults(source: str, *, part: Part) -> list[TextFault]:
    """Everything that is wrong with one text of a template, as its author wrote it."""
    try:
        refuse_open_liquid(source)
        if part in ("html", "mjml"):
            refuse_open_html(mask(source).text)
    except TemplateError as error:  # what is not whole cannot be read further
        return [
            TextFault(_lower(error.problem), error.line, _line(source.splitlines(), error.line))
        ]
    found: list[TextFault] = []
    markup = source
    try:
        if (piece := reserved_piece(source)) is not None:
            found.append(
                TextFault("names that begin with 'aimwell_' belong to Aimwell", piece.line)
            )
        if part == "mjml":
            markup = compile_mjml(source)
    except TemplateError as error:
        found.append(_told(error, source))
    try:
        html = part in ("preheader", "html", "mjml")
        program = Program(markup, html=html, origin=source, lenient=True)
    except TemplateError as error:
        found.append(_told(error, source))
        found += _outputs(source, known={fault.line for fault in found})
    else:
        found += _names(program)
    lines = source.splitlines()
    return [
        TextFault(fault.problem, fault.line, _line(lines, fault.line), fault.allowed)
        for fault in sorted(found, key=lambda fault: fault.line)
    ]


def plain_part_fault(markup: str, *, part: Literal["html", "mjml"]) -> str | None:
    """Why no plain text can be derived from a body whose own text is in order; None where it can."""
    try:
        made = compile_mjml(markup) if part == "mjml" else markup
        masked = mask(made)
        Program(masked.unmask(to_text(masked.text)), html=False, origin=markup, lenient=True)
    except TemplateError as error:
        return f"no plain text can be made of the {part}: {_lower(error.problem)}; give a text too"
    return None


def _outputs(source: str, *, known: Collection[int]) -> Iterator[TextFault]:
    """Faults of each `{{ … }}` by itself, of a text that cannot be read as a whole: all are to be told at once."""
    for piece in mask(source).pieces:
        if piece.line in known or not piece.text.startswith("{{"):
            continue
        try:
            program = Program(piece.text, html=False, lenient=True)
        except TemplateError as error:
            yield TextFault(_lower(error.problem), piece.line)
        else:
            for problem, _line in program.unknown_filters():
                yield TextFault(_lower(problem), piece.line)


def _names(program: Program) -> Iterator[TextFault]:
    for problem, line in program.unknown_filters():
        yield TextFault(_lower(problem), line)
    seen: set[str] = set()
    for path, line in program.paths_used():
        unknown = impossible(path)
        if unknown is not None and unknown not in seen:
            seen.add(unknown)
            yield TextFault(unknown, line)


def _told(error: TemplateError, source: str) -> TextFault:
    allowed = ", ".join(TAGS) if error.problem.startswith("Unexpected tag") else ""
    line = error.line
    if not line and error.problem.startswith("Expected tag end"):
        line = _left_open(source)  # Liquid knows only that the text ended
    return TextFault(_lower(error.problem), line, allowed=allowed)


def _left_open(source: str) -> int:
    """The line of the last block that is not closed, 0 where it cannot be told."""
    lines: list[int] = []
    for piece in mask(source).pieces:
        name = _TAG_NAME.match(piece.text)
        if name is None:
            continue
        if name[1] in _BLOCKS:
            lines.append(piece.line)
        elif name[1].startswith("end") and lines:
            lines.pop()
    return lines[-1] if lines else 0


def _lower(problem: str) -> str:
    """A sentence as the end of another."""
    return problem[:1].lower() + problem[1:].removesuffix(".")


def _line(lines: list[str], number: int) -> str:
    return lines[number - 1].strip() if 0 < number <= len(lines) else ""
