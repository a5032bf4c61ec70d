"""The inbox: what was acknowledged is there, whatever is killed or full, and it is there once."""

from __future__ import annotations

import asyncio
import json
import os
import random
import threading
import time
from pathlib import Path

import pytest

from aimwell.errors import InboxBusyError, StorageFullError, StoreError
from aimwell.store.inbox import (
    InboxWriter,
    read_segment,
    remove_segment,
    seal_abandoned,
    sealed_segments,
)
from aimwell.store.inbox import writer as writer_module
from child import child, eventually

SEED = int(os.environ.get("AIMWELL_TEST_SEED", "11"))


class Turn:
    """A cipher for tests alone: every bit turned, and bound to its segment."""

    def seal(self, payload: bytes, where: bytes) -> bytes:
        return where + bytes(byte ^ 0xFF for byte in payload)

    def open(self, sealed: bytes, where: bytes) -> bytes:
        assert sealed.startswith(where)
        return bytes(byte ^ 0xFF for byte in sealed[len(where) :])


def records(folder: Path, **options: object) -> list[bytes]:
    seal_abandoned(folder)
    return [
        record
        for segment in sealed_segments(folder)
        for record in read_segment(segment, **options)  # type: ignore[arg-type]
    ]


async def fill(writer: InboxWriter, payloads: list[bytes]) -> None:
    await asyncio.gather(*map(writer.append, payloads))
    await writer.close()


def test_all_that_was_appended_is_read_in_its_order(tmp_path: Path) -> None:
    payloads = [f"message {n}".encode() for n in range(500)]
    asyncio.run(fill(InboxWriter(tmp_path), payloads))
    assert records(tmp_path) == payloads
    assert [path.suffix for path in tmp_path.iterdir()] == [".sealed"]


def test_many_that_wait_share_one_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    syncs = []
    real = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda file: (syncs.append(file), real(file))[1])
    asyncio.run(fill(InboxWriter(tmp_path), [b"x"] * 1000))
    assert len(records(tmp_path)) == 1000
    assert len(syncs) < 20


def test_nothing_is_acknowledged_before_it_is_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, real, down = threading.Event(), os.fdatasync, []

    def sync(file: int) -> None:
        assert slow.wait(30)
        real(file)
        down.append(file)

    async def scenario() -> None:
        writer = InboxWriter(tmp_path)
        monkeypatch.setattr(os, "fdatasync", sync)
        slow.set()
        await writer.append(b"first")
        assert len(down) == 2  # the line at the top of the file, and the record
        slow.clear()
        waits = asyncio.ensure_future(writer.append(b"second"))
        await asyncio.sleep(0.2)
        assert not waits.done()
        slow.set()
        await waits
        assert len(down) == 3
        await writer.close()

    asyncio.run(scenario())
    assert records(tmp_path) == [b"first", b"second"]


def test_a_segment_is_sealed_at_its_size_and_at_its_age(tmp_path: Path) -> None:
    async def scenario() -> None:
        writer = InboxWriter(tmp_path, segment_bytes=1000, segment_seconds=0.05)
        for _ in range(5):
            await writer.append(b"x" * 999)
        assert len(sealed_segments(tmp_path)) == 4
        # Nothing more comes, and still the last one is sealed.
        for _ in range(200):
            await asyncio.sleep(0.02)
            if len(sealed_segments(tmp_path)) == 5:
                break
        assert len(sealed_segments(tmp_path)) == 5
        await writer.close()

    asyncio.run(scenario())
    assert len(records(tmp_path)) == 5


def test_segments_that_are_being_written_are_left_alone(tmp_path: Path) -> None:
    async def scenario() -> None:
        writer = InboxWriter(tmp_path, segment_seconds=60)
        await writer.append(b"one")
        assert seal_abandoned(tmp_path) == []
        assert sealed_segments(tmp_path) == []
        await writer.rotate()
        assert [list(read_segment(path)) for path in sealed_segments(tmp_path)] == [[b"one"]]
        await writer.append(b"two")
        await writer.close()

    asyncio.run(scenario())
    assert records(tmp_path) == [b"one", b"two"]


def test_with_a_cipher_nothing_can_be_read_from_the_file(tmp_path: Path) -> None:
    asyncio.run(fill(InboxWriter(tmp_path, cipher=Turn()), [b"ann@example.com"]))
    [segment] = sealed_segments(tmp_path)
    assert b"ann" not in segment.read_bytes()
    assert records(tmp_path, cipher=Turn()) == [b"ann@example.com"]
    with pytest.raises(StoreError, match=r"encrypted, and no key"):
        records(tmp_path)


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    asyncio.run(fill(InboxWriter(tmp_path), [b"x"]))
    [segment] = sealed_segments(tmp_path)
    assert segment.stat().st_mode & 0o077 == 0


