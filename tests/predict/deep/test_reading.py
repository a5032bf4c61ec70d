"""What sequence models read of a workspace: moments, what came after, chunks, and nothing later."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from aimwell.errors import TooLittleDataError
from aimwell.history.moment import TIME_COLUMNS
from aimwell.predict.deep.reading import Learning, days_before, learning_rows, read_chunks
from aimwell.predict.deep.sequences import Sequences
from aimwell.store.stores import Stores
from ordered_waits import announced_shop
from shop import add_events, add_orders, day, make_stores

END = day(200)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    opened = announced_shop(tmp_path_factory.mktemp("reading"), people=120, days=260)
    yield opened
    opened.close()


def learnt(stores: Stores, seed: int = 0, moments: int = 5) -> Learning:
    return learning_rows(
        stores,
        END,
        horizon_days=30,
        moments=moments,
        snapshot=stores.lake.pin(*TIME_COLUMNS),
        seed=seed,
    )


def same(one: Sequences, other: Sequences) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("event", "numbers", "start", "person")
    )


def test_days_before_are_days_of_the_calendar(tmp_path: Path) -> None:
    opened = make_stores(tmp_path, timezone="Europe/Berlin")
    # Summer time began in between.
    found = days_before(opened, datetime(2026, 4, 1, 22, tzinfo=UTC), 7)
    assert found.astimezone(UTC) == datetime(2026, 3, 25, 23, tzinfo=UTC)
    opened.close()


def test_each_moment_is_watched_until_the_end_or_the_horizon(stores: Stores) -> None:
    found = learnt(stores)
    assert found.moments == 5
    assert len(found.rows) == len(found.watched.days) == len(found.held_out)
    quiet = found.watched.days[~found.watched.bought]
    # Moments lie 14, 28, 42 … days before the end.
    assert sorted(set(quiet.tolist())) == [14, 28, 30]
    assert found.watched.days.max() == 30
    assert found.how.names == ("Order Completed", "Product Viewed")


def test_a_fifth_of_the_people_is_held_out_at_every_moment(stores: Stores) -> None:
    found = learnt(stores)
    assert found.held_out.mean() == pytest.approx(0.2, abs=0.02)
    # Everybody has bought by the first of the moments, so each has the same people in the same order.
    each = found.held_out.reshape(5, -1)
    assert (each == each[0]).all()
    assert (learnt(stores, seed=1).held_out != found.held_out).any()


def test_nothing_from_the_end_on_is_seen(stores: Stores, tmp_path: Path) -> None:
    with_more = announced_shop(tmp_path, people=120, days=260)
    late = [
        {"customer": f"c{n}", "order_id": f"x{n}", "ordered_at": END, "revenue": 9}
        for n in range(90)
    ]
    add_orders(with_more, late)
    add_events(
        with_more,
        [{"customer": f"c{n}", "event": "Late", "occurred_at": day(200 + n)} for n in range(90)],
    )
    one, other = learnt(stores), learnt(with_more)
    assert same(one.rows, other.rows)
    assert one.watched.days.tolist() == other.watched.days.tolist()
    assert one.how == other.how
    with_more.close()


def test_chunks_are_the_whole(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    how = learnt(stores).how
    snapshot = stores.lake.pin(*TIME_COLUMNS)
    (whole,) = read_chunks(stores, END, how, snapshot, 1_000)
    monkeypatch.setattr("aimwell.predict.deep.reading._ROWS_A_BATCH", 100)
    parts = list(read_chunks(stores, END, how, snapshot, 25))
    assert [len(part) for part in parts] == [25, 25, 25, 25, 20]
    assert same(Sequences.joined(parts), whole)


def test_too_little_is_refused_with_numbers(stores: Stores, tmp_path: Path) -> None:
    with pytest.raises(TooLittleDataError, match=r"counted at each moment: 120 of at least 500"):
        learnt(stores, moments=1)
    empty = make_stores(tmp_path)
    with pytest.raises(TooLittleDataError, match="0 of at least 500"):
        learnt(empty)
    empty.close()
