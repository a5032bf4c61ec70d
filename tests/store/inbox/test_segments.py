"""Segments that are torn, damaged, foreign or of another version."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from aimwell.errors import StoreError
from aimwell.store.inbox import (
    InboxWriter,
    read_segment,
    remove_segment,
    seal_abandoned,
    sealed_segments,
)
from aimwell.store.inbox.frames import FIRST_LINE, end_frame, frame


def write(folder: Path, content: bytes, suffix: str = ".sealed") -> Path:
    path = folder / f"{1:020d}-abcdef01{suffix}"
    path.write_bytes(content)
    return path


def test_a_segment_that_was_ended_in_peace_says_so(tmp_path: Path) -> None:
    async def scenario() -> None:
        writer = InboxWriter(tmp_path)
        await writer.append(b"one")
        await writer.close()

    asyncio.run(scenario())
    read = read_segment(sealed_segments(tmp_path)[0])
    assert list(read) == [b"one"]
    assert (read.read, read.peaceful, read.lost_bytes, read.damaged) == (1, True, 0, False)
    assert list(read) == [b"one"]


def test_a_torn_end_is_counted_and_is_no_damage(tmp_path: Path) -> None:
    read = read_segment(write(tmp_path, FIRST_LINE + frame(b"one") + frame(b"two")[:-1]))
    assert list(read) == [b"one"]
    assert (read.peaceful, read.lost_bytes, read.damaged) == (False, 10, False)


def test_a_bad_record_in_a_segment_ended_in_peace_is_damage(tmp_path: Path) -> None:
    bad = bytearray(frame(b"two"))
    bad[-1] ^= 1
    content = FIRST_LINE + frame(b"one") + bytes(bad) + frame(b"three") + end_frame(3)
    read = read_segment(write(tmp_path, content))
    assert list(read) == [b"one"]
    assert read.damaged


def test_a_missing_record_is_damage(tmp_path: Path) -> None:
    read = read_segment(write(tmp_path, FIRST_LINE + frame(b"one") + end_frame(2)))
    assert list(read) == [b"one"]
    assert read.damaged


@pytest.mark.parametrize("content", [b"", FIRST_LINE[:7], bytes(4096)])
def test_a_segment_whose_writer_was_killed_at_its_beginning_is_empty(
    tmp_path: Path, content: bytes
) -> None:
    read = read_segment(write(tmp_path, content))
    assert list(read) == []
    assert read.lost_bytes == len(content)
    assert not read.damaged


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"AIMWELL INBOX 9 PLAIN\n", "another version"),
        (b"order_id,price\n1,2\n", "is no segment"),
        (b"\x1f\x8b\x08 something", "is no segment"),
    ],
)
def test_a_file_that_is_no_segment_is_refused_in_words(
    tmp_path: Path, content: bytes, words: str
) -> None:
    with pytest.raises(StoreError, match=words):
        list(read_segment(write(tmp_path, content)))


def test_an_abandoned_segment_is_sealed_once_and_keeps_its_name(tmp_path: Path) -> None:
    path = write(tmp_path, FIRST_LINE + frame(b"one"), ".open")
    assert seal_abandoned(tmp_path) == [path.with_suffix(".sealed")]
    assert seal_abandoned(tmp_path) == []
    assert list(read_segment(path.with_suffix(".sealed"))) == [b"one"]


def test_removing_twice_is_no_fault(tmp_path: Path) -> None:
    path = write(tmp_path, FIRST_LINE)
    remove_segment(path)
    remove_segment(path)
    assert sealed_segments(tmp_path) == []
