"""Subscriptions as of a moment: how long each has lasted, and each month of it with what was known when the month began.

A month of tenure is a twelfth of 365.25 days, counted from the start. A subscription starts at `started_at` (without one,
when it was first heard of) and has ended where its newest row says so with a day before the moment; a day of ending that
still lies ahead is not looked at. Who never came beyond a trial is left out.
"""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
from sqlglot import exp

from aimwell.history.moment import Moment
from aimwell.history.subscription_conduct import CONDUCT, conduct_query, has_conduct
from aimwell.store.sql import sql

__all__ = ["MONTH_DAYS", "subscription_lives", "subscription_months"]

MONTH_DAYS = 365.25 / 12
_MONTH_US = 2_629_800_000_000
_RECENT_MONTHS = 24

_LIVES = """
    WITH newest AS (
      SELECT subscription_id, min(set_at) AS heard_at, bool_or(state <> 'trial') AS begun,
             arg_max(struct_pack(profile_id := profile_id, plan := plan, state := state, price := price,
                                 period_months := period_months, started_at := started_at,
                                 ended_at := CASE WHEN state = 'ended' THEN coalesce(ended_at, set_at)
                                                  ELSE ended_at END),
                     (set_at, received_at, state)) AS s
      FROM subscriptions WHERE profile_id IS NOT NULL GROUP BY subscription_id
    ),
    stated AS (
      SELECT subscription_id, heard_at, s.profile_id AS profile_id, s.plan AS plan, s.state AS state,
             CAST(s.price AS double) / greatest(coalesce(s.period_months, 1), 1) AS price_monthly,
             CAST(greatest(coalesce(s.period_months, 1), 1) AS double) AS period_months,
             coalesce(s.started_at, heard_at) AS started_at,
             CASE WHEN s.ended_at < :now THEN s.ended_at END AS ended_at
      FROM newest WHERE begun
    )
    SELECT *, coalesce(ended_at < started_at, false) AS backwards,
           (epoch_us(coalesce(ended_at, :now)) - epoch_us(started_at)) / CAST(:month AS double) AS months,
           (epoch_us(:now) - epoch_us(started_at)) / CAST(:month AS double) AS watched
    FROM stated WHERE started_at < :now OR ended_at IS NOT NULL
    """

_MONTHS = """
    WITH reach AS (
      SELECT subscription_id, started_at, ended_at, months,
             greatest(0, CAST(ceil((epoch_us(greatest(heard_at, :since)) - epoch_us(started_at))
                                   / CAST(:month AS double)) AS bigint)) AS first_month,
             CASE WHEN ended_at IS NOT NULL THEN greatest(CAST(ceil(months) AS bigint), 1) - 1 END AS end_month,
             CAST(floor(watched) AS bigint) - 1 AS whole_month
      FROM subscription_lives WHERE NOT backwards
    ),
    months AS (
      SELECT subscription_id, started_at, end_month,
             unnest(generate_series(first_month, least(whole_month, coalesce(end_month, whole_month)))) AS month
      FROM reach WHERE first_month <= least(whole_month, coalesce(end_month, whole_month))
    ),
    begun AS (
      SELECT subscription_id, month, coalesce(month = end_month, false) AS ended,
             epoch_us(started_at) + month * CAST(:month AS bigint) AS begins_us
      FROM months
    ),
    known AS (
      SELECT b.subscription_id, b.month, any_value(b.ended) AS ended, any_value(b.begins_us) AS at_us,
             any_value(r.profile_id) AS profile_id,
             arg_max(struct_pack(plan := r.plan, state := r.state, price := r.price,
                                 period_months := greatest(coalesce(r.period_months, 1), 1)),
                     (r.set_at, r.received_at, r.state)) AS s
      FROM begun AS b
      JOIN subscriptions AS r
        ON r.subscription_id = b.subscription_id AND epoch_us(r.set_at) <= b.begins_us
      GROUP BY b.subscription_id, b.month
    )
    SELECT subscription_id, profile_id, at_us, month, s.plan AS plan, CAST(s.price AS double) / s.period_months AS price_monthly,
           CAST(s.period_months AS double) AS period_months, s.state AS state, ended
    FROM known
    """


def subscription_lives(moment: Moment) -> pa.Table:
    """One row per subscription that had started before the moment, by subscription_id.

    Returns:
        `subscription_id`, `profile_id`; as last known `plan`, `state`, `price_monthly` (in the workspace currency),
        `period_months`; `started_at`; `ended_at` (null while it runs); `months` it has lasted; `backwards`, whether it
        ends before it starts, which makes its length mean nothing. Where usage or payments are known also CONDUCT, as of the moment.
    """
    _bind_lives(moment)
    query = sql(
        """
        SELECT l.subscription_id, l.profile_id, l.plan, l.state, l.price_monthly, l.period_months, l.started_at, l.ended_at,
               l.months, l.backwards
        FROM subscription_lives AS l ORDER BY l.subscription_id
        """
    )
    if has_conduct(moment):
        moment.materialise_once(
            "subscriptions_now",
            lambda: sql(
                "SELECT subscription_id, profile_id, 0 AS month, epoch_us(:now) AS at_us FROM subscription_lives",
                now=moment.as_of,
            ),
        )
        query = _with_conduct(
            query, "subscriptions_now", on="k.subscription_id = l.subscription_id"
        )
    return moment.session.table(query)


def subscription_months(moment: Moment) -> pa.Table:
    """One row per kind of month of tenure, of those of the last two years that were over before the moment.

    Returns:
        `month` of tenure (0 is the first); as known when it began `plan`, `price_monthly`, `period_months`, `state`;
        `ended`, whether the subscription ended in it; and `subscriptions`, how many are alike. A month that began before
        anything was heard of the subscription is left out. Where usage or payments are known also CONDUCT, as the month began.
    """
    _bind_lives(moment)
    since = moment.as_of - timedelta(days=_RECENT_MONTHS * MONTH_DAYS)
    moment.materialise_once(
        "subscription_months", lambda: sql(_MONTHS, month=_MONTH_US, since=since)
    )
    query = sql(
        """
        SELECT l.month, l.plan, l.price_monthly, l.period_months, l.state, l.ended, CAST(count(*) AS bigint) AS subscriptions
        FROM subscription_months AS l GROUP BY ALL ORDER BY ALL
        """
    )
    if has_conduct(moment):
        on = "k.subscription_id = l.subscription_id AND k.month = l.month"
        query = _with_conduct(query, "subscription_months", on=on)
    return moment.session.table(query)


def _with_conduct(query: exp.Expr, asked: str, *, on: str) -> exp.Select:
    """The rows `l` with CONDUCT beside them."""
    assert isinstance(query, exp.Select)  # noqa: S101 - written above
    columns = [exp.column(name, table="k") for name in CONDUCT]
    found = conduct_query(asked).subquery("k")
    return query.select(*columns).join(found, on=on, join_type="left")


def _bind_lives(moment: Moment) -> None:
    moment.materialise_once(
        "subscription_lives", lambda: sql(_LIVES, now=moment.as_of, month=_MONTH_US)
    )
