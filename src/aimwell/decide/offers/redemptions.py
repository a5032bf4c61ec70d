"""Who redeemed an offer, when, and with whose code: read from the coupons of orders, the shop's till too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

import pyarrow as pa
import sqlalchemy as sa

from aimwell.definitions.kinds.offer import Offer
from aimwell.history.moment import open_moment
from aimwell.store.lake import Snapshot
from aimwell.store.schema import metadata
from aimwell.store.sql import sql
from aimwell.store.stores import Stores
from aimwell.store.tables import TIME

__all__ = ["REDEMPTIONS", "holders", "redemptions", "redemptions_by_person"]

_codes = metadata.tables["offer_codes"]
_overrides = metadata.tables["identity_overrides"]

REDEMPTIONS = pa.schema(
    [
        ("profile_id", pa.string()),
        ("order_id", pa.string()),
        ("ordered_at", TIME),
        ("shop_id", pa.string()),
        ("revenue", pa.float64()),
        ("plan_id", pa.string()),
        ("own_code", pa.bool_()),
        ("in_time", pa.bool_()),
    ]
)
"""One row an order with a code of the offer. `profile_id`: who placed it, null where nobody knows. `plan_id`: the plan
that handed the code out, null for a code that is the same for everybody. `own_code`: the code was handed to this very
person; null where it has no owner or the buyer is unknown. `in_time`: within the offer's validity."""


def redemptions(
    stores: Stores, offer: Offer, *, as_of: datetime, snapshot: Snapshot | None = None
) -> pa.Table:
    """The orders before `as_of` that bear a code of the offer, in the order of time."""
    found_with = holders(stores, offer)
    with open_moment(stores, as_of=as_of, snapshot=snapshot, engine=stores.history_engine) as past:
        past.session.bind(
            "wanted_codes", pa.table({"folded": pa.array(sorted(found_with), pa.string())})
        )
        rows = past.session.rows(
            sql(
                """
                SELECT o.profile_id, o.order_id, o.ordered_at, o.shop_id,
                       CAST(o.revenue AS double) AS revenue, lower(trim(o.coupon)) AS folded
                FROM orders AS o JOIN wanted_codes AS w ON w.folded = lower(trim(o.coupon))
                WHERE o.kind = 'sale'
                ORDER BY o.ordered_at, o.order_id
                """
            )
        )
    found = [
        _row(profile, order_id, at, shop, revenue, found_with[folded], offer)
        for profile, order_id, at, shop, revenue, folded in rows
    ]
    return pa.Table.from_pylist(found, schema=REDEMPTIONS)


def _row(
    profile: str | None,
    order_id: str,
    at: datetime,
    shop: str | None,
    revenue: float | None,
    holder: tuple[str | None, str | None],
    offer: Offer,
) -> dict[str, object]:
    plan_id, whose = holder
    return {
        "profile_id": profile,
        "order_id": order_id,
        "ordered_at": at,
        "shop_id": shop,
        "revenue": revenue,
        "plan_id": plan_id,
        "own_code": None if whose is None or profile is None else whose == profile,
        "in_time": offer.valid.begun(at) and not offer.valid.ended(at),
    }


def holders(stores: Stores, offer: Offer) -> Mapping[str, tuple[str | None, str | None]]:
    """Lower-case code → (plan, profile) of who got it; (None, None) for the code of everybody and for free ones."""
    found: dict[str, tuple[str | None, str | None]] = {}
    if offer.code is not None:
        found[offer.code.strip().lower()] = (None, None)
    person = sa.func.coalesce(_overrides.c.profile_id, _codes.c.profile_id)
    query = (
        sa.select(_codes.c.code, _codes.c.plan_id, person)
        .select_from(_codes.outerjoin(_overrides, _overrides.c.origin_id == _codes.c.profile_id))
        .where(_codes.c.offer == offer.name)
    )
    with stores.read_control() as connection:
        for code, plan_id, profile in connection.execute(query):
            found[code.lower()] = (plan_id, profile)
    return found


def redemptions_by_person(
    stores: Stores, offer: Offer, *, as_of: datetime, snapshot: Snapshot | None = None
) -> dict[str, int]:
    """Profile → how often they redeemed the offer."""
    table = redemptions(stores, offer, as_of=as_of, snapshot=snapshot)
    counted = Counter(table.column("profile_id").to_pylist())
    return {profile: number for profile, number in counted.items() if profile is not None}
