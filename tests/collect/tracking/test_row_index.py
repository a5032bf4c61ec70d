"""A flush asks only those files of the lake that may hold one of its messages, and never misses one."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.collect.desk import open_desk
from aimwell.collect.tracking import row_index
from aimwell.collect.tracking.flush import flush_inbox
from aimwell.collect.tracking.row_index import RowIndex
from aimwell.store.stores import Stores
from tracked import NOW, put, rows


def seen(*ids: str) -> list[dict[str, str]]:
    return [{"type": "track", "event": "E", "userId": "ann", "messageId": one} for one in ids]


def files_for(stores: Stores, *asked: tuple[str, str]) -> int:
    """How many files of the lake are read for these messages (source, id)."""
    events = stores.lake.pin("events").tables["events"]
    sources, ids = [one[0] for one in asked], [one[1] for one in asked]
    with open_desk(stores) as desk:
        columns = [pa.array(values, pa.string()) for values in (sources, ids)]
        desk.session.bind("asked", pa.table(columns, names=["source", "event_id"]))
        index = RowIndex(stores.folder("message-index"), desk.session, ("source", "event_id"))
        return len(index.narrowed(events, "asked").files)


def test_only_the_files_are_read_that_hold_a_message(stores: Stores) -> None:
    for day in ("a", "b", "c"):
        put(stores, *seen(f"{day}1", f"{day}2"))
        flush_inbox(stores, now=NOW)
    assert files_for(stores, ("web", "new"), ("app", "a1"), ("we", "ba1")) == 0
    assert files_for(stores, ("web", "a1"), ("web", "a2"), ("web", "new")) == 1
    assert files_for(stores, ("web", "c2"), ("web", "a1")) == 2
    assert files_for(stores) == 0


def test_messages_are_known_whatever_became_of_their_files_or_lists(stores: Stores) -> None:
    put(stores, *seen("a1", "a2"))
    put(stores, *seen("a3"))
    flush_inbox(stores, now=NOW, batch_bytes=1)
    [folder] = stores.folder("message-index").iterdir()
    put(stores, *seen("a1", "b1"))
    assert flush_inbox(stores, now=NOW).duplicates == 1
    before = {path.name for path in folder.iterdir()}
    assert stores.lake.compact("events") > 0
    put(stores, *seen("a2", "b1", "c1"))
    assert flush_inbox(stores, now=NOW).duplicates == 2
    assert before.isdisjoint(path.name for path in folder.iterdir())
    for path in folder.iterdir():
        path.unlink()
    (folder / "cut.part").write_bytes(b"12345")  # what a killed flusher leaves
    (folder.parent / "notes.txt").write_text("what somebody left")
    put(stores, *seen("a3", "c1"))
    assert flush_inbox(stores, now=NOW).duplicates == 2
    for left in (0, 4, 8, 16):  # lists that were cut
        for path in folder.iterdir():
            path.write_bytes(path.read_bytes()[:left])
        put(stores, *seen("a1", "a3", "c1"))
        assert flush_inbox(stores, now=NOW).duplicates == 3
    assert [row[0] for row in rows(stores, "events", "event_id")] == ["a1", "a2", "a3", "b1", "c1"]


def test_what_only_looks_known_is_taken(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    put(stores, *seen("a1"))
    flush_inbox(stores, now=NOW)
    monkeypatch.setattr(row_index, "_meet", lambda *_: True)
    put(stores, *seen("a1", "b1"))
    report = flush_inbox(stores, now=NOW)
    assert (report.taken, report.duplicates) == (1, 1)


def test_an_engine_that_hashes_otherwise_makes_its_own_lists(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(stores, *seen("a1"))
    flush_inbox(stores, now=NOW)
    own = row_index._hash
    monkeypatch.setattr(row_index, "_hash", lambda *parts: own(*reversed(parts)))
    put(stores, *seen("a1"))
    assert flush_inbox(stores, now=NOW).duplicates == 1


def order(event: str, number: str, message: str, **told: object) -> dict[str, object]:
    properties = {"order_id": number, **told}
    return {**seen(message)[0], "event": event, "properties": properties}


def test_an_order_is_looked_for_where_it_or_what_came_back_of_it_stands(stores: Stores) -> None:
    products = [{"product_id": "p", "price": 5, "quantity": 2}]
    for number in ("1", "2", "3"):
        put(stores, order("Order Completed", number, f"m{number}", products=products))
        flush_inbox(stores, now=NOW)
    put(stores, order("Order Refunded", "1", "m4"))
    flush_inbox(stores, now=NOW)
    kinds = ("order_id", "kind", "revenue")
    assert [row[:2] for row in rows(stores, "orders", *kinds)] == [
        ("1", "return"), ("1", "sale"), ("2", "sale"), ("3", "sale"),
    ]  # fmt: skip
    orders = stores.lake.pin("orders").tables["orders"]
    with open_desk(stores) as desk:
        keys = ("order_id",), ("original_order_id",)
        index = RowIndex(stores.folder("orders-index"), desk.session, *keys)
        for asked, files in ((["1"], 2), (["2"], 1), (["1", "3", "9"], 3), (["9"], 0)):
            desk.session.bind("asked", pa.table({"order_id": asked}))
            assert len(index.narrowed(orders, "asked").files) == files


HASHES = st.lists(st.integers(0, 30) | st.integers(2**64 - 3, 2**64 - 1), max_size=12)


@given(HASHES, HASHES)
def test_two_sorted_lists_meet_where_they_have_something_in_common(
    one: list[int], other: list[int]
) -> None:
    first, second = (np.array(sorted(values), np.uint64) for values in (one, other))
    assert row_index._meet(first, second) == bool(set(one) & set(other))
