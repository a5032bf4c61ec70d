"""`survey`: what a person answered to a question."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from aimwell.definitions.leaves.survey import SurveyRule
from aimwell.segment.rules.changing import Changes, by_rows
from aimwell.segment.rules.comparing import compare_text
from aimwell.segment.rules.phrases import both, compared, in_span, quoted
from aimwell.segment.rules.scope import Named, People, Scope, ago
from aimwell.store.sql import sql

__all__ = ["changes", "names", "people", "words"]


def people(rule: SurveyRule, scope: Scope) -> People:
    """Whose newest answer compares so. An answer may be text and stand for a number too: either may fit."""
    query = sql(
        """
        SELECT profile_id FROM (
          SELECT profile_id, value, CAST(number AS varchar) AS number,
                 coalesce(applicable, TRUE) AND coalesce(value, CAST(number AS varchar), text_id) IS NOT NULL AS given,
                 rank() OVER (PARTITION BY profile_id ORDER BY answered_at DESC) AS place
          FROM answers WHERE survey = :survey AND question = :question AND answered_at >= :start
        ) AS told
        WHERE place = 1 AND given
        """,
        survey=rule.survey,
        question=rule.question,
        start=scope.as_of.replace(year=1, month=1, day=2)
        if rule.within is None
        else ago(scope.as_of, rule.within),
    )
    assert isinstance(query, exp.Select)  # noqa: S101 - the text above is a SELECT
    if rule.exists is not None:
        others = rule.model_copy(update={"exists": None})
        if rule.exists is False:
            return People(query, inverted=True)
        if not _comparisons(others, "value"):
            return People(query)
        rule = others
    fits = [exp.and_(*_comparisons(rule, name)) for name in ("value", "number")]
    return People(query.where(exp.paren(exp.or_(*fits))))


def _comparisons(rule: SurveyRule, name: str) -> list[exp.Expr]:
    return compare_text(exp.column(name), rule)


def words(rule: SurveyRule) -> str:
    """As "whose answer to “recommend” in the survey “nps” is at least 9"."""
    lately = f" {in_span(rule.within)}" if rule.within is not None else ""
    answer = f"whose answer to {quoted(rule.question)} in the survey {quoted(rule.survey)}{lately}"
    return f"{answer} {both(compared(rule, 'is'))}"


def names(rule: SurveyRule) -> Iterator[Named]:
    """The survey, its question, and the texts that answers are compared with."""
    yield Named(rule.survey, "answers", "survey", "No answer to a survey '{}' was ever collected.")
    only = (("survey", rule.survey),)
    told = f"No answer to a question '{{}}' of '{rule.survey}' was ever collected."
    yield Named(rule.question, "answers", "question", told, only)
    for value in [rule.is_, *(rule.in_ or ())]:
        if isinstance(value, str):
            told = f"Nobody answered '{{}}' to '{rule.question}'."
            yield Named(
                value, "answers", "value", told, (*only, ("question", rule.question)), compared=True
            )


def changes(rule: SurveyRule) -> Changes:
    """By answers, and as they grow old."""
    return by_rows("answers", "answered_at", [rule.within], only=("survey", rule.survey))
