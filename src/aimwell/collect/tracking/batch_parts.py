"""The messages of a batch as they stand in its bytes, however deeply they are nested. Pure.

JSON readers give up on what is nested some thousand levels deep, and with it on the whole batch. Here nothing is read,
only brackets are counted, so that the one message can be set aside and its neighbours be taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["DEPTH_MAX", "Part", "parts_of", "without_deep"]

DEPTH_MAX = 200
"""Messages of more levels than this are set aside where a batch cannot be read as a whole."""

_ESCAPED = re.compile(rb"\\.", re.DOTALL)
_LIST = re.compile(rb'"batch"\s*:\s*\[')
_INSIDE = 2
"""The depth between the messages: inside the list, which is inside the object."""


@dataclass(frozen=True)
class Part:
    """A message: its bytes from `start` to `end` in the body, and of how many levels it is (0: no object or list)."""

    start: int
    end: int
    depth: int


def parts_of(body: bytes) -> tuple[Part, ...]:
    """The messages in the list `batch` of a JSON object; none where there is no such list.

    What is no JSON is cut somehow; whoever reads the rest of the body finds that.
    """
    signs = np.frombuffer(_ESCAPED.sub(b"  ", body), np.uint8)
    quotes = signs == ord('"')
    outside = (np.cumsum(quotes) % 2 == 0) & ~quotes
    opened = outside & ((signs == ord("[")) | (signs == ord("{")))
    closed = outside & ((signs == ord("]")) | (signs == ord("}")))
    depth = np.cumsum(opened.astype(np.int32) - closed.astype(np.int32))
    begins = [found.end() for found in _LIST.finditer(body)]
    # Of two lists of that name the last counts, as it does for readers of JSON.
    start = next((at for at in reversed(begins) if opened[at - 1] and depth[at - 1] == _INSIDE), 0)
    if not start:
        return ()
    ends = np.flatnonzero(closed[start:] & (depth[start:] < _INSIDE))
    end = start + int(ends[0]) if len(ends) else len(body)
    if not body[start:end].strip():
        return ()
    between = outside[start:end] & (signs[start:end] == ord(",")) & (depth[start:end] == _INSIDE)
    commas = (start + np.flatnonzero(between)).tolist()
    starts = [start, *(at + 1 for at in commas)]
    # A comma at the very end leaves nothing behind it, which is no JSON and no part.
    starts = [at for at in starts if at < end]
    deepest = np.maximum.reduceat(depth[:end], starts) - _INSIDE
    return tuple(
        Part(first, last, int(levels))
        for first, last, levels in zip(starts, [*commas, end], deepest.tolist(), strict=False)
    )


def without_deep(body: bytes, parts: Sequence[Part]) -> bytes:
    """The body with `null` in the place of each message that is nested too deeply."""
    return b"".join(_pieces(body, parts))


def _pieces(body: bytes, parts: Sequence[Part]) -> Iterator[bytes]:
    at = 0
    for part in parts:
        if part.depth > DEPTH_MAX:
            yield body[at : part.start]
            yield b"null"
            at = part.end
    yield body[at:]
