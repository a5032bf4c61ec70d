"""The Bayesian view beside a campaign's lift, with what earlier campaigns brought as the prior where there are enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

import sqlalchemy as sa

from aimwell.decide.model import Plan
from aimwell.measure.people import People
from aimwell.measure.wave_correlations import campaign_effects, wave_correlations
from aimwell.stats.bayes import (
    Belief,
    Prior,
    believed_change,
    prior_of_campaigns,
    weak_prior,
)
from aimwell.stats.clustered_lift import clustered_means
from aimwell.stats.cuped import adjusted_means, plan_adjustment
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.intervals import too_few_people
from aimwell.stats.log_ratios import log_ratio
from aimwell.stats.meta_analysis import pool
from aimwell.stats.next_effect import FEWEST_CAMPAIGNS
from aimwell.stats.two_means import TwoMeans
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = ["Earlier", "belief", "earlier_lifts"]

_reports = metadata.tables["reports"]


@dataclass(frozen=True)
class Earlier:
    """What an earlier campaign made of revenue: the logarithm of contacted people's over held-out people's, and its standard error."""

    log_ratio: float
    error: float


def earlier_lifts(stores: Stores, plan: Plan) -> tuple[Earlier, ...]:
    """What the newest reports say of other campaigns whose plans were over before this one starts, one each; trials tell nothing.

    Earlier waves of the same campaign are left out: who is held out stays so, so their errors go together with those of this one.
    """
    starts_at = plan.starts_at.astimezone(UTC)
    newest = (
        sa.select(_reports.c.plan_id, _reports.c.document)
        .where(_reports.c.plan_id != plan.plan_id, _reports.c.as_of <= starts_at)
        .order_by(_reports.c.plan_id, _reports.c.made_at)
    )
    with stores.read_control() as connection:
        documents = {row.plan_id: row.document for row in connection.execute(newest)}
    waves: dict[str, list[tuple[str, float, float]]] = {}
    for plan_id, document in sorted(documents.items()):
        told = _log_ratio(document)
        if told is not None and document["campaign"] != plan.campaign:
            waves.setdefault(document["campaign"], []).append((plan_id, *told))
    known = wave_correlations(list(documents.values()))
    return tuple(Earlier(*one) for one in campaign_effects(waves, known).values())


def _log_ratio(document: Mapping[str, Any]) -> tuple[float, float] | None:
    """From a whole report; None where it says nothing of the kind."""
    over = document["span"]["finished"] and document["verdict"] in ("gain", "loss", "unsure")
    relative = Estimate(**document["lifts"]["revenue"]["relative"])
    return log_ratio(relative) if over and relative.confidence == DEFAULT_CONFIDENCE else None


def _means(people: People) -> TwoMeans | None:
    """Both means of revenue, adjusted by past spend; by group where groups were drawn."""
    arms = people.arms(people.revenue)
    if too_few_people(arms[0].n, arms[1].n) is not None:
        return None
    if people.cluster is not None:
        owners = people.cluster[people.treated], people.cluster[~people.treated]
        found, _ = clustered_means(*arms, owners)
        return None if isinstance(found, str) else found
    treated, control = (arm.joint() for arm in arms)
    return adjusted_means(treated, control, plan_adjustment(treated, control))


def belief(people: People, earlier: Sequence[Earlier]) -> Belief | None:
    """What to believe of the revenue per person that sending adds; None where there is nothing to go by.

    Args:
        people: All assigned people.
        earlier: Campaigns from which the prior is made; of under three it is not known how far campaigns differ, so a weak one is taken.
    """
    means = _means(people)
    if means is None:
        return None
    prior: Prior | str = weak_prior()
    if len(earlier) >= FEWEST_CAMPAIGNS:
        prior = prior_of_campaigns(
            pool([one.log_ratio for one in earlier], [one.error for one in earlier])
        )
    if isinstance(prior, str):
        return None
    found = believed_change(means, prior)
    return found if found.difference.defined else None
