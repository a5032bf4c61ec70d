"""What the report of a segment holds. Nothing in it names a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aimwell.measure.feedback.joined import Joined
from aimwell.measure.feedback.spoken import Spoken
from aimwell.measure.model import plain_fields
from aimwell.segment.personas.model import Persona
from aimwell.stats.estimate import Estimate

__all__ = ["CampaignThere", "SegmentReport", "Size"]


@dataclass(frozen=True, kw_only=True)
class Size:
    """A segment at a moment, by today's definition of it and by today's identity.

    `known`: people known by then, without mere visitors. `entered`, `left`: since the moment before; None at the first.
    """

    at: datetime
    known: int
    members: int
    entered: int | None
    left: int | None


@dataclass(frozen=True, kw_only=True)
class CampaignThere:
    """What a plan did among those who were in the segment at its start.

    Attributes:
        contacted, sent, converted: People to be contacted; messages; people who reached the goal.
        revenue, profit: That sending added among them, against those of them who were held out.
    """

    plan_id: str
    campaign: str
    month: str
    contacted: int
    sent: int
    converted: int
    revenue: Estimate
    profit: Estimate


@dataclass(frozen=True, kw_only=True)
class SegmentReport:
    """All of it.

    Attributes:
        segment: Its name. as_of: Nothing later is looked at.
        sizes: At ends of months and at the moment, the oldest first.
        persona: Its people against all others; None where nobody is in it.
        campaigns: Measured plans that contacted anybody in it, the newest first.
        revenue, profit: What all of them added there together; missing with a reason.
        feedback: What its people say, against all others.
        spoken: What they speak of, likewise.
        sentence: What a reader should take from it.
        notes: What to know before believing it.
    """

    segment: str
    as_of: datetime
    currency: str
    timezone: str
    sizes: tuple[Size, ...]
    persona: Persona | None
    campaigns: tuple[CampaignThere, ...]
    revenue: Estimate
    profit: Estimate
    feedback: Joined
    spoken: Spoken
    sentence: str
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return plain_fields(self)
