"""A flush asks only those files of the lake that may hold one of its messages, and never misses one."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.collect.desk import open_desk
from aimwell.collect.tracking import message_index
from aimwell.collect.tracking.flush import flush_inbox
from aimwell.collect.tracking.message_index import MessageIndex
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
        index = MessageIndex(stores.folder("message-index"), desk.session)
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
    monkeypatch.setattr(message_index, "_meet", lambda *_: True)
    put(stores, *seen("a1", "b1"))
    report = flush_inbox(stores, now=NOW)
    assert (report.taken, report.duplicates) == (1, 1)


def test_an_engine_that_hashes_otherwise_makes_its_own_lists(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(stores, *seen("a1"))
    flush_inbox(stores, now=NOW)
    own = message_index._hash
    monkeypatch.setattr(message_index, "_hash", lambda source, event_id: own(event_id, source))
    put(stores, *seen("a1"))
    assert flush_inbox(stores, now=NOW).duplicates == 1


HASHES = st.lists(st.integers(0, 30) | st.integers(2**64 - 3, 2**64 - 1), max_size=12)


@given(HASHES, HASHES)
def test_two_sorted_lists_meet_where_they_have_something_in_common(
    one: list[int], other: list[int]
) -> None:
    first, second = (np.array(sorted(values), np.uint64) for values in (one, other))
    assert message_index._meet(first, second) == bool(set(one) & set(other))
