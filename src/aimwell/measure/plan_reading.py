"""Reads the people of a plan as all measuring needs them: whoever was assigned, with the strata within which arms were dealt out."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from aimwell.decide.campaign_parts import CampaignParts
from aimwell.decide.model import Plan
from aimwell.history.moment import Moment
from aimwell.measure.members import Grouping, InSegments, of_segments, within_strata
from aimwell.measure.model import Span
from aimwell.measure.reading import Reading, read_people
from aimwell.measure.spans import Assigned
from aimwell.segment.membership.defined import defined
from aimwell.store.stores import Stores

__all__ = ["read_plan"]


def read_plan(
    stores: Stores,
    plan: Plan,
    parts: CampaignParts,
    placed: Assigned,
    *,
    span: Span,
    offers_reached: bool = True,
    grouping: Grouping | None = None,
    contacts: pa.Table | None = None,
    valued: bool = True,
) -> Reading:
    """Arguments as of `read_people`; a plan that was stratified has its strata in `people`, whatever else is asked of segments."""
    stratify = parts.campaign.stratify
    dealt: list[InSegments] = []

    def asked(moment: Moment, people: int) -> InSegments:
        if stratify:
            dealt.append(of_segments(defined(stores, stratify))(moment, people))
        return InSegments({}, {}) if grouping is None else grouping(moment, people)

    reading = read_people(
        stores,
        plan,
        parts,
        placed.people,
        span=span,
        offers_reached=offers_reached,
        grouping=asked if stratify or grouping is not None else None,
        contacts=contacts,
        valued=valued,
    )
    return replace(
        reading,
        people=within_strata(reading.people, dealt[0]) if dealt else reading.people,
        in_segments=None if grouping is None else reading.in_segments,
    )
