from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from aimwell.deliver.model import Outcome, Outgoing
from aimwell.deliver.sink import SinkTransport
from aimwell.errors import DeliverError, StorageFullError
from child import child


def message(number: int, text: bytes = b"Subject: x\r\n\r\nx\r\n") -> Outgoing:
    return Outgoing(f"m-{number}", "b-1@bounces.example", f"p{number}@example.com", text)


def send(folder: Path, messages: list[Outgoing] | Iterator[Outgoing]) -> list[Outcome]:
    async def scenario() -> list[Outcome]:
        return [outcome async for outcome in SinkTransport(folder).send(messages)]

    return asyncio.run(scenario())


def test_every_message_becomes_a_file_with_its_envelope_on_top(tmp_path: Path) -> None:
    outcomes = send(tmp_path / "a b#é" / "sink", [message(number) for number in range(70)])
    assert [outcome.status for outcome in outcomes] == ["accepted"] * 70
    files = sorted((tmp_path / "a b#é" / "sink").iterdir())
    assert len(files) == 70
    assert (tmp_path / "a b#é" / "sink" / "m-7.eml").read_bytes() == (
        b"Return-Path: <b-1@bounces.example>\r\nDelivered-To: p7@example.com\r\nSubject: x\r\n\r\nx\r\n"
    )


def test_a_message_that_is_sent_again_is_not_written_twice(tmp_path: Path) -> None:
    send(tmp_path, [message(1)])
    before = (tmp_path / "m-1.eml").stat()
    (outcome,) = send(tmp_path, [message(1, b"Subject: other\r\n\r\n")])
    assert outcome.status == "accepted"
    assert (tmp_path / "m-1.eml").stat() == before


KILLED = """
import asyncio, os, sys
from pathlib import Path
from aimwell.deliver.model import Outgoing
from aimwell.deliver.sink import SinkTransport

def stop(*_names):
    print("writing", flush=True)
    input()

os.replace = stop
async def main():
    message = Outgoing("m-7", "b-1@bounces.example", "p7@example.com", b"Subject: x\\r\\n\\r\\nx\\r\\n")
    async for _ in SinkTransport(Path(sys.argv[1])).send([message]):
        pass
asyncio.run(main())
"""


def test_what_a_killed_sender_had_half_written_is_removed_and_a_living_ones_is_not(
    tmp_path: Path,
) -> None:
    with child(KILLED, tmp_path) as sender:
        assert sender.line() == "writing"
        [part] = tmp_path.glob("*.part")
        assert b"p7@example.com" in part.read_bytes()
        send(tmp_path, [message(1)])
        assert part.exists(), "its sender lives"
        sender.kill()
    send(tmp_path, [message(2)])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m-1.eml", "m-2.eml"]


def test_a_part_of_an_unknown_sender_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "m-1.elsewhere,b,s,7,9.part").write_bytes(b"half")
    send(tmp_path, [message(1)])
    assert (tmp_path / "m-1.eml").read_bytes().endswith(b"x\r\n")
    assert (tmp_path / "m-1.elsewhere,b,s,7,9.part").exists()


def test_a_file_is_durable_before_its_outcome_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{handle}"))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    send(tmp_path, [message(1)])
    assert synced[0].endswith(".part")
    assert synced[-1] == str(tmp_path)


def test_a_full_disk_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 0
    real = os.fsync

    def fsync(handle: int) -> None:
        nonlocal count
        count += 1
        if count >= 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(StorageFullError, match="is full") as caught:
        send(tmp_path, [message(number) for number in range(5)])
    assert caught.value.retryable
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(files) < {f"m-{number}.eml" for number in range(5)}
    assert all(text.endswith(b"x\r\n") for text in files.values())
    monkeypatch.undo()
    assert len(send(tmp_path, [message(number) for number in range(5)])) == 5


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DeliverError, match="cannot be written"):
        send(tmp_path / "file", [message(1)])


def test_no_message_id_leads_out_of_the_folder(tmp_path: Path) -> None:
    for wrong in ("../evil", "a/b", "", ".", "A"):
        with pytest.raises(DeliverError, match="message id"):
            send(tmp_path, [Outgoing(wrong, "b@bounces.example", "p@example.com", b"x")])
    assert list(tmp_path.iterdir()) == []
