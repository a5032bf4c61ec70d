"""The table that models of repeat buying read (BG/NBD, Gamma-Gamma): how often, how lately, how long known, what spend.

Purchases of one day, in the firm's time zone, are one purchase: the models count decisions to come back.
"""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa

from aimwell.errors import HistoryError
from aimwell.history.moment import Moment
from aimwell.store.sql import sql

__all__ = ["repeat_purchases"]


def repeat_purchases(moment: Moment, *, unit_days: float = 7.0) -> pa.Table:
    """One row per buyer, by profile_id, as of the moment.

    Args:
        moment: The cut session.
        unit_days: Days in a unit of `recency` and `age`; 7 for weeks, 1 for days.

    Returns:
        `profile_id`; `frequency` (days with an order, less the first one); `recency` (from the first to the last
        such day); `age` (from the first one to the last day before `as_of`); `monetary` (mean net revenue of a
        repeat day, in the workspace currency; null where there was none). Orders that were wholly returned do
        not count. Returns that belong to no known order make all of a person's purchases smaller in
        proportion, down to 0.

    Raises:
        HistoryError: `unit_days` is not above 0.
    """
    if not unit_days > 0:
        raise HistoryError(f"unit_days must be above 0, found {unit_days}; 7 gives weeks.")
    zone = moment.stores.settings.timezone
    # The last day that can be seen: a cut at midnight has seen nothing of the day that then begins.
    until = (moment.as_of - timedelta(microseconds=1)).astimezone(ZoneInfo(zone)).date()
    # Money is summed as the exact decimals that it is: sums of doubles differ from run to run in the last digit.
    query = sql(
        """
        WITH days AS (
          SELECT profile_id, CAST(timezone(:zone, ordered_at) AS date) AS day,
                 sum(revenue) AS revenue
          FROM purchases WHERE kept GROUP BY profile_id, CAST(timezone(:zone, ordered_at) AS date)
        ),
        buyers AS (
          SELECT profile_id, count(*) - 1 AS frequency, min(day) AS first_day, max(day) AS last_day,
                 CAST(sum(revenue) AS double) AS revenue,
                 CAST(sum(revenue) - arg_min(revenue, day) AS double) AS repeat_revenue
          FROM days GROUP BY profile_id
        ),
        returned AS (
          SELECT profile_id, CAST(sum(revenue) AS double) AS revenue FROM loose_returns GROUP BY profile_id
        )
        SELECT b.profile_id, CAST(b.frequency AS bigint) AS frequency,
               date_diff('day', b.first_day, b.last_day) / CAST(:unit AS double) AS recency,
               date_diff('day', b.first_day, :until) / CAST(:unit AS double) AS age,
               CASE WHEN b.frequency > 0 THEN
                 greatest(0.0, b.repeat_revenue / b.frequency)
                   * CASE WHEN b.revenue > 0
                       THEN greatest(0.0, 1.0 + coalesce(r.revenue, 0.0) / b.revenue) ELSE 0.0 END
               END AS monetary
        FROM buyers AS b LEFT JOIN returned AS r ON r.profile_id = b.profile_id
        ORDER BY b.profile_id
        """,
        zone=zone,
        unit=float(unit_days),
        until=until,
    )
    return moment.session.table(query)
