"""`segment`: who is in another segment; its query is the tree of that segment's rule, which `queries` makes."""

from __future__ import annotations

from aimwell.definitions.leaves.segment import SegmentRule
from aimwell.segment.phrases import quoted

__all__ = ["words"]


def words(rule: SegmentRule) -> str:
    """As "who are in the segment “lapsing”"."""
    return f"who are in the segment {quoted(rule.segment)}"
