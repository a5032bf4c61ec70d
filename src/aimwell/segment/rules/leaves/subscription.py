"""`subscription`: what a person has subscribed to, in what state, since when, until when."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from aimwell.definitions.leaves.subscription import SubscriptionRule
from aimwell.segment.rules.changing import Boundary, Changes, by_rows, spans_of
from aimwell.segment.rules.comparing import compare_text, number_tests
from aimwell.segment.rules.event_queries import when_tests
from aimwell.segment.rules.phrases import both, compared, limited, span, when
from aimwell.segment.rules.scope import Named, People, Scope, ahead_of
from aimwell.store.sql import column, sql

__all__ = ["changes", "names", "people", "words"]

_LIVE = "state IN ('trial', 'active', 'past_due')"

# The newest row of a subscription counts whole. What has a day in the past on which it ends has ended, whatever the
# row calls it. A period begins each so many months after the start; `months` are full periods since then.
_NEWEST = """
    WITH newest AS (
      SELECT subscription_id,
             arg_max(struct_pack(profile_id := profile_id, plan := plan, state := state, price := price,
                                 period_months := period_months, started_at := started_at, ended_at := ended_at,
                                 reason := reason, set_at := set_at), (set_at, received_at, state)) AS s
      FROM subscriptions GROUP BY subscription_id
    ),
    stated AS (
      SELECT s.profile_id AS profile_id, s.plan AS plan, s.price AS price, s.period_months AS period_months,
             s.started_at AS started_at, s.reason AS reason,
             CASE WHEN s.ended_at <= :now THEN 'ended' ELSE s.state END AS state,
             CASE WHEN s.state = 'ended' THEN coalesce(s.ended_at, s.set_at) ELSE s.ended_at END AS ended_at
      FROM newest
    ),
    counted AS (
      SELECT *, greatest(0, (year(:now) - year(started_at)) * 12 + month(:now) - month(started_at))
                // nullif(period_months, 0) * period_months AS months
      FROM stated
    ),
    renewed AS (
      SELECT *, CASE WHEN started_at + to_months(CAST(months AS integer)) >= :now
                     THEN started_at + to_months(CAST(months AS integer))
                     ELSE started_at + to_months(CAST(months + period_months AS integer)) END AS renews_at
      FROM counted
    )
    SELECT profile_id FROM renewed
    """


def people(rule: SubscriptionRule, scope: Scope) -> People:
    """Who has one that is so in all that is asked."""
    asked = rule.subscription
    query = sql(_NEWEST, now=scope.as_of)
    assert isinstance(query, exp.Select)  # noqa: S101 - the text above is a SELECT
    tests: list[exp.Expr] = []
    for name in ("plan", "state", "reason"):
        condition = getattr(asked, name)
        if condition is not None:
            tests.extend(compare_text(column(name), condition))
    for name in ("price", "period_months"):
        limits = getattr(asked, name)
        if limits is not None:
            tests.extend(number_tests(column(name), limits))
    now = scope.as_of
    if asked.started is not None:
        tests.append(sql("started_at < :now", now=now))
        tests.extend(when_tests(asked.started, sql("started_at"), now))
    if asked.ended is not None:
        tests.append(sql("state = 'ended'"))
        tests.extend(when_tests(asked.ended, sql("ended_at"), now))
    for name, ahead in (("ended_at", asked.ends), ("renews_at", asked.renews)):
        if ahead is not None:
            tests.append(sql(_LIVE))
            tests.append(sql(":time <= :end", time=column(name), end=ahead_of(now, ahead.within)))
    if asked.renews is not None:
        tests.append(sql("(ended_at IS NULL OR renews_at < ended_at)"))
    return People(query.where(*tests))


def words(rule: SubscriptionRule) -> str:
    """As "who have a subscription whose plan is Pro and that started in the last 30 days"."""
    asked = rule.subscription
    parts = []
    for name in ("plan", "state", "reason"):
        condition = getattr(asked, name)
        if condition is not None:
            called = "reason for its end" if name == "reason" else name
            parts.append(f"whose {called} {both(compared(condition, 'is'))}")
    for name, called in (("price", "price"), ("period_months", "period in months")):
        limits = getattr(asked, name)
        if limits is not None:
            parts.append(f"whose {called} is {both(limited(limits))}")
    if asked.started is not None:
        parts.append(f"that started {when(asked.started)}")
    if asked.ended is not None:
        parts.append(f"that ended {when(asked.ended)}")
    if asked.ends is not None:
        parts.append(f"that ends within {span(asked.ends.within, one='1 ')} from then")
    if asked.renews is not None:
        parts.append(f"that renews within {span(asked.renews.within, one='1 ')} from then")
    return f"who have a subscription {', '.join(parts)}"


def names(rule: SubscriptionRule) -> Iterator[Named]:
    """Plans, states and reasons."""
    for name in ("plan", "state", "reason"):
        condition = getattr(rule.subscription, name)
        for value in [] if condition is None else [condition.is_, *(condition.in_ or ())]:
            if isinstance(value, str):
                told = f"No subscription has the {name} '{{}}'."
                yield Named(value, "subscriptions", name, told, compared=True)


def changes(rule: SubscriptionRule) -> Changes:
    """By subscriptions, when they begin and end, and as that comes nearer or lies longer back.

    What renews has no boundary: that a renewal comes near is seen at the next look at everybody, as is a subscription
    that passes from one person to another.
    """
    asked = rule.subscription
    found = by_rows("subscriptions", "set_at", spans_of(asked.ended))
    found |= by_rows("subscriptions", "started_at", spans_of(asked.started))
    found |= by_rows("subscriptions", "ended_at", spans_of(asked.ended))
    if asked.ends is not None:
        ahead = Boundary("subscriptions", "ended_at", -asked.ends.within)
        found |= Changes(frozenset({ahead}))
    return found | Changes(clock=asked.renews is not None)
