"""Referrals: which orders a person's own code has brought, and whether they earn the reward.

A code of one's own names who refers; the friend's order bears it. Every order with such a code has one standing, so what is
refused is refused with its reason, and a friend is credited once, however often they use the code.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import pyarrow as pa
import sqlalchemy as sa

from aimwell.decide import loyalty
from aimwell.decide.clusters import clusters_of
from aimwell.decide.offers.earned_codes import earn
from aimwell.decide.offers.redemptions import holders
from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.loyalty import Loyalty
from aimwell.definitions.kinds.offer import Offer, Referral
from aimwell.errors import DecideError
from aimwell.history.moment import open_moment
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = ["STANDINGS", "Referred", "pay_referrals", "referrals", "stand"]

Standing = Literal[
    "due",
    "waiting",
    "out_of_time",
    "unknown_buyer",
    "self",
    "household",
    "known_customer",
    "again",
    "returned",
    "too_small",
    "too_many",
]
STANDINGS: Mapping[Standing, str] = {
    "due": "earns the reward",
    "waiting": "may still be returned",
    "out_of_time": "outside the offer's time",
    "unknown_buyer": "nobody knows who bought",
    "self": "by the person whose code it is",
    "household": "by somebody of the same household",
    "known_customer": "by somebody who had bought before",
    "again": "by a friend who was credited before",
    "returned": "sent back whole",
    "too_small": "below the least spend, returns taken off",
    "too_many": "beyond what one person is rewarded for",
}


@dataclass(frozen=True)
class Referred:
    """An order with the code of a person.

    Attributes:
        referrer, friend: Profiles; friend None where nobody knows who bought.
        kept: Revenue less what came back.
        first: Whether the friend had never bought before.
        standing: Whether it earns the reward, else why not.
    """

    order_id: str
    ordered_at: datetime
    referrer: str
    friend: str | None
    kept: float
    first: bool
    standing: Standing = "due"


_ORDERS = """
WITH coded AS (
    SELECT o.order_id, o.profile_id, o.ordered_at, lower(trim(o.coupon)) AS folded
    FROM orders AS o JOIN wanted_codes AS w ON w.folded = lower(trim(o.coupon))
    WHERE o.kind = 'sale'
), kept AS (
    SELECT coalesce(original_order_id, order_id) AS order_id, CAST(sum(revenue) AS double) AS revenue
    FROM orders GROUP BY coalesce(original_order_id, order_id)
), firsts AS (
    SELECT profile_id, min(ordered_at) AS at FROM orders WHERE kind = 'sale' AND profile_id IS NOT NULL
    GROUP BY profile_id
)
SELECT c.order_id, c.ordered_at, c.folded, c.profile_id, coalesce(k.revenue, 0) AS revenue,
       coalesce(f.at = c.ordered_at, false) AS first
