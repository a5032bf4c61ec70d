"""`score`: what a model expects of a person."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from aimwell.definitions.base import Duration
from aimwell.definitions.conditions import NumberCondition, Text
from aimwell.definitions.leaves.base import Leaf

__all__ = ["ScoreRule"]


class _Score(Leaf):
    score: Text = Field(description="The model.")
    as_: Literal["value", "percentile", "decile"] | None = Field(
        default=None,
        alias="as",
        description="value (default): as the model gives it. percentile: the share of scored people with less, 0 to 1. "
        "decile: 1 to 10, 10 is highest.",
    )
    within: Duration | None = Field(default=None, description="Only scores so young.")


class ScoreRule(NumberCondition, _Score):  # the model stands first in the document
    """The newest score of a model before the moment, compared. Who has none does not fulfil it."""

    key: ClassVar = "score"
