"""`ratio`: one measure as a share of another."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sqlglot import exp

from aimwell.definitions.leaves.acts import Measure
from aimwell.definitions.leaves.ratio import RatioRule
from aimwell.segment.rules.changing import Changes, by_acts
from aimwell.segment.rules.comparing import number_tests
from aimwell.segment.rules.event_queries import acts_query, total
from aimwell.segment.rules.leaves.measure import asked, measure_words
from aimwell.segment.rules.phrases import both, in_span, limited
from aimwell.segment.rules.scope import Asked, People, Scope
from aimwell.store.sql import sql

__all__ = ["acts", "changes", "people", "words"]


def people(rule: RatioRule, scope: Scope) -> People:
    """For whom part ÷ whole compares so. Nothing is divided: the limits are taken times the whole."""
    query = sql(
        """
        SELECT w.profile_id FROM :whole AS w LEFT JOIN :part AS p ON p.profile_id = w.profile_id
        WHERE w.size > 0
        """,
        whole=_sizes(rule.ratio.divisor, scope, rule.within),
        part=_sizes(rule.ratio.part, scope, rule.within),
    )
    assert isinstance(query, exp.Select)  # noqa: S101 - the text above is a SELECT
    return People(query.where(*number_tests(sql("coalesce(p.size, 0)"), rule, times=sql("w.size"))))


def _sizes(measure: Measure, scope: Scope, within: timedelta | None) -> exp.Expr:
    size = sql("abs(coalesce(:total, 0))", total=total(measure))
    rows = acts_query(measure, scope, within=within)
    return rows.select(exp.alias_(size, "size")).group_by("profile_id")


def words(rule: RatioRule) -> str:
    """As "whose sum of discount when they ordered, as a share of …, is above 0.2"."""
    lately = f" {in_span(rule.within)}" if rule.within is not None else ""
    return (
        f"whose ratio{lately} of [{measure_words(rule.ratio.part)}] to [{measure_words(rule.ratio.divisor)}] "
        f"is {both(limited(rule))}"
    )


def acts(rule: RatioRule) -> Iterator[Asked]:
    """What is divided, and by what."""
    yield asked(rule.ratio.part)
    yield asked(rule.ratio.divisor)


def changes(rule: RatioRule) -> Changes:
    """By either measure's events, and as they grow old."""
    return by_acts(rule.ratio.part, [rule.within]) | by_acts(rule.ratio.divisor, [rule.within])
