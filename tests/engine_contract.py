"""What every engine must do, to be run on each: names and queries of a session, streams, errors in our words."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from sqlglot import exp

from aimwell.errors import QueryError, SnapshotGoneError
from aimwell.store.engine import Engine, Session
from aimwell.store.lake import Lake
from aimwell.store.sql import sql
from lake_rows import events

__all__ = ["EngineContract", "numbers"]


def numbers(count: int) -> pa.Table:
    """A table of the numbers from 0 on."""
    return pa.table({"x": list(range(count))})


class EngineContract:
    """A class of tests gives its `engine` as a fixture."""

    @pytest.fixture
    def session(self, engine: Engine) -> Iterator[Session]:
        """A session of the engine."""
        with engine.session() as opened:
            yield opened

    def test_a_name_stands_for_a_table_a_query_or_a_lake_version(
        self, session: Session, lake: Lake
    ) -> None:
        lake.append("events", events(["a", "b"]))
        session.bind("arrow", numbers(3))
        session.bind("lake", lake.pin("events").tables["events"])
        session.bind("query", sql("SELECT sum(x) AS s FROM arrow"))
        assert session.rows(sql("SELECT s, (SELECT count(*) FROM lake) FROM query")) == [(3, 2)]

    def test_a_query_is_evaluated_when_read_and_a_materialised_one_once(
        self, session: Session
    ) -> None:
        session.bind("t", numbers(2))
        session.bind("later", sql("SELECT count(*) AS n FROM t"))
        session.materialise("now", sql("SELECT count(*) AS n FROM t"))
        session.bind("t", numbers(5))
        assert session.rows(sql("SELECT later.n, now.n FROM later, now")) == [(5, 2)]
        session.bind("t", numbers(7))
        assert session.rows(sql("SELECT n FROM later")) == [(7,)], "also once it was read"

    def test_a_dropped_name_stands_for_nothing(self, session: Session) -> None:
        session.bind("t", numbers(2))
        session.bind("later", sql("SELECT x + 1 AS x FROM t"))
        session.materialise("now", sql("SELECT x FROM t"))
        for name in ("later", "now", "never"):
            session.drop(name)
            with pytest.raises(QueryError):
                session.rows(sql("SELECT * FROM :name", name=exp.to_table(name)))
        session.bind("now", sql("SELECT count(*) AS n FROM t"))
        assert session.rows(sql("SELECT n FROM now")) == [(2,)]

    def test_a_name_can_be_bound_again_to_anything(self, session: Session) -> None:
        session.bind("t", numbers(4))
        session.materialise("t", sql("SELECT x FROM t WHERE x > 0"))  # also from what it replaces
        assert session.rows(sql("SELECT count(*) FROM t")) == [(3,)]
        session.materialise("t", sql("SELECT x FROM t WHERE x > 1"))
        assert session.rows(sql("SELECT count(*) FROM t")) == [(2,)]
        session.bind("t", numbers(9))
        assert session.rows(sql("SELECT count(*) FROM t")) == [(9,)]
        session.bind("t", sql("SELECT 1 AS x"))
        assert session.rows(sql("SELECT x FROM t")) == [(1,)]

    def test_sessions_know_nothing_of_each_other(self, engine: Engine) -> None:
        with engine.session() as one, engine.session() as two:
            one.bind("t", numbers(1))
            with pytest.raises(QueryError, match="refused a query"):
                two.rows(sql("SELECT * FROM t"))

    def test_a_stream_leaves_the_session_free_for_other_queries(self, session: Session) -> None:
        session.bind("arrow", numbers(60_000))
        session.materialise("kept", sql("SELECT x FROM arrow"))
        for name in ("arrow", "kept"):
            stream = session.batches(sql("SELECT x FROM :t", t=sql(name)), rows=1000)
            other = session.batches(sql("SELECT x FROM :t", t=sql(name)), rows=1000)
            seen = stream.read_next_batch().num_rows
            assert session.rows(sql("SELECT count(*) FROM kept")) == [(60_000,)]
            other.read_next_batch()
            assert seen + sum(batch.num_rows for batch in stream) == 60_000

    def test_a_stream_has_batches_of_about_the_asked_size(self, session: Session) -> None:
        session.bind("t", numbers(100_000))
        sizes = [b.num_rows for b in session.batches(sql("SELECT x FROM t"), rows=10_000)]
        assert sum(sizes) == 100_000
        assert max(sizes) <= 20_000

    def test_a_stream_goes_straight_into_the_lake(self, session: Session, lake: Lake) -> None:
        session.bind("t", events([str(i) for i in range(12_000)]))
        lake.append("events", session.batches(sql("SELECT * FROM t"), rows=5000))
        session.bind("back", lake.pin("events").tables["events"])
        assert session.rows(sql("SELECT count(DISTINCT event_id) FROM back")) == [(12_000,)]

    def test_times_are_in_utc_whatever_the_machine_s_zone(self, session: Session) -> None:
        assert os.environ["TZ"] != "UTC"
        moment = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
        query = sql(
            "SELECT 1 AS n, :t AS t, CAST(:t AS TEXT) AS s, date_trunc('day', :t) AS d", t=moment
        )
        [(_, at, text, day)] = session.rows(query)
        assert (at, text, day.hour) == (moment, "2026-03-29 01:30:00+00", 0)
        for table in (session.table(query), pa.Table.from_batches(session.batches(query))):
            assert table.schema.field("t").type == pa.timestamp("us", tz="UTC")

    def test_a_wrong_query_says_what_is_wrong_but_not_its_texts(self, session: Session) -> None:
        session.bind("t", numbers(1))
        with pytest.raises(QueryError, match=r"refused a query: .*nope") as caught:
            session.rows(
                sql("SELECT nope FROM t WHERE 'ann@example.com' = :x", x="bob@example.com")
            )
        assert "SELECT nope FROM t" in str(caught.value)
        assert "@" not in str(caught.value)

    @pytest.mark.parametrize("how", ["rows", "table", "batches", "materialise", "late"])
    def test_a_value_that_does_not_fit_is_told_without_the_value(
        self, session: Session, how: str
    ) -> None:
        bad = sql("SELECT CAST(v AS DOUBLE) AS n FROM t")
        session.bind("t", pa.table({"v": ["1"] * 20_000 + ["ann@example.com"]}))

        def run() -> None:
            if how == "rows":
                session.rows(bad)
            elif how == "table":
                session.table(bad)
            elif how == "materialise":
                session.materialise("m", bad)
            else:
                for _ in session.batches(bad, rows=1000 if how == "late" else 1_000_000):
                    pass

        with pytest.raises(QueryError, match="could not compute a query") as caught:
            run()
        assert "ann@" not in str(caught.value)

    def test_a_removed_file_is_told_as_a_version_that_is_gone(
        self, session: Session, lake: Lake
    ) -> None:
        lake.append("events", events(["a"]))
        pinned = lake.pin("events").tables["events"]
        lake.append("events", events(["b"]))
        lake.compact("events")
        session.bind("t", pinned)
        lake.vacuum("events", retention_hours=0)
        with pytest.raises(SnapshotGoneError, match="Read the newest version") as caught:
            session.rows(sql("SELECT * FROM t"))
        assert caught.value.retryable
        session.bind("t", lake.pin("events").tables["events"])
        assert session.rows(sql("SELECT count(*) FROM t")) == [(2,)]