FROM coded AS c LEFT JOIN kept AS k ON k.order_id = c.order_id
LEFT JOIN firsts AS f ON f.profile_id = c.profile_id
ORDER BY c.ordered_at, c.order_id
"""


def referrals(stores: Stores, offer: Offer, *, as_of: datetime) -> list[Referred]:
    """All orders before `as_of` with a person's own code of the offer, in the order of time, each with its standing.

    Raises:
        DecideError: The offer is no referral, or has no codes of one's own.
    """
    rule = _rule(offer)
    owners = {code: who for code, (_plan, who) in holders(stores, offer).items() if who is not None}
    with open_moment(stores, as_of=as_of, engine=stores.history_engine) as past:
        past.session.bind(
            "wanted_codes", pa.table({"folded": pa.array(sorted(owners), pa.string())})
        )
        rows = past.session.rows(sql(_ORDERS))
    found = [
        Referred(order_id, at.astimezone(UTC), owners[folded], friend, float(kept), bool(first))
        for order_id, at, folded, friend, kept, first in rows
    ]
    return stand(found, offer, rule, clusters_of(stores.control, "household"), as_of=as_of)


def stand(
    orders: Iterable[Referred],
    offer: Offer,
    rule: Referral,
    households: Mapping[str, str],
    *,
    as_of: datetime,
) -> list[Referred]:
    """The standing of each order: pure, in the order of time.

    Only what earns the reward or may still earn it counts towards `most` and makes a friend credited.
    """
    credited: set[str] = set()
    brought: Counter[str] = Counter()
    found = []
    for one in sorted(orders, key=lambda one: (one.ordered_at, one.order_id)):
        standing = _refused(one, offer, households, credited)
        if standing is None:
            standing = "too_many" if brought[one.referrer] >= rule.most else "due"
        if standing == "due":
            brought[one.referrer] += 1
            credited.add(str(one.friend))
            standing = "waiting" if one.ordered_at + rule.return_window > as_of else "due"
        found.append(
            Referred(
                one.order_id,
                one.ordered_at,
                one.referrer,
                one.friend,
                one.kept,
                one.first,
                standing,
            )
        )
    return found


def _refused(
    one: Referred, offer: Offer, households: Mapping[str, str], credited: set[str]
) -> Standing | None:
    if not offer.valid.begun(one.ordered_at) or offer.valid.ended(one.ordered_at):
        return "out_of_time"
    if one.friend is None:
        return "unknown_buyer"
    if one.friend == one.referrer:
        return "self"
    if one.friend in households and households[one.friend] == households.get(one.referrer):
        return "household"
    if one.friend in credited:
        return "again"
    if not one.first:
        return "known_customer"
    if one.kept <= 0:
        return "returned"
    return "too_small" if one.kept < offer.minimum_spend else None


def pay_referrals(
    stores: Stores, offer: Offer, *, now: datetime, by: str
) -> tuple[list[Referred], int]:
    """Pay the rewards of all referrals that are due, with a line in the audit log; returns all referrals, and how many were paid now.

    All of them or none, and harmless to repeat: each friend's order is one entry or one code, by its own name.

    Raises:
        DecideError: The offer is no referral; its reward is neither in points nor a code; there are too few codes.
        UnknownDefinitionError: There is no such programme, or no such offer.
    """
    rule = _rule(offer)
    pay = _points(stores, rule) or _codes(stores, rule)
    if pay is None:
        raise DecideError(
            f"The reward of '{offer.name}' is neither in points nor a code. Write `programme` and `points`, or `reward_offer`, "
            "into its referral, or pay it yourself by the list of this command."
        )
    found = referrals(stores, offer, as_of=now)
    due = {
        f"referral:{offer.name}:{one.order_id}": one.referrer
        for one in found
        if one.standing == "due"
    }
    with stores.control.begin() as connection:
        paid = pay(connection, due, now)
        stores.audit_within(connection, "pay referrals", actor=by, subject=offer.name, paid=paid)
    return found, paid


_Pay = Callable[[sa.Connection, Mapping[str, str], datetime], int]
"""Pays deeds, each with who did it; says how many were not paid before."""


def _points(stores: Stores, rule: Referral) -> _Pay | None:
    if rule.programme is None or rule.points is None:
        return None
    programme, points = definitions.find(stores.control, Loyalty, rule.programme), rule.points
    return lambda connection, due, now: loyalty.grant(connection, programme, points, due, now=now)


def _codes(stores: Stores, rule: Referral) -> _Pay | None:
    if rule.reward_offer is None:
        return None
    reward = definitions.find(stores.control, Offer, rule.reward_offer)
    if reward.codes is None or reward.codes.to != "earned":
        raise DecideError(
            f"The offer '{reward.name}' gives its codes to everybody. Write `codes: {{pool: unique, to: earned}}` into it, so that "
            "no campaign hands out the codes of those who earn them."
        )
    return lambda connection, due, now: earn(connection, reward.name, due, now=now)


def _rule(offer: Offer) -> Referral:
    rule = offer.benefit.referral
    if rule is None or offer.codes is None:
        raise DecideError(
            f"The offer '{offer.name}' is no referral with codes of one's own: it needs `benefit: {{referral: …}}` and "
            "`codes: {pool: unique}`."
        )
    return rule
