"""Attribution of a workspace: reads paths, divides the credit by every model, and puts what lift says beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from aimwell.errors import MeasureError
from aimwell.measure.attribution.crediting import Credited, credited
from aimwell.measure.attribution.model import (
    MODELS,
    Attribution,
    ChannelCredit,
    ChannelFacts,
    Incremental,
)
from aimwell.measure.attribution.paths import Paths
from aimwell.measure.attribution.reading import By, PathsRead, Period, read_paths
from aimwell.measure.attribution.rules import DEFAULT_HALF_LIFE_DAYS
from aimwell.measure.attribution.words import caveats, notes
from aimwell.measure.stored import latest_documents
from aimwell.measure.wave_correlations import Known, correlation_table, wave_correlations
from aimwell.stats.estimate import Estimate, Figure
from aimwell.stats.together import together
from aimwell.store.stores import Stores

__all__ = ["DEFAULT_WINDOW_DAYS", "attribute"]

DEFAULT_WINDOW_DAYS = 30.0


def attribute(
    stores: Stores,
    *,
    until: datetime,
    since: datetime | None = None,
    by: By = "channel",
    goal: str = "Order Completed",
    touches: Sequence[str] = (),
    window_days: float = DEFAULT_WINDOW_DAYS,
    half_life_days: float = DEFAULT_HALF_LIFE_DAYS,
    models: Sequence[str] = tuple(MODELS),
    seed: int = 0,
    intervals: bool = True,
) -> Attribution:
    """Divide the conversions of a period among what was seen before them.

    Args:
        until, since: When conversions count; nothing from `until` on is looked at.
        by: What gets the credit.
        goal: Event that counts as a conversion.
        touches: Events that count as touches; none: what people saw, opened or clicked. Machines' never count.
        window_days: How long before its end a touch belongs to a path.
        half_life_days: Of `time_decay`.
        models: Of `MODELS`.
        seed: Of sampled Shapley values.
        intervals: Whether to say how sure the shares are.

    Raises:
        MeasureError: Nothing was seen, nothing converted after it, or the asking is wrong.
    """
    if since is not None and since >= until:
        raise MeasureError("The period ends before it begins. Give an earlier --since.")
    period = Period(since=since, until=until, window_days=window_days)
    read = read_paths(stores, period, by=by, goal=goal, touches=touches)
    paths = read.paths
    if not len(paths):
        raise MeasureError(
            "No touch in the period counts: nobody saw, opened or clicked anything that is known. Collect touches, or name "
            "the events that count with --touch."
        )
    if not paths.conversions:
        raise MeasureError(
            f"Nobody with a touch did '{goal}' within the window after it: {paths.unattributed} conversions without a touch "
            "are known. Look at the name of the goal (--goal), or give a longer --window."
        )
    found = credited(
        paths, models=models, half_life_days=half_life_days, seed=seed, intervals=intervals
    )
    credits = tuple(one for model in found for one in _credits(model, read))
    return Attribution(
        by=by,
        goal=goal,
        currency=stores.settings.currency,
        window_days=window_days,
        half_life_days=half_life_days,
        since=since,
        until=until,
        people=read.people,
        paths=len(paths),
        conversions=paths.conversions,
        value=float(paths.value.sum()),
        unattributed=paths.unattributed,
        unattributed_value=paths.unattributed_value,
        facts=_facts(paths, read),
        credits=credits,
        incremental=_incremental(
            stores, period, read if by == "campaign" else None, found, goal, touches, half_life_days
        ),
        notes=notes(paths.unattributed, paths.conversions),
        caveats=caveats(read, found, credits),
    )


def _credits(model: Credited, read: PathsRead) -> list[ChannelCredit]:
    found = []
    for place, channel in enumerate(read.paths.channels):
        number = float(model.credits[0, place])
        found.append(
            ChannelCredit(
                model=model.model,
                channel=channel,
                conversions=number,
                value=float(model.credits[1, place]),
                share=model.shares[place],
                cost_of_each=_cost_of_each(read.spend.get(channel), number),
            )
        )
    return found


def _cost_of_each(spend: float | None, conversions: float) -> Figure:
    if spend is None:
        return Figure(value=None, reason="what it cost is not known")
    if conversions <= 0:
        return Figure(value=None, reason="no conversion is credited to it")
    return Figure(value=spend / conversions)


def _facts(paths: Paths, read: PathsRead) -> tuple[ChannelFacts, ...]:
    size = len(paths.channels)
    touches = np.bincount(paths.channel, minlength=size)
    pairs = np.unique(paths.path_of_touch * size + paths.channel) % size
    with_it = np.bincount(pairs, minlength=size)
    return tuple(
        ChannelFacts(
            channel=name,
            touches=int(touches[place]),
            paths=int(with_it[place]),
            spend=read.spend.get(name),
        )
        for place, name in enumerate(paths.channels)
    )


def _incremental(
    stores: Stores,
    period: Period,
    by_campaign: PathsRead | None,
    found: Sequence[Credited],
    goal: str,
    touches: Sequence[str],
    half_life_days: float,
) -> tuple[Incremental, ...]:
    """Campaigns whose lift was measured, beside their credit. Paths are read by campaign where they were not."""
    measured = [
        one
        for one in latest_documents(stores)
        if not one["trial"]
        and datetime.fromisoformat(one["span"]["starts_at"]) < period.until
        and (
            period.since is None
            or datetime.fromisoformat(one["span"]["measured_until"]) > period.since
        )
    ]
    if not measured:
        return ()
    names = [one.model for one in found]
    if by_campaign is None:
        by_campaign = read_paths(stores, period, by="campaign", goal=goal, touches=touches)
        found = (
            credited(
                by_campaign.paths, models=names, half_life_days=half_life_days, intervals=False
            )
            if by_campaign.paths.conversions
            else []
        )
    channels = by_campaign.paths.channels
    campaigns: dict[str, list[Mapping[str, Any]]] = {}
    for one in measured:
        campaigns.setdefault(one["campaign"], []).append(one)
    known = wave_correlations(measured)
    return tuple(
        _beside(
            campaign,
            waves,
            known,
            {
                model.model: float(model.credits[0, channels.index(campaign)])
                if campaign in channels
                else 0.0
                for model in found
            },
        )
        for campaign, waves in campaigns.items()
    )


def _beside(
    campaign: str, waves: Sequence[Mapping[str, Any]], known: Known, credit: Mapping[str, float]
) -> Incremental:
    """What all its waves added, since a touch tells of its campaign and not of the wave."""
    plans = [one["plan_id"] for one in waves]
    added = [
        Estimate(**one["conversion_difference"]).times(one["treated"]["people"] / 100.0)
        for one in waves
    ]
    missing = next((one for one in added if not one.defined), None)
    if len(added) == 1 or missing is not None:
        measured = missing or added[0]
    else:
        measured = together(added, correlations=correlation_table(plans, known))
    return Incremental(
        campaign=campaign,
        plan_ids=tuple(plans),
        goal=waves[-1]["goal"],
        measured=measured,
        credited=credit,
    )
