"""`trend`: more or less than in the window before."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from aimwell.definitions.leaves.trend import TrendRule
from aimwell.segment.rules.changing import Changes, by_acts
from aimwell.segment.rules.event_queries import acts_query, total
from aimwell.segment.rules.leaves.measure import asked, measure_words
from aimwell.segment.rules.phrases import percent, span
from aimwell.segment.rules.scope import Asked, People, Scope, ago
from aimwell.store.sql import sql

__all__ = ["acts", "changes", "people", "words"]


def people(rule: TrendRule, scope: Scope) -> People:
    """Who did so much less, or more, than in the window before, in which they did something."""
    start = ago(scope.as_of, rule.window)
    rows = acts_query(rule.trend, scope, within=rule.window * 2).group_by("profile_id")
    value = total(rule.trend)
    last = _of(value, sql("occurred_at >= :start", start=start))
    before = _of(value, sql("occurred_at < :start", start=start))
    change, share = (
        (sql(":before - :last", before=before, last=last), rule.falling)
        if rule.falling is not None
        else (sql(":last - :before", before=before, last=last), rule.rising)
    )
    return People(
        rows.having(
            sql(":before > 0", before=before),
            sql(":change >= :share * :before", change=change, share=share, before=before),
        )
    )


def _of(value: exp.Expr, test: exp.Expr) -> exp.Expr:
    """The aggregate over some of the rows; 0 where there are none."""
    some = exp.Filter(this=value.copy(), expression=exp.Where(this=test))
    return sql("coalesce(:some, 0)", some=some)


def words(rule: TrendRule) -> str:
    """As "whose revenue of what they ordered fell by at least 30 % from one 90 days to the next"."""
    way, share = ("fell", rule.falling) if rule.falling is not None else ("rose", rule.rising)
    window = span(rule.window, one="1 ")
    return (
        f"whose {measure_words(rule.trend)} {way} by at least {percent(share or 0)} in the last {window} "
        f"against the {window} before"
    )


def acts(rule: TrendRule) -> Iterator[Asked]:
    """What is measured."""
    yield asked(rule.trend)


def changes(rule: TrendRule) -> Changes:
    """By such events, and as they leave the one window and the other."""
    return by_acts(rule.trend, [rule.window, rule.window * 2])
