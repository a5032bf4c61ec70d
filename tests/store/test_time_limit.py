"""Queries that people wrote are stopped when their time is over, and the session goes on."""

from __future__ import annotations

import time

import pytest

from aimwell.errors import QueryError, QueryTimeoutError
from aimwell.store.engine import DuckDBEngine
from aimwell.store.sql import sql

ENDLESS = "SELECT count(*) AS n FROM range(100000000) AS a JOIN range(100000000) AS b ON a.range <> b.range"


def test_a_query_that_takes_too_long_is_stopped_and_the_session_lives_on() -> None:
    with DuckDBEngine().session() as session:
        begun = time.monotonic()
        with (
            pytest.raises(QueryTimeoutError, match=r"longer than 0\.3 seconds"),
            session.limited(0.3),
        ):
            session.rows(sql(ENDLESS))
        assert time.monotonic() - begun < 10
        assert session.rows(sql("SELECT 1 AS one")) == [(1,)]


def test_a_quick_query_and_other_errors_are_as_ever() -> None:
    with DuckDBEngine().session() as session:
        with session.limited(60):
            assert session.rows(sql("SELECT 2 AS two")) == [(2,)]
        with pytest.raises(QueryError) as error, session.limited(60):
            session.rows(sql("SELECT * FROM nowhere"))
        assert not isinstance(error.value, QueryTimeoutError)
