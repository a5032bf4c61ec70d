"""The pieces of plans by segment or micro-segment: who people were at the start, what befell them, and what sending added among them.

Segments overlap, so their figures do not add up to the whole. What sending added in a segment compares its contacted people with its held-out
ones; a plan's campaign, not the segment, was drawn by chance, but within a segment chance drew just as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from aimwell.decide.campaign_parts import parts_of_plan
from aimwell.decide.stored import load_plan
from aimwell.measure.by_segment import segment_lifts
from aimwell.measure.ledger import read_contacts
from aimwell.measure.lifts import MARGIN_UNKNOWN, less_cost
from aimwell.measure.members import Grouping, micro_groups, of_segments
from aimwell.measure.model import Metric
from aimwell.measure.pieces import Piece
from aimwell.measure.plan_reading import read_plan
from aimwell.measure.reading import Reading
from aimwell.measure.spans import assigned, seed_of, span_of
from aimwell.segment.membership.defined import defined
from aimwell.stats.estimate import Estimate
from aimwell.store.stores import Stores

__all__ = ["SegmentPieces", "segment_pieces"]


@dataclass(frozen=True)
class SegmentPieces:
    """One piece a plan and segment that had anybody contacted in it, and what to know of those that are missing."""

    pieces: tuple[Piece, ...]
    notes: tuple[str, ...]


def segment_pieces(
    stores: Stores,
    plan_ids: Sequence[str],
    *,
    segments: Sequence[str] | None = None,
    model: str | None = None,
    now: datetime,
) -> SegmentPieces:
    """Read each plan once, with its people in their segments of the start.

    Args:
        plan_ids: Plans that were measured.
        segments: Names; default: all.
        model: A kept model of micro-segments in place of segments.
        now: The present moment.

    Raises:
        UnknownDefinitionError: There is no such segment.
        SegmentError: There is no such model.
    """
    grouping: Grouping = (
        micro_groups(stores, model) if model is not None else of_segments(defined(stores, segments))
    )
    found: list[Piece] = []
    notes = [
        "Segments overlap, so their figures do not add up. Within a segment, too, chance decided who was contacted."
        if model is None
        else "Micro-segments as their kept rules told them at the start of each campaign."
    ]
    for plan_id in plan_ids:
        pieces, told = _of_plan(stores, plan_id, grouping, now)
        found += pieces
        notes += told
    return SegmentPieces(tuple(found), tuple(dict.fromkeys(notes)))


def _of_plan(
    stores: Stores, plan_id: str, grouping: Grouping, now: datetime
) -> tuple[list[Piece], list[str]]:
    plan = load_plan(stores.control, plan_id)
    parts = parts_of_plan(plan.document)
    span = span_of(plan, now, timezone=stores.settings.timezone)
    with stores.read_control() as connection:
        contacts = read_contacts(connection, plan_id)
    reading = read_plan(
        stores,
        plan,
        parts,
        assigned(stores, plan_id),
        span=span,
        grouping=grouping,
        contacts=contacts,
        valued=False,
    )
    lifts = segment_lifts(
        reading.people,
        reading.in_segments,
        plan=plan,
        span=span,
        currency=stores.settings.currency,
        seed=seed_of(plan),
    )
    totals = {
        (str(row.group), str(row.metric)): row.difference.times(row.treated_n) for row in lifts.rows
    }
    assert reading.in_segments is not None  # noqa: S101 - it was asked for
    month = f"{span.starts_at:%Y-%m}"
    pieces = [
        piece
        for segment in reading.in_segments.members
        if (piece := _piece(reading, segment, totals, plan.plan_id, plan.campaign, month))
    ]
    notes = [
        f"{plan_id}: {name} is missing: {reason}."
        for name, reason in sorted(reading.in_segments.failures.items())
    ]
    return pieces, notes


def _piece(
    reading: Reading,
    segment: str,
    totals: dict[tuple[str, str], Estimate],
    plan_id: str,
    campaign: str,
    month: str,
) -> Piece | None:
    """Sums over the contacted people of the segment; None where it has none."""
    people = reading.people
    assert reading.in_segments is not None  # noqa: S101 - as above
    mine = reading.in_segments.members[segment] & people.treated
    if not mine.any():
        return None
    hits = {
        name: round(float(column[mine].sum()))
        for name, column in reading.contacts.items()
        if name != "cost"
    }
    cost = round(float(reading.contacts["cost"][mine].sum()), 4)
    given = float(people.offer_cost[mine].sum())

    def total(metric: Metric) -> Estimate:
        missing = Estimate.missing(MARGIN_UNKNOWN, method="none")
        return totals.get((segment, metric), missing)

    profit = less_cost(total("margin"), cost)
    return Piece(
        plan_id=plan_id,
        campaign=campaign,
        audience="",
        month=month,
        channel="",
        offer="",
        action="",
        variant="",
        people=int(mine.sum()),
        converted=int(people.converted[mine].sum()),
        orders=int(people.orders[mine].sum()),
        revenue=float(people.revenue[mine].sum()),
        margin=None if people.margin_unknown else float(people.outcome("margin")[mine].sum()),
        cost=cost,
        discount=given,
        hits=hits,
        of_plan=1,
        profit=profit,
        plan_revenue=total("revenue"),
        plan_profit=profit,
        plan_orders=total("orders"),
        plan_discount=given,
        segment=segment,
    )
