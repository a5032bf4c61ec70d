"""`payments`: whether somebody pays what is due, and when."""

from __future__ import annotations

from datetime import timedelta

from sqlglot import exp

from aimwell.definitions.leaves.payments import PaymentsRule
from aimwell.segment.rules.changing import Boundary, Changes, by_rows
from aimwell.segment.rules.event_queries import count_tests
from aimwell.segment.rules.phrases import in_span, often, only_zero
from aimwell.segment.rules.scope import People, Scope, ago
from aimwell.store.sql import sql

__all__ = ["changes", "people", "words"]

# The newest row of a payment counts; it was paid when a row first said so. Due is the end of a day of the firm's.
_STATED = """
    WITH newest AS (
      SELECT payment_id, min(CASE WHEN state = 'paid' THEN set_at END) AS paid_at,
             arg_max(struct_pack(profile_id := profile_id, kind := kind, state := state, due_at := due_at,
                                 set_at := set_at), (set_at, received_at, state)) AS p
      FROM payments GROUP BY payment_id
    ),
    dated AS (
      SELECT p.profile_id AS profile_id, p.kind AS kind, p.state AS state, paid_at,
             coalesce(p.due_at, paid_at, p.set_at) AS due_at,
             timezone(:zone, date_trunc('day', timezone(:zone, p.due_at)) + INTERVAL 1 DAY) AS due_until
      FROM newest
    ),
    judged AS (
      SELECT profile_id, kind, due_at,
             CASE WHEN state = 'refunded' THEN 'refunded'
                  WHEN state = 'paid' AND (due_until IS NULL OR paid_at < due_until) THEN 'on_time'
                  WHEN state = 'paid' THEN 'late'
                  WHEN state IN ('failed', 'late') OR due_until <= :now THEN 'missed'
                  ELSE 'due' END AS came
      FROM dated
    )
    SELECT profile_id FROM judged WHERE came = :came AND kind <> 'refund' AND profile_id IS NOT NULL
    """

_WORDS = {
    "on_time": "paid on time",
    "late": "paid late",
    "missed": "missed a payment",
    "due": "have a payment to make",
    "refunded": "were paid back",
}


def people(rule: PaymentsRule, scope: Scope) -> People:
    """Who has so many payments that came so."""
    query = sql(_STATED, zone=scope.timezone, now=scope.as_of, came=rule.payments)
    assert isinstance(query, exp.Select)  # noqa: S101 - the text above is a SELECT
    if rule.kind is not None:
        query = query.where(sql("kind = :kind", kind=rule.kind))
    if rule.within is not None:
        query = query.where(sql("due_at >= :start", start=ago(scope.as_of, rule.within)))
    if rule.count is None:
        return People(query)
    query = query.group_by("profile_id")
    tests = exp.and_(*count_tests(rule.count))
    if rule.count.holds(0):
        return People(query.having(exp.not_(exp.paren(tests))), inverted=True)
    return People(query.having(tests))


def words(rule: PaymentsRule) -> str:
    """As "who missed a payment at least twice of those due in the last 90 days"."""
    parts = ["who never" if only_zero(rule.count) else "who", _WORDS[rule.payments]]
    if rule.count is not None and not only_zero(rule.count):
        parts.append(often(rule.count))
    if rule.kind is not None:
        parts.append("for a credit" if rule.kind == "repayment" else "other than for a credit")
    if rule.within is not None:
        parts.append(f"of those due {in_span(rule.within)}")
    return " ".join(parts)


_DUE_DAY = timedelta(hours=26)


def changes(rule: PaymentsRule) -> Changes:
    """By payments, when their day is over, and as they grow old.

    A payment that passes from one person to another is seen at the next look at everybody.
    """
    day_over = Changes(frozenset({Boundary("payments", "due_at", slack=_DUE_DAY)}))
    return (
        by_rows("payments", "set_at", [rule.within])
        | by_rows("payments", "due_at", [rule.within])
        | day_over
    )
