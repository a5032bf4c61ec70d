"""The life cycle: at which stage a customer stands as of a moment, by the shop's own repeat rhythm.

**Rhythm.** A repeat gap is the whole days between two days (in the firm's time zone) on which the same person bought,
with none between. `active_days` is the shortest span that at least 75 % of the gaps do not exceed, `lapsed_days` that for
95 %: whoever stayed away longer than 95 of 100 returns took is gone by this shop's own measure. All gaps of a person
together weigh as much as those of any other, so that a few who come daily do not set the pace for all. Gaps that are not
over yet are not among them, so a young shop looks faster than it is. With fewer than `GAPS_MIN` gaps nothing is learned, and
`ACTIVE_DAYS` and `LAPSED_DAYS` stand in; that is said.

**Stages**, the first that fits, of a person as of a moment:

    prospect      known, and has not bought (an order that was wholly returned does not count)
    lapsed        the last order is longer ago than `lapsed_days`
    lapsing       … longer ago than `active_days`
    new           the first order is at most `active_days` ago
    reactivated   came back within the last `active_days` after having lapsed
    active        everybody else

**Marketing stages**: acquisition (prospects), onboarding (new), loyalty (active or reactivated, with at least
`loyal_orders` orders: the fewest that at most a fifth of the buyers exceed, and three at least), retention (the rest: keep
them, or win them back).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
from sqlglot import exp

from aimwell.history.moment import Moment
from aimwell.store.sql import sql, union_all

__all__ = [
    "ACTIVE_DAYS",
    "GAPS_MIN",
    "LAPSED_DAYS",
    "Rhythm",
    "lifecycle",
    "lifecycle_query",
    "rhythm",
    "states_query",
]

ACTIVE_DAYS, LAPSED_DAYS, GAPS_MIN = 90, 180, 30
LOYAL_ORDERS_MIN = 3
_WEIGHT = 1_000_000  # of a person, in whole parts, so that sums are the same in any order


@dataclass(frozen=True)
class Rhythm:
    """How often this shop's customers come back.

    `gaps` repeat gaps were seen; `learned` says whether they sufficed, else the limits are the usual ones.
    """

    gaps: int
    buyers: int
    median_days: int | None
    active_days: int
    lapsed_days: int
    loyal_orders: int

    @property
    def learned(self) -> bool:
        """Whether the limits are the shop's own."""
        return self.gaps >= GAPS_MIN

    @property
    def words(self) -> str:
        """In a sentence."""
        limits = f"active for {self.active_days:,} days after an order, lapsed after {self.lapsed_days:,}"
        if not self.learned:
            seen = (
                f"Only {self.gaps:,} times somebody came back, too few to learn from"
                if self.gaps
                else "Nobody came back yet"
            )
            return f"{seen}, so the usual limits hold: {limits}."
        return (
            f"By {self.gaps:,} times that somebody came back (each person counted alike), half of them within "
            f"{self.median_days:,} days: {limits}."
        )

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "learned": self.learned}


def rhythm(moment: Moment) -> Rhythm:
    """The shop's repeat rhythm as of the moment."""
    return Rhythm(*moment.session.rows(_rhythm_query(moment.stores.settings.timezone))[0])


def _rhythm_query(timezone: str) -> exp.Expr:
    """One row: the columns of `Rhythm`."""
    return sql(
        """
        WITH days AS (
          SELECT DISTINCT profile_id, CAST(timezone(:zone, ordered_at) AS date) AS day FROM purchases WHERE kept
        ),
        gaps AS (
          SELECT profile_id,
                 date_diff('day', lag(day) OVER (PARTITION BY profile_id ORDER BY day), day) AS gap FROM days
        ),
        shared AS (
          SELECT gap, :weight // count(*) OVER (PARTITION BY profile_id) AS weight
          FROM gaps WHERE gap IS NOT NULL
        ),
        counted AS (SELECT gap, count(*) AS n, sum(weight) AS weight FROM shared GROUP BY gap),
        placed AS (
          SELECT gap, sum(weight) OVER (ORDER BY gap) AS upto, sum(weight) OVER () AS whole,
                 sum(n) OVER () AS gaps
          FROM counted
        ),
        spans AS (
          SELECT coalesce(max(gaps), 0) AS gaps, min(CASE WHEN upto >= 0.5 * whole THEN gap END) AS median_days,
                 min(CASE WHEN upto >= 0.75 * whole THEN gap END) AS active_days,
                 min(CASE WHEN upto >= 0.95 * whole THEN gap END) AS lapsed_days
          FROM placed
        ),
        often AS (
          SELECT orders, count(*) AS n
          FROM (SELECT count(*) AS orders FROM purchases WHERE kept GROUP BY profile_id) AS b GROUP BY orders
        ),
        ranked AS (
          SELECT orders, sum(n) OVER (ORDER BY orders) AS upto, sum(n) OVER () AS whole FROM often
        ),
        loyal AS (
          SELECT coalesce(max(whole), 0) AS buyers, min(CASE WHEN upto >= 0.8 * whole THEN orders END) AS orders
          FROM ranked
        )
        SELECT CAST(s.gaps AS bigint) AS gaps, CAST(l.buyers AS bigint) AS buyers,
               CAST(s.median_days AS bigint) AS median_days,
               CAST(CASE WHEN s.gaps >= :enough THEN s.active_days ELSE :active END AS bigint) AS active_days,
               CAST(CASE WHEN s.gaps >= :enough THEN greatest(s.lapsed_days, s.active_days + 1) ELSE :lapsed END
                 AS bigint) AS lapsed_days,
               CAST(greatest(coalesce(l.orders, 0), :loyal) AS bigint) AS loyal_orders
        FROM spans AS s CROSS JOIN loyal AS l
        """,
        zone=timezone,
        enough=GAPS_MIN,
        active=ACTIVE_DAYS,
        lapsed=LAPSED_DAYS,
        loyal=LOYAL_ORDERS_MIN,
        weight=_WEIGHT,
    )


