"""Reads a segment at several moments, and what campaigns and surveys tell of its people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from aimwell.definitions import service as definitions
from aimwell.errors import MeasureError, SegmentError
from aimwell.history.moment import open_moment
from aimwell.measure.feedback.joined_service import feedback_by
from aimwell.measure.feedback.spoken_service import spoken_by
from aimwell.measure.formatting import count, money, money_interval, percent
from aimwell.measure.segment_pieces import segment_pieces
from aimwell.measure.segment_report.model import CampaignThere, SegmentReport, Size
from aimwell.measure.stored import latest_documents
from aimwell.segment.divisions import divide
from aimwell.segment.flows import month_starts
from aimwell.segment.personas.model import Persona
from aimwell.segment.personas.service import PERSONA_FEATURES, personas
from aimwell.stats.estimate import Estimate
from aimwell.stats.together import together
from aimwell.store.stores import Stores

__all__ = ["segment_report"]

MONTHS_MAX = 24


def segment_report(
    stores: Stores, segment: str, *, now: datetime, months: int = 6
) -> SegmentReport:
    """The report of a segment.

    Args:
        stores: The workspace.
        segment: Its name.
        now: The moment.
        months: Ends of how many months before it to look at, 1 to 24.

    Raises:
        UnknownDefinitionError: There is no such segment.
        SegmentError: It cannot be computed, or nobody is known.
        MeasureError: `months` is out of range.
    """
    if not 1 <= months <= MONTHS_MAX:
        raise MeasureError(f"{months} months cannot be shown; ask for 1 to {MONTHS_MAX}.")
    definitions.get(stores.control, "segment", segment)
    division = f"segments:{segment}"
    sizes = _sizes(stores, segment, month_starts(now, months, stores.settings.timezone))
    persona = _persona(stores, segment, now) if sizes[-1].members else None
    campaigns, notes = _campaigns(stores, segment, now)
    feedback = feedback_by(stores, division, until=now)
    feedback = replace(feedback, rows=tuple(one for one in feedback.rows if one.group == segment))
    said = spoken_by(stores, division, until=now)
    said = replace(
        said,
        topics=tuple(one for one in said.topics if one.group == segment),
        sounds=tuple(one for one in said.sounds if one.group == segment),
    )
    revenue, profit = (
        _sum([getattr(one, name) for one in campaigns]) for name in ("revenue", "profit")
    )
    return SegmentReport(
        segment=segment,
        as_of=now,
        currency=stores.settings.currency,
        timezone=stores.settings.timezone,
        sizes=sizes,
        persona=persona,
        campaigns=tuple(campaigns),
        revenue=revenue,
        profit=profit,
        feedback=feedback,
        spoken=said,
        sentence=_sentence(segment, sizes, persona, profit, revenue, stores.settings.currency),
        notes=(
            "Sizes are by the segment's definition of today, looked at as of each moment with what was known then.",
            *notes,
            *feedback.notes,
            *(said.notes if said.topics else ()),
        ),
    )


def _sizes(stores: Stores, segment: str, bounds: Sequence[datetime]) -> tuple[Size, ...]:
    found: list[Size] = []
    before: pa.Array | None = None
    for bound in bounds:
        with open_moment(stores, as_of=bound) as moment:
            try:
                groups = divide(moment, f"segments:{segment}").groups
            except SegmentError:
                # Nobody was known yet; at the moment itself that is for the reader to know.
                if bound == bounds[-1]:
                    raise
                continue
        inside = groups.filter(pc.equal(groups.column("group"), segment))
        members = inside.column("profile_id").combine_chunks()
        stayed = None if before is None else int(pc.sum(pc.is_in(members, before)).as_py() or 0)
        found.append(
            Size(
                at=bound,
                known=groups.num_rows,
                members=len(members),
                entered=None if stayed is None else len(members) - stayed,
                left=None if stayed is None or before is None else len(before) - stayed,
            )
        )
        before = members
    return tuple(found)


def _persona(stores: Stores, segment: str, now: datetime) -> Persona | None:
    """Its people against all others, without the features that make the segment."""
    with open_moment(stores, as_of=now) as moment:
        division = divide(moment, f"segments:{segment}")
        names = [name for name in PERSONA_FEATURES if name not in division.built_from]
        faces = personas(moment, division.groups, names=names)
    return next((one for one in faces if one.group == segment), None)


def _campaigns(
    stores: Stores, segment: str, now: datetime
) -> tuple[list[CampaignThere], tuple[str, ...]]:
    plans = [
        one["plan_id"]
        for one in latest_documents(stores)
        if not one["trial"] and datetime.fromisoformat(one["span"]["starts_at"]) < now
    ]
    if not plans:
        return [], ("No campaign has a report yet (aimwell measure report PLAN).",)
    found = segment_pieces(stores, plans, segments=[segment], now=now)
    rows = [
        CampaignThere(
            plan_id=piece.plan_id,
            campaign=piece.campaign,
            month=piece.month,
            contacted=piece.people,
            sent=piece.hits.get("sent", 0),
            converted=piece.converted,
            revenue=piece.plan_revenue,
            profit=piece.profit,
        )
        for piece in found.pieces
    ]
    return rows[::-1], found.notes


def _sum(parts: Sequence[Estimate]) -> Estimate:
    """Of all plans; missing where one lacks it, as a sum without it would be another figure."""
    if len(parts) == 1:
        return parts[0]
    lacking = next((one for one in parts if not one.defined), None)
    if not parts:
        return Estimate.missing("no measured campaign contacted anybody in it", method="none")
    if lacking is not None:
        return Estimate.missing(lacking.reason or "a plan lacks it", method="none")
    return together(list(parts))


def _sentence(
    segment: str,
    sizes: Sequence[Size],
    persona: Persona | None,
    profit: Estimate,
    revenue: Estimate,
    currency: str,
) -> str:
    last = sizes[-1]
    share = percent(100.0 * last.members / last.known) if last.known else "none"
    said = f"{count(last.members)} people are in “{segment}”, {share} of all"
    if persona is not None and persona.revenue_share is not None:
        said += f", with {percent(100.0 * persona.revenue_share)} of the revenue so far"
    said += "."
    if len(sizes) > 1:
        change = last.members - sizes[0].members
        entered = sum(one.entered or 0 for one in sizes)
        left = sum(one.left or 0 for one in sizes)
        grown = (
            "as many as"
            if not change
            else f"{count(abs(change))} {'more' if change > 0 else 'fewer'} than"
        )
        said += f" That is {grown} on {sizes[0].at:%-d %B %Y}: {count(entered)} came and {count(left)} left."
    what, one = ("profit", profit) if profit.defined else ("revenue", revenue)
    if one.estimate is not None:
        said += f" Campaigns added {money(one.estimate, currency)} of {what} there ({money_interval(one, currency)})"
        said += "." if one.excludes_zero else ", which may be chance."
    return said
