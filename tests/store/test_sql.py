"""SQL is put together from trees: what a person typed is always a value, never a piece of a query."""

from __future__ import annotations

import enum
import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlglot import exp

from aimwell.errors import QueryError
from aimwell.store.engine import DuckDBEngine, DuckDBSession
from aimwell.store.sql import column, identifier, sql, union_all

NASTY = [
    "'",
    "''",
    '"',
    "\\",
    "\\'",
    "\\'; DROP TABLE people; --",
    "'; DROP TABLE people; --",
    "a' OR '1'='1",
    ":hole",
    "${x} $1 ? %s {x}",
    "/* comment */ -- and another",
    "line\nbreak\ttab\rreturn",
    "\0null in the \0middle",
    "emoji 🧨 zero\u200bwidth \u202eright-to-left",
    "é is not e\u0301",
    "E'\\x41' U&'\\0041' $$dollar$$",
    "",
    " ",
    "NULL",
    "9223372036854775808",
]


@pytest.fixture(scope="module")
def session() -> Iterator[DuckDBSession]:
    with DuckDBEngine(threads=1).session() as opened:
        yield opened


def answer(session: DuckDBSession, text: str, **parts: Any) -> Any:
    """The only value of the only row."""
    [[value]] = session.rows(sql(text, **parts))
    return value


@pytest.mark.parametrize("text", NASTY)
def test_nasty_text_comes_back_as_itself(session: DuckDBSession, text: str) -> None:
    assert answer(session, "SELECT (:x)", x=text) == text
    assert answer(session, "SELECT x FROM (SELECT 1, :x AS x) WHERE x = :y", x=text, y=text) == text
    assert answer(session, "SELECT 1 WHERE :x IN :all", x=text, all=NASTY) == 1


@pytest.mark.parametrize("name", [text for text in NASTY if text and "\0" not in text])
def test_nasty_names_of_columns_and_tables_are_only_names(
    session: DuckDBSession, name: str
) -> None:
    session.materialise(name, exp.select(exp.alias_(exp.Literal.number(1), identifier(name))))
    query = exp.select(column(name)).from_(exp.Table(this=identifier(name)))
    assert session.rows(query) == [(1,)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text())
def test_any_text_comes_back_as_itself(session: DuckDBSession, text: str) -> None:
    assert answer(session, "SELECT (:x)", x=text) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_finite_number_comes_back_as_itself(session: DuckDBSession, number: float) -> None:
    assert answer(session, "SELECT CAST(:x AS DOUBLE)", x=number) == number


