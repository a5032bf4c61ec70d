"""Many segments in one session: each question to the data is asked once, whichever segments ask it.

People get numbers, each different leaf becomes one column of answers, and a segment is an expression over these
columns. So a leaf that twenty segments have costs once, and a segment that asks for another one costs no more than
its other leaves. A leaf that cannot be computed fails the segments that have it and no others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
from sqlglot import exp

from aimwell.definitions.kinds.segment import Segment
from aimwell.errors import AimwellError
from aimwell.history.moment import Moment
from aimwell.segment.closure import leaf_text
from aimwell.segment.queries import Group, LeafQuery, Negation, Tree, leaves
from aimwell.segment.service import compiled
from aimwell.store.sql import column, identifier, sql

__all__ = ["Computed", "Wanted", "compute", "reason_of"]

_COLUMNS_AT_ONCE = 24
"""So many hash tables of people stand in memory together."""

_NUMBERED = """
    SELECT CAST(row_number() OVER (ORDER BY profile_id) - 1 AS integer) AS number, profile_id FROM known
    """


@dataclass(frozen=True)
class Wanted:
    """A segment to compute, and the revision of its definition."""

    segment: Segment
    revision: int


@dataclass(frozen=True)
class Computed:
    """Segments by their `place` in the bound tables, and why others failed."""

    places: Mapping[str, int]
    failures: Mapping[str, str] = field(default_factory=dict)


def compute(moment: Moment, wanted: Mapping[str, Wanted]) -> Computed:
    """Compute segments; what is wrong with one of them keeps none of the others.

    Bound in the session: `numbered` (number, profile_id: the known people, by profile), `named` (place, segment,
    revision) and `fresh` (number, place: who is in which segment, by number).

    Raises:
        StoreError: What would fail for any segment: no space, no database.
    """
    moment.bind_known()
    session = moment.session
    session.materialise("numbered", sql(_NUMBERED))
    trees: dict[str, Tree] = {}
    failures: dict[str, str] = {}
    for name, one in sorted(wanted.items()):
        try:
            trees[name] = compiled(moment, one.segment.rule, name=name)
        except AimwellError as error:
            failures[name] = reason_of(error)
    answers, lost = _answers(moment, trees)
    for name, tree in trees.items():
        reasons = [lost[text] for text in map(_text, _leaves(tree)) if text in lost]
        if reasons:
            failures[name] = reasons[0]
    good = [name for name in trees if name not in failures]
    session.bind(
        "named",
        pa.table(
            {
                "place": pa.array(range(len(good)), pa.int32()),
                "segment": pa.array(good, pa.string()),
                "revision": pa.array([wanted[name].revision for name in good], pa.int64()),
            }
        ),
    )
    session.materialise("fresh", _fresh([_predicate(trees[name], answers) for name in good]))
    return Computed({name: place for place, name in enumerate(good)}, failures)


def _answers(moment: Moment, trees: Mapping[str, Tree]) -> tuple[dict[str, str], dict[str, str]]:
    """Bind `answers`: a person a row, a leaf a column; gives leaf → column, and leaf → why it failed."""
    session = moment.session
    columns: dict[str, str] = {}
    lost: dict[str, str] = {}
    for tree in trees.values():
        for leaf in _leaves(tree):
            text = _text(leaf)
            if text in columns or text in lost:
                continue
            assert leaf.query is not None  # noqa: S101 - a leaf without an inner tree has one
            name = f"leaf_{len(columns)}"
            try:
                session.materialise(
                    name,
                    sql("SELECT number FROM numbered WHERE profile_id IN :ids", ids=leaf.query),
                )
            except AimwellError as error:
                lost[text] = reason_of(error)
            else:
                columns[text] = name
    session.bind("answers", sql("SELECT number FROM numbered"))
    names = list(columns.values())
    for start in range(0, len(names), _COLUMNS_AT_ONCE):
        query = sql("SELECT * FROM answers")
        assert isinstance(query, exp.Select)  # noqa: S101 - the text above is a SELECT
        for name in names[start : start + _COLUMNS_AT_ONCE]:
            among = exp.select("number").from_(exp.Table(this=identifier(name)))
            query = query.select(exp.alias_(sql("number IN :those", those=among), name))
        session.materialise("answers", query)
    return columns, lost


def reason_of(error: AimwellError) -> str:
    """Why a segment fails. Raises what is not its own fault: that another time will do, or that needs space."""
    if error.retryable:
        raise error
    return str(error).splitlines()[0]


def _leaves(tree: Tree) -> Iterator[LeafQuery]:
    """Every leaf that asks the data, those of other segments too."""
    for leaf in leaves(tree):
        if leaf.inner is None:
            yield leaf
        else:
            yield from _leaves(leaf.inner)


def _text(leaf: LeafQuery) -> str:
    return leaf_text(leaf.rule)


def _predicate(tree: Tree, columns: Mapping[str, str]) -> exp.Expr:
    """The tree over the columns of answers."""
    if isinstance(tree, Negation):
        return exp.not_(exp.paren(_predicate(tree.part, columns), copy=False), copy=False)
    if isinstance(tree, Group):
        join = exp.and_ if tree.kind == "all" else exp.or_
        return exp.paren(
            join(*(_predicate(part, columns) for part in tree.parts), copy=False), copy=False
        )
    if tree.inner is not None:
        return exp.paren(_predicate(tree.inner, columns), copy=False)
    answer = column(columns[_text(tree)])
    return exp.not_(answer, copy=False) if tree.inverted else answer


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
          SELECT number, CAST(unnest(list_filter(:places, x -> x IS NOT NULL)) AS integer) AS place FROM answers
        ) AS inside
        """,
        places=exp.Array(expressions=places),
    )
