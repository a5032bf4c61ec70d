"""Answers to a survey, read by its definition: what is allowed, what does not apply, what is free text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from aimwell.collect.null_texts import is_one_of
from aimwell.collect.staging import Check
from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.survey import Question, Survey
from aimwell.definitions.source_more import AnswersEntity
from aimwell.errors import MappingError, nearest
from aimwell.store.sql import column, sql
from aimwell.store.stores import Stores

__all__ = ["ReadAnswer", "answer_checks", "find_survey", "read_answers"]

_CHECKS_MAX = 25  # a check is a bit of 63; what is more shares one


@dataclass(frozen=True)
class ReadAnswer:
    """One question's answers as expressions over a row: `text` is free text; `many` splits into several."""

    name: str
    field: str
    asked: exp.Expr
    value: exp.Expr
    number: exp.Expr
    applicable: exp.Expr
    allowed: exp.Expr
    text: exp.Expr
    many: str | None


def find_survey(stores: Stores, entity: AnswersEntity) -> Survey:
    """The survey of an entity.

    Raises:
        UnknownDefinitionError: There is none of this name.
        MappingError: The entity maps questions that it does not have.
    """
    survey = definitions.find(stores.control, Survey, entity.survey)
    unknown = [name for name in entity.answers if name not in survey.questions]
    if unknown:
        hints = " ".join(nearest(name, list(survey.questions)) for name in unknown)
        raise MappingError(
            f"The survey '{survey.name}' has no question {', '.join(unknown)}. {hints}",
            field=f"answers.{unknown[0]}",
        )
    return survey


def read_answers(entity: AnswersEntity, survey: Survey) -> Iterator[ReadAnswer]:
    """Each question with its expressions."""
    for name, question in survey.questions.items():
        if entity.answers and name not in entity.answers:
            continue
        if entity.answers:
            field = f"answers.{name}"
            yield _read(name, question, field, sql(":x IS NOT NULL", x=column(field)))
        else:
            asked = sql("question = :name AND answer IS NOT NULL", name=name)
            yield _read(name, question, "answer", asked)


def _read(name: str, question: Question, field: str, asked: exp.Expr) -> ReadAnswer:
    x, nothing = column(field), sql("CAST(NULL AS varchar)")
    aside = is_one_of(x, question.not_applicable) if question.not_applicable else sql("FALSE")
    number = _number(question, x)
    value: exp.Expr = nothing if question.type == "text" else x
    words: exp.Expr = x if question.type == "text" else nothing
    kept = sql("CASE WHEN NOT :aside THEN :value END", aside=aside, value=value)
    return ReadAnswer(
        name=name,
        field=field,
        asked=asked,
        value=kept,
        number=sql("CASE WHEN NOT :aside THEN :number END", aside=aside.copy(), number=number),
        applicable=sql("NOT :aside", aside=exp.paren(aside.copy())),
        allowed=exp.or_(aside.copy(), _allowed(question, x, number)),
        text=sql("CASE WHEN NOT :aside THEN :words END", aside=aside.copy(), words=words),
        many=question.separator if question.type == "multiple" else None,
    )


def _number(question: Question, x: exp.Expr) -> exp.Expr:
    branches = [
        exp.If(this=sql(":x = :word", x=x.copy(), word=word), true=sql("CAST(:n AS double)", n=n))
        for word, n in question.numbers.items()
    ]
    plain = (
        sql("TRY_CAST(:x AS double)", x=x.copy()) if question.range else sql("CAST(NULL AS double)")
    )
    return exp.Case(ifs=branches, default=plain) if branches else plain


def _allowed(question: Question, x: exp.Expr, number: exp.Expr) -> exp.Expr:
    if question.range is not None:
        low, high = question.range
        test = sql(
            "coalesce(:n BETWEEN :low AND :high, FALSE)", n=number.copy(), low=low, high=high
        )
        whole = sql("coalesce(:n = floor(:n), FALSE)", n=number.copy())
        return exp.and_(test, whole) if question.type == "nps" else test
    if question.type == "choice":
        return is_one_of(x.copy(), question.allowed)
    if question.type == "multiple":
        # What is left of the answers once the allowed ones are taken out.
        listed = exp.Array(expressions=[exp.Literal.string(one) for one in question.allowed])
        return sql(
            "list_has_all(:allowed, list_transform(string_split(:x, :mark), lambda one: trim(one)))",
            allowed=listed,
            x=x.copy(),
            mark=question.separator,
        )
    return sql("TRUE")


def answer_checks(entity: AnswersEntity, survey: Survey) -> list[Check]:
    """The checks of rows of answers."""
    read = list(read_answers(entity, survey))
    wrong = [
        sql("coalesce(:asked AND NOT (:allowed), FALSE)", asked=one.asked, allowed=one.allowed)
        for one in read
    ]
    if not entity.answers:
        known = is_one_of(sql("coalesce(question, '')"), tuple(survey.questions))
        told = f"the survey '{survey.name}' has no such question"
        unknown = Check("question", "unknown_question", told, sql("NOT :known", known=known))
        return [unknown, Check("answer", "not_allowed", _told(None), exp.or_(*wrong))]
    checks = [
        Check(one.field, "not_allowed", _told(survey.questions[one.name]), test)
        for one, test in zip(read[:_CHECKS_MAX], wrong, strict=False)
    ]
    if rest := wrong[_CHECKS_MAX:]:
        checks.append(Check(read[_CHECKS_MAX].field, "not_allowed", _told(None), exp.or_(*rest)))
    return checks


def _told(question: Question | None) -> str:
    if question is not None and question.range is not None:
        low, high = question.range
        return f"the answer is not from {low:g} to {high:g}, nor one that means 'not applicable'"
    if question is not None and question.allowed:
        shown = ", ".join(question.allowed[:8]) + (" …" if len(question.allowed) > 8 else "")
        return f"the answer is not among those that the survey allows: {shown}"
    return "an answer is not among those that the survey allows"
