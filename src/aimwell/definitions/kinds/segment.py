"""`segment`: a rule that says who belongs to it as of any moment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from aimwell.definitions.base import Definition, Reference
from aimwell.definitions.leaves.segment import SegmentRule
from aimwell.definitions.rule_reading import refuse_huge
from aimwell.definitions.rules import Rule, walk

__all__ = ["Segment"]


class Segment(Definition):
    """People who fulfil a rule."""

    kind: Literal["segment"] = "segment"
    rule: Annotated[Rule, BeforeValidator(refuse_huge)] = Field(
        description="See the rule language: all, any, not, trait, event, rfm, segment, bucket."
    )

    def references(self) -> Iterator[Reference]:
        """Segments that the rule asks for."""
        for path, node in walk(self.rule):
            if isinstance(node, SegmentRule):
                yield f"{path}.segment", "segment", node.segment
