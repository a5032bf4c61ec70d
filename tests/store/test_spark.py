"""Spark behind the protocol of engines: all that any engine must do, and what is Spark's own.

All short tests of Spark are in this file, so that Spark starts once, in one worker.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aimwell.errors import QueryError, StoreError
from aimwell.store.engine import DuckDBEngine, Engine, Session
from aimwell.store.spark.dialect import ALIKE, MENDED, rendered
from aimwell.store.spark.errors import translated
from aimwell.store.sql import sql
from engine_contract import EngineContract
from engines_alike import alike
from spark_here import spark_here
from spark_values import AGGREGATES, ODD_VALUES, REFUSED, ROW_WISE, WINDOWS


class TestSpark(EngineContract):
    @pytest.fixture
    def engine(self) -> Engine:
        return spark_here()


def test_errors_of_others_stay_as_they_are() -> None:
    for error in (KeyError("x"), StoreError("ours"), OSError("disk")):
        assert translated(error, sql("SELECT 1")) is error


def test_spark_writes_no_word_to_the_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    with spark_here().session() as session, pytest.raises(Exception, match="could not compute"):
        session.rows(sql("SELECT CAST(CAST('ann@example.com' AS varchar) || 'x' AS double) AS n"))
    assert "@" not in "".join(capfd.readouterr())


# --- what queries mean --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Session, Session]]:
    """A session of each engine with the table `odd`."""
    with DuckDBEngine(threads=1).session() as one, spark_here().session() as other:
        for session in (one, other):
            session.bind("odd", ODD_VALUES)
        yield one, other


ROWS = "SELECT n, {} FROM odd ORDER BY n"


@pytest.mark.parametrize(
    ("texts", "around"),
    [
        (ROW_WISE, ROWS),
        (AGGREGATES, "SELECT g, {} FROM odd GROUP BY g ORDER BY g"),
        (WINDOWS, ROWS),
    ],
    ids=["rows", "aggregates", "windows"],
)
def test_an_expression_means_the_same_on_both_engines(
    both: tuple[Session, Session], texts: list[str], around: str
) -> None:
    query = sql(around.format(", ".join(f"{text} AS c{n}" for n, text in enumerate(texts))))
    one, other = (list(zip(*session.rows(query), strict=True)) for session in both)
    different = {
        text: [(a, b) for a, b in zip(first, second, strict=True) if not alike(a, b)]
        for text, first, second in zip(["key", *texts], one, other, strict=True)
    }
    assert {text: pairs for text, pairs in different.items() if pairs} == {}


def test_every_function_that_is_let_through_is_tried_by_value() -> None:
    tried = {
        type(node).__name__
        for text in (*ROW_WISE, *AGGREGATES, *WINDOWS)
        for node in sql(ROWS.format(text)).walk()
    }
    others = {"ArrayFilter", "Explode"}  # by the refresh of segments
    assert (ALIKE | MENDED.keys()) - tried == others


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_not_known_to_mean_the_same_is_refused(text: str) -> None:
    with pytest.raises(QueryError, match="no proven form"):
        rendered(sql(ROWS.format(text)))
