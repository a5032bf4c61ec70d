"""Orders of assigned people by their day, of some people or of all, at one version of the lake.

What one person did depends on nobody else's rows. So when rows came in, the sums change by what these people add up to now, less what they
added up to before; amounts are exact decimals, so nothing drifts.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import pyarrow as pa
import sqlalchemy as sa

from aimwell.store.lake import Snapshot
from aimwell.store.listed import among
from aimwell.store.schema import metadata
from aimwell.store.sql import sql
from aimwell.store.stores import Stores
from aimwell.store.versions import TableVersion
from aimwell.unify.reading import bind_with_identity

__all__ = ["OrderKey", "OrderSums", "Window", "order_days", "people_of_rows"]

OrderKey = tuple[str, str, str, str]
"""Plan, day, action (empty: held out), variant."""

_people = metadata.tables["plan_people"]
_overrides = metadata.tables["identity_overrides"]

# Of several places of one person today the first by origin stands.
_PLACED = """
SELECT a.plan_id, coalesce(i.profile_id, a.origin_id) AS profile_id, arg_min(a.action, a.origin_id) AS action,
       arg_min(a.variant, a.origin_id) AS variant, min(w.starts_at) AS starts_at, min(w.ends_at) AS ends_at
FROM assigned AS a
JOIN windows AS w ON w.plan_id = a.plan_id
LEFT JOIN identity AS i ON i.origin_id = a.origin_id
GROUP BY a.plan_id, coalesce(i.profile_id, a.origin_id)
"""

# Returns of an order from before the start say nothing of the campaign, as in `history.outcomes`.
_DAYS = """
WITH mine AS (
  SELECT p.plan_id, p.action, p.variant, p.profile_id, p.starts_at, o.kind, o.ordered_at, o.revenue,
         coalesce(o.original_order_id, o.order_id) AS about
  FROM placed AS p JOIN orders AS o ON o.profile_id = p.profile_id
  WHERE o.ordered_at < p.ends_at
),
earlier AS (
  SELECT DISTINCT plan_id, profile_id, about FROM mine WHERE kind = 'sale' AND ordered_at < starts_at
),
counted AS (
  SELECT m.* FROM mine AS m
  ANTI JOIN earlier AS e
    ON m.kind <> 'sale' AND e.plan_id = m.plan_id AND e.profile_id = m.profile_id AND e.about = m.about
  WHERE m.ordered_at >= m.starts_at
),
sold AS (
  SELECT plan_id, action, variant, profile_id, min(CASE WHEN kind = 'sale' THEN ordered_at END) AS sold_at
  FROM counted
  GROUP BY plan_id, action, variant, profile_id, about
  HAVING count(CASE WHEN kind = 'sale' THEN 1 END) > 0
     AND (coalesce(sum(CASE WHEN kind = 'return' THEN revenue END), 0) = 0 OR sum(revenue) > 0)
),
told AS (
  SELECT plan_id, action, variant, ordered_at AS moment, 0 AS orders, 0 AS buyers, revenue FROM counted
  UNION ALL
  SELECT plan_id, action, variant, sold_at, 1, 0, CAST(0 AS decimal(18, 4)) FROM sold
  UNION ALL
  SELECT plan_id, action, variant, min(sold_at), 0, 1, CAST(0 AS decimal(18, 4))
  FROM sold GROUP BY plan_id, action, variant, profile_id
)
SELECT plan_id, strftime(CAST(timezone(:zone, moment) AS date), '%Y-%m-%d') AS day, action, variant,
       CAST(sum(orders) AS bigint) AS orders, CAST(sum(buyers) AS bigint) AS buyers, sum(revenue) AS revenue
FROM told GROUP BY 1, 2, 3, 4
"""

_TOUCHED = """
SELECT DISTINCT profile_id FROM orders WHERE profile_id IS NOT NULL
"""


@dataclass(frozen=True)
class Window:
    """When the outcomes of a plan count."""

    plan_id: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class OrderSums:
    """Sums of one day of one action of one plan."""

    orders: int
    buyers: int
    revenue: Decimal

    def plus(self, other: OrderSums, sign: int = 1) -> OrderSums:
        """Both together, or (sign −1) what is left without the other."""
        return OrderSums(
            self.orders + sign * other.orders,
            self.buyers + sign * other.buyers,
            self.revenue + sign * other.revenue,
        )

    @property
    def nothing(self) -> bool:
        """Whether the row says nothing, so that it need not stand there."""
        return not (self.orders or self.buyers or self.revenue)


def people_of_rows(stores: Stores, added: TableVersion) -> list[str]:
    """Today's profiles of whom rows were added."""
    with stores.engine.session() as session:
        bind_with_identity(stores, session, Snapshot({"orders": added}), prefix="")
        return [row[0] for row in session.rows(sql(_TOUCHED))]


def order_days(
    stores: Stores,
    snapshot: Snapshot,
    windows: Collection[Window],
    *,
    people: Collection[str] | None = None,
) -> dict[OrderKey, OrderSums]:
    """What assigned people bought in the windows, by day.

    Args:
        stores: The workspace.
        snapshot: With the version of `orders` to read.
        windows: Plans and when their outcomes count.
        people: Today's profiles whose orders alone are counted; None: everybody.
    """
    if not windows or (people is not None and not people):
        return {}
    with stores.engine.session() as session:
        bind_with_identity(
            stores, session, Snapshot({"orders": snapshot.tables["orders"]}), prefix=""
        )
        session.bind("assigned", _assigned(stores, [one.plan_id for one in windows], people))
        session.bind("windows", _windows(windows))
        session.materialise("placed", sql(_PLACED))
        rows = session.rows(sql(_DAYS, zone=stores.settings.timezone))
    return {
        (plan_id, day, action, variant): OrderSums(int(orders), int(buyers), Decimal(revenue))
        for plan_id, day, action, variant, orders, buyers, revenue in rows
    }


def _windows(windows: Collection[Window]) -> pa.Table:
    time = pa.timestamp("us", tz="UTC")
    return pa.table(
        {
            "plan_id": pa.array([one.plan_id for one in windows], pa.string()),
            "starts_at": pa.array([one.starts_at for one in windows], time),
            "ends_at": pa.array([one.ends_at for one in windows], time),
        }
    )


def _assigned(
    stores: Stores, plan_ids: Collection[str], people: Collection[str] | None
) -> pa.Table:
    query = sa.select(
        _people.c.plan_id,
        _people.c.origin_id,
        sa.func.coalesce(_people.c.action, ""),
        sa.func.coalesce(_people.c.variant, ""),
    ).where(
        _people.c.plan_id.in_(list(plan_ids)),
        _people.c.arm.in_(("treatment", "control")),
        _people.c.profile_id.not_like("erased:%"),
    )
    names = ("plan_id", "origin_id", "action", "variant")
    schema = pa.schema([(name, pa.string()) for name in names])
    batches = []
    with stores.read_control() as connection:
        if people is not None:
            merged = connection.execute(
                sa.select(_overrides.c.origin_id).where(
                    among(_overrides.c.profile_id, list(people))
                )
            ).scalars()
            theirs = sorted({*people, *merged})
            query = query.where(
                among(_people.c.profile_id, theirs) | among(_people.c.origin_id, theirs)
            )
        found = connection.execution_options(stream_results=True).execute(query)
        for rows in found.partitions(50_000):
            arrays = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
            batches.append(pa.record_batch(arrays, schema=schema))
    return pa.Table.from_batches(batches, schema=schema)
