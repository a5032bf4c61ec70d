"""A transaction waits for another one of the same name, and for no other."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
import sqlalchemy as sa

from aimwell.store.control import Control
from aimwell.store.turns import take_turn
from postgres import PostgresServer


@pytest.fixture
def url(postgres_server: PostgresServer) -> Iterator[str]:
    found = postgres_server.fresh_database()
    yield found
    postgres_server.drop(found)


def test_the_second_of_a_name_waits_until_the_first_has_ended(url: str) -> None:
    told: list[str] = []

    def take(name: str) -> None:
        with closing(Control(url)) as control, control.begin() as connection:
            take_turn(connection, name)
            told.append(name)

    with closing(Control(url)) as control, control.begin() as connection:
        take_turn(connection, "one")
        same, other = (threading.Thread(target=take, args=[name]) for name in ("one", "other"))
        same.start()
        other.start()
        other.join(30)
        same.join(0.3)
        assert told == ["other"]
    same.join(30)
    assert told == ["other", "one"]


def test_sqlite_has_one_writer_anyway() -> None:
    engine = sa.create_engine("sqlite+pysqlite://")
    with engine.begin() as connection:
        take_turn(connection, "one")
