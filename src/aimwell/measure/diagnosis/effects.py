"""What sending added in a plan per person, of everyone and in each place, as its report measures it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from aimwell.decide.campaign_parts import CampaignParts
from aimwell.decide.model import Plan
from aimwell.measure.actions import weigh, weighed_difference
from aimwell.measure.by_segment import segment_lifts
from aimwell.measure.diagnosis.model import EVERYONE
from aimwell.measure.diagnosis.searching import Effects
from aimwell.measure.lifts import planned_shares
from aimwell.measure.members import InSegments
from aimwell.measure.model import Metric, Span
from aimwell.measure.people import BoolArray, People
from aimwell.measure.spans import holdout_of, seed_of

__all__ = ["effects_of", "of_offer"]

_UNEVEN = (
    "People had different chances of this offer: the effect on everyone is weighed by them, and by segment none is told, as the few who got it "
    "against their chance would carry it."
)


def of_offer(people: People, parts: CampaignParts, offer: str | None) -> BoolArray:
    """Whom to look at: everybody, or where one offer is asked for those who got it and the held-out."""
    if offer is None:
        return np.ones(len(people), dtype=np.bool_)
    return people.given(_cells(people, parts, offer)) | ~people.treated


def effects_of(
    people: People,
    groups: Mapping[str, BoolArray],
    *,
    plan: Plan,
    parts: CampaignParts,
    span: Span,
    currency: str,
    offer: str | None,
) -> tuple[Effects, str | None]:
    """The effects, and what must be said of them.

    Args:
        people: All assigned people: a policy is told by all whom it decided for, also those whom it gave nothing.
        groups: Places that were known before the draw, with who is in each.
        plan, parts, span: What is measured.
        currency: Of money.
        offer: Actions with this offer alone.
    """
    metric: Metric = "revenue" if people.margin_unknown else "margin"
    if offer is not None and planned_shares(people, holdout=holdout_of(plan)) is None:
        cells = _cells(people, parts, offer)
        found = weighed_difference(
            people, people.outcome(metric), cells, weigh(people, cells), fraction=span.fraction
        )
        return ({EVERYONE: found} if found.defined else {}), _UNEVEN
    keep = of_offer(people, parts, offer)
    lifts = segment_lifts(
        people.take(keep),
        InSegments({name: members[keep] for name, members in groups.items()}, {}),
        plan=plan,
        span=span,
        currency=currency,
        metrics=[metric],
        seed=seed_of(plan),
    )
    return {
        EVERYONE: lifts.everyone[0].difference,
        **{row.group: row.against_others for row in lifts.rows if row.against_others.defined},
    }, None


def _cells(people: People, parts: CampaignParts, offer: str) -> list[int]:
    actions = {one.key for one in parts.campaign.actions if one.offer == offer}
    return [number for number, cell in enumerate(people.cells) if cell.action in actions]
