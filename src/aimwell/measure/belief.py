"""The Bayesian view beside a campaign's lift, with what earlier campaigns brought as the prior where there are enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from aimwell.measure.people import People
from aimwell.stats.bayes import Belief, believed_difference, prior_of_campaigns, weak_prior
from aimwell.stats.clustered_lift import clustered_means
from aimwell.stats.cuped import adjusted_means, plan_adjustment
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.intervals import too_few_people
from aimwell.stats.meta_analysis import pool
from aimwell.stats.two_means import TwoMeans
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = ["CAMPAIGNS_MIN", "Earlier", "belief", "earlier_lifts"]

CAMPAIGNS_MIN = 3
"""Of fewer earlier campaigns it is not known how far campaigns differ, so the weak prior is taken."""

_reports = metadata.tables["reports"]


@dataclass(frozen=True)
class Earlier:
    """The relative lift of revenue of an earlier campaign, and its standard error."""

    lift: float
    error: float


def earlier_lifts(stores: Stores, plan_id: str, *, starts_at: datetime) -> tuple[Earlier, ...]:
    """What the newest reports say of plans that were over before this one started; trials tell nothing."""
    newest = (
        sa.select(_reports.c.plan_id, _reports.c.document)
        .where(_reports.c.plan_id != plan_id, _reports.c.as_of <= starts_at)
        .order_by(_reports.c.plan_id, _reports.c.made_at)
    )
    with stores.read_control() as connection:
        documents = {row.plan_id: row.document for row in connection.execute(newest)}
    found = [_earlier(documents[one]) for one in sorted(documents)]
    return tuple(one for one in found if one is not None)


def _earlier(document: dict[str, Any]) -> Earlier | None:
    """From a whole report; None where it says nothing of the kind."""
    over = document["span"]["finished"] and document["verdict"] in ("gain", "loss", "unsure")
    relative = Estimate(**document["lifts"]["revenue"]["relative"])
    error = relative.normal_error
    if not over or relative.estimate is None or error is None:
        return None
    return Earlier(relative.estimate, error) if relative.confidence == DEFAULT_CONFIDENCE else None


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
        earlier: Campaigns from which the prior is made, if they are enough.
    """
    means = _means(people)
    if means is None:
        return None
    prior = weak_prior(means.control)
    if len(earlier) >= CAMPAIGNS_MIN and means.control > 0.0:
        pooled = pool([one.lift for one in earlier], [one.error for one in earlier])
        prior = prior_of_campaigns(pooled, scale=means.control)
    if isinstance(prior, str):
        return None
    found = believed_difference(means, prior)
    return found if found.difference.defined else None
