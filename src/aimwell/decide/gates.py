"""Who must not get an action whatever consent and caps say: holdouts, other campaigns, ages, discounts, redemptions.

All of it is known before the arms are drawn and does not depend on them, so who stays is still one population.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from aimwell.decide.campaign_parts import CampaignParts
from aimwell.decide.experiments import takes_part
from aimwell.decide.holdouts import held_out, in_force
from aimwell.decide.offers.earned_codes import waiting
from aimwell.decide.offers.redemptions import redemptions_by_person
from aimwell.decide.people import ALLOWED, reason_code
from aimwell.definitions.kinds.campaign import Campaign
from aimwell.definitions.kinds.offer import Offer
from aimwell.history.moment import open_moment
from aimwell.privacy.birth_dates import birth_dates
from aimwell.segment.service import members
from aimwell.store.lake import Snapshot
from aimwell.store.schema import metadata
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = ["gates", "graver", "is_of_age"]

_plans = metadata.tables["plans"]
_people = metadata.tables["plan_people"]
_overrides = metadata.tables["identity_overrides"]
_Refuse = Callable[[NDArray[np.bool_], str, Sequence[int] | None], None]
_RUNNING = ("approved", "sending", "paused", "sent")


def graver(left: NDArray[np.int8], right: NDArray[np.int8]) -> NDArray[np.int8]:
    """Of two matrices of reasons the graver one, entry by entry."""
    both = np.minimum(left, right)
    return np.where(left == ALLOWED, right, np.where(right == ALLOWED, left, both)).astype(np.int8)


def gates(
    stores: Stores,
    parts: CampaignParts,
    audience: Sequence[str],
    *,
    moment: datetime,
    snapshot: Snapshot,
) -> NDArray[np.int8]:
    """Why each person must not get each action (people × actions), as codes of reasons."""
    actions = parts.campaign.actions
    found = np.full((len(audience), len(actions)), ALLOWED, dtype=np.int8)

    def refuse(who: NDArray[np.bool_], reason: str, places: Sequence[int] | None = None) -> None:
        columns = np.arange(len(actions)) if places is None else np.array(places, dtype=np.intp)
        block = np.where(who[:, None], np.int8(reason_code(reason)), np.int8(ALLOWED))
        found[:, columns] = graver(found[:, columns], np.repeat(block, columns.size, axis=1))

    if not parts.campaign.through_holdout:
        for holdout in in_force(stores.control, moment):
            refuse(held_out(holdout, audience, moment=moment), "global_holdout")
    if parts.campaign.share < 1:
        refuse(~takes_part(parts.campaign, list(audience)), "not_in_pilot")
    if parts.campaign.exclusive_with or parts.campaign.exclusive_group is not None:
        others = _in_campaigns(stores, parts.campaign, moment)
        refuse(_among(audience, others), "exclusive")
    policy = parts.contact_policy
    if policy is not None and policy.fresh_within is not None:
        newest = _newest(stores, moment, snapshot)
        if newest is None or moment - newest > policy.fresh_within:
            refuse(np.ones(len(audience), dtype=np.bool_), "stale")
    offered = _offered(parts)
    discounting = [place for place, offer in offered.items() if offer.discounts]
    for segment in policy.no_discount if policy is not None and discounting else ():
        table = members(stores, segment, as_of=moment, snapshot=snapshot)
        listed = set(table.column("profile_id").to_pylist())
        refuse(_among(audience, listed), "no_discount", discounting)
    _refuse_by_offer(stores, audience, offered, refuse, moment=moment, snapshot=snapshot)
    return found


def _refuse_by_offer(
    stores: Stores,
    audience: Sequence[str],
    offered: Mapping[int, Offer],
    refuse: _Refuse,
    *,
    moment: datetime,
    snapshot: Snapshot,
) -> None:
    aged = {place: o.conditions.minimum_age for place, o in offered.items()}
    if any(age is not None for age in aged.values()):
        births = birth_dates(stores)
        born = dict(
            zip(
                births.column("profile_id").to_pylist(),
                births.column("born").to_pylist(),
                strict=True,
            )
        )
        today = moment.astimezone(ZoneInfo(stores.settings.timezone)).date()
        for place, age in aged.items():
            if age is not None:
                young = [not is_of_age(born.get(one), age, today=today) for one in audience]
                refuse(np.array(young, dtype=np.bool_), "under_age", [place])
    first = [place for place, offer in offered.items() if offer.conditions.first_order_only]
    if first:
        refuse(_among(audience, _buyers(stores, moment, snapshot)), "not_first_order", first)
    for place, offer in offered.items():
        if offer.codes is not None and offer.codes.to == "earned":
            refuse(~_among(audience, waiting(stores.control, offer.name)), "no_code", [place])
        if offer.per_person is not None:
            counts = redemptions_by_person(stores, offer, as_of=moment, snapshot=snapshot)
            most = offer.per_person
            used = {profile for profile, number in counts.items() if number >= most}
            refuse(_among(audience, used), "redeemed", [place])


def is_of_age(born: str | None, years: int, *, today: date) -> bool:
    """Whether somebody born then is `years` old today; an unknown or unreadable date of birth means no.

    Who was born on 29 February comes of age on 1 March in other years.
    """
    try:
        day = date.fromisoformat((born or "")[:10])
    except ValueError:
        return False
    return today.year - day.year - ((today.month, today.day) < (day.month, day.day)) >= years


def _offered(parts: CampaignParts) -> dict[int, Offer]:
    """Place of an action → its offer, of actions that have one."""
    return {
        place: parts.offers[action.offer]
        for place, action in enumerate(parts.campaign.actions)
        if action.offer is not None
    }


def _among(audience: Sequence[str], some: Collection[str]) -> NDArray[np.bool_]:
    return np.fromiter((one in some for one in audience), dtype=np.bool_, count=len(audience))


def _in_campaigns(stores: Stores, campaign: Campaign, moment: datetime) -> set[str]:
    """Who stands in a real plan of an excluding campaign that was approved and whose window has not ended.

    The held-out count too: beside another campaign they would no longer show what happens without.
    """
    person = sa.func.coalesce(_overrides.c.profile_id, _people.c.profile_id)
    with stores.read_control() as connection:
        plans = connection.execute(
            sa.select(_plans.c.plan_id, _plans.c.summary, _plans.c.document).where(
                _plans.c.campaign != campaign.name,
                _plans.c.trial.is_(False),
                _plans.c.state.in_(_RUNNING),
            )
        ).all()
        running = [
            plan_id
            for plan_id, summary, document in plans
            if _excludes(campaign, document["campaign"]) and _ends_at(summary) > moment
        ]
        if not running:
            return set()
        query = (
            sa.select(person)
            .select_from(
                _people.outerjoin(_overrides, _overrides.c.origin_id == _people.c.profile_id)
            )
            .where(_people.c.plan_id.in_(running), _people.c.arm != "excluded")
        )
        return set(connection.execute(query).scalars())


def _excludes(campaign: Campaign, other: Mapping[str, object]) -> bool:
    group = campaign.exclusive_group
    same = group is not None and other.get("exclusive_group") == group
    return same or other["name"] in campaign.exclusive_with


def _ends_at(summary: Mapping[str, object]) -> datetime:
    starts_at = datetime.fromisoformat(str(summary["starts_at"]))
    return starts_at + timedelta(days=float(str(summary["window_days"])))


def _newest(stores: Stores, moment: datetime, snapshot: Snapshot) -> datetime | None:
    """When anybody last did anything that is known."""
    with open_moment(stores, as_of=moment, snapshot=snapshot, engine=stores.history_engine) as past:
        ((newest,),) = past.session.rows(
            sql(
                "SELECT max(at) FROM (SELECT max(ordered_at) AS at FROM orders "
                "UNION ALL SELECT max(occurred_at) AS at FROM events) AS a"
            )
        )
    return newest if newest is None else newest.astimezone(moment.tzinfo)


def _buyers(stores: Stores, moment: datetime, snapshot: Snapshot) -> set[str]:
    with open_moment(stores, as_of=moment, snapshot=snapshot, engine=stores.history_engine) as past:
        rows = past.session.rows(
            sql("SELECT DISTINCT profile_id FROM purchases WHERE profile_id IS NOT NULL")
        )
    return {row[0] for row in rows}
