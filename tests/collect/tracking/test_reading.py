"""Segments read by two processes give what one gives, also where the second one dies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from aimwell.collect.tracking import reading
from aimwell.collect.tracking.door import inbox_folder
from aimwell.collect.tracking.reading import Read, read_segments
from aimwell.definitions.kinds.source import Tracking
from aimwell.privacy.inbox_cipher import inbox_cipher
from aimwell.store.inbox import sealed_segments
from aimwell.store.stores import Stores
from tracked import put


def content(read: Read) -> dict[str, list[Any]]:
    return {
        name: sorted((row for file in files for row in pq.read_table(file).to_pylist()), key=str)
        for name, files in read.files.items()
    }


@pytest.mark.parametrize("greedy", [False, True])
@pytest.mark.parametrize("dies", [False, True])
def test_two_processes_read_as_one(
    stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies: bool, greedy: bool
) -> None:
    """A greedy helper gets all segments; where it dies, it does so after it has read them."""
    monkeypatch.setenv("AIMWELL_INBOX_KEY", "0f" * 32)
    for n in range(3):
        seen = {"type": "track", "userId": f"u{n}", "event": "E", "messageId": f"m{n}"}
        put(stores, seen, {"type": "buy"}, {**seen, "properties": {"phone": "X1"}})
    paths = sealed_segments(inbox_folder(stores))
    sources = {"web": Tracking(not_personal=("phone",), nobody=("u2",))}
    cipher = inbox_cipher(stores)
    alone = read_segments(paths, tmp_path / "alone", sources, cipher=cipher)
    if greedy:
        monkeypatch.setattr(reading, "_claim", lambda *_: False)
    if dies:
        before = f"{reading._HELPER}; " if greedy else ""
        monkeypatch.setattr(reading, "_HELPER", f"{before}raise SystemExit(9)")
    both = read_segments(paths, tmp_path / "both", sources, cipher=cipher, apart_bytes_min=0)
    assert (both.messages, both.faults, both.damaged) == (4, 5, {})
    assert content(both) == content(alone)
    assert (tmp_path / "both" / "helper").exists() is not dies
    assert any(
        '"phone":"X1"' in row["properties"]
        for row in content(both)["messages"]
        if row["properties"]
    )
