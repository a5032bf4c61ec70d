"""Refreshes: who entered and left is written once, whole, and in one order; on both control databases."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.segment import Segment
from aimwell.definitions.service import apply, remove
from aimwell.errors import SegmentError, StoreError, UnknownDefinitionError
from aimwell.segment.membership.refreshing import current_members, refresh
from aimwell.segment.model import SegmentCount
from aimwell.segment.service import members
from aimwell.store.lake import Lake
from aimwell.store.schema import metadata
from aimwell.store.sql import sql
from aimwell.store.stores import Stores, open_stores
from shop import add_events, add_people, add_traits, day, make_stores, merge_people, origin

VIP = {"trait": "vip", "is": True}
RECENT = {"event": "Login", "within": "10d"}


def define(stores: Stores, rules: Mapping[str, Any]) -> None:
    found = [check({"kind": "segment", "name": name, "rule": rule}) for name, rule in rules.items()]
    apply(stores.control, found, now=day(0), by="test")


def set_vip(stores: Stores, customer: str, value: str | None, at: datetime) -> None:
    add_traits(stores, [{"customer": customer, "name": "vip", "value": value, "set_at": at}])


def written(stores: Stores) -> list[tuple[Any, ...]]:
    with stores.engine.session() as session:
        session.bind("memberships", stores.lake.pin("memberships").tables["memberships"])
        query = (
            "SELECT segment, change, origin_id, occurred_at, revision FROM memberships ORDER BY ALL"
        )
        return session.rows(sql(query))


def now_in(stores: Stores, segment: str, as_of: datetime | None = None) -> dict[str, Any]:
    table = current_members(stores, segment, as_of=as_of)
    return {row["profile_id"]: row["since"] for row in table.to_pylist()}


def test_who_enters_and_leaves_is_written(tmp_path: Path, control_url: str) -> None:
    stores = make_stores(tmp_path, control_url)
    ann, bob = origin(stores, "ann"), origin(stores, "bob")
    define(stores, {"vip": VIP, "none": {"trait": "vip", "is": "perhaps"}})
    set_vip(stores, "ann", "true", day(1))
    set_vip(stores, "bob", "true", day(3))
    set_vip(stores, "ann", "no", day(5))
    set_vip(stores, "ann", "true", day(7))

    none = SegmentCount("none", 1, 0, 0, 0)
    assert refresh(stores, now=day(2)) == (none, SegmentCount("vip", 1, 1, 1, 0))
    assert now_in(stores, "vip") == {ann: day(2)}
    assert refresh(stores, now=day(4)) == (none, SegmentCount("vip", 1, 2, 1, 0))
    assert refresh(stores, now=day(6)) == (none, SegmentCount("vip", 1, 1, 0, 1))
    assert now_in(stores, "vip") == {bob: day(4)}
    assert refresh(stores, now=day(8)) == (none, SegmentCount("vip", 1, 2, 1, 0))
    assert now_in(stores, "vip") == {ann: day(8), bob: day(4)}
    assert now_in(stores, "vip", day(6)) == {ann: day(2), bob: day(4)}
    assert now_in(stores, "none") == {}
    changes = [(row[1], row[2], row[3]) for row in written(stores) if row[1] != "snapshot"]
    assert sorted(changes, key=lambda row: row[2]) == [
        ("entered", ann, day(2)),
        ("entered", bob, day(4)),
        ("left", ann, day(6)),
        ("entered", ann, day(8)),
    ]
    stores.close()


def test_a_repeated_refresh_writes_nothing_and_gives_the_same_counts(
    tmp_path: Path, control_url: str
) -> None:
    stores = make_stores(tmp_path, control_url)
    define(stores, {"vip": VIP})
    set_vip(stores, "ann", "true", day(1))
    first = refresh(stores, now=day(2))
    before = written(stores)
    set_vip(stores, "bob", "true", day(1))  # came late, but that refresh has been
    assert refresh(stores, now=day(2)) == first
    assert written(stores) == before
    with pytest.raises(SegmentError, match="already"):
        refresh(stores, now=day(1.5))
    assert refresh(stores, now=day(3)) == (SegmentCount("vip", 1, 2, 1, 0),)
    stores.close()


def test_a_crash_before_the_commit_loses_nothing_and_counts_nobody_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores = make_stores(tmp_path)
    define(stores, {"vip": VIP})
    set_vip(stores, "ann", "true", day(1))

    def broken(*_arguments: Any, **_named: Any) -> bool:
        raise StoreError("the machine stopped")

    with monkeypatch.context() as patch:
        patch.setattr(Lake, "append", broken)
        with pytest.raises(StoreError, match="stopped"):
            refresh(stores, now=day(2))
    assert written(stores) == []
    assert refresh(stores, now=day(2)) == (SegmentCount("vip", 1, 1, 1, 0),)
    assert len(written(stores)) == 2
    stores.close()


def test_a_process_that_was_overtaken_cannot_write_into_the_past(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores = make_stores(tmp_path)
    define(stores, {"vip": VIP})
    set_vip(stores, "ann", "true", day(1))
    append, overtaken = Lake.append, []

    def slow(lake: Lake, *arguments: Any, **named: Any) -> bool:
        # While this process sleeps it loses its lease, and another one refreshes as of a later moment.
        if not overtaken:
            overtaken.append(True)
            with stores.control.begin() as connection:
                connection.execute(
                    sa.delete(metadata.tables["leases"]).where(
                        metadata.tables["leases"].c.name == "segments"
                    )
                )
            other = open_stores(stores.root)
            refresh(other, now=day(4))
            other.close()
        return append(lake, *arguments, **named)

    monkeypatch.setattr(Lake, "append", slow)
    with pytest.raises(SegmentError, match="as of a later moment in the meantime"):
        refresh(stores, now=day(3))
    assert {row[3] for row in written(stores)} == {day(4)}
    stores.close()


def test_some_segments_can_be_refreshed_alone(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    define(stores, {"vip": VIP, "recent": RECENT})
    set_vip(stores, "ann", "true", day(1))
    add_events(stores, [{"customer": "ann", "event": "Login", "occurred_at": day(1)}])
    assert refresh(stores, now=day(2), segments=["vip"]) == (SegmentCount("vip", 1, 1, 1, 0),)
    assert now_in(stores, "recent") == {}
    # At the same moment the rest is still to do; what stands is left as it is.
    assert refresh(stores, now=day(2)) == (
        SegmentCount("recent", 1, 1, 1, 0),
        SegmentCount("vip", 1, 1, 1, 0),
    )
    assert len(written(stores)) == 4
    assert refresh(stores, now=day(3), segments=[]) == ()
    with pytest.raises(UnknownDefinitionError, match="Did you mean 'vip'"):
        refresh(stores, now=day(3), segments=["vipp"])
    stores.close()


def test_a_changed_rule_moves_people_and_a_removed_one_lets_them_go(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    define(stores, {"vip": VIP, "recent": RECENT})
    for name in ("ann", "bob"):
        set_vip(stores, name, "true", day(1))
    add_events(stores, [{"customer": "ann", "event": "Login", "occurred_at": day(1)}])
    refresh(stores, now=day(2))
    define(stores, {"vip": {"all": [VIP, {"event": "Login"}]}})
    assert refresh(stores, now=day(3)) == (
        SegmentCount("recent", 1, 1, 0, 0),
        SegmentCount("vip", 2, 1, 0, 1),
    )
    remove(stores.control, "segment", "recent", now=day(3), by="test")
    assert refresh(stores, now=day(4), segments=["vip"]) == (SegmentCount("vip", 2, 1, 0, 0),)
    assert refresh(stores, now=day(5)) == (
        SegmentCount("recent", 1, 0, 0, 1),
        SegmentCount("vip", 2, 1, 0, 0),
    )
    assert refresh(stores, now=day(6)) == (SegmentCount("vip", 2, 1, 0, 0),)
    with pytest.raises(UnknownDefinitionError):
        current_members(stores, "recent")
    stores.close()


def test_merged_people_stay_in_and_erased_ones_leave_no_new_trace(
    tmp_path: Path, control_url: str
) -> None:
    stores = make_stores(tmp_path, control_url)
    define(stores, {"vip": VIP})
    for name in ("ann", "bob", "cid"):
        set_vip(stores, name, "true", day(1))
    refresh(stores, now=day(2))
    both = merge_people(stores, ["ann", "bob"])
    profiles = metadata.tables["profiles"]
    with stores.control.begin() as connection:
        gone = origin(stores, "cid")
        connection.execute(sa.delete(profiles).where(profiles.c.profile_id == gone))
    assert now_in(stores, "vip") == {both: day(2)}
    assert refresh(stores, now=day(3)) == (SegmentCount("vip", 1, 1, 0, 0),)
    assert [row[2] for row in written(stores) if row[3] == day(3)] == [both]
    stores.close()


@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=4), min_size=1, max_size=4
    )
)
def test_members_by_the_changes_are_members_by_the_rule(
    tmp_path_factory: pytest.TempPathFactory, steps: list[list[tuple[int, bool]]]
) -> None:
    stores = make_stores(tmp_path_factory.mktemp("changes"))
    define(stores, {"vip": VIP, "others": {"not": {"segment": "vip"}}})
    add_people(stores, [{"customer": str(n)} for n in range(6)])
    total = {"vip": 0, "others": 0}
    for number, step in enumerate(steps):
        for person, vip in step:
            set_vip(stores, str(person), str(vip).lower(), day(number))
        now = day(number) + timedelta(hours=1)
        for count in refresh(stores, now=now):
            total[count.segment] += count.entered - count.left
            by_rule = members(stores, count.segment, as_of=now).column("profile_id").to_pylist()
            assert list(now_in(stores, count.segment)) == by_rule
            assert count.members == len(by_rule) == total[count.segment]
    stores.close()


def test_segments_are_typed() -> None:
    found = check({"kind": "segment", "name": "vip", "rule": VIP})
    assert isinstance(found, Segment)
    assert SegmentCount("vip", 1, 2, 1, 0).to_dict() == {
        "segment": "vip",
        "revision": 1,
        "members": 2,
        "entered": 1,
        "left": 0,
        "failure": None,
    }
