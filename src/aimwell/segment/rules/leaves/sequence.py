"""`sequence`: first this, then that; or first this, and then not that."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sqlglot import exp

from aimwell.definitions.leaves.sequence import SequenceRule
from aimwell.segment.rules.changing import Changes, by_acts, spans_of
from aimwell.segment.rules.event_queries import acts_query, when_tests
from aimwell.segment.rules.phrases import acts_words, span, when
from aimwell.segment.rules.scope import Asked, People, Scope, ago
from aimwell.store.sql import sql

__all__ = ["acts", "changes", "people", "words"]


def people(rule: SequenceRule, scope: Scope) -> People:
    """Who has a chain of such steps.

    The chain is built step by step: of each step those acts are kept that follow a kept act of the step before. The
    newest kept act before an act is the nearest, so no other need be looked at; windows find it without a join.
    """
    times = [acts_query(step.acts, scope).select("occurred_at AS moment") for step in rule.sequence]
    started = list(when_tests(rule.started, sql("occurred_at"), scope.as_of))
    kept: exp.Expr = times[0].where(*started) if started else times[0]
    for step, acts in zip(rule.sequence[1:], times[1:], strict=True):
        kept = (
            _followed(kept, acts, rule.within)
            if step.not_ is None
            else _left(kept, acts, rule.within, scope)
        )
    return People(exp.select("profile_id").from_(exp.Subquery(this=kept, alias="chain")))


def _followed(kept: exp.Expr, acts: exp.Expr, within: timedelta | None) -> exp.Expr:
    """Acts with a kept act before, at most so long. Of acts at one moment none is before another."""
    query = sql(
        """
        SELECT profile_id, moment FROM (
          SELECT profile_id, moment, act,
                 max(CASE WHEN NOT act THEN moment END) OVER (
                   PARTITION BY profile_id ORDER BY moment, act DESC
                   ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
                 ) AS previous
          FROM (
            SELECT profile_id, moment, FALSE AS act FROM :kept AS k
            UNION ALL SELECT profile_id, moment, TRUE FROM :acts AS a
          ) AS both_steps
        ) AS ordered
        WHERE act AND previous IS NOT NULL
        """,
        kept=kept,
        acts=acts,
    )
    assert isinstance(query, exp.Select)  # noqa: S101 - the text above is a SELECT
    return (
        query
        if within is None
        else query.where(sql("moment - previous <= :span", span=_span(within)))
    )


def _left(kept: exp.Expr, acts: exp.Expr, within: timedelta | None, scope: Scope) -> exp.Expr:
    """Kept acts that no act followed, within a time that is over."""
    query = sql(
        """
        SELECT profile_id, moment FROM (
          SELECT profile_id, moment, act,
                 min(CASE WHEN act THEN moment END) OVER (
                   PARTITION BY profile_id ORDER BY moment DESC, act
                   ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
                 ) AS following
          FROM (
            SELECT profile_id, moment, FALSE AS act FROM :kept AS k
            UNION ALL SELECT profile_id, moment, TRUE FROM :acts AS a
          ) AS both_steps
        ) AS ordered
        WHERE NOT act
        """,
        kept=kept,
        acts=acts,
    )
    assert isinstance(query, exp.Select)  # noqa: S101 - the text above is a SELECT
    if within is None:
        return query.where(sql("following IS NULL"))
    # What happens at the moment itself is not seen yet, so the time is over only when its end lies before.
    return query.where(
        sql("moment < :end", end=ago(scope.as_of, within)),
        sql("(following IS NULL OR following - moment > :span)", span=_span(within)),
    )


def _span(within: timedelta) -> exp.Expr:
    return exp.Interval(
        this=exp.Literal.string(str(int(within.total_seconds()))), unit=exp.var("SECOND")
    )


def words(rule: SequenceRule) -> str:
    """As "who did “Product Added” and then, within 1 hour, never ordered"."""
    first, *others = rule.sequence
    lead = f" (this {when(rule.started)})" if rule.started is not None else ""
    limit = f", within {span(rule.within, one='1 ')}," if rule.within is not None else ""
    parts = [f"who {acts_words(first.acts.event, first.acts.where, first.acts.machines)}{lead}"]
    for step in others:
        never = " never" if step.not_ is not None else ""
        said = acts_words(step.acts.event, step.acts.where, step.acts.machines)
        parts.append(f"and then{limit}{never} {said}")
    return " ".join(parts)


def acts(rule: SequenceRule) -> Iterator[Asked]:
    """The events of all steps."""
    for step in rule.sequence:
        yield Asked(step.acts.event, step.acts.where)


def changes(rule: SequenceRule) -> Changes:
    """By any step, as the first grows old, and when the time is over in which the last should not follow."""
    found = by_acts(rule.sequence[0].acts, spans_of(rule.started))
    absent = rule.sequence[-1].not_ is not None
    for step in rule.sequence:
        found |= by_acts(step.acts, [rule.within if absent else None])
    return found
