"""`contact_policy`: how often and when a person may be contacted at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import Field

from aimwell.definitions.base import ClockTime, Definition, Duration, Name, Part, Reference

__all__ = ["Cap", "ContactPolicy", "QuietHours"]


class Cap(Part):
    """At most `count` messages in so many calendar days of the person."""

    count: Annotated[int, Field(ge=1)]
    days: Annotated[int, Field(ge=1, le=366)] = 1
    channel: str | None = Field(
        default=None, description="Only this channel; default: all together."
    )
    category: Name | None = Field(
        default=None,
        description="Only campaigns of this category; default: of any. It holds for those campaigns alone.",
    )


class QuietHours(Part):
    """Hours, in the person's time zone, in which messages wait. May run over midnight."""

    start: ClockTime
    end: ClockTime


class ContactPolicy(Definition):
    """How often and when a person may be contacted. The one named 'default' holds for all campaigns that name none."""

    kind: Literal["contact_policy"] = "contact_policy"
    caps: tuple[Cap, ...] = ()
    quiet_hours: QuietHours | None = None
    gap: Duration | None = Field(default=None, description="Least time between two messages.")
    channel_gaps: Mapping[str, Duration] = Field(
        default_factory=dict,
        description="Least time between two messages of one channel, by channel.",
    )
    no_discount: tuple[Name, ...] = Field(
        default=(),
        description="Segments whose people never get an offer that gives something away.",
    )
    fresh_within: Duration | None = Field(
        default=None,
        description="Nobody is chosen on data older than this: where the newest event or order of all is older, "
        "everybody is left out as 'stale'.",
    )

    def references(self) -> Iterator[Reference]:
        """The segments of no discount."""
        for number, segment in enumerate(self.no_discount):
            yield f"no_discount[{number}]", "segment", segment
