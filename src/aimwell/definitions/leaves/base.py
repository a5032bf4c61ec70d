"""What every leaf of a rule has: the key by which it is known."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, model_validator

from aimwell.definitions.base import Duration, Part
from aimwell.definitions.conditions import parse_moment

__all__ = ["Ahead", "Day", "Leaf", "When"]


class Leaf(Part):
    """A leaf says one thing about a person as of a moment. `key` is the field that every such node has."""

    key: ClassVar[str]


class When(Part):
    """How long before the moment it was."""

    within: Duration | None = Field(default=None, description="At most so long ago.")
    before: Duration | None = Field(default=None, description="Longer ago than this.")

    @model_validator(mode="after")
    def _possible(self) -> When:
        if self.within is None and self.before is None:
            raise ValueError("say when: within, before, or both")
        if self.within is not None and self.before is not None and self.before >= self.within:
            raise ValueError("`before` must be shorter than `within`, else nothing lies between")
        return self


class Ahead(Part):
    """How soon after the moment it will be."""

    within: Duration = Field(description="At most so long from now.")


def _moment(value: str) -> str:
    parse_moment(value)
    return value


Day = Annotated[str, AfterValidator(_moment)]
"""An ISO date, or a time with offset (kept as it was written)."""
