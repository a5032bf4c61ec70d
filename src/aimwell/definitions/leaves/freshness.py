"""`freshness`: how long ago something was last heard of a person."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import model_validator

from aimwell.definitions.base import Part
from aimwell.definitions.conditions import Text
from aimwell.definitions.leaves.base import Leaf, When

__all__ = ["Freshness", "FreshnessRule"]


class Freshness(Part):
    """Of which data."""

    trait: Text | None = None
    table: (
        Literal["traits", "orders", "events", "touches", "answers", "usage", "subscriptions"] | None
    ) = None

    @model_validator(mode="after")
    def _one(self) -> Freshness:
        if (self.trait is None) == (self.table is None):
            raise ValueError("say of what: `trait: NAME` or `table: orders`")
        return self


class _Freshness(Leaf):
    freshness: Freshness


class FreshnessRule(When, _Freshness):  # what it is of stands first in the document
    """When the newest word came: at most (`within`), or longer than (`before`), so long ago.

    A trait that holds since always has no date, and is old. Of whom nothing was ever said, neither holds.
    """

    key: ClassVar = "freshness"
