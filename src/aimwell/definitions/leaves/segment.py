"""`segment`: who is in another segment."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from aimwell.definitions.base import Name
from aimwell.definitions.leaves.base import Leaf
from aimwell.definitions.parameters import ParameterValues

__all__ = ["SegmentRule"]


class SegmentRule(Leaf):
    """Everybody who is in another segment."""

    key: ClassVar = "segment"

    segment: Name
    parameters: ParameterValues | None = Field(
        default=None, description="Its parameters that are to be otherwise here."
    )
