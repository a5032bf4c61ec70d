"""A private copy of a text file: unpacked, in UTF-8, each line ended by one line feed.

What is read later is what was hashed, whatever happens to the file meanwhile. Bytes that are no text in the
file's encoding stay wrong bytes in the copy, so that the reader sets that one line aside; a NUL becomes one too.
"""

from __future__ import annotations

import codecs
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import IO

import numpy as np

from aimwell.collect.unpacking import unpacked
from aimwell.errors import FileChangedError, SourceFileError

__all__ = ["TextSnapshot", "snapshot_text"]

_CHUNK_BYTES = 1 << 20
_FEED = b"\n"
_TAB, _AFTER_RETURN, _SPACE = 9, 14, 32
_BETWEEN = (b"\x0b", b"\x0c")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WRONG = re.compile("[\udc80-\udcff]")
_ODD_SPACES = ("\u00a0".encode(), "\ufeff".encode())
_UTF8 = ("utf-8", "utf-8-sig", "ascii")
_NUL_SHARE_MAX, _NULS_MIN = 0.1, 3


@dataclass(frozen=True)
class TextSnapshot:
    """The copy at `path`.

    `quoted` says whether any double quote is there (then a record need not be a line), `tabs` and `odd_spaces`
    whether any tab or space beyond ASCII is, `odd_texts` whether any character is that is not of ASCII or not seen. `guessed` is True where the encoding was inferred from the bytes
    because they are not UTF-8. What is rarely asked for is looked up in the copy when it is.
    """

    path: Path
    encoding: str
    quoted: bool
    tabs: bool
    odd_spaces: bool
    odd_texts: bool = True
    guessed: bool = False

    @cached_property
    def lines(self) -> int:
        """How many physical lines there are."""
        feeds, last = 0, _FEED
        for piece in self._pieces():
            feeds, last = feeds + piece.count(_FEED), piece[-1:]
        return feeds + (last != _FEED)

    @cached_property
    def blank(self) -> bool:
        """Whether any line is empty."""
        last = _FEED
        for piece in self._pieces():
            if _FEED * 2 in piece or last == _FEED == piece[:1]:
                return True
            last = piece[-1:]
        return False

    def _pieces(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            while piece := file.read(_CHUNK_BYTES):
                yield piece


def snapshot_text(
    source: Path,
    target: Path,
    *,
    name: str,
    sha256: str | None,
    encoding: str | None = None,
    bytes_max: int | None = None,
    advance: Callable[[int], None] | None = None,
) -> TextSnapshot:
    """Copy the text of `source` to `target`.

    Args:
        source: The file, plain or gzip.
        target: Where the copy goes.
        name: What messages call the file.
        sha256: Hash that its bytes must have; None where `bytes_max` stops before the end.
        encoding: Name of a codec; None lets the bytes tell: a byte-order mark, else UTF-8, else Windows-1252
            (which holds Latin-1) where no UTF-8 sequence makes sense.
        bytes_max: Stop after the line on which so many bytes are reached.
        advance: Called with the number of bytes written.

    Raises:
        SourceFileError: The file is damaged or no text.
        FileChangedError: Its bytes are not those that were hashed.
    """
    digest, state = hashlib.sha256(), _Scan()
    with source.open("rb") as file, target.open("wb") as out:
        pieces = unpacked(file, name, digest)
        first = next(pieces, b"")
        told = encoding or _told_by(first)
        _refuse_binary(first, told, name)
        for piece in _plain(_chain(first, pieces), told, name, state):
            out.write(piece)
            state.see(piece)
            if advance:
                advance(len(piece))
            if bytes_max is not None and out.tell() >= bytes_max:
                break
        if bytes_max is not None:
            _cut_at_line(out, target)
    if sha256 is not None and digest.hexdigest() != sha256:
        raise FileChangedError(
            f"'{name}' changed while it was read, so nothing was taken. Run the same again when the file is "
            "complete.",
            file=name,
        )
    done = TextSnapshot(
        target,
        told or "utf-8",
        quoted=state.quoted,
        tabs=state.tabs,
        odd_spaces=state.odd_spaces,
        odd_texts=state.odd_texts,
    )
    if told is None and state.wrong > state.extra:
        _recode(target, "cp1252")
        done = replace(done, encoding="cp1252", odd_spaces=True, guessed=True)
    return done


class _Scan:
    """What was seen of the copy so far."""

    def __init__(self) -> None:
        self.quoted = self.tabs = self.odd_spaces = self.odd_texts = False
        self.wrong = self.extra = 0  # bytes that are no UTF-8; further bytes of characters that are

    def see(self, piece: bytes) -> None:
        self.quoted = self.quoted or b'"' in piece
        self.tabs = self.tabs or b"\t" in piece
        self.odd_texts = self.odd_texts or not piece.isascii() or _has_controls(piece)
        if not self.odd_spaces and not piece.isascii():
            self.odd_spaces = any(space in piece for space in _ODD_SPACES)


def _has_controls(piece: bytes) -> bool:
    """Whether any character is there that is not seen, but for tabs and ends of lines. Looked at in ways that take no
    time beside reading: bytes are numbers without a sign, so those below 14 count as great ones in the second."""
    if not piece:
        return False
    codes = np.frombuffer(piece, np.uint8)
    return (
        bool(codes.min() < _TAB)
        or bool(((codes - _AFTER_RETURN) < _SPACE - _AFTER_RETURN).any())
        or any(one in piece for one in _BETWEEN)
    )


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _told_by(first: bytes) -> str | None:
    return next((name for mark, name in _BOMS if first.startswith(mark)), None)


def _refuse_binary(first: bytes, encoding: str | None, name: str) -> None:
    wide = encoding is not None and encoding.startswith(("utf-16", "utf-32"))
    if not wide and first.count(0) > max(_NULS_MIN, _NUL_SHARE_MAX * len(first)):
        raise SourceFileError(
            f"'{name}' is no text: every few bytes there is a zero. If it is UTF-16, say `encoding: utf-16`.",
            file=name,
        )


def _plain(
    pieces: Iterator[bytes], encoding: str | None, name: str, state: _Scan
) -> Iterator[bytes]:
    """The pieces in UTF-8, with line feeds only."""
    held = b""
    for piece in _in_utf8(pieces, encoding, name, state):
        if b"\x00" in piece:
            piece = piece.replace(b"\x00", b"\xff")
        piece = held + piece
        held = b""
        if b"\r" in piece:
            if piece.endswith(b"\r"):
                piece, held = piece[:-1], b"\r"
            piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if piece:
            yield piece
    if held:
        yield b"\n"


def _in_utf8(
    pieces: Iterator[bytes], encoding: str | None, name: str, state: _Scan
) -> Iterator[bytes]:
    if encoding in {None, *_UTF8}:
        yield from _watched(pieces, state)
        return
    decoder = codecs.getincrementaldecoder(str(encoding))("surrogateescape")
    try:
        for piece in pieces:
            yield decoder.decode(piece).encode("utf-8", "surrogateescape")
        yield decoder.decode(b"", final=True).encode("utf-8", "surrogateescape")
    except UnicodeError as error:
        raise SourceFileError(
            f"'{name}' cannot be read as {encoding}: {error}. Say its `encoding`, as utf-8 or cp1252.",
            file=name,
        ) from error


def _watched(pieces: Iterator[bytes], state: _Scan) -> Iterator[bytes]:
    """The same bytes without a byte-order mark, while counting which of them are UTF-8 and which are not."""
    held, first = b"", True
    for piece in pieces:
        data = held + piece if held else piece
        if first:
            data, first = data.removeprefix(codecs.BOM_UTF8), False
        if data.isascii():
            held = b""
            yield data
            continue
        try:
            text, used = codecs.utf_8_decode(data, "strict", False)
        except UnicodeDecodeError:
            text, used = codecs.utf_8_decode(data, "surrogateescape", False)
            state.wrong += len(_WRONG.findall(text))
        state.extra += used - len(text)
        held = data[used:]
        yield data[:used]
    state.wrong += len(held)
    yield held


def _cut_at_line(out: IO[bytes], target: Path) -> None:
    """Leave whole lines only."""
    out.flush()
    data = target.read_bytes()
    end = data.rfind(b"\n") + 1
    if 0 < end < len(data):
        out.truncate(end)


def _recode(path: Path, encoding: str) -> None:
    """Read the copy again as text of one byte a character. Bytes that mean nothing there stay as they are."""
    spare = path.with_suffix(".recoded")
    with path.open("rb") as old, spare.open("wb") as new:
        while piece := old.read(_CHUNK_BYTES):
            text = piece.decode(encoding, "surrogateescape")
            new.write(text.encode("utf-8", "surrogateescape"))
    spare.replace(path)
