"""Frames of the inbox: whatever stands before the first torn byte comes back, and nothing else does."""

from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.store.inbox.frames import RECORD_BYTES_MAX, End, end_frame, frame, frames

PAYLOADS = st.lists(st.binary(max_size=200), max_size=20)


def read(data: bytes) -> tuple[list[bytes], End]:
    *payloads, end = frames(io.BytesIO(data))
    assert isinstance(end, End)
    assert all(isinstance(payload, bytes) for payload in payloads)
    return [bytes(payload) for payload in payloads if isinstance(payload, bytes)], end


def written(payloads: list[bytes]) -> bytes:
    return b"".join(map(frame, payloads)) + end_frame(len(payloads))


@given(PAYLOADS)
def test_what_was_framed_comes_back(payloads: list[bytes]) -> None:
    data = written(payloads)
    assert read(data) == (
        payloads,
        End(at=len(data), peaceful=True, expected=len(payloads)),
    )


@given(PAYLOADS, st.data())
def test_cut_anywhere_the_whole_frames_before_the_cut_come_back(
    payloads: list[bytes], data: st.DataObject
) -> None:
    whole = written(payloads)
    cut = data.draw(st.integers(0, len(whole) - 1))
    found, end = read(whole[:cut])
    assert found == payloads[: len(found)]
    assert not end.peaceful
    assert end.at == sum(len(frame(payload)) for payload in found)
    left = payloads[len(found) :]
    assert not left or cut < end.at + len(frame(left[0]))


@given(PAYLOADS.filter(any), st.data())
def test_no_changed_bit_is_taken_for_a_record(payloads: list[bytes], data: st.DataObject) -> None:
    whole = bytearray(written(payloads))
    bit = data.draw(st.integers(0, len(whole) * 8 - 1))
    whole[bit // 8] ^= 1 << bit % 8
    found, end = read(bytes(whole))
    assert found == payloads[: len(found)]
    assert not end.peaceful


@given(PAYLOADS, st.integers(1, 4096))
def test_zeros_that_a_file_system_left_are_no_records(payloads: list[bytes], zeros: int) -> None:
    found, end = read(b"".join(map(frame, payloads)) + bytes(zeros))
    assert found == payloads
    assert not end.peaceful


def test_an_end_frame_that_counts_otherwise_is_not_peaceful() -> None:
    found, end = read(frame(b"one") + end_frame(2))
    assert found == [b"one"]
    assert (end.peaceful, end.expected) == (False, 2)


def test_an_absurd_length_is_not_read_into_memory() -> None:
    class Counting(io.BytesIO):
        asked = 0

        def read(self, size: int | None = -1, /) -> bytes:
            self.asked = max(self.asked, size or 0)
            return super().read(size)

    stream = Counting(struct.pack("<II", RECORD_BYTES_MAX + 1, 0) + b"x" * 100)
    assert list(frames(stream)) == [End(at=0, peaceful=False)]
    assert stream.asked <= 8


def test_too_long_a_record_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match=r"16,777,217 bytes; at most 16,777,216"):
        frame(bytes(RECORD_BYTES_MAX + 1))
