"""Liquid's commonest nodes, made faster: fixed text, `{{ name }}`, and loops over a plain list.

They do what Liquid's own do, which the tests hold against them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from liquid import BlockNode, Node, RenderContext, Token, TokenStream
from liquid.builtin.content import ContentNode, Literal
from liquid.builtin.expressions import LoopExpression
from liquid.builtin.output import Output, OutputNode
from liquid.builtin.tags.for_tag import ForLoop, ForNode, ForTag
from liquid.exceptions import BreakLoop, ContinueLoop, LoopIterationLimitError
from liquid.stringify import to_liquid_string
from markupsafe import escape

from aimwell.texts.limits import MAX_ITEMS

__all__ = ["ContentTag", "Frame", "LoopTag", "ValueTag"]

_MARKUP = re.compile("[&<>\"']").search
_METHODS = frozenset({"size", "first", "last"})


class _Content(ContentNode):
    __slots__ = ()

    def render(self, context: RenderContext, buffer: TextIO) -> int:  # noqa: ARG002
        return buffer.write(self.text)


class ContentTag(Literal):
    node_class = _Content


class _PathNode(OutputNode):
    """`{{ name }}`, `{{ group.name }}` or either with a default, looked up without the ceremony of filters."""

    __slots__ = ("has_default", "keys")

    def __init__(self, token: Token, expression: Any) -> None:
        super().__init__(token, expression)
        self.keys: tuple[str, ...] = tuple(expression.left.path)
        self.has_default = bool(expression.filters)

    def render(self, context: RenderContext, buffer: TextIO) -> int:
        found: Any = context.scope
        try:
            for key in self.keys:
                found = found[key]
        except (KeyError, TypeError, IndexError):
            found = self.expression.evaluate(context)
        else:
            if self.has_default and (type(found) is not str or not found):
                found = self.expression.evaluate(context)
        if type(found) is str:
            # Most values hold nothing to escape; looking is three times as fast as escaping.
            return buffer.write(escape(found) if context.autoescape and _MARKUP(found) else found)
        return buffer.write(to_liquid_string(found, context.autoescape))

    def plain_text(self, fields: Mapping[str, Any], *, html: bool) -> str | None:
        """What is printed where the field is a text that needs no more than escaping; None where it must be rendered."""
        found: Any = fields
        try:
            for key in self.keys:
                found = found[key]
        except (KeyError, TypeError, IndexError):
            return None
        if type(found) is int and not self.has_default:
            return str(found)
        if type(found) is not str or (self.has_default and not found):
            return None
        return escape(found) if html and _MARKUP(found) else found


@dataclass(frozen=True, slots=True)
class Frame:
    """A text that holds nothing but fixed pieces and values: its pieces, and which places take what value.

    Most texts are like that, and filling a copy of the list takes a third of the time of asking each node.
    """

    pieces: list[str]
    values: tuple[tuple[int, _PathNode], ...]
    size_chars: int

    @classmethod
    def of(cls, nodes: Sequence[Node]) -> Frame | None:
        """The frame of a text; None where something else stands in it."""
        if not all(type(node) in {_Content, _PathNode} for node in nodes):
            return None
        pieces = [node.text if isinstance(node, _Content) else "" for node in nodes]
        values = tuple((n, node) for n, node in enumerate(nodes) if isinstance(node, _PathNode))
        return cls(pieces, values, sum(map(len, pieces)))


class ValueTag(Output):
    def parse(self, stream: TokenStream) -> OutputNode:
        node = super().parse(stream)
        expression: Any = node.expression
        path = getattr(getattr(expression, "left", None), "path", ())
        filters = getattr(expression, "filters", None) or []
        simple = (
            path
            and all(isinstance(key, str) for key in path)
            and _METHODS.isdisjoint(path[1:])
            and (not filters or [used.name for used in filters] == ["default"])
        )
        return _PathNode(node.token, expression) if simple else node


class _For(ForNode):
    """A loop. Over a plain list it costs a third of Liquid's own."""

    __slots__ = ("key", "name", "plain")

    def __init__(
        self,
        token: Token,
        expression: LoopExpression,
        block: BlockNode,
        default: BlockNode | None = None,
    ) -> None:
        super().__init__(token, expression, block, default)
        bounds = (expression.limit, expression.offset, expression.cols)
        self.plain = not (
            block.blank or expression.reversed or any(bound is not None for bound in bounds)
        )
        self.key = f"{expression.identifier}-{expression.iterable}"
        # Liquid's identifier compares in Python; a bare string is looked up four times as fast.
        self.name = "".join(expression.identifier)

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        over = self.expression.iterable.evaluate(context)
        if self.plain and type(over) is list and over:
            return self._over(over, context, buffer)
        # Liquid counts what a loop goes round, not what an offset makes it skip, which takes as long.
        if isinstance(over, range) and over.stop - over.start > MAX_ITEMS:
            raise LoopIterationLimitError("a loop goes round too often", token=self.token)
        return super().render_to_output(context, buffer)

    def _over(self, items: list[object], context: RenderContext, buffer: TextIO) -> int:
        size, name, nodes = len(items), self.name, self.block.nodes
        loop = ForLoop(self.key, iter(items), size, context.parentloop())
        names: dict[str, object] = {"forloop": loop, name: None}
        context.stopindex(self.key, size)
        context.raise_for_loop_limit(size)
        context.loops.append(loop)
        context.scope.push(names)
        written = 0
        try:
            for item in loop:
                names[name] = item
                try:
                    for node in nodes:
                        written += node.render(context, buffer)
                except ContinueLoop:
                    continue
                except BreakLoop:
                    break
        finally:
            context.scope.pop()
            context.loops.pop()
        return written


class LoopTag(ForTag):
    node_class = _For
