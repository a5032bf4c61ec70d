"""`feature`: a figure of a person's history, as the catalogue of features documents it."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, model_validator

from aimwell.definitions.conditions import OptionalLimits, Text
from aimwell.definitions.feature_names import FEATURE_NAMES
from aimwell.definitions.leaves.base import Leaf
from aimwell.errors import nearest

__all__ = ["FeatureName", "FeatureRule"]


def _known(name: str) -> str:
    if name not in FEATURE_NAMES:
        raise ValueError(f"there is no such feature. {nearest(name, FEATURE_NAMES)}")
    return name


FeatureName = Annotated[Text, AfterValidator(_known)]
"""A feature of the catalogue."""


class _Feature(Leaf):
    feature: FeatureName
    exists: bool | None = Field(default=None, description="Whether it is defined for the person.")


class FeatureRule(OptionalLimits, _Feature):  # the name stands first in the document
    """The feature as of the moment, compared. For whom it is undefined, only `exists: false` holds."""

    key: ClassVar = "feature"

    @model_validator(mode="after")
    def _something(self) -> FeatureRule:
        if self.limited == (self.exists is not None):
            raise ValueError("say either a limit (above, at_least …) or `exists`")
        return self
