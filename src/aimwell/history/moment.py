"""The as-of cut: a session in which every table ends at one moment.

Inside the block of `open_moment` the lake's tables stand under their own names with a `profile_id` (today's
identity) and only rows *before* `as_of`. With a `horizon` the tables that look ahead stand beside them under
`<name>_ahead`: rows from `as_of` on and before `as_of + horizon`. Nothing else in Aimwell compares a time
with a moment to decide what may be known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa
import sqlalchemy as sa
from sqlglot import exp

from aimwell.errors import HistoryError
from aimwell.store.engine import Session
from aimwell.store.lake import Snapshot
from aimwell.store.schema import metadata
from aimwell.store.sql import column, identifier, sql, union_all
from aimwell.store.stores import Stores
from aimwell.store.tables import TIME
from aimwell.unify.reading import bind_with_identity

__all__ = ["ACTIVITY_COLUMNS", "TIME_COLUMNS", "Moment", "latest_trait", "open_moment"]

TIME_COLUMNS: Mapping[str, str] = {
    "events": "occurred_at",
    "orders": "ordered_at",
    "order_lines": "ordered_at",
    "touches": "occurred_at",
    "traits": "set_at",
    "products": "set_at",
    "memberships": "occurred_at",
    "assignments": "assigned_at",
    "answers": "answered_at",
    "scores": "as_of",
}
"""Lake tables that have a cut, and the column that is cut."""

_AHEAD = ("events", "orders", "order_lines", "touches")

ACTIVITY_COLUMNS = (
    "profile_id",
    "origin_id",
    "event",
    "occurred_at",
    "revenue",
    "quantity",
    "sku",
    "category",
    "order_id",
    "campaign",
    "channel",
    "machine",
    "properties",
)
"""Columns of the view `activity`, the one stream that rules read."""

_profiles = metadata.tables["profiles"]


@dataclass(frozen=True)
class Moment:
    """A session cut at `as_of`. `snapshot` says which versions of the tables it reads."""

    session: Session
    snapshot: Snapshot
    as_of: datetime
    horizon: timedelta | None
    stores: Stores

    def bind_profiles(self) -> None:
        """Make `profiles` stand for the people known before `as_of`: profile_id, first_seen_at, timezone."""
        with self.stores.read_control() as connection:
            rows = connection.execute(
                sa.select(
                    _profiles.c.profile_id, _profiles.c.first_seen_at, _profiles.c.timezone
                ).where(_profiles.c.first_seen_at < self.as_of)
            ).all()
        self.session.bind(
            "profiles",
            pa.table(
                {
                    "profile_id": pa.array([row[0] for row in rows], pa.string()),
                    "first_seen_at": pa.array([row[1] for row in rows], TIME),
                    "timezone": pa.array([row[2] for row in rows], pa.string()),
                }
            ),
        )


@contextmanager
def open_moment(
    stores: Stores,
    *,
    as_of: datetime,
    horizon: timedelta | None = None,
    snapshot: Snapshot | None = None,
) -> Iterator[Moment]:
    """A session in which each table ends at `as_of`.

    Bound names: each table of TIME_COLUMNS, cut; `activity` (events ∪ orders ∪ touches, see
    ACTIVITY_COLUMNS); `line_margins` (order lines with what they earned); with a horizon also
    `events_ahead`, `orders_ahead`, `order_lines_ahead`, `touches_ahead`, `activity_ahead`,
    `line_margins_ahead`. All have `profile_id` beside `origin_id` (null where a sale is anonymous).

    Raises:
        HistoryError: `as_of` has no time zone or the horizon is not positive.
    """
    if as_of.tzinfo is None:
        raise HistoryError(f"The moment {as_of.isoformat()} has no time zone; give an aware time.")
    if horizon is not None and horizon <= timedelta(0):
        raise HistoryError(
            f"The horizon {horizon} is not positive; give a time span such as 90 days."
        )
    snapshot = snapshot or stores.lake.pin(*TIME_COLUMNS)
    with stores.engine.session() as session:
        bind_with_identity(stores, session, snapshot, prefix="all_")
        for name in snapshot.tables:
            if name in TIME_COLUMNS:
                session.bind(name, _cut(name, None, as_of))
                if horizon is not None and name in _AHEAD:
                    session.bind(f"{name}_ahead", _cut(name, as_of, as_of + horizon))
        for suffix in ("", "_ahead") if horizon is not None else ("",):
            session.bind(f"activity{suffix}", _activity(suffix))
            session.bind(
                f"line_margins{suffix}", _line_margins(suffix, stores.settings.margin_default)
            )
        yield Moment(session, snapshot, as_of, horizon, stores)


def latest_trait(name: str) -> exp.Expr:
    """A query over `traits`: profile_id and the latest value of one trait before the moment."""
    return sql(
        """
        SELECT profile_id, arg_max(value, set_at) AS value
        FROM traits WHERE name = :name GROUP BY profile_id
        """,
        name=name,
    )


def _cut(name: str, start: datetime | None, end: datetime) -> exp.Expr:
    """Rows of one table from `start` on and before `end`."""
    time = column(TIME_COLUMNS[name])
    query = exp.select("*").from_(exp.Table(this=identifier(f"all_{name}")))
    query = query.where(sql(":time < :moment", time=time, moment=end))
    return query if start is None else query.where(sql(":time >= :moment", time=time, moment=start))


def _activity(suffix: str) -> exp.Expr:
    """Everything people did, as one stream; the names of orders are Segment's."""

    events = sql(
        """
        SELECT profile_id, origin_id, event, occurred_at, revenue, quantity, sku, category,
               CAST(NULL AS varchar) AS order_id, CAST(NULL AS varchar) AS campaign,
               CAST(NULL AS varchar) AS channel, FALSE AS machine, properties
        FROM events
        """
    )
    orders = sql(
        """
        SELECT profile_id, origin_id,
               CASE kind WHEN 'sale' THEN 'Order Completed' WHEN 'return' THEN 'Order Refunded'
                    ELSE 'Order Updated' END AS event,
               ordered_at AS occurred_at, revenue, quantity, CAST(NULL AS varchar) AS sku,
               CAST(NULL AS varchar) AS category, order_id, CAST(NULL AS varchar) AS campaign,
               CAST(NULL AS varchar) AS channel, FALSE AS machine, properties
        FROM orders WHERE origin_id IS NOT NULL
        """
    )
    touches = sql(
        """
        SELECT profile_id, origin_id, event, occurred_at, CAST(NULL AS decimal(18, 4)) AS revenue,
               CAST(NULL AS decimal(18, 4)) AS quantity, CAST(NULL AS varchar) AS sku,
               CAST(NULL AS varchar) AS category, CAST(NULL AS varchar) AS order_id, campaign, channel,
               machine, properties
        FROM touches
        """
    )
    names = {name: f"{name}{suffix}" for name in ("events", "orders", "touches")}
    return _renamed(union_all([events, orders, touches]), names)


