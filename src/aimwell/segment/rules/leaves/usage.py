"""`usage`: how much of something a person used; heavy and light users."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from aimwell.definitions.leaves.usage import UsageRule
from aimwell.segment.rules.changing import Changes, by_rows
from aimwell.segment.rules.comparing import number_tests
from aimwell.segment.rules.phrases import both, in_span, limited, percent, quoted
from aimwell.segment.rules.scope import Named, People, Scope, ago
from aimwell.store.sql import sql

__all__ = ["changes", "names", "people", "words"]

_SHARE = 0.2


def people(rule: UsageRule, scope: Scope) -> People:
    """Whose use in the window compares so."""
    # Decimals, so that the sum does not depend on the order of adding.
    query = sql(
        "SELECT profile_id, sum(TRY_CAST(amount AS decimal(38, 9))) AS used FROM usage WHERE name = :name",
        name=rule.usage,
    )
    assert isinstance(query, exp.Select)  # noqa: S101 - the text above is a SELECT
    if rule.within is not None:
        query = query.where(sql("occurred_at >= :start", start=ago(scope.as_of, rule.within)))
    query = query.group_by("profile_id")
    if rule.level is not None:
        order = "used DESC" if rule.level == "heavy" else "used"
        placed = sql(
            f"""
            SELECT profile_id FROM (
              SELECT profile_id, rank() OVER (ORDER BY {order}) - 1 AS before, count(*) OVER () AS people
              FROM :used AS u WHERE used > 0 AND profile_id IN (SELECT profile_id FROM known)
            ) AS placed WHERE before < :share * people
            """,  # noqa: S608 - one of two texts of this file
            used=query,
            share=rule.share or _SHARE,
        )
        return People(placed)
    tests = exp.and_(*number_tests(sql("used"), rule))
    whole = exp.select("profile_id").from_(exp.Subquery(this=query, alias="u"))
    if rule.holds(0):
        return People(whole.where(exp.not_(exp.paren(tests))), inverted=True)
    return People(whole.where(tests))


def words(rule: UsageRule) -> str:
    """As "who are heavy users of “data_gb” in the last 30 days"."""
    lately = f" {in_span(rule.within)}" if rule.within is not None else ""
    if rule.level is not None:
        share = percent(rule.share or _SHARE)
        return f"who are {rule.level} users of {quoted(rule.usage)}{lately} ({share} of those who use it)"
    return f"whose use of {quoted(rule.usage)}{lately} is {both(limited(rule))}"


def names(rule: UsageRule) -> Iterator[Named]:
    """What is used."""
    yield Named(rule.usage, "usage", "name", "No use of '{}' was ever collected.")


def changes(rule: UsageRule) -> Changes:
    """By use, and as it grows old; how heavy that is, by everybody's."""
    found = by_rows("usage", "occurred_at", [rule.within], only=("name", rule.usage))
    return found | Changes(others=rule.level is not None)
