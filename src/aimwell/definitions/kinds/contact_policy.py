"""`contact_policy`: how often and when a person may be contacted at all."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from aimwell.definitions.base import ClockTime, Definition, Duration, Part

__all__ = ["Cap", "ContactPolicy", "QuietHours"]


class Cap(Part):
    """At most `count` messages in so many calendar days of the person."""

    count: Annotated[int, Field(ge=1)]
    days: Annotated[int, Field(ge=1, le=366)] = 1
    channel: str | None = Field(
        default=None, description="Only this channel; default: all together."
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
