"""What happened to messages reaches the lake, each event exactly once, whatever is killed when."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from aimwell.decide.service import approve
from aimwell.deliver import service as deliver
from aimwell.deliver.touches import flush_touches
from aimwell.errors import StoreError
from aimwell.history.moment import open_moment
from aimwell.store.lake import Lake
from aimwell.store.schema import metadata
from aimwell.store.sql import sql
from aimwell.store.stores import Stores
from campaigns import NOW, executed, planned, set_up
from child import child
from databases import shortly_on
from shop import day, make_stores

_events = metadata.tables["message_events"]
_messages = metadata.tables["messages"]
LATER = NOW + timedelta(minutes=5)

FLUSHER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from aimwell.deliver.touches import flush_touches
from aimwell.store.stores import open_stores

stores = open_stores(Path(sys.argv[1]))
print("ready", flush=True)
input()
print(flush_touches(stores, now=datetime.now(UTC)), flush=True)
stores.close()
"""


@pytest.fixture
def stores(tmp_path: Path, control_url: str) -> Stores:
    stores = make_stores(tmp_path, control_url)
    set_up(stores, 20, spring={"holdout": 0.0})
    executed(stores)
    return stores


def _add(stores: Stores, count: int, *, event: str = "Email Sent", at: datetime = NOW) -> None:
    with stores.control.begin() as connection:
        ids = connection.execute(sa.select(_messages.c.message_id)).scalars().all()
        connection.execute(
            sa.insert(_events),
            [
                {
                    "message_id": ids[number % len(ids)],
                    "event": event,
                    "occurred_at": at,
                    "machine": False,
                }
                for number in range(count)
            ],
        )


def _touches(stores: Stores) -> list[Any]:
    with open_moment(stores, as_of=day(3650)) as moment:
        return moment.session.rows(
            sql("SELECT touch_id, event, machine, message_id, channel, action, cost FROM touches")
        )


def test_rows_say_what_happened_to_which_message_and_what_it_cost(stores: Stores) -> None:
    _add(stores, 20)
    _add(stores, 20, event="Email Opened")
    assert flush_touches(stores, now=LATER) == 40
    assert flush_touches(stores, now=LATER) == 0
    rows = _touches(stores)
    assert Counter(row[1] for row in rows) == {"Email Sent": 20, "Email Opened": 20}
    assert {(row[1], row[6] is None) for row in rows} == {
        ("Email Sent", False),
        ("Email Opened", True),
    }
    assert {(row[4], row[5]) for row in rows} == {("email", "ten-email")}


def test_hits_wait_until_it_is_known_whether_they_are_a_machines(stores: Stores) -> None:
    _add(stores, 3, event="Email Link Clicked", at=LATER)
    assert flush_touches(stores, now=LATER + timedelta(seconds=70)) == 0
    with stores.control.begin() as connection:
        connection.execute(sa.update(_events).values(machine=True))
    assert flush_touches(stores, now=LATER + timedelta(seconds=80)) == 3
    assert [row[2] for row in _touches(stores)] == [True] * 3


@pytest.mark.parametrize("late", [False, True])
def test_a_crash_between_the_number_and_the_lake_writes_once(
    stores: Stores, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    _add(stores, 10)
    real = Lake.append

    def append(self: Lake, *given: Any, **named: Any) -> bool:
        if late:
            real(self, *given, **named)
        raise StoreError("killed")

    monkeypatch.setattr(Lake, "append", append)
    with pytest.raises(StoreError, match="killed"):
        flush_touches(stores, now=LATER)
    monkeypatch.undo()
    _add(stores, 5)
    assert flush_touches(stores, now=LATER) == (5 if late else 15)
    assert len({row[0] for row in _touches(stores)}) == len(_touches(stores)) == 15


def test_several_at_once_while_events_come_in(stores: Stores) -> None:
    done = threading.Event()
    written: list[int] = []

    def flush() -> None:
        while not done.is_set():
            written.append(flush_touches(stores, now=LATER))

    threads = [threading.Thread(target=flush) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        _add(stores, 7)
    done.set()
    for thread in threads:
        thread.join()
    written.append(flush_touches(stores, now=LATER))
    assert sum(written) == 70
    assert len({row[0] for row in _touches(stores)}) == len(_touches(stores)) == 70


def _kill_flushers(stores: Stores, *, kills: int, seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311 - moments to kill at
    added = 0
    for _ in range(kills):
        _add(stores, 50, at=datetime(2026, 3, 3, tzinfo=UTC))
        added += 50
        with child(FLUSHER, stores.root) as flusher:
            assert flusher.line() == "ready"
            flusher.go()
            time.sleep(draw.random() * 0.15)
            flusher.kill()
    flush_touches(stores, now=LATER)
    rows = _touches(stores)
    assert len(rows) == added
    assert len({row[0] for row in rows}) == added


@shortly_on("sqlite")
@pytest.mark.slow
def test_killed_flushers_write_everything_once(stores: Stores, seed: int) -> None:
    _kill_flushers(stores, kills=3, seed=seed)


@pytest.mark.long
@pytest.mark.timeout(3_600)
def test_a_hundred_killed_flushers_write_everything_once(stores: Stores, seed: int) -> None:
    _kill_flushers(stores, kills=100, seed=seed)


EXECUTOR = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from aimwell.deliver.service import execute
from aimwell.store.stores import open_stores

stores = open_stores(Path(sys.argv[1]))
print("ready", flush=True)
input()
execute(stores, sys.argv[2], now=datetime.now(UTC), by="ann")
print("ended", flush=True)
stores.close()
"""


def _kill_executors(
    tmp_path: Path, control_url: str, *, people: int, kills: int, seed: int
) -> None:
    draw = random.Random(seed)  # noqa: S311 - moments to kill at
    stores = make_stores(tmp_path, control_url)
    set_up(stores, people)
    plan = planned(stores)
    approve(stores, plan.plan_id, now=NOW, by="ann")
    for _ in range(kills):
        with child(EXECUTOR, stores.root, plan.plan_id) as executor:
            assert executor.line() == "ready"
            executor.go()
            time.sleep(draw.random() * 0.8)
            executor.kill()
    deliver.execute(stores, plan.plan_id, now=LATER, by="ann")
    with stores.read_control() as connection:
        people_of = connection.execute(sa.select(_messages.c.profile_id)).scalars().all()
    assert len(people_of) == len(set(people_of)) == plan.summary["treated"]
    with open_moment(stores, as_of=day(999)) as moment:
        rows = moment.session.rows(sql("SELECT origin_id FROM assignments"))
    assert len(rows) == len({row[0] for row in rows}) == plan.summary["eligible"]
    stores.close()


@pytest.mark.slow
@shortly_on("postgresql")
def test_killed_executors_write_assignments_and_messages_once(
    tmp_path: Path, control_url: str, seed: int
) -> None:
    _kill_executors(tmp_path, control_url, people=1_500, kills=3, seed=seed)


@pytest.mark.long
@pytest.mark.timeout(3_600)
def test_a_hundred_killed_executors_write_everything_once(
    tmp_path: Path, control_url: str, seed: int
) -> None:
    _kill_executors(tmp_path, control_url, people=12_000, kills=100, seed=seed)
