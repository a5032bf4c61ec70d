"""Reads segments into the working tables of a flush; many of them in a second process as well.

Looking at each message is Python's work and takes most of a flush, and one process uses one core. So from some size on
half of the segments are read by a helper: a process that is told by its standard input which segments to read, writes
its own files of the same tables, and says by its standard output what it found. Where it fails, its segments are
read here.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aimwell.collect.tracking.messages import Fault, Message, read_messages
from aimwell.collect.tracking.records import unpack
from aimwell.collect.tracking.sheets import SHEETS, Sheets
from aimwell.definitions.kinds.source import Tracking
from aimwell.privacy.inbox_cipher import RecordCipher
from aimwell.store.inbox import Records, read_segment

__all__ = ["Read", "helper_main", "read_segments"]

_APART_BYTES_MIN = 64 * 1024 * 1024
_PLACE_SHIFT = 32  # so many messages fit into one segment's numbers
_HELPER = "from aimwell.collect.tracking.reading import helper_main; helper_main()"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Read:
    """What was read: where the files of each table are, how many messages, faults, and bytes lost by segment."""

    files: Mapping[str, tuple[Path, ...]]
    messages: int
    faults: int
    damaged: Mapping[str, int]


def read_segments(
    paths: Sequence[Path],
    folder: Path,
    sources: Mapping[str, Tracking],
    *,
    cipher: RecordCipher | None = None,
    apart_bytes_min: int = _APART_BYTES_MIN,
) -> Read:
    """Read segments, in their order, into files below `folder`.

    Args:
        paths: Sealed segments.
        folder: A folder of the caller's own.
        sources: What each tracking source says of its messages.
        cipher: Opens their records.
        apart_bytes_min: From this size on a helper reads half of them.
    """
    numbered = list(enumerate(paths))
    sizes = {path: path.stat().st_size for path in paths}
    alone = (os.cpu_count() or 1) < 2 or len(paths) < 2
    if alone or sum(sizes.values()) < apart_bytes_min:
        return _read(numbered, folder / "own", sources, cipher)
    mine, theirs = _halves(numbered, sizes)
    helper = _begin(theirs, folder / "helper", sources, cipher)
    own = _read(mine, folder / "own", sources, cipher)
    found = _end(helper, folder / "helper")
    if found is None:
        shutil.rmtree(folder / "helper", ignore_errors=True)
        found = _read(theirs, folder / "again", sources, cipher)
    return Read(
        {name: (*own.files[name], *found.files[name]) for name in SHEETS},
        own.messages + found.messages,
        own.faults + found.faults,
        {**own.damaged, **found.damaged},
    )


def _halves(
    numbered: Sequence[tuple[int, Path]], sizes: Mapping[Path, int]
) -> tuple[list[tuple[int, Path]], list[tuple[int, Path]]]:
    """Two parts of about one size; the helper's is the smaller, because it has to start first."""
    mine: list[tuple[int, Path]] = []
    theirs: list[tuple[int, Path]] = []
    weights = [0, 0]
    for place, path in sorted(numbered, key=lambda one: -sizes[one[1]]):
        part = 0 if weights[0] <= weights[1] else 1
        (mine, theirs)[part].append((place, path))
        weights[part] += sizes[path]
    return sorted(mine), sorted(theirs)


def _read(
    numbered: Sequence[tuple[int, Path]],
    folder: Path,
    sources: Mapping[str, Tracking],
    cipher: RecordCipher | None,
) -> Read:
    sheets, damaged = Sheets(folder, sources), {}
    for place, path in numbered:
        sheets.count_from(place << _PLACE_SHIFT)
        records: Records = read_segment(path, cipher=cipher)
        for record in records:
            kept = unpack(record)
            for found in read_messages(kept.body, kept.received):
                if isinstance(found, Fault):
                    sheets.add_fault(kept.source, found, kept.received.received_at)
                    continue
                try:
                    sheets.add(kept.source, found)
                except RecursionError:
                    sheets.add_fault(kept.source, _too_deep(found), kept.received.received_at)
        if records.damaged:
            damaged[path.name] = records.lost_bytes
    sheets.write()
    files = {name: tuple(sheets.files(name)) for name in SHEETS}
    return Read(files, sheets.messages, sheets.faults, damaged)


def _too_deep(message: Message) -> Fault:
    return Fault(
        reason="nested_too_deeply",
        detail="its objects are nested more deeply than can be read",
        field=None,
        content=f'{{"messageId":"{message.message_id[:20]}"}}',
    )


def _begin(
    numbered: Sequence[tuple[int, Path]],
    folder: Path,
    sources: Mapping[str, Tracking],
    cipher: RecordCipher | None,
) -> subprocess.Popen[bytes]:
    asked = {
        "segments": [[place, str(path)] for place, path in numbered],
        "folder": str(folder),
        "sources": {name: one.model_dump(mode="json") for name, one in sources.items()},
        "key": cipher.key.hex() if cipher else None,
    }
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", _HELPER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None  # noqa: S101 - asked for above
    try:
        process.stdin.write(json.dumps(asked).encode())
        process.stdin.close()
    except BrokenPipeError:  # it has died; its end tells
        pass
    return process


def _end(process: subprocess.Popen[bytes], folder: Path) -> Read | None:
    """What the helper found; None where it failed."""
    assert process.stdout is not None  # noqa: S101 - asked for where it was begun
    with process.stdout:
        told = process.stdout.read()
    if process.wait() != 0:
        _log.warning("the helper of a flush ended with %d; its part is read again", process.wait())
        return None
    found = json.loads(told)
    files = {name: tuple(sorted((folder / name).glob("*.parquet"))) for name in SHEETS}
    return Read(files, found["messages"], found["faults"], found["damaged"])


def helper_main() -> None:
    """The helper: what to read by standard input, what was found by standard output."""
    asked: dict[str, Any] = json.load(sys.stdin)
    found = _read(
        [(place, Path(path)) for place, path in asked["segments"]],
        Path(asked["folder"]),
        {name: Tracking.model_validate(one) for name, one in asked["sources"].items()},
        RecordCipher(bytes.fromhex(asked["key"])) if asked["key"] else None,
    )
    told = {"messages": found.messages, "faults": found.faults, "damaged": dict(found.damaged)}
    sys.stdout.write(json.dumps(told))
