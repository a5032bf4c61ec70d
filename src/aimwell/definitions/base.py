"""What all documents share: name, description, references, and the small types that their fields use."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, time, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

__all__ = [
    "NAME_PATTERN",
    "TEXT_FAULTS",
    "ClockTime",
    "Definition",
    "Duration",
    "LocalMoment",
    "Money",
    "Name",
    "Part",
    "Reference",
    "Share",
    "Weight",
    "parse_duration",
]

TEXT_FAULTS = "text_faults"
"""The type of an error whose context `faults` lists everything that is wrong with one text."""

_DURATION = re.compile(r"(\d{1,6})\s*(m|h|d|w)")
_LONGEST = timedelta(days=36_500)
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class _Span(timedelta):
    """A time span that knows how it was written, so that '2w' is not shown as '14d'."""

    text = ""


def parse_duration(value: Any) -> timedelta:
    """'30m', '12h', '14d' or '2w' as a time span. Raises ValueError that says what is allowed."""
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(str(value).strip())
    if match is None or int(match[1]) == 0:
        raise ValueError(
            "a duration is a positive whole number and a unit (m, h, d or w), as '14d'"
        )
    span = _Span(**{_UNITS[match[2]]: int(match[1])})
    if span > _LONGEST:
        raise ValueError("a duration is at most 36500d, which is a hundred years")
    span.text = str(value).strip()
    return span


def _render_duration(value: timedelta) -> str:
    if isinstance(value, _Span):
        return value.text
    seconds = int(value.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds // 60}m"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(_render_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\d{1,6}\s*(m|h|d|w)$", "examples": ["14d"]}),
]
"""A time span, written '30m', '12h', '14d' or '2w'."""


def _render_clock(value: time) -> str:
    return value.isoformat(timespec="auto" if value.second or value.microsecond else "minutes")


ClockTime = Annotated[time, PlainSerializer(_render_clock, return_type=str, when_used="json")]
"""A time of day, written '21:00' where it has no seconds."""


def _render_moment(value: datetime) -> str:
    return value.isoformat(timespec="auto" if value.second or value.microsecond else "minutes")


LocalMoment = Annotated[
    datetime, PlainSerializer(_render_moment, return_type=str, when_used="json")
]
"""A day and time without a zone, written '2026-12-01T09:00' where it has no seconds."""

NAME_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,62}$"
Name = Annotated[str, Field(pattern=NAME_PATTERN)]
"""The name of a definition: lower-case letters, digits, '-' and '_'; at most 63."""

Money = Annotated[float, Field(ge=0, le=1e13)]
"""An amount in the workspace currency; more than the ledgers' columns hold is a slip of the pen."""

Share = Annotated[float, Field(ge=0, le=1)]
"""A share or probability between 0 and 1."""

Weight = Annotated[float, Field(ge=1e-12, le=1e12)]
"""How often something is drawn, beside the others' weights; sums of any of them stay exact enough."""

Reference = tuple[str, str, str]
"""(path in the document, kind, name) of another definition that this one needs."""


class Part(BaseModel):
    """A part of a document: frozen, unknown fields refused."""

    # Validators are built when a document of the kind is first read: a command needs few of them.
    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, defer_build=True, allow_inf_nan=False
    )


class Definition(Part):
    """A named document. Subclasses fix `kind` to a literal."""

    kind: str
    name: Name
    description: str = Field(default="", max_length=2000)

    def references(self) -> Iterator[Reference]:
        """Other definitions that must exist for this one to make sense."""
        return iter(())

    @classmethod
    def place(cls, _document: Mapping[str, Any], _path: str) -> str:
        """Words on where a path is that stands in no line of its own, to be told before a fault there; mostly none."""
        return ""

    def document(self) -> dict[str, Any]:
        """The document as it is stored and shown: plain values of the fields that were written."""
        body = self.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return {"kind": self.kind, "name": self.name, **body}
