"""Looks that are killed at any moment: all changes of one are written or none, and none twice."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from aimwell.definitions.catalogue import check
from aimwell.definitions.service import apply
from aimwell.segment.membership.refreshing import current_members, refresh
from aimwell.segment.service import members
from aimwell.store.sql import sql
from aimwell.store.stores import Stores
from child import child
from shop import add_events, add_people, day, make_stores

# argv: workspace, whether everybody is looked at
LOOK = """
import sys
from datetime import datetime, UTC
from pathlib import Path
from aimwell.jobs.model import utc_now
from aimwell.segment.membership.following import follow
from aimwell.segment.membership.refreshing import refresh
from aimwell.store.stores import open_stores
stores = open_stores(Path(sys.argv[1]))
print("ready", flush=True)
if sys.argv[2] == "True":
    refresh(stores, now=utc_now)
else:
    follow(stores, clock=utc_now, complete=True, wait_seconds=60)
print("done", flush=True)
"""
RULES = {
    "busy": {"event": "Login", "count": {"at_least": 2}},
    "idle": {"not": {"event": "Login"}},
}


def look(stores: Stores, *, everybody: bool, seconds: float | None) -> float:
    """In a child, killed after so long if it has not ended; gives how long it took or was let."""
    with child(LOOK, stores.root, everybody) as process:
        assert process.line() == "ready"
        begun = time.monotonic()
        if seconds is None:
            assert process.line() == "done"
        elif not process.wait(seconds):
            process.kill()
        return time.monotonic() - begun


def check_whole(stores: Stores) -> None:
    """Who entered is never in already, who left was in, and each snapshot is what these come to."""
    with stores.engine.session() as session:
        session.bind("memberships", stores.lake.pin("memberships").tables["memberships"])
        rows = session.rows(
            sql(
                """
                SELECT occurred_at, change, segment, origin_id FROM memberships
                ORDER BY occurred_at, CASE change WHEN 'snapshot' THEN 1 ELSE 0 END
                """
            )
        )
    inside: set[tuple[str, str]] = set()
    snapshots: dict[object, set[tuple[str, str]]] = {}
    after: dict[object, set[tuple[str, str]]] = {}
    for moment, change, segment, who in rows:
        key = (segment, who)
        if change == "snapshot":
            snapshots.setdefault(moment, set()).add(key)
            continue
        assert (key in inside) == (change == "left")
        inside ^= {key}
        after[moment] = set(inside)
    known: set[tuple[str, str]] = set()
    for moment in sorted({*snapshots, *after}, key=str):
        known = after.get(moment, known)
        if moment in snapshots:
            assert snapshots[moment] == known


def killed_many_times(tmp_path: Path, kills: int, seed: int) -> None:
    stores = make_stores(tmp_path)
    draw = random.Random(seed)  # noqa: S311
    names = [f"p{n}" for n in range(300)]
    add_people(stores, [{"customer": name} for name in names])
    found = [check({"kind": "segment", "name": name, "rule": rule}) for name, rule in RULES.items()]
    apply(stores.control, found, now=day(0), by="test")
    refresh(stores, now=day(1))
    takes = look(stores, everybody=True, seconds=None)
    for number in range(kills):
        some = draw.sample(names, 30)
        events = [
            {"customer": name, "event": "Login", "occurred_at": day(2 + number / 100)}
            for name in some
        ]
        add_events(stores, events)
        look(stores, everybody=draw.random() < 0.5, seconds=draw.uniform(0, 1.2 * takes))
    look(stores, everybody=False, seconds=None)
    check_whole(stores)
    for name in RULES:
        written = current_members(stores, name).column("profile_id").to_pylist()
        by_rule = members(stores, name, as_of=day(900)).column("profile_id").to_pylist()
        assert written == by_rule
    stores.close()


@pytest.mark.long
def test_killed_looks_write_all_or_nothing_and_none_twice(tmp_path: Path) -> None:
    killed_many_times(tmp_path, kills=60, seed=2)
