"""`holdout`: people whom no campaign contacts for a while, so that the long-run effect of all promotion can be seen."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import Field

from aimwell.definitions.base import Definition, Duration

__all__ = ["Holdout"]


class Holdout(Definition):
    """A share of all people, held out by hash; who they are rotates, so nobody is held out for ever."""

    kind: Literal["holdout"] = "holdout"
    share: Annotated[float, Field(ge=0.0001, le=0.5)] = Field(
        description="Share of all people that is held out at a time."
    )
    rotates: Duration = Field(
        default=timedelta(days=91),
        json_schema_extra={"default": "91d"},
        description="After how long others are held out.",
    )
    starts: date = Field(description="Day on which the first period begins (UTC).")
    ends: date | None = Field(default=None, description="Day from which nobody is held out.")
    salt: str | None = Field(
        default=None, max_length=100, description="Decides who; default: the holdout's name."
    )
