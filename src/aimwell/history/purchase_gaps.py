"""How long people wait from one purchase to the next, with the waits that have not ended."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa

from aimwell.history.moment import Moment
from aimwell.history.purchase_days import purchase_days
from aimwell.store.sql import sql

__all__ = ["purchase_gaps"]


def purchase_gaps(moment: Moment) -> pa.Table:
    """One row per length of a wait and whether a purchase ended it, over all known buyers before the moment.

    Returns:
        `days` from a day with a purchase to the next one, or to the last day before the moment; `returned` (whether a
        purchase ended the wait); `waits` (how many). Days are those of the firm's time zone; orders that were wholly
        returned do not count.
    """
    zone = moment.stores.settings.timezone
    until = (moment.as_of - timedelta(microseconds=1)).astimezone(ZoneInfo(zone)).date()
    return moment.session.table(
        sql(
            """
            WITH waits AS (
              SELECT day, lead(day) OVER (PARTITION BY profile_id ORDER BY day) AS next_day FROM :days AS d
            )
            SELECT CAST(date_diff('day', day, coalesce(next_day, :until)) AS double) AS days,
                   next_day IS NOT NULL AS returned, CAST(count(*) AS double) AS waits
            FROM waits
            GROUP BY date_diff('day', day, coalesce(next_day, :until)), next_day IS NOT NULL
            ORDER BY days, returned
            """,
            days=purchase_days(zone),
            until=until,
        )
    )
