"""Texts parsed once and rendered for many people, and errors that say where and what was meant."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from liquid import BoundTemplate, Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import Path
from liquid.builtin.output import OutputNode
from liquid.exceptions import LiquidError, OutputStreamLimitError, ResourceLimitError
from liquid.expression import Expression

from aimwell.errors import MissingFieldError, TemplateError, nearest
from aimwell.texts.limits import MAX_CHARS, MAX_SOURCE_CHARS
from aimwell.texts.masking import Piece, mask
from aimwell.texts.missing import MissingField
from aimwell.texts.nodes import Frame
from aimwell.texts.sandbox import Chunks, MessageContext, environment
from aimwell.texts.shape import refuse_open_liquid

__all__ = ["RESERVED", "FixedPiece", "Program", "reserved_piece"]

RESERVED = "aimwell_"
"""Names that begin so belong to Aimwell: a template may not use them."""

_RESERVED_NAME = re.compile(rf"\b{RESERVED}")


@dataclass(frozen=True, slots=True)
class FixedPiece:
    """A piece of fixed text: `always` where everybody gets it (no condition or loop around it); `after` and `before`
    name the fields whose values it follows and precedes directly."""

    text: str
    always: bool
    after: str
    before: str


def reserved_piece(source: str) -> Piece | None:
    """The first piece of Liquid that uses a reserved name; None where there is none."""
    return next((piece for piece in mask(source).pieces if _RESERVED_NAME.search(piece.text)), None)


class Program:
    """One text of a content, parsed.

    `origin` is the text as its author wrote it, where `source` was made from it (MJML, rewritten links): lines in
    errors are counted there.
    """

    def __init__(
        self,
        source: str,
        *,
        html: bool,
        template: str = "",
        part: str = "",
        origin: str | None = None,
        lenient: bool = False,
    ) -> None:
        """Parses `source`. With `lenient`, filters that do not exist are left to `unknown_filters`.

        Raises:
            TemplateError: It does not parse, is too long or uses a tag or filter that does not exist.
        """
        self.source, self.html, self.template, self.part = source, html, template, part
        self._origin: Sequence[Piece] = ()
        if len(source) > MAX_SOURCE_CHARS:
            raise self._error(
                f"The text is longer than {MAX_SOURCE_CHARS:,} characters. Shorten it."
            )
        try:
            refuse_open_liquid(source)
        except TemplateError as err:
            raise self._error(err.problem, err.line) from err
        self._origin = mask(source if origin is None else origin).pieces
        try:
            self._parsed: BoundTemplate = environment(html=html).from_string(source)
        except LiquidError as err:
            raise self._explain_liquid(err) from err
        self._nodes: list[Node] = self._parsed.nodes
        self._frame = Frame.of(self._nodes)
        self._analysis = self._parsed.analyze(include_partials=False)
        if not lenient:
            for problem, line in self.unknown_filters():
                raise self._error(problem, line)

    def unknown_filters(self) -> Iterator[tuple[str, int]]:
        """Filters that do not exist, in words, each with the line of its first use."""
        known = environment(html=self.html).filters
        for name, uses in self._analysis.filters.items():
            if name not in known:
                words = f"Unknown filter '{name}'. {nearest(name, list(known))}"
                yield words, self._line_at(uses[0].index)

    def render(self, fields: Mapping[str, object]) -> list[str]:
        """The text for one person, in pieces; fixed pieces are always the same string objects.

        `fields` must hold `now` and `today`. Errors are Liquid's own; `explain` turns them into ours.
        """
        if self._frame is not None:
            return self._filled(self._frame, fields)
        context = MessageContext(self._parsed, fields)
        buffer = Chunks()
        node: Node | None = None
        try:
            for node in self._nodes:
                node.render(context, buffer)
        except LiquidError as err:
            if err.token is None and node is not None:
                err.token = node.token
            raise
        return buffer.parts

    def _filled(self, frame: Frame, fields: Mapping[str, object]) -> list[str]:
        """The pieces of a text that only names values: what `render` gives, without a context where none is needed."""
        parts, room = frame.pieces.copy(), MAX_CHARS - frame.size_chars
        for place, node in frame.values:
            text = node.plain_text(fields, html=self.html)
            if text is None:
                buffer = Chunks()
                try:
                    node.render(MessageContext(self._parsed, fields), buffer)
                except LiquidError as err:
                    err.token = err.token or node.token
                    raise
                text = buffer.getvalue()
            parts[place] = text
            room -= len(text)
            if room < 0:
                raise OutputStreamLimitError("the text becomes too long", token=node.token)
        return parts

    def fixed_pieces(self) -> list[FixedPiece]:
        """Every piece of fixed text, also those within loops and conditions."""
        found: list[FixedPiece] = []
        _collect(self._nodes, found, MessageContext(self._parsed, {}), always=True)
        return found

    def fields_used(self) -> dict[str, int]:
        """Fields that the text takes from outside, as dotted paths, with the line of their first use."""
        used: dict[str, int] = {}
        for uses in self._analysis.globals.values():
            for use in uses:
                path = ".".join(str(key) for key in use.segments if isinstance(key, str))
                used.setdefault(path, self._line_at(use.span.index))
        return used

    def paths_used(self) -> Iterator[tuple[tuple[str, ...], int]]:
        """Fields that the text takes from outside, each use with its line, as far as their names are fixed:
        of `offer[which].code` that is `offer`."""
        for uses in self._analysis.globals.values():
            for use in uses:
                fixed = takewhile(lambda key: isinstance(key, str), use.segments)
                yield tuple(str(key) for key in fixed), self._line_at(use.span.index)

    def printed_bare(self) -> frozenset[str]:
        """Fields that are shown without a default and that no condition looks at first, as dotted paths."""
        shown: set[str] = set()
        asked: set[str] = set()
        _sort_uses(self._nodes, MessageContext(self._parsed, {}), shown=shown, asked=asked)
        return frozenset((shown - asked) & self.fields_used().keys())

    def explain(self, err: Exception) -> TemplateError:
        """What went wrong while rendering, with the place in the author's text; quotes the text, never a value."""
        if isinstance(err, MissingField):
            known = [name for name in err.known if not name.startswith(RESERVED)]
            hint = f"{nearest(err.field, known)} " if known else ""
            return MissingFieldError(
                f"The field '{err.field}' is missing for this person. {hint}"
                f'Give it, or a default: {{{{ {err.field} | default: "…" }}}}.',
                field=err.field,
                template=self.template,
                part=self.part,
                line=self._line(err),
            )
        if isinstance(err, LiquidError):
            return self._explain_liquid(err)
        # Words of other errors may hold values of a person.
        return self._error(f"The text cannot be rendered for this person ({type(err).__name__}).")

    def _explain_liquid(self, err: LiquidError) -> TemplateError:
        # Liquid's words quote the template while parsing; while rendering they may quote a value.
        where, kind = self._line(err), type(err).__name__
        words = str(err.args[0] if err.args else kind)
        if isinstance(err, ResourceLimitError):
            return self._error(f"The text asks for too much: {words}.", where)
        if kind in _WORDS_WITHOUT_VALUES:
            return self._error(_sentence(words), where)
        return self._error(f"The text cannot be rendered for this person ({kind}).", where)

    def _error(self, problem: str, line: int = 0) -> TemplateError:
        return TemplateError(problem, template=self.template, part=self.part, line=line)

    def _line(self, err: LiquidError) -> int:
        return (
            0
            if err.token is None or err.token.start_index < 0
            else self._line_at(err.token.start_index)
        )

    def _line_at(self, index: int) -> int:
        """The author's line of what stands at `index` of the source: the same piece of Liquid is sought there."""
        start = max(self.source.rfind("{{", 0, index + 2), self.source.rfind("{%", 0, index + 2))
        if start >= 0:
            for piece in self._origin:
                if self.source.startswith(piece.text, start):
                    return piece.line
        return self.source.count("\n", 0, index) + 1


