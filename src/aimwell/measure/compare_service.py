"""Reads what a campaign's figures are held against: its targets, the campaigns before it, and benchmarks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from aimwell.decide.stored import load_plan
from aimwell.errors import MeasureError
from aimwell.measure.benchmarks import kept_benchmarks
from aimwell.measure.comparing import Compared, Told, compared, figures_of
from aimwell.measure.ledger import read_hits
from aimwell.measure.pieces import Piece, pieces_of
from aimwell.measure.slices import slices
from aimwell.measure.stored import latest_documents
from aimwell.store.stores import Stores

__all__ = ["Comparison", "compare"]


@dataclass(frozen=True)
class Comparison:
    """The figures of a plan beside others, by its newest report."""

    plan_id: str
    campaign: str
    currency: str
    measured_at: str
    rows: tuple[Compared, ...]
    notes: tuple[str, ...]


def compare(stores: Stores, plan_id: str) -> Comparison:
    """A measured plan against its targets, against earlier plans that have a report, and against benchmarks.

    Earlier plans are those that began before it: of the same campaign, and all others together.

    Raises:
        DecideError: There is no such plan.
        MeasureError: It was never measured, or is a trial.
    """
    plan = load_plan(stores.control, plan_id)
    documents = {one["plan_id"]: one for one in latest_documents(stores)}
    mine = documents.get(plan.plan_id)
    if mine is None:
        raise MeasureError(
            f"The plan '{plan.plan_id}' has no report yet. Measure it first: aimwell measure report {plan.plan_id}"
        )
    if plan.trial:
        raise MeasureError("A trial reaches nobody, so its figures are compared with nothing.")
    began = _began(mine)
    before = [one for one in documents.values() if not one["trial"] and _began(one) < began]
    with stores.read_control() as connection:
        hits = read_hits(connection, [plan.plan_id, *[one["plan_id"] for one in before]])

    def pieces(one: Mapping[str, Any]) -> list[Piece]:
        return pieces_of(one, hits, timezone=stores.settings.timezone)

    told = figures_of(mine, slices(pieces(mine), "campaign")[0])
    earlier: list[tuple[str, Mapping[str, Told]]] = []
    same = [one for one in before if one["campaign"] == plan.campaign]
    others = [one for one in before if one["campaign"] != plan.campaign]
    for name, group in (("its earlier plans", same), ("other earlier campaigns", others)):
        if group:
            # As if all of them were one campaign.
            parts = [replace(piece, campaign=name) for one in group for piece in pieces(one)]
            made = slices(parts, "campaign")[0]
            earlier.append((name, figures_of({"kpis": ()}, made)))
    channels = {action["channel"] for action in mine["actions"]}
    benchmarks = [
        one for one in kept_benchmarks(stores) if not one.channel or channels == {one.channel}
    ]
    targets = plan.document["campaign"].get("targets", {})
    notes = []
    if not targets:
        notes.append(
            "The campaign declares no targets; write them as targets: {conversion_rate: 5}."
        )
    if not before:
        notes.append("No earlier campaign has a report.")
    if not benchmarks:
        notes.append("There are no benchmarks; take some with: aimwell measure benchmarks FILE.csv")
    if not mine["span"]["finished"]:
        notes.append(
            "The window was not over when it was measured, so what grows with time is too small yet."
        )
    return Comparison(
        plan_id=plan.plan_id,
        campaign=plan.campaign,
        currency=mine["currency"],
        measured_at=mine["measured_at"],
        rows=compared(told, targets=targets, earlier=earlier, benchmarks=benchmarks),
        notes=tuple(notes),
    )


def _began(document: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(document["span"]["starts_at"])
