"""`segment`: who is in another segment; its query is the tree of that segment's rule, which `queries` makes."""

from __future__ import annotations

from typing import Any

from aimwell.definitions.leaves.segment import SegmentRule
from aimwell.segment.rules.phrases import both, quoted, value_words

__all__ = ["words"]


def words(rule: SegmentRule) -> str:
    """As "who are in the segment “lapsing”"."""
    given = [f"{name} {_shown(value)}" for name, value in sorted((rule.parameters or {}).items())]
    return f"who are in the segment {quoted(rule.segment)}" + (
        f" (with {both(given)})" if given else ""
    )


def _shown(value: Any) -> str:
    return (
        f"[{', '.join(map(value_words, value))}]"
        if isinstance(value, tuple)
        else value_words(value)
    )
