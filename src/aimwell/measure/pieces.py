"""The pieces of which figures of many campaigns are made: one action of one plan, or a segment's part of a plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from aimwell.measure.people import Cell
from aimwell.stats.estimate import Estimate

__all__ = ["NO_OCCASION", "Piece", "SlicedBy", "added_counts", "pieces_of"]

NO_OCCASION = "(no occasion)"
SlicedBy = Literal[
    "campaign", "channel", "offer", "action", "variant", "audience", "month", "occasion", "segment"
]


@dataclass(frozen=True, kw_only=True)
class Piece:
    """One action of one plan, or one variant of it, as the plan's newest report measured it.

    Attributes:
        hits: Messages sent and what befell them, by the names of `Delivery`.
        margin: None where it is unknown. discount: None where it is known of the plan as a whole only.
        of_plan, of_action: How many pieces the plan, and the action in it, has.
        segment: Segment or micro-segment of these people at the start. occasion: That the audience is chosen for.
        profit, action_profit: That this piece added, and that its action as a whole did; None: that of the piece. chosen: Among those for whom it was chosen, against the held-out for whom it was chosen too. plan_revenue, plan_profit, plan_orders: That the whole plan added.
    """

    plan_id: str
    campaign: str
    audience: str
    month: str
    channel: str
    offer: str
    action: str
    variant: str
    people: int
    converted: int
    orders: int
    revenue: float
    margin: float | None
    cost: float
    discount: float | None
    hits: Mapping[str, int]
    of_plan: int
    profit: Estimate
    plan_revenue: Estimate
    plan_profit: Estimate
    plan_orders: Estimate
    plan_discount: float
    segment: str = "(everyone)"
    occasion: str = NO_OCCASION
    chosen: bool = False
    of_action: int = 1
    action_profit: Estimate | None = None

    def place(self, by: SlicedBy) -> str:
        """To which slice it belongs."""
        return str(getattr(self, by))


def pieces_of(
    document: Mapping[str, Any],
    hits: Mapping[tuple[str, Cell], Mapping[str, int]],
    *,
    timezone: str,
    occasion: str = NO_OCCASION,
) -> list[Piece]:
    """The pieces of one plan, by variant where it has several.

    Args:
        document: A result as `CampaignResult.to_dict` writes it.
        hits: As `ledger.read_hits` gives them.
        timezone: In which the month is told.
        occasion: That the audience is chosen for.
    """
    rows = document["variants"] or document["actions"]
    start = datetime.fromisoformat(document["span"]["starts_at"]).astimezone(ZoneInfo(timezone))
    lifts = document["lifts"]
    whole = {row["action"]: Estimate(**row["profit"]) for row in document["actions"]}
    found = []
    for row in rows:
        mine = [
            counts
            for (plan_id, cell), counts in hits.items()
            if plan_id == document["plan_id"]
            and cell.action == row["action"]
            and row["variant"] in (None, cell.variant)
        ]
        found.append(
            Piece(
                plan_id=document["plan_id"],
                campaign=document["campaign"],
                audience=document["audience"],
                month=f"{start:%Y-%m}",
                channel=row["channel"],
                offer=row["offer"] or "(no offer)",
                action=row["action"],
                variant=row["variant"] or "(one variant)",
                people=row["figures"]["people"],
                converted=row["figures"]["converted"],
                orders=row["figures"]["orders"],
                revenue=row["figures"]["revenue"],
                margin=row["figures"]["margin"],
                cost=row["contact_cost"],
                discount=document["costs"]["offers"] if len(rows) == 1 else None,
                hits=added_counts(mine),
                of_plan=len(rows),
                profit=Estimate(**row["profit"]),
                plan_revenue=Estimate(**lifts["revenue"]["total"]),
                plan_profit=Estimate(**document["profit"]),
                plan_orders=Estimate(**lifts["orders"]["total"]),
                plan_discount=document["costs"]["offers"],
                occasion=occasion,
                chosen=row.get("chosen") is not None,
                of_action=sum(other["action"] == row["action"] for other in rows),
                action_profit=whole.get(row["action"]),
            )
        )
    return found


def added_counts(counts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """Counts of several pieces, added up by name."""
    names = sorted({name for one in counts for name in one})
    return {name: sum(one.get(name, 0) for one in counts) for name in names}
