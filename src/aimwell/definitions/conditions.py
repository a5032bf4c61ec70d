"""What a rule can ask of a value: the comparisons of traits, of typed columns and of properties.

Numbers are compared as numbers, dates as dates, everything else as text. A value that is not there fulfils no
comparison but `exists: false`.
"""

from __future__ import annotations

import math
from datetime import date, datetime
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    Field,
    PlainValidator,
    StrictInt,
    WithJsonSchema,
    model_validator,
)

from aimwell.definitions.base import Part

__all__ = [
    "Bound",
    "Condition",
    "CountCondition",
    "Number",
    "NumberCondition",
    "OptionalLimits",
    "Scalar",
    "Text",
    "parse_moment",
    "scalar",
]

_DIGITS_MAX = 10**27
_LENGTH_MAX = 2_000


def _storable(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("this text holds half a character (a lone surrogate)") from None
    if "\x00" in value:
        raise ValueError("a text cannot hold the character NUL")
    return value


def parse_moment(value: str) -> date | datetime:
    """An ISO date, or a time with its offset from UTC. Raises ValueError that says what is allowed."""
    try:
        return date.fromisoformat(value)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError(
            "write a number, a date as 2026-03-31, or a time with its offset as 2026-03-31T09:00+01:00"
        )
    return moment


def _number(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("write a number")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number must be finite")
    if abs(value) >= _DIGITS_MAX:
        raise ValueError("a number has at most 27 digits; write a longer id as text, in quotes")
    return value


def _bound(value: Any) -> int | float | str:
    if isinstance(value, str):
        parse_moment(value)
        return value
    return _number(value)


def scalar(value: Any) -> bool | int | float | str:
    """The value, if it can be compared with. Raises ValueError that says what is allowed."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return _number(value)
    if not isinstance(value, str):
        raise ValueError("write a text, a number, true or false")
    if len(value) > _LENGTH_MAX:
        raise ValueError(f"a text to compare with has at most {_LENGTH_MAX} characters")
    return _storable(value)


Text = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_storable)]
"""A text that every database can keep."""

# One function each, not a union of types: a union would report every type that did not fit as a fault.
Number = Annotated[int | float, PlainValidator(_number), WithJsonSchema({"type": "number"})]
"""A number with at most 27 digits."""

Scalar = Annotated[
    bool | int | float | str,
    PlainValidator(scalar),
    WithJsonSchema({"type": ["boolean", "number", "string"]}),
]
"""A value to compare with: yes or no, a number, or a text."""

Bound = Annotated[
    int | float | str,
    PlainValidator(_bound),
    WithJsonSchema({"type": ["number", "string"], "examples": [20, "2026-03-31"]}),
]
"""A limit: a number, an ISO date, or a time with offset (kept as it was written)."""


def _in_order(low: Any, high: Any) -> None:
    if isinstance(low, str) != isinstance(high, str):
        raise ValueError("both ends must be numbers, or both dates")
    if isinstance(low, str):
        first, last = parse_moment(low), parse_moment(high)
        if isinstance(first, datetime) != isinstance(last, datetime):
            raise ValueError("both ends must be dates, or both times")
        low, high = first, last
    if low > high:
        raise ValueError("the first end must not be above the second")


class Condition(Part):
    """Comparisons of one value; all that are given must hold."""

    is_: Scalar | None = Field(default=None, alias="is", description="Equal to this.")
    in_: Annotated[tuple[Scalar, ...], Field(min_length=1, max_length=10_000)] | None = Field(
        default=None, alias="in", description="Equal to one of these."
    )
    above: Bound | None = Field(default=None, description="More, or later, than this.")
    below: Bound | None = Field(default=None, description="Less, or earlier, than this.")
    at_least: Bound | None = Field(default=None, description="This or more.")
    at_most: Bound | None = Field(default=None, description="This or less.")
    between: tuple[Bound, Bound] | None = Field(
        default=None, description="From the first to the second, both included."
    )
    exists: bool | None = Field(default=None, description="Whether there is a value at all.")

    @model_validator(mode="after")
    def _meaningful(self) -> Condition:
        given = [name for name in Condition.model_fields if getattr(self, name) is not None]
        if not given:
            words = [field.alias or name for name, field in Condition.model_fields.items()]
            raise ValueError(f"say what to compare with: {', '.join(words)}")
        if self.exists is False and given != ["exists"]:
            raise ValueError("`exists: false` stands alone: what is not there cannot be compared")
        if self.between is not None:
            _in_order(*self.between)
        return self


class OptionalLimits(Part):
    """Limits of a number, if any; all that are given must hold."""

    above: Number | None = None
    below: Number | None = None
    at_least: Number | None = None
    at_most: Number | None = None
    between: tuple[Number, Number] | None = Field(
        default=None, description="From the first to the second, both included."
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.between is not None:
            _in_order(*self.between)
        return self

    @property
    def limited(self) -> bool:
        """Whether any limit is given."""
        return any(getattr(self, name) is not None for name in OptionalLimits.model_fields)

    def holds(self, number: float) -> bool:
        """Whether `number` is within all limits."""
        low, high = self.between if self.between is not None else (None, None)
        return (
            (self.above is None or number > self.above)
            and (self.below is None or number < self.below)
            and (self.at_least is None or number >= self.at_least)
            and (self.at_most is None or number <= self.at_most)
            and (low is None or number >= low)
            and (high is None or number <= high)
        )


class NumberCondition(OptionalLimits):
    """Limits of a number; all that are given must hold."""

    @model_validator(mode="after")
    def _limited(self) -> Self:
        if not self.limited:
            raise ValueError(f"say a limit: {', '.join(OptionalLimits.model_fields)}")
        return self


_Count = Annotated[StrictInt, Field(ge=0, le=10**9)]


class CountCondition(Part):
    """How often something happened."""

    at_least: _Count | None = None
    at_most: _Count | None = Field(default=None, description="Never is at most 0, too.")
    exactly: _Count | None = None

    @model_validator(mode="after")
    def _limited(self) -> CountCondition:
        if self.exactly is None and self.at_least is None and self.at_most is None:
            raise ValueError("say how often: at_least, at_most or exactly")
        if self.exactly is not None and (self.at_least is not None or self.at_most is not None):
            raise ValueError("`exactly` stands alone")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError("at_least must not be above at_most")
        return self

    def holds(self, number: int) -> bool:
        """Whether that often is right."""
        return (
            (self.exactly is None or number == self.exactly)
            and (self.at_least is None or number >= self.at_least)
            and (self.at_most is None or number <= self.at_most)
        )