def lifecycle(moment: Moment) -> pa.Table:
    """One row a known person, by profile_id: `profile_id`, `stage`, `marketing`, `orders`, `last_at` (null: none)."""
    query = exp.select("profile_id", "stage", "marketing", "orders", "last_at")
    source = exp.Subquery(this=lifecycle_query(moment), alias="l")
    return moment.session.table(query.from_(source).order_by("profile_id"))


def lifecycle_query(
    moment: Moment, *, active: timedelta | None = None, lapsed: timedelta | None = None
) -> exp.Expr:
    """The same rows in no order, as a query over the cut session; `active` and `lapsed` stand for the learned limits."""
    return states_query(moment, [moment.as_of], limits(moment, active, lapsed))


@dataclass(frozen=True)
class Limits:
    """The limits between stages, in seconds, and from how many orders on somebody is loyal."""

    active: float
    lapsed: float
    loyal_orders: int


def limits(moment: Moment, active: timedelta | None, lapsed: timedelta | None) -> Limits:
    """Those given, else those learned; a learned one gives way where both would be out of order."""
    own = rhythm(moment)
    day = 86_400.0
    first = active.total_seconds() if active is not None else own.active_days * day
    last = lapsed.total_seconds() if lapsed is not None else own.lapsed_days * day
    if active is None:
        first = min(first, last / 2)
    if lapsed is None:
        last = max(last, first * 2) if last <= first else last
    return Limits(first, last, own.loyal_orders)


def states_query(moment: Moment, bounds: Sequence[datetime], limits: Limits) -> exp.Expr:
    """One row a person and bound before which they were known: profile_id, place, stage, marketing, orders, last_at.

    A bound is a moment at or before the session's; nothing from it on counts there, but for returns, which undo an order
    from its beginning. `place` is the number of the bound, from 0 on.
    """
    moment.bind_profiles()
    return sql(
        """
        WITH bounds AS (SELECT place, ends FROM :bounds AS b),
        numbered AS (
          SELECT profile_id, ordered_at,
                 lag(ordered_at) OVER (PARTITION BY profile_id ORDER BY ordered_at, order_id) AS before_at,
                 lead(ordered_at) OVER (PARTITION BY profile_id ORDER BY ordered_at, order_id) AS next_at,
                 min(ordered_at) OVER (PARTITION BY profile_id) AS first_at,
                 row_number() OVER (PARTITION BY profile_id ORDER BY ordered_at, order_id) AS orders
          FROM purchases WHERE kept
        ),
        bought AS (
          SELECT *, max(CASE WHEN epoch(ordered_at) - epoch(before_at) > :lapsed THEN ordered_at END)
                      OVER (PARTITION BY profile_id ORDER BY orders) AS back_at
          FROM numbered
        ),
        customers AS (
          SELECT b.profile_id, m.place, b.ordered_at AS last_at, b.orders,
                 CASE
                   WHEN epoch(m.ends) - epoch(b.ordered_at) > :lapsed THEN 'lapsed'
                   WHEN epoch(m.ends) - epoch(b.ordered_at) > :active THEN 'lapsing'
                   WHEN epoch(m.ends) - epoch(b.first_at) <= :active THEN 'new'
                   WHEN b.back_at IS NOT NULL AND epoch(m.ends) - epoch(b.back_at) <= :active THEN 'reactivated'
                   ELSE 'active'
                 END AS stage
          FROM bought AS b
          JOIN bounds AS m ON m.ends > b.ordered_at AND (b.next_at IS NULL OR m.ends <= b.next_at)
        ),
        states AS (
          SELECT profile_id, place, stage, orders, last_at FROM customers
          UNION ALL
          SELECT p.profile_id, m.place, 'prospect' AS stage, 0 AS orders, CAST(NULL AS timestamptz) AS last_at
          FROM profiles AS p
          JOIN bounds AS m ON m.ends > p.first_seen_at
          LEFT JOIN (SELECT DISTINCT profile_id, first_at FROM bought) AS f ON f.profile_id = p.profile_id
          WHERE f.first_at IS NULL OR f.first_at >= m.ends
        )
        SELECT profile_id, place, stage,
               CASE
                 WHEN stage = 'prospect' THEN 'acquisition'
                 WHEN stage = 'new' THEN 'onboarding'
                 WHEN stage IN ('active', 'reactivated') AND orders >= :loyal THEN 'loyalty'
                 ELSE 'retention'
               END AS marketing,
               orders, last_at
        FROM states
        """,
        bounds=union_all(
            [
                sql("SELECT CAST(:n AS integer) AS place, :ends AS ends", n=n, ends=end)
                for n, end in enumerate(bounds)
            ]
        ),
        active=limits.active,
        lapsed=limits.lapsed,
        loyal=limits.loyal_orders,
    )