def test_too_much_waiting_is_refused_and_what_waits_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        writer = InboxWriter(tmp_path, waiting_bytes_max=1000)
        first = [asyncio.ensure_future(writer.append(b"x" * 400)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(InboxBusyError, match="wait for the disk"):
            await writer.append(b"y" * 400)
        await asyncio.gather(*first)
        await writer.append(b"z")
        await writer.close()
        with pytest.raises(InboxBusyError, match="stopping"):
            await writer.append(b"late")

    asyncio.run(scenario())
    assert records(tmp_path) == [b"x" * 400, b"x" * 400, b"z"]


def test_too_long_a_record_is_refused_and_its_neighbours_are_taken(tmp_path: Path) -> None:
    async def scenario() -> None:
        writer = InboxWriter(tmp_path)
        found = await asyncio.gather(
            writer.append(b"before"),
            writer.append(bytes(writer_module.PAYLOAD_BYTES_MAX + 1)),
            writer.append(b"after"),
            return_exceptions=True,
        )
        assert [type(one) for one in found] == [type(None), ValueError, type(None)]
        await writer.close()

    asyncio.run(scenario())
    assert records(tmp_path) == [b"before", b"after"]


def test_who_goes_away_while_waiting_takes_nobody_along(tmp_path: Path) -> None:
    async def scenario() -> None:
        writer = InboxWriter(tmp_path)
        waits = [asyncio.ensure_future(writer.append(str(n).encode())) for n in range(10)]
        await asyncio.sleep(0)
        waits[3].cancel()
        found = await asyncio.gather(*waits, return_exceptions=True)
        assert [n for n, one in enumerate(found) if one is not None] == [3]
        await writer.close()

    asyncio.run(scenario())
    assert {int(record) for record in records(tmp_path)} >= set(range(10)) - {3}


def test_a_failed_sync_is_told_and_later_messages_go_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        writer = InboxWriter(tmp_path)
        await writer.append(b"before")
        real = os.fdatasync

        def fail(_file: int) -> None:
            monkeypatch.setattr(os, "fdatasync", real)
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(os, "fdatasync", fail)
        with pytest.raises(StoreError, match="Input/output error"):
            await writer.append(b"unknown")
        await writer.append(b"after")
        await writer.close()

    asyncio.run(scenario())
    assert len(sealed_segments(tmp_path)) == 2
    found = records(tmp_path)
    assert [one for one in found if one != b"unknown"] == [b"before", b"after"]


# argv: folder, most bytes of a file. Appends until the disk is full, then makes room and appends again.
FILL = """
import asyncio, resource, sys
from pathlib import Path
from aimwell.errors import StorageFullError
from aimwell.store.inbox import InboxWriter

async def main():
    writer = InboxWriter(Path(sys.argv[1]))
    limit = int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    taken, refused = 0, 0
    for n in range(100):
        if n == 60:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        try:
            await writer.append(b"%d " % n + b"x" * 997)
        except StorageFullError:
            refused += 1
        else:
            taken += 1
            print("taken", n, flush=True)
    await writer.close()
    print("end", taken, refused, flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("limit", [21, 22, 30, 1000, 10_000, 25_500])
def test_a_full_disk_takes_nothing_falsely_and_with_room_again_all(
    tmp_path: Path, limit: int
) -> None:
    taken = []
    with child(FILL, tmp_path, limit) as process:
        while (line := process.line()).startswith("taken"):
            taken.append(int(line.split()[1]))
        assert process.end() == 0
    refused = int(line.split()[2])
    assert refused > 0
    assert set(range(60, 100)) <= set(taken)
    assert [int(record.split()[0]) for record in records(tmp_path)] == taken


# argv: folder, encrypted or not. Appends for ever, many at a time; prints what was acknowledged.
FOR_EVER = """
import asyncio, sys
from pathlib import Path
from aimwell.store.inbox import InboxWriter

async def one(writer, name):
    n = 0
    while True:
        await writer.append(f"{name}-{n} ".encode() + b"x" * (n * 37 % 3000))
        sys.stdout.write(f"{name}-{n}\\n")
        n += 1

async def main():
    writer = InboxWriter(Path(sys.argv[1]), segment_bytes=200_000, segment_seconds=0.05)
    async def flush():
        while True:
            sys.stdout.flush()
            await asyncio.sleep(0.005)
    await asyncio.gather(flush(), *(one(writer, f"{sys.argv[2]}.{k}") for k in range(8)))

asyncio.run(main())
"""


def killed(folder: Path, rounds: int) -> None:
    """Kill writers at random moments, while a reader takes and removes segments; demand all acknowledged ones."""
    random_ = random.Random(SEED)  # noqa: S311 - moments to kill at
    acknowledged: list[str] = []
    found: list[str] = []

    def take() -> None:
        seal_abandoned(folder)
        for segment in sealed_segments(folder):
            read = read_segment(segment)
            found.extend(record.split()[0].decode() for record in read)
            assert not read.damaged
            remove_segment(segment)

    for round_ in range(rounds):
        with child(FOR_EVER, folder, round_) as process:
            seen = [process.line()]
            reader = threading.Thread(
                target=lambda process=process, seen=seen: seen.extend(process.lines()),
                daemon=True,
            )
            reader.start()
            end = time.monotonic() + random_.random() * 0.4
            while time.monotonic() < end:
                take()
            process.kill()
            reader.join(30)
            acknowledged += seen
    take()
    assert len(found) == len(set(found)), "a record was read twice"
    assert set(acknowledged) <= set(found), f"acknowledged and lost, seed {SEED}"
    assert list(folder.iterdir()) == []


def test_killed_at_any_moment_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    killed(tmp_path, 12)


@pytest.mark.long
def test_killed_two_hundred_times_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    killed(tmp_path, 200)


def test_several_processes_write_side_by_side(tmp_path: Path) -> None:
    with child(FOR_EVER, tmp_path, "a") as first, child(FOR_EVER, tmp_path, "b") as second:
        first.line()
        second.line()
        eventually(lambda: len(sealed_segments(tmp_path)) >= 6)
    names = {record.split(b".")[0] for record in records(tmp_path)}
    assert names == {b"a", b"b"}


def test_messages_are_kept_byte_for_byte(tmp_path: Path) -> None:
    payload = json.dumps({"name": "Ångström\u2028", "n": 1e300}).encode() + bytes(range(256))
    asyncio.run(fill(InboxWriter(tmp_path), [payload, b""]))
    assert records(tmp_path) == [payload, b""]


def test_storage_full_says_what_to_do() -> None:
    told = writer_module._told(OSError(28, "No space left on device"))
    assert isinstance(told, StorageFullError)
    assert "Make room" in str(told)
