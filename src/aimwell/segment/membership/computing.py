"""Many segments in one session: each question to the data is asked once, whichever segments ask it.

People get numbers, each different leaf becomes one column of answers, and a segment is an expression over these
columns. So a leaf that twenty segments have costs once, and a segment that asks for another one costs no more than
its other leaves. A leaf that cannot be computed fails the segments that have it and no others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from sqlglot import exp

from aimwell.definitions.leaves.base import Leaf
from aimwell.errors import AimwellError
from aimwell.history.moment import Moment
from aimwell.segment.rules.closure import Closure
from aimwell.segment.rules.leaf_kinds import kind_of
from aimwell.segment.service import scope_of
from aimwell.store.sql import column, identifier, sql

__all__ = ["Computed", "compute", "reason_of"]

_COLUMNS_AT_ONCE = 24
"""So many hash tables of people stand in memory together."""

_FEW = 100_000
"""Of so many people, several leaves are computed by one statement."""

_NUMBERED = """
    SELECT CAST(row_number() OVER (ORDER BY profile_id) - 1 AS integer) AS number, profile_id FROM known
    """


@dataclass(frozen=True)
class Computed:
    """Segments by their `place` in the bound tables, and why others failed."""

    places: Mapping[str, int]
    failures: Mapping[str, str] = field(default_factory=dict)


def compute(
    moment: Moment, wanted: Mapping[str, Closure], revisions: Mapping[str, int]
) -> Computed:
    """Compute segments; what is wrong with one of them keeps none of the others.

    Bound in the session: `numbered` (number, profile_id: the known people, by profile), `named` (place, segment,
    revision) and `fresh` (number, place: who is in which segment, by number).

    Raises:
        StoreError: What would fail for any segment: no space, no database.
    """
    moment.bind_known()
    session = moment.session
    session.materialise("numbered", sql(_NUMBERED))
    leaves = {text: leaf for name in sorted(wanted) for text, leaf in wanted[name].leaves.items()}
    answers, lost = _answers(moment, leaves)
    failures = {
        name: next(lost[text] for text in one.leaves if text in lost)
        for name, one in wanted.items()
        if lost.keys() & one.leaves.keys()
    }
    good = sorted(wanted.keys() - failures.keys())
    session.bind(
        "named",
        pa.table(
            {
                "place": pa.array(range(len(good)), pa.int32()),
                "segment": pa.array(good, pa.string()),
                "revision": pa.array([revisions[name] for name in good], pa.int64()),
            }
        ),
    )
    session.materialise(
        "fresh", _fresh([_predicate(wanted[name].document, answers) for name in good])
    )
    return Computed({name: place for place, name in enumerate(good)}, failures)


def _answers(
    moment: Moment, leaves: Mapping[str, Leaf]
) -> tuple[dict[str, exp.Expr], dict[str, str]]:
    """Bind `answered`, a person a row, a leaf a column; gives what says for a row whether a leaf holds, and why others failed."""
    session, scope = moment.session, scope_of(moment)
    answers: dict[str, exp.Expr] = {}
    lost: dict[str, str] = {}
    asked: dict[str, _Asked] = {}
    for number, (text, leaf) in enumerate(leaves.items()):
        name = f"leaf_{number}"
        try:
            ask = kind_of(leaf).people
            assert ask is not None  # noqa: S101 - every leaf of a closure asks for people
            people = ask(leaf, scope)
            asked[text] = _Asked(name, _whether_among(moment, name, people.query))
        except AimwellError as error:
            lost[text] = reason_of(error)
            continue
        answers[text] = exp.not_(column(name)) if people.inverted else column(name)
    session.bind("answered", sql("SELECT number, profile_id FROM numbered"))
    texts = list(asked)
    for start in range(0, len(texts), _COLUMNS_AT_ONCE):
        lost |= _answered(moment, {text: asked[text] for text in texts[start:][:_COLUMNS_AT_ONCE]})
    return {text: answer for text, answer in answers.items() if text not in lost}, lost


@dataclass(frozen=True)
class _Asked:
    """The column of a leaf, and what says for a row of `numbered` whether its person is among those of whom it holds."""

    name: str
    among: exp.Expr


def _whether_among(moment: Moment, name: str, people: exp.Expr) -> exp.Expr:
    # Of everybody a leaf's people are found first, one leaf after the other: in one query with others, the sums of millions
    # would stand in memory for each of them at the same time. Of a few people a statement costs more than what it computes.
    if moment.people is not None and len(moment.people) <= _FEW:
        return sql("coalesce(profile_id IN :ids, FALSE)", ids=people)
    moment.session.materialise(
        name, sql("SELECT number FROM numbered WHERE profile_id IN :ids", ids=people)
    )
    return sql(
        "number IN :those", those=exp.select("number").from_(exp.Table(this=identifier(name)))
    )


def _answered(moment: Moment, asked: Mapping[str, _Asked]) -> dict[str, str]:
    """Add columns to `answered`; gives why leaves failed, of which there is no column then."""
    query = sql("SELECT * FROM answered")
    assert isinstance(query, exp.Select)  # noqa: S101 - the text above is a SELECT
    for one in asked.values():
        query = query.select(exp.alias_(one.among, one.name), copy=False)
    try:
        moment.session.materialise("answered", query)
    except AimwellError as error:
        if len(asked) == 1:
            return dict.fromkeys(asked, reason_of(error))
        reason_of(error)  # what is no leaf's fault is raised
        # One of them keeps the others from being computed. Which one it is shows when each is asked by itself.
        found = [_answered(moment, {text: one}) for text, one in asked.items()]
        return {text: reason for one in found for text, reason in one.items()}
    return {}


def reason_of(error: AimwellError) -> str:
    """Why a segment fails. Raises what is not its own fault: that another time will do, or that needs space."""
    if error.retryable:
        raise error
    return str(error).splitlines()[0]


def _predicate(document: Any, answers: Mapping[str, exp.Expr]) -> exp.Expr:
    """A closure's document over the columns of answers."""
    if isinstance(document, str):
        return answers[document].copy()
    ((kind, parts),) = document.items()
    if kind == "not":
        return exp.not_(exp.paren(_predicate(parts, answers), copy=False), copy=False)
    join = exp.and_ if kind == "all" else exp.or_
    return exp.paren(join(*(_predicate(part, answers) for part in parts), copy=False), copy=False)


def _fresh(predicates: Sequence[exp.Expr]) -> exp.Expr:
    """One row for each person and segment that they are in, people in order. One reading, however many segments."""
    if not predicates:
        return sql("SELECT 0 AS number, 0 AS place WHERE FALSE")
    places = [
        sql("CASE WHEN :test THEN :place END", test=test, place=place)
        for place, test in enumerate(predicates)
    ]
    return sql(
        """
        SELECT number, place FROM (
          SELECT number, CAST(unnest(list_filter(:places, x -> x IS NOT NULL)) AS integer) AS place FROM answered
        ) AS inside
        """,
        places=exp.Array(expressions=places),
    )