@given(st.integers(min_value=-(2**63) + 1, max_value=2**63 - 1))
def test_any_whole_number_comes_back_as_itself(session: DuckDBSession, number: int) -> None:
    assert answer(session, "SELECT (:x)", x=number) == number
    assert answer(session, "SELECT 1 + :x - :x", x=number // 2) == 1  # also a negative one


@given(st.decimals(min_value=-(10**14) + 1, max_value=10**14 - 1, places=4))
def test_any_amount_of_money_comes_back_as_itself(session: DuckDBSession, amount: Decimal) -> None:
    assert answer(session, "SELECT (:x)", x=amount) == amount


@given(
    st.datetimes(
        min_value=datetime(1, 1, 3),  # noqa: DTZ001 - hypothesis adds the zone
        max_value=datetime(9999, 12, 29),  # noqa: DTZ001
        timezones=st.timezones() | st.just(timezone(timedelta(hours=5, minutes=45, seconds=30))),
    )
)
def test_any_aware_time_comes_back_as_itself(session: DuckDBSession, moment: datetime) -> None:
    assert answer(session, "SELECT (:x)", x=moment) == moment.astimezone(UTC)


def test_other_values_come_back_as_themselves(session: DuckDBSession) -> None:
    class Colour(enum.StrEnum):
        RED = "red's"

    class Shade(str, enum.Enum):  # noqa: UP042 - whose str() is not its value
        DARK = "dark"

    for given_, expected in [
        (None, None),
        (True, True),
        (False, False),
        (date(2026, 2, 28), date(2026, 2, 28)),
        (Colour.RED, "red's"),
        (Shade.DARK, "dark"),
        (np.float64(0.25), 0.25),
    ]:
        assert answer(session, "SELECT (:x)", x=given_) == expected


def test_a_whole_number_stays_whole_and_truth_stays_truth(session: DuckDBSession) -> None:
    types = "SELECT typeof(:a) || ' ' || typeof(:b) || ' ' || typeof(:c)"
    assert answer(session, types, a=1, b=True, c="1") == "INTEGER BOOLEAN VARCHAR"


def test_lists_are_options_and_an_empty_one_is_none(session: DuckDBSession) -> None:
    assert answer(session, "SELECT 2 IN :x", x=[1, 2]) is True
    assert answer(session, "SELECT 'b' IN :x", x=("a",)) is False
    assert answer(session, "SELECT 2 IN :x", x=[]) is False
    assert answer(session, "SELECT 2 NOT IN :x", x=()) is True
    # Not left to the engine: other engines do not know `IN ()`.
    assert "IN ()" not in sql("SELECT 2 IN :x", x=[]).sql("duckdb")


def test_trees_fill_holes_with_their_own_precedence(session: DuckDBSession) -> None:
    assert answer(session, "SELECT 2 * :x", x=sql("1 + 2")) == 6
    assert answer(session, "SELECT NOT :x", x=sql("TRUE OR TRUE")) is False
    assert answer(session, "SELECT 10 - :x", x=-3) == 13
    assert answer(session, "SELECT sum(q) FROM :t", t=sql("SELECT 3 AS q")) == 3
    assert answer(session, "SELECT 1 IN :q", q=sql("SELECT 1")) is True


def test_a_bracket_that_begins_with_a_hole_is_a_condition_among_others(
    session: DuckDBSession,
) -> None:
    either = exp.or_(sql("(:a AND :b)", a=True, b=False), copy=False)
    assert session.rows(exp.select(exp.and_(either, sql("(:a)", a=True)))) == [(False,)]


def test_the_same_text_can_be_filled_again_with_other_parts(session: DuckDBSession) -> None:
    part = sql("1 + 1")
    assert [answer(session, "SELECT (:x)", x=x) for x in (1, "two", part, part)] == [1, "two", 2, 2]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("SELECT a WHERE b = :x", {}),
        ("SELECT a WHERE b = :x", {"x": 1, "y": 2}),
        ("SELECT a", {"x": 1}),
        ("SELECT a WHERE b = :x", {"y": 1}),
    ],
)
def test_holes_and_parts_must_match(text: str, parts: dict[str, Any]) -> None:
    with pytest.raises(QueryError, match="needs the parts"):
        sql(text, **parts)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (math.nan, "finite"),
        (math.inf, "finite"),
        (-math.inf, "finite"),
        (np.float64("nan"), "finite"),
        (Decimal("NaN"), "no SQL form"),
        (Decimal("sNaN"), "no SQL form"),
        (Decimal("Infinity"), "no SQL form"),
        (Decimal("0.00001"), "4 behind"),
        (Decimal("123456789012345"), "14 digits"),
        (Decimal("1E+999999"), "14 digits"),
        (2**63, "ids are text"),
        (-(2**63), "ids are text"),
        (datetime(2026, 1, 1), "no zone"),  # noqa: DTZ001 - it is the wrong input
        (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1))), "years 1 to 9999"),
        ("half \ud83d", "half a character"),
        (b"bytes", "type bytes"),
        ({"a": 1}, "type dict"),
        ({1}, "type set"),
        (timedelta(days=1), "type timedelta"),
        (object(), "type object"),
        (np.array([1]), "type ndarray"),
    ],
)
def test_what_has_no_sql_form_is_refused(value: Any, words: str) -> None:
    with pytest.raises(QueryError, match=words):
        sql("SELECT a WHERE b = :x", x=value)
    with pytest.raises(QueryError, match=words):
        sql("SELECT a WHERE b IN :x", x=[value])


def test_a_text_that_cannot_be_parsed_says_where() -> None:
    with pytest.raises(QueryError, match=r"cannot be parsed.*line 2, column") as caught:
        sql("SELECT a\nFROM (b")
    assert "\x1b" not in str(caught.value), "no colours of a terminal"


def test_a_union_keeps_duplicates_and_leaves_its_parts_alone(session: DuckDBSession) -> None:
    one = sql("SELECT 1 AS a")
    both = union_all([one, one, sql("SELECT 2 AS a")])
    assert sorted(session.rows(both)) == [(1,), (1,), (2,)]
    assert session.rows(one) == [(1,)]
    assert session.rows(union_all([one])) == [(1,)]


def test_a_union_of_nothing_is_refused() -> None:
    with pytest.raises(QueryError, match="at least one"):
        union_all([])


def test_a_column_may_name_its_table() -> None:
    assert column("a b", "t").sql("duckdb") == '"t"."a b"'
    assert column("a").sql("duckdb") == '"a"'
