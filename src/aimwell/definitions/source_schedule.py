"""When a source comes, how old it may be, and how much of it there should be."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from aimwell.cron import check_cron, check_zone
from aimwell.definitions.base import ClockTime, Duration, Part
from aimwell.errors import JobError

__all__ = ["Freshness", "SourceSchedule", "Volume"]


class SourceSchedule(Part):
    """When workers collect the source: hourly, daily (at a time), or by cron. Written as one word or as fields."""

    every: Literal["hourly", "daily"] | None = None
    at: ClockTime | None = Field(
        default=None, description="Time of a daily collection; else 03:00."
    )
    cron: str | None = Field(
        default=None, description="Five fields, as '30 2 * * mon' for Mondays at 02:30."
    )
    timezone: str | None = Field(
        default=None,
        description="IANA zone of the clock; default: the source's, else the workspace's.",
    )

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        if isinstance(data, str):
            return {"every": data} if data in ("hourly", "daily") else {"cron": data}
        return data

    @model_validator(mode="after")
    def _one(self) -> SourceSchedule:
        if (self.every is None) == (self.cron is None):
            raise ValueError("write hourly, daily, or a cron expression as '30 2 * * mon'")
        if self.at is not None and self.every != "daily":
            raise ValueError("`at` goes with `every: daily` only")
        try:
            check_cron(self.expression)
            if self.timezone is not None:
                check_zone(self.timezone)
        except JobError as error:
            raise ValueError(str(error)) from None
        return self

    @property
    def expression(self) -> str:
        """As cron has it."""
        if self.cron is not None:
            return self.cron
        if self.every == "hourly":
            return "0 * * * *"
        return f"{self.at.minute} {self.at.hour} * * *" if self.at is not None else "0 3 * * *"

    @model_serializer(mode="wrap")
    def _written(self, handler: SerializerFunctionWrapHandler) -> Any:
        body = {name: value for name, value in handler(self).items() if value is not None}
        return next(iter(body.values())) if set(body) in ({"every"}, {"cron"}) else body


class Freshness(Part):
    """How old a source may be. Written as one duration: how long ago new files may have come at most."""

    arrives: Duration | None = Field(
        default=None, description="New files come at least so often; unchanged ones are none."
    )
    newest: Duration | None = Field(
        default=None, description="The newest row is not older than this, by its own time."
    )

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        return {"arrives": data} if isinstance(data, str) else data

    @model_validator(mode="after")
    def _some(self) -> Freshness:
        if self.arrives is None and self.newest is None:
            raise ValueError("say `arrives`, `newest` or both, as 26h")
        return self

    @model_serializer(mode="wrap")
    def _written(self, handler: SerializerFunctionWrapHandler) -> Any:
        body = {name: value for name, value in handler(self).items() if value is not None}
        return body["arrives"] if set(body) == {"arrives"} else body


class Volume(Part):
    """How many rows a load of each entity should have, as such or beside the usual (the median of past loads)."""

    at_least: Annotated[int, Field(ge=0)] | None = None
    at_most: Annotated[int, Field(ge=0)] | None = None
    at_least_of_usual: Annotated[float, Field(gt=0, le=1)] | None = Field(
        default=None, description="Smallest share of the usual, as 0.5."
    )
    at_most_of_usual: Annotated[float, Field(ge=1)] | None = Field(
        default=None, description="Largest multiple of the usual, as 3."
    )
    past: Annotated[int, Field(ge=3, le=365)] = Field(
        default=10, description="Loads that make the usual; at least three must be there."
    )

    @model_validator(mode="after")
    def _some(self) -> Volume:
        limits = (self.at_least, self.at_most, self.at_least_of_usual, self.at_most_of_usual)
        if all(limit is None for limit in limits):
            raise ValueError("say at_least, at_most, at_least_of_usual or at_most_of_usual")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError("`at_least` is above `at_most`")
        return self
