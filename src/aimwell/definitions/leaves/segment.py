"""`segment`: who is in another segment."""

from __future__ import annotations

from typing import ClassVar

from aimwell.definitions.base import Name
from aimwell.definitions.leaves.base import Leaf

__all__ = ["SegmentRule"]


class SegmentRule(Leaf):
    """Everybody who is in another segment."""

    key: ClassVar = "segment"

    segment: Name
