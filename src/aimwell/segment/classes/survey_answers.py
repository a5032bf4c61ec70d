"""The answers to a survey as a sheet: who answered what, as of a moment."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.survey import Question, Survey
from aimwell.definitions.special_data import Asks
from aimwell.errors import SegmentError, nearest
from aimwell.history.moment import Moment
from aimwell.segment.attributes.people_table import refuse_special
from aimwell.segment.classes.latent_classes import MISSING, AnswerSheet, Item
from aimwell.store.sql import sql

__all__ = ["answer_sheet"]

_SINGLE = ("nps", "csat", "scale", "choice")
_LEVELS_MAX = 12
_NPS = {**dict.fromkeys(range(7), "0-6"), 7: "7-8", 8: "7-8", 9: "9-10", 10: "9-10"}


def answer_sheet(
    moment: Moment,
    survey: str,
    questions: Sequence[str] = (),
    *,
    items: Sequence[Item] | None = None,
) -> tuple[AnswerSheet, pa.Array]:
    """The newest answer of everyone to each question, before the moment.

    Args:
        moment: The cut session.
        survey: Its definition.
        questions: Which; default: all of one answer (nps, csat, scale, choice).
        items: These questions with these answers, as a model knows them; any other answer counts as missing.

    Returns:
        The sheet and whose rows these are, by profile_id. Questions to which all answer alike are left out; "not
        applicable" is missing; the recommendation question is told as detractors, passives and promoters.

    Raises:
        UnknownDefinitionError: There is no such survey.
        SegmentError: It has no such question, one that takes several answers or free text, or one that tells of a
            special category of data.
    """
    document = definitions.find(moment.stores.control, Survey, survey)
    chosen = _chosen(document, questions)
    columns = {}
    for name, question in chosen.items():
        refuse_special(moment, Asks("question", name, "questions", survey=survey))
        rows = moment.session.table(
            sql(
                """
                SELECT profile_id,
                       arg_max(CASE WHEN coalesce(applicable, TRUE)
                                    THEN coalesce(CAST(number AS varchar), value) END,
                               (answered_at, received_at)) AS answer
                FROM answers
                WHERE survey = :survey AND question = :question AND profile_id IS NOT NULL
                GROUP BY profile_id ORDER BY profile_id
                """,
                survey=survey,
                question=name,
            )
        )
        columns[name] = (
            rows.column("profile_id").combine_chunks(),
            _grouped(question, rows.column("answer").combine_chunks()),
        )
    everyone = pa.concat_arrays([people for people, _answers in columns.values()])
    people = pc.unique(everyone)
    people = people.take(pc.sort_indices(people))
    known = {item.name: item for item in items or ()}
    found, codes = [], []
    for name, (whose, answers) in columns.items():
        levels: Sequence[str]
        if name in known:
            levels = known[name].levels
        else:
            levels = _ordered(pc.unique(answers.drop_null()).to_pylist())
        if not 2 <= len(levels) <= _LEVELS_MAX:
            continue
        places = pc.index_in(answers, value_set=pa.array(levels, pa.string()))
        of_people = places.take(pc.index_in(people, value_set=whose))
        found.append(Item(name, tuple(levels)))
        codes.append(pc.fill_null(of_people, MISSING).to_numpy(zero_copy_only=False))
    sheet = np.column_stack(codes) if codes else np.empty((len(people), 0))
    return AnswerSheet(tuple(found), sheet.astype(np.int64)), people


def _chosen(document: Survey, questions: Sequence[str]) -> dict[str, Question]:
    known = document.questions
    for name in questions:
        if name not in known:
            raise SegmentError(
                f"The survey '{document.name}' has no question '{name}'. {nearest(name, list(known))}"
            )
        if known[name].type not in _SINGLE:
            raise SegmentError(
                f"The question '{name}' is of the type {known[name].type}; classes are found from questions of one "
                f"answer ({', '.join(_SINGLE)})."
            )
    wanted = questions or [name for name, one in known.items() if one.type in _SINGLE]
    if len(wanted) < 2:
        raise SegmentError(
            f"The survey '{document.name}' has {len(wanted)} questions of one answer; classes take two or more."
        )
    return {name: known[name] for name in wanted}


def _grouped(question: Question, answers: pa.Array) -> pa.Array:
    """Numbers without idle decimals; recommendations as the three groups of the net promoter score."""
    found = []
    for text in answers.dictionary_encode().dictionary.to_pylist():
        try:
            number = float(text)
        except ValueError:
            found.append(text)
            continue
        if question.type == "nps":
            found.append(_NPS.get(round(number)))
        else:
            found.append(f"{number:.10g}")
    encoded = answers.dictionary_encode()
    return pa.array(found, pa.string()).take(encoded.indices)


def _ordered(levels: Sequence[str]) -> list[str]:
    def key(level: str) -> tuple[int, float, str]:
        try:
            return 0, float(level), level
        except ValueError:
            return 1, 0.0, level

    return sorted(levels, key=key)
