"""Who of a plan's audience gets what: by a policy where a past experiment teaches one, else at random; within all limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from aimwell.decide.arms import Hashed, Tossed, by_weight
from aimwell.decide.budget.cells import Cells
from aimwell.decide.budget.model import Limit
from aimwell.decide.campaign_parts import CampaignParts
from aimwell.decide.channel_choice import ChannelChoice
from aimwell.decide.choosing import choose_within, exploring_share, for_people
from aimwell.decide.clusters import cluster_warnings, clusters_of
from aimwell.decide.draft import Chances, Chooser, draft
from aimwell.decide.drafted import Drafted, Taken
from aimwell.decide.fair_price import price_of_fairness
from aimwell.decide.fairness import Fair
from aimwell.decide.learning import Lesson, NoLesson, learn
from aimwell.decide.limits import BUDGET, limits_of, within_ceilings
from aimwell.decide.model import Candidate
from aimwell.decide.offers.promised import reach
from aimwell.decide.people import ALLOWED, PASSED, TREATMENT, PlanPeople
from aimwell.decide.running_on import Bandit, least_share, wave_of
from aimwell.decide.strata import Strata, combined
from aimwell.decide.together import Wholes
from aimwell.decide.uplift.reading import traits_of
from aimwell.decide.uplift.segments import in_segments, segment_members
from aimwell.definitions.kinds.model import TRAIT_PREFIX
from aimwell.history.moment import open_moment
from aimwell.segment.attributes.people_table import EVERYBODY, people_table
from aimwell.stats.buckets import BUCKETS, bucket
from aimwell.store.lake import Snapshot
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = ["drafted"]

Floats = NDArray[np.float64]

_UNJUDGED = (
    "Nobody gets another channel than the predicted one (policy.explore: 0), so it will not be possible to say what the prediction "
    "earned."
)
_EARLIER_BUCKETS = """
SELECT profile_id, arg_min(bucket, (assigned_at, origin_id)) FROM assignments
WHERE experiment = :campaign AND bucket IS NOT NULL AND profile_id IS NOT NULL GROUP BY profile_id
"""


def drafted(
    stores: Stores,
    parts: CampaignParts,
    offered: Sequence[Candidate],
    audience: Sequence[str],
    *,
    refuse: Callable[[Floats | None], NDArray[np.int8]],
    send_at: NDArray[np.datetime64],
    kept: Mapping[str, str],
    moment: datetime,
    snapshot: Snapshot,
    trial: bool,
    channels: ChannelChoice | None,
) -> Drafted:
    """Choose for the audience.

    Args:
        channels: Where each of them is likelier to answer, if the campaign asks for it.
        refuse: From the incremental profit that each action is expected to bring (audience × actions; None where it is not known
            or not what is maximised) to why a person must not get it, as codes of reasons.

    Raises:
        DecideError: A floor cannot be met; the experiment that the campaign names cannot be learnt from.
    """
    campaign = parts.campaign
    salt = campaign.salt or campaign.name
    lesson = learn(
        stores,
        parts,
        moment=moment,
        trial=trial,
        seed=bucket(f"{salt}:learn", campaign.name),
        channels=channels,
    )
    learnt = isinstance(lesson, Lesson)
    pays_discounts = learnt and campaign.policy.budget_counts == "contact_and_discount"
    limits = limits_of(
        parts,
        offered,
        in_segments(
            stores,
            audience,
            [limit.segment for limit in campaign.policy.limits],
            as_of=moment,
            snapshot=snapshot,
        ),
        reach(stores.control, parts, trial=trial),
        lesson.discounts if isinstance(lesson, Lesson) and pays_discounts else None,
    )
    values = (
        lesson.expected(stores, audience, as_of=moment, snapshot=snapshot)
        if isinstance(lesson, Lesson) and len(audience)
        else None
    )
    profit = values if campaign.policy.maximise == "incremental_profit" else None
    refusals = refuse(profit)
    taken = Taken()
    keys = [kept.get(one, one) for one in audience] if kept else audience
    wholes = None
    warnings: tuple[str, ...] = ()
    if campaign.cluster is not None:
        groups = clusters_of(stores.control, campaign.cluster)
        warnings = cluster_warnings(campaign.cluster, groups, audience)
        keys = [groups.get(who, own) for who, own in zip(audience, keys, strict=True)]
        wholes = Wholes.of(np.unique(np.array(keys, dtype=object), return_inverse=True)[1])
    explore = share = None
    policy: Chooser | Chances | None = None
    fair = None
    bandit = None
    if isinstance(lesson, Lesson) and values is not None:
        anew = "" if campaign.policy.exploring is None else wave_of(lesson)
        bandit = _bandit(lesson, parts, offered, refusals)
        if bandit is not None:
            drawn = bandit.chances(offered)
            policy = Chances(lambda _who, allowed: drawn(allowed), anew)
        else:
            fair = _fair(stores, parts, audience, moment, snapshot)
            explore = _explore(parts, offered, refusals, limits)
            order = Hashed(keys).buckets(f"{salt}:tie") / BUCKETS if limits else None
            policy = Chooser(explore, _chooser(values, limits, taken, order, wholes, fair), anew)
    elif channels is not None and not (lesson.channel_worth and lesson.channel_worth.given_up):
        share = campaign.policy.explore_share
        if not share:
            warnings = (*warnings, _UNJUDGED)
        policy = Chances(channels.chances(offered, explore=share))
    hashed = Hashed(keys)
    if campaign.stratify:
        strata = _strata(stores, parts, audience, refusals, kept, salt, moment, snapshot)
        hashed = Hashed(keys, strata.buckets)

    def make(refused: NDArray[np.int8]) -> PlanPeople:
        return draft(
            audience,
            candidates=offered,
            salt=salt,
            holdout=campaign.holdout,
            refusals=refused,
            send_at=send_at,
            kept=kept,
            policy=policy,
            hashed=hashed,
        )

    together = keys if campaign.cluster is not None else None
    people = within_ceilings(make, refusals, limits, salt=salt, keys=together)
    may = None if fair is None else (refusals == ALLOWED)[:, fair.discounts].any(axis=1)
    made = Drafted(
        people,
        lesson,
        limits,
        values,
        explore,
        taken,
        fair,
        may,
        warnings=warnings,
        bandit=bandit,
        cells=_cells(stores, parts, lesson, audience, moment, snapshot),
        channels=channels,
        share=share,
    )
    if values is not None:
        expected = None if profit is None else made.expected_profit()
        explored, choice = made.explored(), made.choice()
        told = replace(people, expected_profit=expected, explored=explored, choice=choice)
        made = replace(made, people=told)
    if fair is None or taken.chosen is None or taken.chosen.unfair is None:
        return made
    assert isinstance(lesson, Lesson)  # noqa: S101 - values came from it
    labels = traits_of(stores, lesson.read, [fair.trait])[fair.trait]
    decided = people.count(TREATMENT) + people.count(PASSED)
    budget = next((limit for limit in limits if limit.name == BUDGET), None)
    price = price_of_fairness(lesson, fair, labels, budget, people=decided)
    return replace(made, fair_price=price)


def _strata(
    stores: Stores,
    parts: CampaignParts,
    audience: Sequence[str],
    refusals: NDArray[np.int8],
    kept: Mapping[str, str],
    salt: str,
    moment: datetime,
    snapshot: Snapshot,
) -> Strata:
    """Those who may be contacted by the segments they are in; who was assigned before keeps the bucket."""
    campaign = parts.campaign
    inside = in_segments(stores, audience, campaign.stratify, as_of=moment, snapshot=snapshot)
    code = combined([inside[name] for name in campaign.stratify], len(audience))
    code[~(refusals == ALLOWED).any(axis=1)] = -1
    earlier: dict[int, int] = {}
    if kept:
        with open_moment(
            stores, as_of=moment, snapshot=snapshot, engine=stores.history_engine
        ) as past:
            rows = past.session.rows(sql(_EARLIER_BUCKETS, campaign=campaign.name))
        place = {who: number for number, who in enumerate(audience)}
        earlier = {place[who]: int(found) for who, found in rows if who in place}
    return Strata(code, salt, round(campaign.holdout * BUCKETS), earlier)


def _chooser(
    values: Floats,
    limits: Sequence[Limit],
    taken: Taken,
    order: Floats | None,
    wholes: Wholes | None,
    fair: Fair | None,
) -> Any:
    def choose(
        who: NDArray[np.intp], allowed: NDArray[np.bool_], tossed: Tossed
    ) -> NDArray[np.int32]:
        of_them = [for_people(limit, who) for limit in limits]
        taken.who, taken.tossed = who, tossed
        taken.chosen = choose_within(
            values[who],
            allowed,
            of_them,
            tossed,
            order=None if order is None else order[who],
            wholes=None if wholes is None else wholes.take(who),
            fair=None if fair is None else fair.take(who),
        )
        return taken.chosen.choice

    return choose


def _fair(
    stores: Stores,
    parts: CampaignParts,
    audience: Sequence[str],
    moment: datetime,
    snapshot: Snapshot,
) -> Fair | None:
    wanted = parts.campaign.policy.fair
    if wanted is None:
        return None
    column = f"{TRAIT_PREFIX}{wanted.trait}"
    engine = stores.history_engine
    with open_moment(stores, as_of=moment, snapshot=snapshot, engine=engine) as past:
        known = people_table(past, [column], among=EVERYBODY, visitors=True)
    place = pc.index_in(
        pa.array(audience, pa.string()), value_set=known.column("profile_id").combine_chunks()
    )
    labels = known.column(column).cast(pa.string()).combine_chunks().take(place).to_pylist()
    discounts = [
        one.offer is not None and parts.offers[one.offer].discounts
        for one in parts.campaign.actions
    ]
    return Fair.of(wanted.trait, labels, np.array(discounts, dtype=np.bool_), within=wanted.within)


def _explore(
    parts: CampaignParts,
    offered: Sequence[Candidate],
    refusals: NDArray[np.int8],
    limits: Sequence[Limit],
) -> float:
    allowed = refusals == ALLOWED
    who = np.flatnonzero(allowed.any(axis=1))
    campaign = parts.campaign
    weights = by_weight(allowed[who], offered)
    share = campaign.policy.explore_share
    if campaign.policy.exploring is not None:
        share = least_share(share, weights, held=campaign.holdout)
    return exploring_share(
        share,
        weights,
        [for_people(limit, who) for limit in limits],
        held=campaign.holdout,
    )


def _cells(
    stores: Stores,
    parts: CampaignParts,
    lesson: Lesson | NoLesson,
    audience: Sequence[str],
    moment: datetime,
    snapshot: Snapshot,
) -> Cells | None:
    """Each at their own moment: the audience as it is planned, a wave's people before the first wave that drew them."""
    names = parts.campaign.policy.segments
    if not names or not isinstance(lesson, Lesson):
        return None
    read = lesson.read
    return Cells.of(
        names,
        in_segments(stores, audience, names, as_of=moment, snapshot=snapshot),
        segment_members(stores, read, names, snapshot=snapshot),
    )


def _bandit(
    lesson: Lesson,
    parts: CampaignParts,
    offered: Sequence[Candidate],
    refusals: NDArray[np.int8],
) -> Bandit | None:
    """What earlier waves say of each action, where actions are drawn by it."""
    campaign = parts.campaign
    exploring = campaign.policy.exploring
    if exploring is None or exploring.method != "thompson":
        return None
    allowed = refusals == ALLOWED
    weights = by_weight(allowed[allowed.any(axis=1)], offered)
    return Bandit.of(lesson, share=least_share(exploring.share, weights, held=campaign.holdout))
