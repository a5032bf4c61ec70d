"""The products that a message shows: those pinned in the plan, without what the shop no longer sells.

Who trains a recommender anew between plan and message changes nothing. What has sold out since is left out, which is written to
the audit log; where fewer are left than the campaign asks for, the message is stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlglot import exp

from aimwell.decide.campaign_parts import CampaignParts
from aimwell.decide.model import Plan
from aimwell.decide.stored import pinned_products
from aimwell.history.moment import open_moment
from aimwell.predict.recommend.queries import listed_products
from aimwell.store.sql import sql
from aimwell.store.stores import Stores
from aimwell.texts.vocabulary import PRODUCTS

__all__ = ["PinnedProducts", "shown"]

_LOOK_AGAIN = timedelta(seconds=5)
_BY = "aimwell"


def shown(products: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    """The field under which a text finds a person's products."""
    return {PRODUCTS: products}


class PinnedProducts:
    """The lists of one plan's people.

    What has sold out is looked up again when the lake has changed, at most every few seconds. A trial, which may stand in the
    past, shows all that was pinned.
    """

    def __init__(
        self, stores: Stores, plan: Plan, parts: CampaignParts, clock: Callable[[], datetime]
    ) -> None:
        self._stores, self._plan, self._clock = stores, plan, clock
        self._wanted = parts.campaign.recommendations
        self._gone: frozenset[str] = frozenset()
        self._told: set[str] = set()
        self._looked_at: datetime | None = None
        self._version = plan.lake_versions.get("products", -1)

    def fields(self, profile_ids: Sequence[str]) -> dict[str, dict[str, object]]:
        """Profile → the field with the products that are still sold; who has too few of them does not stand there.

        Of a campaign that recommends nothing, nobody has the field.
        """
        if self._wanted is None:
            return {one: {} for one in profile_ids}
        with self._stores.read_control() as connection:
            pinned = pinned_products(connection, self._plan.plan_id, profile_ids)
        gone = self._sold_out()
        found: dict[str, dict[str, object]] = {}
        dropped: set[str] = set()
        for profile, products in pinned.items():
            left = [one for one in products if one["sku"] not in gone]
            if len(left) < len(products):
                dropped.update(one["sku"] for one in products if one["sku"] in gone)
            if len(left) >= self._wanted.at_least:
                found[profile] = shown(left)
        self._tell(dropped)
        return found

    def _tell(self, dropped: Collection[str]) -> None:
        """Write to the audit log which pinned products are left out, each once."""
        fresh = sorted(set(dropped) - self._told)
        if fresh:
            self._told.update(fresh)
            self._stores.audit(
                "recommended products left out",
                actor=_BY,
                subject=self._plan.plan_id,
                skus=fresh,
                reason="out of stock",
            )

    def _sold_out(self) -> frozenset[str]:
        if self._plan.trial or self._wanted is None or not self._wanted.in_stock:
            return frozenset()
        now = self._clock()
        if self._looked_at is not None and timedelta(0) <= now - self._looked_at < _LOOK_AGAIN:
            return self._gone
        version = self._stores.lake.pin("products").versions.get("products", -1)
        if version != self._version:
            self._gone = _out_of_stock(self._stores, now)
        self._looked_at, self._version = now, version
        return self._gone


def _out_of_stock(stores: Stores, now: datetime) -> frozenset[str]:
    with open_moment(stores, as_of=now, people=()) as moment:
        rows = moment.session.rows(
            sql(
                "SELECT l.sku FROM :listed AS l WHERE l.stock <= 0",
                listed=exp.Subquery(this=listed_products()),
            )
        )
    return frozenset(row[0] for row in rows)