def _line_margins(suffix: str, margin_default: float | None) -> exp.Expr:
    """Order lines with `margin`: from the line's unit cost, else the product's newest, else the setting,
    else null (unknown). Lines without goods (postage, fees) earn nothing and cost nothing."""
    tree = sql(
        """
        SELECT l.line_id, l.order_id, l.profile_id, l.origin_id, l.kind, l.ordered_at, l.sku, l.revenue,
               CASE
                 WHEN NOT l.goods THEN CAST(0 AS double)
                 WHEN coalesce(l.unit_cost, p.unit_cost) IS NOT NULL
                   THEN CAST(l.revenue AS double)
                        - CAST(l.quantity AS double) * CAST(coalesce(l.unit_cost, p.unit_cost) AS double)
                 ELSE CAST(l.revenue AS double) * CAST(:margin AS double)
               END AS margin
        FROM order_lines AS l
        LEFT JOIN (
          SELECT sku, arg_max(unit_cost, set_at) AS unit_cost
          FROM products WHERE unit_cost IS NOT NULL GROUP BY sku
        ) AS p ON p.sku = l.sku
        """,
        margin=margin_default,
    )
    # A cost that became known after the moment may serve to count what was earned, not to predict.
    names = {
        "order_lines": f"order_lines{suffix}",
        "products": "raw_products" if suffix else "products",
    }
    return _renamed(tree, names)


def _renamed(tree: exp.Expr, names: Mapping[str, str]) -> exp.Expr:
    for table in list(tree.find_all(exp.Table)):
        if table.name in names:
            table.set("this", identifier(names[table.name]))
    return tree
