"""The Liquid tags that Aimwell adds: `abort`, and a block for links that differ from person to person.

`{% abort "no favourite product" %}` stops this person's message and keeps the reason. The reason is fixed text:
it is written to the ledger, where no personal data may stand.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TextIO, cast

from liquid import BlockNode, Node, RenderContext, Tag, Token, TokenStream
from liquid.exceptions import LiquidError, LiquidSyntaxError
from liquid.parser import get_parser
from liquid.token import TOKEN_EXPRESSION, TOKEN_INTEGER, TOKEN_STRING, TOKEN_TAG
from markupsafe import escape

__all__ = ["LINKS", "Abort", "AbortTag", "BadLink", "LinkTag", "PersonalLinks"]

LINKS = "aimwell_links"
"""The name under which a message's `PersonalLinks` is handed to its texts."""


class Abort(Exception):  # noqa: N818 - an interruption that was asked for, not an error
    """This person's message is stopped, as the template says, for `reason`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class BadLink(LiquidError):  # noqa: N818 - never leaves the room
    """A personal link renders into something that is not a web address."""


class PersonalLinks(Protocol):
    """Turns the address that a personal link renders into to what is put into the message."""

    def personal(self, number: int, url: str) -> str | None:
        """The address to write for link `number`; None where `url` is no address that a message may hold."""
        ...


class _AbortNode(Node):
    __slots__ = ("reason",)

    def __init__(self, token: Token, reason: str) -> None:
        super().__init__(token)
        self.reason = reason

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:  # noqa: ARG002
        raise Abort(self.reason)


class AbortTag(Tag):
    """`{% abort "reason" %}`."""

    name = "abort"
    block = False

    def parse(self, stream: TokenStream) -> Node:
        token = stream.eat(TOKEN_TAG)
        complaint = 'abort needs a reason in quotes, as {% abort "no favourite product" %}'
        if stream.current.kind != TOKEN_EXPRESSION:
            raise LiquidSyntaxError(complaint, token=token)
        words = stream.into_inner(tag=token, eat=False)
        if words.current.kind != TOKEN_STRING or not words.current.value.strip():
            raise LiquidSyntaxError(complaint, token=token)
        reason = next(words).value.strip()
        words.expect_eos()
        return _AbortNode(token, reason)


class _LinkNode(Node):
    __slots__ = ("block", "number")

    def __init__(self, token: Token, number: int, block: BlockNode) -> None:
        super().__init__(token)
        self.number = number
        self.block = block
        self.blank = False

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        own = context.get_buffer(buffer)
        escaping, context.autoescape = (
            context.autoescape,
            False,
        )  # an address is escaped whole, at the end
        try:
            for node in self.block.nodes:
                node.render(context, own)
        finally:
            context.autoescape = escaping
        links = cast("PersonalLinks", context.globals[LINKS])
        url = links.personal(self.number, own.getvalue())
        if url is None:
            raise BadLink("a link does not lead to an http or https address", token=self.token)
        return buffer.write(escape(url) if escaping else url)

    def children(
        self,
        static_context: RenderContext,  # noqa: ARG002
        *,
        include_partials: bool = True,  # noqa: ARG002
    ) -> Iterable[Node]:
        yield self.block


class LinkTag(Tag):
    """`{% aimwell_link 3 %}https://shop.example/{{ slug }}{% endaimwell_link %}`, written by the rewriting of links."""

    name = "aimwell_link"
    end = "endaimwell_link"

    def parse(self, stream: TokenStream) -> Node:
        token = stream.eat(TOKEN_TAG)
        words = stream.into_inner(tag=token)
        number = int(words.eat(TOKEN_INTEGER).value)
        block = get_parser(self.env).parse_block(stream, (self.end,))
        stream.expect(TOKEN_TAG, value=self.end)
        return _LinkNode(token, number, block)
