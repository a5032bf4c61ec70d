"""`sequence`: first this, then that; or first this, and then not that."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from aimwell.definitions.base import Duration, Part
from aimwell.definitions.conditions import Text
from aimwell.definitions.leaves.acts import Acts
from aimwell.definitions.leaves.base import Leaf, When
from aimwell.definitions.leaves.event import Where
from aimwell.definitions.leaves.event_fields import refuse_unknown_fields

__all__ = ["SequenceRule", "Step"]


class Step(Part):
    """Something that happened, or as the last step, something that did not."""

    event: Text | None = Field(default=None, description="As 'Product Added'.")
    where: Where | None = Field(default=None, description="Only events whose fields are so.")
    machines: Literal[True] | None = Field(default=None, description="Hits of machines too.")
    not_: Acts | None = Field(default=None, alias="not", description="What did not happen then.")

    @model_validator(mode="after")
    def _one(self) -> Step:
        if (self.event is None) == (self.not_ is None):
            raise ValueError("a step is either `event: NAME` or `not: {event: NAME}`")
        if self.not_ is not None and (self.where is not None or self.machines is not None):
            raise ValueError("write `where` and `machines` inside of `not`")
        if self.event is not None:
            refuse_unknown_fields(self.event, self.where or ())
        return self

    @property
    def acts(self) -> Acts:
        """What happened, or did not."""
        if self.not_ is not None:
            return self.not_
        return Acts(event=self.event or "", where=self.where, machines=self.machines)


class SequenceRule(Leaf):
    """Who did one thing and later another, each after the one before.

    With `within` each step comes at most so long after the one before it. `not` may stand in the last step: then that
    did not follow within the time, and the time is over; without `within`, it never followed.
    """

    key: ClassVar = "sequence"

    sequence: Annotated[tuple[Step, ...], Field(min_length=2, max_length=10)]
    within: Duration | None = Field(default=None, description="From each step to the next at most.")
    started: When | None = Field(default=None, description="When the first step was.")

    @model_validator(mode="after")
    def _only_the_last(self) -> SequenceRule:
        if any(step.not_ is not None for step in self.sequence[:-1]):
            raise ValueError("only the last step can be a `not`")
        return self
