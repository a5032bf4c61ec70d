"""How the errors of plans go together: those of waves of one campaign, as the campaign's reports found them; and a campaign's effect over its waves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aimwell.stats.meta_analysis import pool
from aimwell.stats.samples import FloatArray

__all__ = [
    "Known",
    "campaign_effects",
    "correlation_table",
    "unknown_waves",
    "wave_correlations",
]

Known = Mapping[tuple[str, str], float]
"""Two plans → the correlation of the errors of what they added."""


def wave_correlations(documents: Sequence[Mapping[str, Any]]) -> Known:
    """From results as `CampaignResult.to_dict` writes them; the newest report that tells of two waves counts."""
    found: dict[tuple[str, str], float] = {}
    for document in sorted(documents, key=lambda one: (one.get("measured_at", ""), one["plan_id"])):
        series = document.get("series")
        if series is None:
            continue
        every = series["rows"][0]
        plans = [wave["plan_id"] for wave in every["waves"]]
        for one, row in zip(plans, every["correlations"], strict=True):
            found |= {(one, other): cell for other, cell in zip(plans, row, strict=True)}
    return found


def correlation_table(plan_ids: Sequence[str], known: Known) -> FloatArray:
    """Of these plans, in their order; of plans that no report tells of together 0."""
    table = np.eye(len(plan_ids))
    for place, one in enumerate(plan_ids):
        for further, other in enumerate(plan_ids):
            if place != further:
                table[place, further] = known.get((one, other), 0.0)
    return table


def campaign_effects(
    waves: Mapping[str, Sequence[tuple[str, float, float]]], known: Known
) -> dict[str, tuple[float, float]]:
    """Campaign → its effect and standard error; its waves pooled with the correlations of their errors.

    Args:
        waves: Campaign → plan, effect and standard error of each wave that tells of one; campaigns without any are left out.
        known: As `wave_correlations` gives it.
    """
    found = {}
    for campaign, told in waves.items():
        if len(told) == 1:
            found[campaign] = told[0][1:]
        elif told:
            plans, effects, errors = zip(*told, strict=True)
            pooled = pool(effects, errors, correlations=correlation_table(plans, known))
            assert pooled.mean.estimate is not None  # noqa: S101 - of two waves
            assert pooled.error is not None  # noqa: S101 - as above
            found[campaign] = pooled.mean.estimate, pooled.error
    return found


def unknown_waves(plans: Sequence[tuple[str, str]], known: Known) -> tuple[str, ...]:
    """Campaigns (of pairs campaign, plan) with two plans of which no report says how they go together."""
    return tuple(
        dict.fromkeys(
            campaign
            for place, (campaign, plan_id) in enumerate(plans)
            for other, another in plans[:place]
            if other == campaign and (another, plan_id) not in known
        )
    )
