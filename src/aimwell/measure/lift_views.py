"""One campaign's effect from several sides: on the reached, ratios, quantiles, other adjustments, by kind of person, over time.

Each view says which question it answers. The report's own figures stay the answer to "what did sending earn"; these stand beside it. While the
window is open their intervals hold at all looks together; where arms were drawn by group, the groups are the units.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from aimwell.measure.lifts import NO_CONTROL
from aimwell.measure.model import Metric, Span
from aimwell.measure.people import People
from aimwell.measure.planned_looks import PlannedLooks
from aimwell.measure.strength import Strength
from aimwell.measure.view_metrics import (
    answer_views,
    quantile_views,
    ratio_views,
    reached_views,
)
from aimwell.measure.view_model import LiftView, LiftViews, Spent
from aimwell.measure.view_ways import kind_views, time_views, way_views
from aimwell.stats.lift import Lift
from aimwell.stats.multiplicity import benjamini_hochberg
from aimwell.stats.spillover import Spillover

__all__ = ["lift_views"]


def lift_views(
    people: People,
    spent: Spent,
    lifts: dict[Metric, Lift],
    *,
    span: Span,
    seed: int,
    permutations: int,
    strength: Strength,
    looks: PlannedLooks | None,
    spillover: Spillover | None,
    reached_nobody: bool,
) -> LiftViews:
    """Every view that these people allow.

    Args:
        people: All assigned.
        spent: Revenue of the window: whose (position), when (days after the start), how much.
        lifts: The report's.
        span: When outcomes count.
        seed, permutations: Of the randomisation test.
        strength, looks: As measured.
        spillover: Households in both arms.
        reached_nobody: A trial, so that nobody was reached and every difference is chance.
    """
    views: list[LiftView] = []
    if not people.treated.all():
        fraction = span.fraction
        if not reached_nobody:
            views += reached_views(people, lifts, fraction)
        views += ratio_views(people, fraction)
        views += quantile_views(people, spent, fraction)
        views += way_views(people, fraction)
        kinds, differ = kind_views(people, seed, permutations, fraction)
        views += kinds
        views += time_views(people, spent, span)
    else:
        differ = None
    if not reached_nobody:
        views += answer_views(people)
    if spillover is not None:
        views.append(_near(spillover))
    views, metrics = _corrected(views, lifts)
    return LiftViews(
        views=tuple(views),
        metrics_adjusted=metrics,
        kinds_differ=differ,
        strength=strength,
        looks=looks,
        notes=tuple(_notes(people, span, differ, reached_nobody=reached_nobody)),
    )


def _near(spillover: Spillover) -> LiftView:
    return LiftView(
        key="household_near",
        label="Held out, but somebody at home was contacted",
        group="interference",
        unit="share",
        treated=None,
        control=spillover.control_near.estimate,
        estimate=spillover.control_near,
        says=spillover.warning
        or "So few that the contact can hardly have reached the held-out by this way.",
    )


def _corrected(
    views: list[LiftView], lifts: dict[Metric, Lift]
) -> tuple[list[LiftView], dict[str, float | None]]:
    """p-values of all metrics, corrected together so that at most a twentieth of what is found is expected to be false."""
    family = [
        n
        for n, one in enumerate(views)
        if one.group in ("ratio", "quantile") and one.control is not None
    ]
    values = [lift.difference.p_value for lift in lifts.values()]
    values += [views[n].estimate.p_value for n in family]
    adjusted = benjamini_hochberg(values)
    for n, p in zip(family, adjusted[len(lifts) :], strict=True):
        views[n] = replace(views[n], p_adjusted=p)
    return views, dict(zip([str(name) for name in lifts], adjusted[: len(lifts)], strict=True))


def _notes(people: People, span: Span, differ: float | None, *, reached_nobody: bool) -> list[str]:
    found = []
    if reached_nobody:
        found.append("Nobody was contacted: every difference is chance.")
    if people.treated.all():
        found.append(f"There is nothing to compare with: {NO_CONTROL}.")
    if people.cluster is not None:
        groups = [len(np.unique(people.cluster[one])) for one in (people.treated, ~people.treated)]
        found.append(
            f"Arms were drawn by group: {groups[0]:,} contacted and {groups[1]:,} held out. Intervals take groups as the units, "
            "unless a line says otherwise."
        )
    if not span.finished:
        found.append(
            "The window is not over; intervals hold at all looks together, but for the one over time."
        )
    if differ is not None:
        told = "differs by more than chance" if differ <= 0.05 else "cannot be told to differ"
        found.append(
            f"Between people who had spent nothing, little and much before, the effect {told} (Cochran's Q, p = {differ:.3f}, one look)."
        )
    return found
