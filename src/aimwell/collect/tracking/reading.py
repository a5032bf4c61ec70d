"""Reads segments into the working tables of a flush; many of them in a second process as well.

Looking at each message is Python's work and takes half of a flush, and one process uses one core. So from some size on
a helper reads some of the segments: a process that is told by its standard input which ones there are, takes from
their end what nobody has claimed, writes its own files of the same tables, and says by its standard output what it
found. Where it fails, its segments are read here. It loads no more than it needs, for its start is part of its price.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aimwell.collect.tracking.messages import Fault, read_messages, too_deep
from aimwell.collect.tracking.records import unpack
from aimwell.collect.tracking.sheets import SHEETS, Rules, Sheets
from aimwell.definitions.nobody import ids_in
from aimwell.store.inbox import Records, read_segment

if TYPE_CHECKING:
    from aimwell.definitions.kinds.source import Tracking
    from aimwell.privacy.inbox_cipher import RecordCipher

__all__ = ["Read", "helper_main", "read_segments"]

_APART_BYTES_MIN = 64 * 1024 * 1024
_PLACE_SHIFT = 32  # so many messages fit into one segment's numbers
_HELPER = "from aimwell.collect.tracking.reading import helper_main; helper_main()"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Read:
    """What was read: where the files of each table are, how many messages, faults, bytes lost by segment, and which."""

    files: Mapping[str, tuple[Path, ...]]
    messages: int
    faults: int
    robots: int
    damaged: Mapping[str, int]
    places: frozenset[int]


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
    rules = {
        name: Rules(frozenset(one.not_personal), one.orders, ids_in(one.nobody), one.robots)
        for name, one in sources.items()
    }
    numbered = list(enumerate(paths))
    alone = (os.cpu_count() or 1) < 2 or len(paths) < 2
    if alone or sum(path.stat().st_size for path in paths) < apart_bytes_min:
        return _read(numbered, folder / "own", rules, cipher)
    claims = folder / "claims"
    claims.mkdir(parents=True)
    # The helper's from the beginning; while it starts, the others are read here.
    theirs, shared = numbered[-1:], numbered[:-1]
    helper = _begin(theirs, shared, folder, rules, cipher)
    try:
        own = _read(shared, folder / "own", rules, cipher, claim=partial(_claim, claims))
    except BaseException:
        helper.kill()
        helper.wait()
        raise
    found = _end(helper, folder / "helper")
    if found is None:
        shutil.rmtree(folder / "helper", ignore_errors=True)
        left = [one for one in numbered if one[0] not in own.places]
        found = _read(left, folder / "again", rules, cipher)
    return Read(
        {name: (*own.files[name], *found.files[name]) for name in SHEETS},
        own.messages + found.messages,
        own.faults + found.faults,
        own.robots + found.robots,
        {**own.damaged, **found.damaged},
        own.places | found.places,
    )


def _claim(claims: Path, place: int) -> bool:
    """Whether the segment is for this process to read."""
    try:
        (claims / str(place)).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _read(
    numbered: Iterable[tuple[int, Path]],
    folder: Path,
    rules: Mapping[str, Rules],
    cipher: RecordCipher | None,
    *,
    claim: Callable[[int], bool] = lambda _: True,
) -> Read:
    sheets, damaged, places = Sheets(folder, rules), {}, set()
    others = Rules()
    for place, path in numbered:
        if not claim(place):
            continue
        places.add(place)
        sheets.count_from(place << _PLACE_SHIFT)
        records: Records = read_segment(path, cipher=cipher)
        for record in records:
            kept = unpack(record)
            nobody = rules.get(kept.source, others).nobody
            read = read_messages(kept.body, kept.received, nobody=nobody)
            for at, found in enumerate(read):
                if isinstance(found, Fault):
                    sheets.add_fault(kept.source, found, kept.received.received_at)
                    continue
                try:
                    sheets.add(kept.source, found)
                except RecursionError:
                    sheets.add_fault(
                        kept.source,
                        too_deep(kept.body, kept.received, at),
                        kept.received.received_at,
                    )
        if records.damaged:
            damaged[path.name] = records.lost_bytes
    sheets.write()
    files = {name: tuple(sheets.files(name)) for name in SHEETS}
    return Read(files, sheets.messages, sheets.faults, sheets.robots, damaged, frozenset(places))


def _begin(
    theirs: Sequence[tuple[int, Path]],
    shared: Sequence[tuple[int, Path]],
    folder: Path,
    rules: Mapping[str, Rules],
    cipher: RecordCipher | None,
) -> subprocess.Popen[bytes]:
    asked = {
        "own": [[place, str(path)] for place, path in theirs],
        "shared": [[place, str(path)] for place, path in reversed(shared)],
        "folder": str(folder),
        "rules": {
            name: [sorted(one.not_personal), one.orders, sorted(one.nobody), one.robots]
            for name, one in rules.items()
        },
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
    return Read(
        files,
        found["messages"],
        found["faults"],
        found["robots"],
        found["damaged"],
        frozenset(found["places"]),
    )


def helper_main() -> None:
    """The helper: what to read by standard input, what was found by standard output."""
    asked: dict[str, Any] = json.load(sys.stdin)
    folder = Path(asked["folder"])
    own = {place for place, _ in asked["own"]}
    found = _read(
        [(place, Path(path)) for place, path in (*asked["own"], *asked["shared"])],
        folder / "helper",
        {
            name: Rules(frozenset(safe), orders, frozenset(nobody), robots)
            for name, (safe, orders, nobody, robots) in asked["rules"].items()
        },
        _cipher(asked["key"]),
        claim=lambda place: place in own or _claim(folder / "claims", place),
    )
    told = {
        "messages": found.messages,
        "faults": found.faults,
        "robots": found.robots,
        "damaged": dict(found.damaged),
        "places": sorted(found.places),
    }
    sys.stdout.write(json.dumps(told))


def _cipher(key: str | None) -> RecordCipher | None:
    if key is None:
        return None
    from aimwell.privacy.inbox_cipher import RecordCipher  # loads far more than the rest of this

    return RecordCipher(bytes.fromhex(key))