_WORDS_WITHOUT_VALUES = frozenset(
    {"LiquidSyntaxError", "UnknownFilterError", "DisabledTagError", "BadLink", "LiquidValueError"}
)


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:] + ("" if words.endswith(".") else ".")


def _collect(
    nodes: Sequence[Node], found: list[FixedPiece], context: MessageContext, *, always: bool
) -> None:
    for place, node in enumerate(nodes):
        if isinstance(node, ContentNode):
            after = _name(nodes[place - 1]) if place else ""
            before = _name(nodes[place + 1]) if place + 1 < len(nodes) else ""
            found.append(FixedPiece(node.text, always=always, after=after, before=before))
        _collect(list(node.children(context, include_partials=False)), found, context, always=False)


def _sort_uses(
    nodes: Sequence[Node], context: MessageContext, *, shown: set[str], asked: set[str]
) -> None:
    for node in nodes:
        for expression in node.expressions():
            filters = getattr(expression, "filters", None) or []
            defaulted = any(used.name == "default" for used in filters)
            into = shown if isinstance(node, OutputNode) and not defaulted else asked
            into.update(_paths(expression))
        children = list(node.children(context, include_partials=False))
        _sort_uses(children, context, shown=shown, asked=asked)


def _paths(expression: Expression) -> Iterator[str]:
    if isinstance(expression, Path):
        yield ".".join(key for key in expression.path if isinstance(key, str))
    for child in expression.children():
        yield from _paths(child)


def _name(node: Node) -> str:
    """The field that an output shows, "" for anything else."""
    left = getattr(node.expression, "left", None) if isinstance(node, OutputNode) else None
    return str(left.path[0]) if isinstance(left, Path) else ""
