"""`score`: what a model expects of a person, compared as a value, a percentile or a decile."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from aimwell.definitions.leaves.score import ScoreRule
from aimwell.segment.rules.changing import Changes, by_rows
from aimwell.segment.rules.comparing import number_tests
from aimwell.segment.rules.phrases import both, in_span, limited, quoted
from aimwell.segment.rules.scope import Named, People, Scope, ago
from aimwell.store.sql import sql

__all__ = ["changes", "names", "people", "words"]


def people(rule: ScoreRule, scope: Scope) -> People:
    """Whose newest score compares so; the places are among the known who have one."""
    rows = sql("SELECT * FROM scores WHERE model = :model AND score IS NOT NULL", model=rule.score)
    assert isinstance(rows, exp.Select)  # noqa: S101 - the text above is a SELECT
    if rule.within is not None:
        rows = rows.where(sql("as_of >= :start", start=ago(scope.as_of, rule.within)))
    query = sql(
        """
        SELECT profile_id FROM (
          SELECT profile_id, score, rank() OVER (ORDER BY score) - 1 AS lower, count(*) OVER () AS people
          FROM (
            SELECT profile_id, arg_max(score, (as_of, version, received_at, score)) AS score
            FROM :rows AS s WHERE profile_id IN (SELECT profile_id FROM known) GROUP BY profile_id
          ) AS newest
        ) AS placed
        """,
        rows=rows,
    )
    assert isinstance(query, exp.Select)  # noqa: S101 - the text above is a SELECT
    if rule.as_ == "percentile":
        return People(query.where(*number_tests(sql("lower"), rule, times=sql("people"))))
    value = sql("1 + 10 * lower // people") if rule.as_ == "decile" else sql("score")
    return People(query.where(*number_tests(value, rule)))


def words(rule: ScoreRule) -> str:
    """As "whose decile of the score “churn” is at least 9"."""
    of = f"{rule.as_} of the " if rule.as_ in ("percentile", "decile") else ""
    young = f" {in_span(rule.within)}" if rule.within is not None else ""
    return f"whose {of}newest score by {quoted(rule.score)}{young} is {both(limited(rule))}"


def names(rule: ScoreRule) -> Iterator[Named]:
    """The model."""
    yield Named(rule.score, "scores", "model", "No model '{}' ever scored anybody.")


def changes(rule: ScoreRule) -> Changes:
    """By the person's scores; a place among all by everybody's."""
    found = by_rows("scores", "as_of", [rule.within], only=("model", rule.score))
    return found | Changes(others=rule.as_ in ("percentile", "decile"))
