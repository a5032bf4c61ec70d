"""Tables to learn from: the right moments, the outcome beside the right person, one snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aimwell.errors import PredictError, TooLittleDataError
from aimwell.history.features import feature_names
from aimwell.history.moment import open_moment
from aimwell.predict.questions import Question, recorded
from aimwell.predict.training import feature_table, span_days, training_tables
from aimwell.store.engine import DuckDBEngine, DuckDBSession
from aimwell.store.stores import Stores
from shop import add_events, add_orders, add_people, day, make_stores, merge_people, origin

MONTH = timedelta(days=30)


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    """Ann buys each week, Bob once, Cat never; a stranger comes late."""
    opened = make_stores(tmp_path)
    add_people(
        opened, [{"customer": name, "first_seen_at": day(0)} for name in ("ann", "bob", "cat")]
    )
    add_orders(
        opened,
        [
            {"customer": "ann", "order_id": f"a{n}", "ordered_at": day(1 + 7 * n), "revenue": 10}
            for n in range(14)
        ]
        + [
            {"customer": "bob", "order_id": "b", "ordered_at": day(40), "revenue": 5},
            {"customer": "stranger", "order_id": "s", "ordered_at": day(95), "revenue": 5},
        ],
    )
    yield opened
    opened.close()


def outcomes_of(stores: Stores, as_of: datetime) -> dict[str, bool]:
    ids, table = feature_table(stores, as_of=as_of, horizon=MONTH, outcome=True)
    return dict(zip(ids.to_pylist(), table.happened.tolist(), strict=True))


def test_each_person_has_their_own_outcome(stores: Stores) -> None:
    ann, bob, cat = (origin(stores, name) for name in ("ann", "bob", "cat"))
    assert outcomes_of(stores, day(30)) == {ann: True, bob: True, cat: False}
    assert outcomes_of(stores, day(41)) == {ann: True, bob: False, cat: False}
    # The outcome ends before the order of day 40; features begin to see it after day 40.
    assert outcomes_of(stores, day(10)) == {ann: True, bob: False, cat: False}
    _, table = feature_table(stores, as_of=day(40), horizon=MONTH, names=("orders",))
    assert table.outcome is None
    assert sorted(table.values[:, 0]) == [0, 0, 6]


class Counting(DuckDBEngine):
    """Counts its sessions."""

    sessions = 0

    @contextmanager
    def session(self) -> Iterator[DuckDBSession]:
        self.sessions += 1
        with super().session() as opened:
            yield opened


def test_the_engine_for_histories_reads_the_tables(stores: Stores) -> None:
    counting = Counting(threads=1)
    there = replace(stores, history_engine=counting)
    assert outcomes_of(there, day(30)) == outcomes_of(stores, day(30))
    assert counting.sessions == 1


def test_the_tables_are_two_horizons_and_one_horizon_old(stores: Stores) -> None:
    tables = training_tables(stores, as_of=day(92), horizon_days=30)
    assert (tables.train.as_of, tables.judge.as_of) == (day(32), day(62))
    assert tables.train.names == feature_names()
    assert tables.train.happened.sum() == 2
    assert tables.judge.happened.sum() == 1
    assert (tables.recorded.first_at, tables.recorded.last_at) == (day(1), day(85))
    # What is written after the tables were read is not what they were read from.
    before = tables.snapshot.versions["orders"]
    add_orders(stores, [{"customer": "cat", "order_id": "c", "ordered_at": day(70), "revenue": 1}])
    assert stores.lake.pin("orders").versions["orders"] > before


def test_people_who_became_one_are_one(stores: Stores) -> None:
    both = merge_people(stores, ["bob", "cat"])
    assert outcomes_of(stores, day(30)) == {origin(stores, "ann"): True, both: True}


def test_the_first_and_last_time_are_those_of_known_people_before_the_moment(
    stores: Stores,
) -> None:
    add_orders(stores, [{"customer": None, "order_id": "x", "ordered_at": day(0.5), "revenue": 1}])
    add_orders(
        stores,
        [
            {"customer": "cat", "order_id": "z", "ordered_at": day(0.6), "revenue": 1},
            {
                "customer": "cat",
                "order_id": "Rz",
                "ordered_at": day(0.7),
                "revenue": 1,
                "kind": "return",
                "original_order_id": "z",
            },
        ],
    )
    add_events(stores, [{"customer": "cat", "event": "Login", "occurred_at": day(3)}])
    with open_moment(stores, as_of=day(9)) as moment:
        bought, came = (
            recorded(moment, Question()),
            recorded(moment, Question.of_event("Login")),
        )
        with pytest.raises(PredictError, match="Did you mean 'Login'"):
            recorded(moment, Question.of_event("Logon"))
    # The anonymous sale teaches nothing, and the order that was wholly returned is none.
    assert (bought.first_at, bought.last_at) == (day(1), day(8))
    assert came.first_at == came.last_at == day(3)
    with (
        open_moment(stores, as_of=day(0)) as moment,
        pytest.raises(PredictError, match="Nothing else is known from before then"),
    ):
        recorded(moment, Question.of_event("Login"))


def test_moments_that_the_data_cannot_fill_are_refused(stores: Stores) -> None:
    with pytest.raises(TooLittleDataError, match="days of history: 88 of at least 90"):
        training_tables(stores, as_of=day(89.5), horizon_days=30)
    with pytest.raises(TooLittleDataError, match=r"The last 'Order Completed' was on 2026-04-06"):
        training_tables(stores, as_of=day(200), horizon_days=30)
    with pytest.raises(PredictError, match="No known person"):
        training_tables(stores, as_of=datetime(1, 1, 2, tzinfo=UTC), horizon_days=30)


@pytest.mark.parametrize("days", [0, -1, 36_526])
def test_a_horizon_is_at_least_a_day_and_within_the_calendar(days: int) -> None:
    with pytest.raises(PredictError, match=f"found {days}"):
        span_days(days)
    assert span_days(1) == timedelta(days=1)
