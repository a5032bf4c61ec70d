"""From the message to the person: a flush refreshes those whom it touched and hands their profiles on."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from aimwell.unify.live import flush_and_unify
from aimwell.unify.lookup import find_profile
from shop import make_stores
from tracked import NOW, put

LATER = NOW + timedelta(seconds=5)


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    return make_stores(tmp_path)


def test_a_login_stitches_what_was_done_before_and_the_person_is_handed_on(stores: Stores) -> None:
    told: list[frozenset[str]] = []

    def note(_stores: Stores, profiles: frozenset[str], _now: datetime) -> None:
        told.append(profiles)

    def flush() -> frozenset[str]:
        return flush_and_unify(stores, now=LATER, affected=[note]).profiles

    put(stores, {"type": "page", "anonymousId": "a-1", "messageId": "m1"})
    [stranger] = flush()
    login = {"type": "identify", "userId": "ann", "anonymousId": "a-1", "messageId": "m2"}
    put(stores, {**login, "traits": {"email": "ann@example.com", "plan": "pro"}})
    ann = find = flush()
    profile = find_profile(stores, "ann@example.com")
    assert profile in ann
    assert told == [{stranger}, find]
    profiles = metadata.tables["profiles"]
    with stores.read_control() as connection:
        rows = connection.execute(sa.select(profiles.c.profile_id, profiles.c.traits)).all()
    assert [row.profile_id for row in rows] == [profile]
    assert rows[0].traits == {"plan": "pro"}
    assert flush() == frozenset()


def test_a_hook_that_fails_is_told_again(stores: Stores) -> None:
    put(stores, {"type": "page", "anonymousId": "a-1", "messageId": "m1"})

    def fail(_stores: Stores, _profiles: frozenset[str], _now: datetime) -> None:
        raise RuntimeError("away")

    with pytest.raises(RuntimeError):
        flush_and_unify(stores, now=LATER, affected=[fail])
    told: list[frozenset[str]] = []
    flush_and_unify(stores, now=LATER, affected=[lambda _s, profiles, _n: told.append(profiles)])
    assert len(told) == 1
    assert len(told[0]) == 1
