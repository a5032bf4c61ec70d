"""How a subscription was used and paid until a time: what often changes before it ends.

Amounts of one thing (minutes, logins …) are told in units of the mean of its rows before the moment, so that different things add up.
Usage that names a subscription is that one's, any other that of all subscriptions of the person. Figures are rounded, so that months
that are alike can be counted together.
"""

from __future__ import annotations

from sqlglot import exp

from aimwell.history.moment import Moment
from aimwell.store.sql import identifier, sql

__all__ = ["CONDUCT", "conduct_query", "has_conduct"]

CONDUCT: tuple[str, ...] = (
    "use_30d",
    "use_trend",
    "use_recency_days",
    "plan_changes",
    "payments_failed_180d",
)
"""Columns: use of the last 30 days (logarithm to base 2 of 1 + amount, to 0.5); that of a day over that of a day in the 90 days before
(the same logarithm, to 0.25; null where the first use is less than 60 days old); days since the last use (by threes, at most 120); how
often the plan has changed; payments that were late or failed in 180 days. The first three are null before the first use."""

_DAY_US = 86_400_000_000

_CONDUCT = """
    WITH asked AS (SELECT subscription_id, profile_id, month, at_us FROM :asked AS a),
    scale AS (SELECT name, avg(amount) AS usual FROM usage WHERE amount > 0 GROUP BY name),
    used AS (
      SELECT u.subscription_id, u.profile_id, epoch_us(u.occurred_at) AS us, u.amount / s.usual AS amount
      FROM usage AS u JOIN scale AS s ON s.name = u.name WHERE u.amount > 0
    ),
    theirs AS (
      SELECT l.subscription_id, u.us, u.amount FROM used AS u JOIN subscription_lives AS l ON l.subscription_id = u.subscription_id
      UNION ALL
      SELECT l.subscription_id, u.us, u.amount FROM used AS u JOIN subscription_lives AS l ON l.profile_id = u.profile_id
      WHERE u.subscription_id IS NULL
    ),
    begun AS (SELECT subscription_id, min(us) AS first_us FROM theirs GROUP BY subscription_id),
    lately AS (
      SELECT a.subscription_id, a.month,
             sum(CASE WHEN t.us >= a.at_us - 30 * :day THEN t.amount ELSE 0 END) AS now_amount,
             sum(CASE WHEN t.us < a.at_us - 30 * :day THEN t.amount ELSE 0 END) AS then_amount,
             max(t.us) AS last_us
      FROM asked AS a JOIN theirs AS t
        ON t.subscription_id = a.subscription_id AND t.us < a.at_us AND t.us >= a.at_us - 120 * :day
      GROUP BY a.subscription_id, a.month
    ),
    plans AS (
      SELECT subscription_id, epoch_us(set_at) AS us,
             CASE WHEN plan <> lag(plan) OVER (PARTITION BY subscription_id ORDER BY set_at, received_at) THEN 1 ELSE 0 END
             AS changed
      FROM subscriptions
    ),
    changes AS (
      SELECT a.subscription_id, a.month, sum(p.changed) AS plan_changes
      FROM asked AS a JOIN plans AS p ON p.subscription_id = a.subscription_id AND p.us <= a.at_us
      GROUP BY a.subscription_id, a.month
    ),
    failed AS (
      SELECT a.subscription_id, a.month, count(DISTINCT p.payment_id) AS failures
      FROM asked AS a JOIN payments AS p
        ON p.subscription_id = a.subscription_id AND epoch_us(p.set_at) < a.at_us
           AND epoch_us(p.set_at) >= a.at_us - 180 * :day
      WHERE p.state = 'failed' OR p.state = 'late'
      GROUP BY a.subscription_id, a.month
    )
    SELECT a.subscription_id, a.month,
           CASE WHEN b.first_us < a.at_us THEN round(2 * log2(1 + coalesce(n.now_amount, 0))) / 2 END AS use_30d,
           CASE WHEN b.first_us < a.at_us - 60 * :day THEN
             round(4 * log2((coalesce(n.now_amount, 0) + 0.5) * 3 / (coalesce(n.then_amount, 0) + 1.5))) / 4 END AS use_trend,
           CASE WHEN b.first_us < a.at_us THEN
             least(120, 3 * round((a.at_us - coalesce(n.last_us, 0)) / CAST(3 * :day AS double))) END AS use_recency_days,
           CAST(coalesce(c.plan_changes, 0) AS double) AS plan_changes,
           CAST(coalesce(f.failures, 0) AS double) AS payments_failed_180d
    FROM asked AS a
    LEFT JOIN begun AS b ON b.subscription_id = a.subscription_id
    LEFT JOIN lately AS n ON n.subscription_id = a.subscription_id AND n.month = a.month
    LEFT JOIN changes AS c ON c.subscription_id = a.subscription_id AND c.month = a.month
    LEFT JOIN failed AS f ON f.subscription_id = a.subscription_id AND f.month = a.month
    """


def has_conduct(moment: Moment) -> bool:
    """Whether anything is known of usage, or of payments for subscriptions, before the moment."""
    found = moment.session.rows(
        sql(
            "SELECT 1 AS one FROM usage UNION ALL SELECT 1 AS one FROM payments WHERE subscription_id IS NOT NULL LIMIT 1"
        )
    )
    return bool(found)


def conduct_query(asked: str) -> exp.Select:
    """A query: subscription_id, month, and CONDUCT, each as known at that time.

    Args:
        asked: A bound name of rows of subscription_id, profile_id, month and at_us (microseconds since 1970); `subscription_lives` must
            be bound, too.
    """
    found = sql(_CONDUCT, asked=exp.Table(this=identifier(asked)), day=_DAY_US)
    assert isinstance(found, exp.Select)  # noqa: S101 - written above
    return found
