"""The bytes of a file as they were before it was compressed; what it is, the first bytes tell."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import IO, Protocol

from aimwell.errors import SourceFileError

__all__ = ["Digest", "unpacked"]

_CHUNK_BYTES = 1 << 20
_GZIP = b"\x1f\x8b"
_OTHERS = {
    b"PK\x03\x04": "a ZIP archive or a spreadsheet; for a spreadsheet say `format: excel`",
    b"PAR1": "a Parquet file; say `format: parquet`",
    b"\x28\xb5\x2f\xfd": "compressed with zstd; gzip is understood",
    b"BZh": "compressed with bzip2; gzip is understood",
    b"\xfd7zXZ": "compressed with xz; gzip is understood",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet; say `format: excel`",
    b"%PDF": "a PDF; export the data as CSV",
    b"SQLite format 3": "a database; export its tables as CSV",
}


class Digest(Protocol):
    """Takes all bytes as they lie on the disk."""

    def update(self, data: bytes, /) -> None:
        """Take the next bytes."""


def unpacked(file: IO[bytes], name: str, digest: Digest) -> Iterator[bytes]:
    """The plain bytes of `file` in pieces; gzip is known by its content.

    Raises:
        SourceFileError: The gzip ends in the middle or is damaged, or the file is of a kind that cannot be
            read as text.
    """
    first = file.read(_CHUNK_BYTES)
    digest.update(first)
    for magic, what in _OTHERS.items():
        if first.startswith(magic):
            raise SourceFileError(f"'{name}' is {what}. Nothing was taken.", file=name)
    if first.startswith(_GZIP):
        yield from _gunzipped(file, name, digest, first)
        return
    piece = first
    while piece:
        yield piece
        piece = file.read(_CHUNK_BYTES)
        digest.update(piece)


def _gunzipped(file: IO[bytes], name: str, digest: Digest, first: bytes) -> Iterator[bytes]:
    """All members of a gzip, one after another; what the format ends with is checked by the library."""
    member, waiting = zlib.decompressobj(31), first
    while True:
        try:
            while waiting:
                # A bound on the output, because a small file may hold gigabytes of the same byte; pieces that
                # fit into the processor's cache also take a fifth less time.
                yield member.decompress(waiting, _CHUNK_BYTES)
                waiting = member.unconsumed_tail
        except zlib.error as error:
            raise SourceFileError(
                f"The gzip file '{name}' is damaged ({str(error).split(':')[-1].strip()}). Nothing was "
                "taken; fetch it again.",
                file=name,
            ) from error
        rest = member.unused_data
        chunk = file.read(_CHUNK_BYTES)
        digest.update(chunk)
        if not member.eof:
            if not chunk:
                raise SourceFileError(
                    f"The gzip file '{name}' ends in the middle; it was probably cut off while it was copied. "
                    "Nothing was taken; fetch it again.",
                    file=name,
                )
            waiting = chunk
            continue
        waiting = (rest + chunk).lstrip(b"\x00")  # tapes pad with zeros
        if not waiting:
            if not chunk:
                return
            continue
        member = zlib.decompressobj(31)
