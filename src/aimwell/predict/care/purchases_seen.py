"""What laws of buying look at: the last purchases, how much was spent at each, and how long after the one before.

Of people, their age as customers and the number of those long gone grow from day to day though nothing changes; of the last
purchases neither does. Gaps can be no longer than records are, so as much of these is looked at as there was when the version was made.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from aimwell.history.moment import open_moment
from aimwell.history.purchase_days import purchase_days
from aimwell.predict.care.equally_long import equally_long
from aimwell.predict.care.kinds import Seen
from aimwell.predict.registry import RegisteredModel
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = ["purchases_seen"]

_SPEND, _GAP = "spend per purchase", "days since the purchase before"


def purchases_seen(stores: Stores, entry: RegisteredModel, *, as_of: datetime, days: int) -> Seen:
    """Days with a purchase among the last so many before `as_of`; at a person's first one the gap is missing."""
    begun = equally_long(stores, then=entry.as_of, now=as_of)
    with open_moment(stores, as_of=as_of, since=begun, engine=stores.history_engine) as moment:
        rows = moment.session.table(
            sql(
                """
                SELECT CAST(spent AS double) AS spent, CAST(gap AS double) AS gap
                FROM (
                  SELECT d.*, date_diff('day', lag(day) OVER (PARTITION BY profile_id ORDER BY day), day) AS gap
                  FROM :days AS d
                ) AS g
                WHERE last_at >= :since ORDER BY spent, gap
                """,
                days=purchase_days(stores.settings.timezone),
                since=as_of - timedelta(days=days),
            )
        )
    spent, gap = (
        np.asarray(rows.column(name).to_numpy(zero_copy_only=False), dtype=np.float64)
        for name in ("spent", "gap")
    )
    return Seen({_SPEND: spent, _GAP: gap}, {_SPEND: 0.5, _GAP: 0.5}, "purchases")
