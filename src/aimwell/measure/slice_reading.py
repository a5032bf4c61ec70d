"""Reads what the figures by slice are made of: the newest report of each plan, and the message ledger as it is now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from aimwell.decide.stored import list_plans
from aimwell.definitions import service as definitions
from aimwell.definitions.leaves.occasion import OccasionRule
from aimwell.measure.ledger import read_hits
from aimwell.measure.pieces import NO_OCCASION, Piece, pieces_of
from aimwell.measure.service import measure, store_report
from aimwell.measure.stored import latest_documents
from aimwell.segment.membership.defined import defined
from aimwell.store.stores import Stores

__all__ = ["PiecesRead", "bring_up_to_date", "read_pieces"]

_STARTED = ("sending", "paused", "sent", "cancelled")


@dataclass(frozen=True)
class PiecesRead:
    """The pieces of all plans with a report, and plans that lack one or whose report is of before `now`."""

    pieces: tuple[Piece, ...]
    unmeasured: tuple[str, ...]
    running: tuple[str, ...]


def read_pieces(stores: Stores, *, since: datetime | None = None, until: datetime) -> PiecesRead:
    """The pieces of plans that started in the period. Trials reached nobody and are left out."""
    documents = [
        one
        for one in latest_documents(stores)
        if not one["trial"]
        and datetime.fromisoformat(one["span"]["starts_at"]) < until
        and (since is None or datetime.fromisoformat(one["span"]["starts_at"]) >= since)
    ]
    with stores.read_control() as connection:
        hits = read_hits(connection, [one["plan_id"] for one in documents])
    occasions = _occasions(stores, [one["plan_id"] for one in documents])
    measured = {one["plan_id"] for one in latest_documents(stores)}
    return PiecesRead(
        pieces=tuple(
            piece
            for one in documents
            for piece in pieces_of(
                one,
                hits,
                timezone=stores.settings.timezone,
                occasion=occasions.get(one["plan_id"], NO_OCCASION),
            )
        ),
        unmeasured=tuple(
            plan.plan_id
            for plan in list_plans(stores.control)
            if plan.state in _STARTED
            and not plan.trial
            and plan.plan_id not in measured
            and (since is None or plan.starts_at >= since)
            and plan.starts_at < until
        ),
        running=tuple(one["plan_id"] for one in documents if not one["span"]["finished"]),
    )


def _occasions(stores: Stores, plan_ids: Sequence[str]) -> dict[str, str]:
    """Plan → the occasions that the rule of its audience asks for, as it is written down now."""
    audiences: dict[str, str] = {}
    for plan in list_plans(stores.control):
        segment = plan.document["campaign"]["audience"].get("segment")
        if plan.plan_id in plan_ids and segment is not None:
            audiences[plan.plan_id] = segment
    written = definitions.documents(stores.control, "segment")
    known = defined(stores, sorted({one for one in audiences.values() if one in written}))
    names = {
        segment: sorted(
            {leaf.occasion for leaf in closure.leaves.values() if isinstance(leaf, OccasionRule)}
        )
        for segment, closure in known.closures.items()
    }
    return {
        plan_id: ", ".join(names.get(segment, ())) or NO_OCCASION
        for plan_id, segment in audiences.items()
    }


def bring_up_to_date(stores: Stores, found: PiecesRead, *, now: datetime) -> Sequence[str]:
    """Measure the plans that have no report, and those whose window was not over at their last one; their ids.

    A plan whose window was over when it was measured is not measured again.
    """
    due = (*found.unmeasured, *found.running)
    for plan_id in due:
        store_report(stores, measure(stores, plan_id, now=now))
    return due
