"""What lifetime values are fitted to and checked against: repeat purchases, later purchases, and the margin."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aimwell.errors import PredictError
from aimwell.history.moment import Moment
from aimwell.history.outcomes import outcomes
from aimwell.history.repeat_purchases import repeat_purchases
from aimwell.predict.purchases import PurchaseHistory
from aimwell.stats.samples import FloatArray
from aimwell.store.sql import sql

__all__ = [
    "UNIT_DAYS",
    "Buyers",
    "Later",
    "Margin",
    "later_buying",
    "later_history",
    "purchase_history",
    "usual_margin",
]

UNIT_DAYS = 7.0
"""Time is counted in weeks, as in the literature."""

# So much of the revenue must have a known margin; the rest is then taken to earn alike.
_COVERED_MIN = 0.8


class Buyers(NamedTuple):
    """Everybody who had bought before a moment: their profile ids, in order, and their repeat purchases."""

    profiles: pa.Array
    history: PurchaseHistory


@dataclass(frozen=True, slots=True)
class Margin:
    """The share of revenue that is margin (above 0, at most 1), or None; `reason` says whence, or why not."""

    share: float | None
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Later:
    """What people did in the horizon of a moment: days with a purchase, and net revenue."""

    purchases: FloatArray
    revenue: FloatArray


def purchase_history(moment: Moment) -> Buyers:
    """All buyers as of the moment, with their repeat purchases in weeks."""
    table = repeat_purchases(moment, unit_days=UNIT_DAYS)
    history = PurchaseHistory(
        frequency=_numbers(table, "frequency"),
        recency=_numbers(table, "recency"),
        age=_numbers(table, "age"),
        spend=_numbers(table, "monetary"),
        unit_days=UNIT_DAYS,
    )
    return Buyers(table.column("profile_id").combine_chunks(), history)


def later_buying(moment: Moment, people: pa.Array) -> Later:
    """What each of `people` did in the moment's horizon; days are those of the firm's time zone."""
    days = moment.session.table(
        sql(
            """
            SELECT profile_id, CAST(count(DISTINCT CAST(timezone(:zone, ordered_at) AS date)) AS double) AS days
            FROM purchases_ahead WHERE kept GROUP BY profile_id
            """,
            zone=moment.stores.settings.timezone,
        )
    )
    money = outcomes(moment)
    return Later(purchases=_placed(people, days, "days"), revenue=_placed(people, money, "revenue"))


def later_history(moment: Moment, buyers: Buyers) -> PurchaseHistory:
    """The repeat purchases of the same buyers as they stood at the end of the moment's horizon, without spend.

    A day that began before the moment and ended after it counts once.
    """
    if moment.horizon is None:
        raise PredictError("A later history needs a moment with a horizon.")
    zone = moment.stores.settings.timezone
    until = (moment.as_of - timedelta(microseconds=1)).astimezone(ZoneInfo(zone)).date()
    table = moment.session.table(
        sql(
            """
            SELECT profile_id, CAST(count(DISTINCT day) AS double) AS days,
                   CAST(date_diff('day', :until, max(day)) AS double) AS last
            FROM (SELECT profile_id, CAST(timezone(:zone, ordered_at) AS date) AS day FROM purchases_ahead WHERE kept)
                 AS d
            WHERE day > :until GROUP BY profile_id
            """,
            zone=zone,
            until=until,
        )
    )
    before = buyers.history
    more = _placed(buyers.profiles, table, "days")
    last = before.age + _placed(buyers.profiles, table, "last") / UNIT_DAYS
    age = before.age + moment.horizon / timedelta(days=UNIT_DAYS)
    return PurchaseHistory(
        frequency=before.frequency + more,
        recency=np.where(more > 0, np.minimum(last, age), before.recency),
        age=age,
        unit_days=UNIT_DAYS,
    )


def usual_margin(moment: Moment) -> Margin:
    """The share of all customers' revenue before the moment that was margin.

    From unit costs, and the setting `margin_default` where there are none; also for orders without lines.
    """
    # Summed as decimals, which add up alike in every order: doubles differ in the last digit from run to run.
    lines, known, margin = moment.session.rows(
        sql(
            """
            SELECT CAST(coalesce(sum(revenue), 0) AS double),
                   CAST(coalesce(sum(revenue) FILTER (WHERE margin IS NOT NULL), 0) AS double),
                   CAST(coalesce(sum(CAST(margin AS decimal(38, 6))), 0) AS double)
            FROM line_margins WHERE goods AND profile_id IS NOT NULL
            """
        )
    )[0]
    revenue = moment.session.rows(
        sql(
            "SELECT CAST(coalesce(sum(revenue), 0) AS double) FROM orders WHERE profile_id IS NOT NULL"
        )
    )[0][0]
    default = moment.stores.settings.margin_default
    if default is not None:
        # What the lines do not tell (orders without lines, discounts on whole orders) earns as usual.
        margin, known = margin + default * (revenue - lines), revenue
    covered = known / revenue if revenue > 0 else 0.0
    if covered < _COVERED_MIN:
        known_for = f"is known for only {covered:.0%} of the revenue" if covered else "is not known"
        return Margin(
            None,
            f"The margin {known_for}, so the value is revenue, not profit. Give unit costs of products, or the setting "
            "margin_default.",
        )
    share = margin / known
    if not 0 < share <= 1:
        return Margin(
            None,
            f"The margin of past orders is {share:.0%} of their revenue, which no future value can rest on, so the value "
            "is revenue, not profit. Check the unit costs.",
        )
    return Margin(share, f"{share:.1%} of revenue, from {covered:.0%} of past revenue")


def _numbers(table: pa.Table, name: str) -> FloatArray:
    return np.asarray(table.column(name).to_numpy(), dtype=np.float64)


def _placed(people: pa.Array, table: pa.Table, name: str) -> FloatArray:
    """A column in the order of `people`; 0 for who has no row."""
    place = pc.index_in(people, table.column("profile_id").combine_chunks())
    there = place.is_valid().to_numpy(zero_copy_only=False)
    found = np.zeros(len(people))
    found[there] = np.nan_to_num(_numbers(table, name)[place.drop_null().to_numpy()])
    return found
