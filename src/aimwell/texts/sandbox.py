"""The Liquid that templates may use: values from plain data only, no files, no code, and limits on everything.

Two environments share it: one for HTML, where every value is escaped, and one for plain text. A field that is
missing is an error wherever it would be printed, looped over or given to a filter; `default` mends it, and a
condition (`if`, `unless`, `==`) may test it as nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from io import StringIO
from typing import Any, TextIO

from liquid import BoundTemplate, Environment, RenderContext, Token
from liquid.exceptions import OutputStreamLimitError
from liquid.undefined import UNDEFINED

from aimwell.texts.filters import EXTRA_FILTERS, NEEDS_NOW, guard
from aimwell.texts.limits import MAX_CHARS, MAX_ITEMS, MAX_LOCALS_BYTES
from aimwell.texts.missing import Missing
from aimwell.texts.nodes import ContentTag, LoopTag, ValueTag
from aimwell.texts.tags import AbortTag, LinkTag

__all__ = ["TAGS", "Chunks", "MessageContext", "environment"]

_FORBIDDEN_TAGS = ("include", "render", "tablerow")
_NOT_WRITTEN = ("#", "content", "illegal", "output")  # Liquid's names for what stands between tags


class Chunks(StringIO):
    """Collects what a text renders into as a list: fixed text stays the very string of the template, so that
    whoever encodes it can do so once for all people."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._room = MAX_CHARS

    def write(self, text: str) -> int:
        size = len(text)
        self._room -= size
        if self._room < 0:
            raise OutputStreamLimitError("the text becomes too long", token=None)
        self.parts.append(text)
        return size

    def getvalue(self) -> str:
        return "".join(self.parts)


class _Scope:
    """Names in the order in which they hide one another: what loops add, what the text assigns, the fields."""

    __slots__ = ("maps",)

    def __init__(self, *maps: Mapping[str, object]) -> None:
        self.maps: list[Mapping[str, object]] = list(maps)

    def __getitem__(self, key: str) -> object:
        for mapping in self.maps:
            if key in mapping:
                return mapping[key]
        raise KeyError(key)

    def known(self) -> tuple[str, ...]:
        return tuple(str(key) for mapping in self.maps for key in mapping)

    def size(self) -> int:
        return len(self.maps)

    def push(self, namespace: Mapping[str, object]) -> None:
        self.maps.insert(0, namespace)

    def pop(self) -> Mapping[str, object]:
        return self.maps.pop(0)


class MessageContext(RenderContext):
    """What one text of one message sees. Lighter than Liquid's own, as one is made for every text and person."""

    def __init__(self, template: BoundTemplate, fields: Mapping[str, object]) -> None:
        # Liquid's own constructor is left out on purpose: it builds chains that cost more than a short text.
        self.env = template.env
        self.template = template
        self.locals = {}
        self.globals = fields
        self.counters = {}
        self.scope = _Scope(self.locals, fields, self.counters)  # type: ignore[assignment]
        self.tag_namespace = {"cycles": {}, "ifchanged": "", "stopindex": {}}
        self.loops = []
        self.disabled_tags = []
        self.autoescape = template.env.autoescape
        self._copy_depth = 0
        self.parent_context = None
        self.loop_iteration_carry = 1
        self.local_namespace_size_carry = 0

    def get(
        self, path: list[object], *, token: Token | None, default: object = UNDEFINED
    ) -> object:
        """The value at a path, or a `Missing` that remembers which fields there were."""
        found: Any = self.scope
        for depth, key in enumerate(path):
            try:
                found = self.get_item(found, key) if depth else found[key]
            except (KeyError, TypeError, IndexError):
                if default is not UNDEFINED:
                    return default
                return _missing(path[: depth + 1], inside=found, token=token)
        return found

    def filter(self, name: str, token: Token | None) -> Callable[..., object]:
        found = self.env.filters.get(name)
        if found is None:
            return super().filter(name, token)
        return partial(found, now=self.globals["now"]) if name in NEEDS_NOW else found

    def get_buffer(self, buf: TextIO | None = None) -> StringIO:  # noqa: ARG002
        return Chunks()


def _missing(path: list[object], *, inside: object, token: Token | None) -> Missing:
    source = token.source if token is not None else ""
    # A key that comes from a field, as in group[name], is a value and must not reach an error's words.
    shown = [str(key) if isinstance(key, int) or str(key) in source else "…" for key in path]
    if isinstance(inside, _Scope):
        return Missing(shown[0], token=token, known=inside.known())
    parent = ".".join(shown[:-1])
    known = tuple(f"{parent}.{key}" for key in inside) if isinstance(inside, Mapping) else ()
    return Missing(f"{parent}.{shown[-1]}", token=token, known=known)


class _Sandbox(Environment):
    loop_iteration_limit = MAX_ITEMS
    local_namespace_limit = MAX_LOCALS_BYTES

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        for tag in (ContentTag, ValueTag, LoopTag, AbortTag, LinkTag):
            self.add_tag(tag)
        for name in _FORBIDDEN_TAGS:
            del self.tags[name]
        self.filters.update(EXTRA_FILTERS)
        for name, function in self.filters.items():
            self.filters[name] = guard(name, function, self)


_HTML = _Sandbox(autoescape=True)
_PLAIN = _Sandbox(autoescape=False)


def environment(*, html: bool) -> Environment:
    """The environment for HTML, where values are escaped, or for plain text."""
    return _HTML if html else _PLAIN


TAGS = tuple(sorted(name for name in _HTML.tags if name not in {"aimwell_link", *_NOT_WRITTEN}))
"""The tags that people may write."""
