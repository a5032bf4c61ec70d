"""The queries of measuring, on small tables made by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from aimwell.measure.queries import GAPS, PLACED
from aimwell.store.engine import DuckDBEngine, Session
from aimwell.store.sql import sql

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TIME = pa.timestamp("us", tz="UTC")


@pytest.fixture
def session() -> Iterator[Session]:
    with DuckDBEngine(threads=1).session() as opened:
        yield opened


def bind(session: Session, name: str, **columns: pa.Array) -> None:
    session.bind(name, pa.table(columns))


def test_of_several_origins_of_a_person_the_earliest_assignment_stands(session: Session) -> None:
    bind(
        session,
        "assigned",
        origin_id=pa.array(["a", "b", "c", "d", "e"]),
        cell=pa.array([0, -1, 1, 0, -1], pa.int64()),
        probability=pa.array([0.4, 0.2, 0.4, 0.4, 0.2]),
        bucket=pa.array([11, 12, 13, 14, 15]),
        choice=pa.array([0, 1, 1, 0, -1], pa.int64()),
        explored=pa.array([False, False, True, False, False]),
    )
    # b was assigned a month before a; c and d at the same moment, so the smaller id decides.
    bind(session, "identity", origin_id=pa.array(["b", "d"]), profile_id=pa.array(["a", "c"]))
    bind(
        session,
        "assignments",
        origin_id=pa.array(["b", "a", "a"]),
        experiment=pa.array(["spring", "other", "spring"]),
        assigned_at=pa.array([NOW - timedelta(days=30), NOW - timedelta(days=90), NOW], TIME),
    )
    rows = session.rows(sql(PLACED, planned=NOW, campaign="spring"))
    assert sorted(rows) == [
        ("a", -1, 0.2, 12, 1, False, NOW - timedelta(days=30), 2, True),
        ("c", 1, 0.4, 13, 1, True, None, 2, False),
        ("e", -1, 0.2, 15, -1, False, None, 1, False),
    ]


def test_gaps_are_between_successive_days_of_purchase_of_one_person(session: Session) -> None:
    days = [0, 0.1, 7, 21, 3, 10]
    bind(
        session,
        "purchases",
        profile_id=pa.array(["a", "a", "a", "a", "b", "b"]),
        ordered_at=pa.array([NOW + timedelta(days=day) for day in days], TIME),
        kept=pa.array([True, True, True, True, True, True]),
    )
    assert session.rows(sql(GAPS, zone="UTC")) == [(7, 2), (14, 1)]
    bind(
        session,
        "purchases",
        profile_id=pa.array(["a", "a"]),
        ordered_at=pa.array([NOW, NOW + timedelta(days=2)], TIME),
        kept=pa.array([True, False]),
    )
    assert session.rows(sql(GAPS, zone="UTC")) == []


def test_a_day_of_purchase_is_one_of_the_shops_time_zone(session: Session) -> None:
    evening = datetime(2026, 3, 1, 22, tzinfo=UTC)
    bind(
        session,
        "purchases",
        profile_id=pa.array(["a", "a"]),
        ordered_at=pa.array([evening, evening + timedelta(hours=3)], TIME),
        kept=pa.array([True, True]),
    )
    assert session.rows(sql(GAPS, zone="UTC")) == [(1, 1)]
    assert session.rows(sql(GAPS, zone="Asia/Tokyo")) == []
