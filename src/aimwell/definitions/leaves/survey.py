"""`survey`: what a person answered to a question."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from aimwell.definitions.base import Duration, Name
from aimwell.definitions.conditions import Condition, Text
from aimwell.definitions.leaves.base import Leaf

__all__ = ["SurveyRule"]


class _Survey(Leaf):
    survey: Name = Field(description="Survey definition.")
    question: Text
    within: Duration | None = Field(default=None, description="Only answers given so lately.")


class SurveyRule(Condition, _Survey):  # survey and question stand first in the document
    """The person's newest answer to the question, compared; of several that were chosen one is enough.

    Who gave none, or said that the question does not apply, fulfils only `exists: false`.
    """

    key: ClassVar = "survey"
