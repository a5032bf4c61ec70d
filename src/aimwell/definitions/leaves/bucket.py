"""`bucket`: a stable random part of the people."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, StrictInt, model_validator

from aimwell.definitions.base import Part
from aimwell.definitions.conditions import Text
from aimwell.definitions.leaves.base import Leaf

__all__ = ["Bucket", "BucketRule"]


class Bucket(Part):
    """A stable random part: of 10,000 buckets those from `from` on and before `to`."""

    salt: Text = Field(description="Another salt is another, independent part.")
    from_: Annotated[StrictInt, Field(ge=0, le=9_999)] = Field(default=0, alias="from")
    to: Annotated[StrictInt, Field(ge=1, le=10_000)] = Field(description="Not included.")

    @model_validator(mode="after")
    def _not_empty(self) -> Bucket:
        if self.to <= self.from_:
            raise ValueError("`to` must be above `from`")
        return self


class BucketRule(Leaf):
    """People whose bucket, by md5 of the salt and the profile, lies in a range."""

    key: ClassVar = "bucket"

    bucket: Bucket
