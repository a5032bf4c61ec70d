"""Pins, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
import sqlalchemy as sa

from aimwell.store.control import Control
from aimwell.store.pins import Pins
from aimwell.store.versions import Snapshot, TableVersion

NOW = datetime.now(UTC)
LATER, EARLIER = NOW + timedelta(hours=1), NOW - timedelta(hours=1)


def snapshot(**versions: int) -> Snapshot:
    tables = {name: TableVersion(name, nr, (), pa.schema([])) for name, nr in versions.items()}
    return Snapshot(tables)


def test_versions_are_pinned_by_table_until_their_owner_gives_them_up(control: Control) -> None:
    pins = Pins(control)
    pins.pin(snapshot(events=3, orders=5), owner="a", until=LATER)
    pins.pin(snapshot(events=4), owner="a", until=LATER)
    pins.pin(snapshot(events=3), owner="b", until=LATER)
    assert pins.versions("events") == {3, 4}
    assert pins.versions("orders") == {5}
    assert pins.versions("products") == frozenset()
    assert pins.unpin("a") == 3
    assert pins.versions("events") == {3}
    assert pins.unpin("nobody") == 0


def test_a_pin_holds_until_its_time_and_can_be_prolonged(control: Control) -> None:
    pins = Pins(control)
    pins.pin(snapshot(events=1), owner="a", until=EARLIER)
    assert pins.versions("events") == frozenset()
    pins.pin(snapshot(events=2), owner="a", until=EARLIER)
    pins.pin(snapshot(events=2), owner="a", until=LATER)
    assert pins.versions("events") == {2}


def test_a_time_without_a_zone_is_refused(control: Control) -> None:
    naive = datetime(2030, 1, 1)  # noqa: DTZ001 - it is the wrong input
    with pytest.raises(sa.exc.StatementError, match="no zone"):
        Pins(control).pin(snapshot(events=1), owner="a", until=naive)
