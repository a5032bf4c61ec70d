"""Records of a segment file: each in a frame with its length and a checksum, so that a torn one is seen.

A segment is a line that says what it is, frames, and, where it was sealed in peace, an end frame. A process that
is killed may leave half a frame, and a file system may leave zeros where the data of its last write belongs; both
fail the checksum. Nothing that was acknowledged can be among them, for it was brought down to the disk before.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol
from zlib import crc32

__all__ = [
    "FIRST_LINE",
    "FIRST_LINE_ENCRYPTED",
    "RECORD_BYTES_MAX",
    "Cipher",
    "End",
    "end_frame",
    "frame",
    "frames",
]

FIRST_LINE = b"AIMWELL INBOX 1 PLAIN\n"
FIRST_LINE_ENCRYPTED = b"AIMWELL INBOX 1 SEALED\n"
RECORD_BYTES_MAX = 16 * 1024 * 1024
"""The longest record. A longer length in a frame is damage, and is not read into memory."""

_HEAD = struct.Struct("<II")  # length of the payload, checksum of length and payload
_LENGTH = struct.Struct("<I")
_END_LENGTH = 0xFFFF_FFFF
_END = struct.Struct("<Q")  # how many records stand before


class Cipher(Protocol):
    """Encrypts and decrypts a record; `where` (the segment's name) must be the same both times."""

    def seal(self, payload: bytes, where: bytes) -> bytes: ...

    def open(self, sealed: bytes, where: bytes) -> bytes: ...


@dataclass(frozen=True, kw_only=True)
class End:
    """How the frames of a segment ended.

    Attributes:
        at: Byte after the last whole frame, counted from where reading began.
        peaceful: The writer itself ended the segment, and all its records are there.
        expected: How many records the end frame speaks of; None without one.
    """

    at: int
    peaceful: bool
    expected: int | None = None


def frame(payload: bytes) -> bytes:
    """The payload in its frame. Raises ValueError above RECORD_BYTES_MAX."""
    if len(payload) > RECORD_BYTES_MAX:
        raise ValueError(
            f"A record has {len(payload):,} bytes; at most {RECORD_BYTES_MAX:,} are allowed."
        )
    length = _LENGTH.pack(len(payload))
    return b"".join((length, _LENGTH.pack(crc32(payload, crc32(length))), payload))


def end_frame(records: int) -> bytes:
    """What a writer puts behind its last record when it seals the segment."""
    length, payload = _LENGTH.pack(_END_LENGTH), _END.pack(records)
    return b"".join((length, _LENGTH.pack(crc32(payload, crc32(length))), payload))


def frames(stream: BinaryIO) -> Iterator[bytes | End]:
    """The payloads of the whole frames from here on, then how they ended; an `End` always comes, and last."""
    at, found = 0, 0
    while True:
        head = stream.read(_HEAD.size)
        if len(head) < _HEAD.size:
            break
        length, checksum = _HEAD.unpack(head)
        ends = length == _END_LENGTH
        size = _END.size if ends else length
        if size > RECORD_BYTES_MAX:
            break
        payload = stream.read(size)
        if len(payload) < size or crc32(payload, crc32(_LENGTH.pack(length))) != checksum:
            break
        at += _HEAD.size + size
        if ends:
            expected = int(_END.unpack(payload)[0])
            yield End(at=at, peaceful=expected == found, expected=expected)
            return
        found += 1
        yield payload
    yield End(at=at, peaceful=False)
