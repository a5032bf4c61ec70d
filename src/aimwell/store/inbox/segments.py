"""Segment files in the inbox's folder: their names, who still writes to them, reading and removing them.

`NAME.open` is being written, and its writer holds a lock on it; `NAME.sealed` never changes again. Names sort by
the time at which the segments were begun.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aimwell.errors import StoreError
from aimwell.store.disk import settle, settle_folder
from aimwell.store.inbox.frames import (
    FIRST_LINE,
    FIRST_LINE_ENCRYPTED,
    Cipher,
    End,
    frames,
)

__all__ = [
    "OPEN",
    "SEALED",
    "InboxState",
    "Records",
    "inbox_state",
    "new_name",
    "read_segment",
    "remove_segment",
    "seal",
    "seal_abandoned",
    "sealed_segments",
    "try_lock",
]

OPEN, SEALED = ".open", ".sealed"


@dataclass
class Records:
    """The records of one segment, read one by one; the attributes hold once all have been read.

    Attributes:
        peaceful: The writer ended the segment itself and every record of it was read.
        lost_bytes: Bytes behind the last whole record that cannot be read. Where the writer was killed they are
            what it was about to write and had acknowledged to nobody.
        damaged: The writer had ended the segment, or whole records follow the unreadable ones, so what cannot be
            read may have been acknowledged: the disk has damaged it.
    """

    path: Path
    cipher: Cipher | None = None
    read: int = 0
    peaceful: bool = False
    lost_bytes: int = 0
    damaged: bool = False

    def __iter__(self) -> Iterator[bytes]:
        self.read = 0
        with self.path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            start, encrypted = _first_line(self.path, stream.readline(len(FIRST_LINE_ENCRYPTED)))
            if not start:
                # Killed before its first line was down: nothing was acknowledged from it.
                self.lost_bytes = size
                return
            if encrypted and self.cipher is None:
                raise StoreError(
                    f"{self.path.name} in the inbox is encrypted, and no key of the inbox is set. Restore the key "
                    "with which it was written."
                )
            where = self.path.stem.encode()
            for found in frames(stream):
                if isinstance(found, End):
                    self._end(found, start, size)
                    return
                self.read += 1
                yield self.cipher.open(found, where) if encrypted and self.cipher else found

    def _end(self, end: End, start: int, size: int) -> None:
        self.peaceful = end.peaceful
        self.lost_bytes = size - start - end.at
        self.damaged = (
            not end.peaceful
            if end.expected is not None
            else self.lost_bytes > 0 and _ends_in_peace(self.path)
        )


def _first_line(path: Path, line: bytes) -> tuple[int, bool]:
    """How long the first line is (0: it was never written whole), and whether the records are encrypted."""
    if line in {FIRST_LINE, FIRST_LINE_ENCRYPTED}:
        return len(line), line == FIRST_LINE_ENCRYPTED
    whole_line_elsewhere = line.endswith(b"\n") and line.startswith(b"AIMWELL INBOX ")
    if whole_line_elsewhere:
        raise StoreError(
            f"{path.name} in the inbox was written by another version of Aimwell. Flush it with that version."
        )
    if any(known.startswith(line) for known in (FIRST_LINE, FIRST_LINE_ENCRYPTED)):
        return 0, False
    if not line.strip(b"\0"):
        return 0, False
    raise StoreError(f"{path.name} lies in the inbox and is no segment of it. Move it elsewhere.")


def _ends_in_peace(path: Path) -> bool:
    """Whether the file's last bytes are an end frame, wherever its records were damaged."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        stream.seek(max(0, size - 16))
        return any(
            isinstance(found, End) and found.expected is not None for found in frames(stream)
        )


def read_segment(path: Path, *, cipher: Cipher | None = None) -> Records:
    """The records of a segment, to be read by iterating."""
    return Records(path, cipher)


def new_name(now_ns: int) -> str:
    """A name for a new segment: when it was begun, and a few random letters, for several may begin at once."""
    return f"{now_ns:020d}-{secrets.token_hex(4)}"


def try_lock(descriptor: int) -> bool:
    """Lock an open segment for its writer; False where somebody else has locked it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def seal(path: Path) -> Path:
    """Give an open segment its final name. Its content must be down already."""
    target = path.with_suffix(SEALED)
    path.rename(target)
    settle_folder(target.parent)
    return target


def seal_abandoned(folder: Path) -> list[Path]:
    """Seal the segments whose writers have ended, however they ended; the sealed ones, oldest first."""
    found = []
    for path in sorted(folder.glob(f"*{OPEN}")):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:  # sealed by its writer, or by somebody like us, meanwhile
            continue
        try:
            if not try_lock(descriptor):
                continue
            # The one who had the lock before us may have sealed it; then the name no longer means this file.
            if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
                settle([path])
                found.append(seal(path))
        except FileNotFoundError:
            continue
        finally:
            os.close(descriptor)
    return found


def sealed_segments(folder: Path) -> list[Path]:
    """All sealed segments, oldest first."""
    return sorted(folder.glob(f"*{SEALED}"))


@dataclass(frozen=True, kw_only=True)
class InboxState:
    """What waits in the inbox. `oldest_ns`: when its oldest segment was begun; None: nothing waits."""

    segments: int
    size_bytes: int
    oldest_ns: int | None

    def age_seconds(self, now_ns: int) -> float:
        """Age of the oldest segment; 0 where there is none."""
        return 0.0 if self.oldest_ns is None else max(0.0, (now_ns - self.oldest_ns) / 1e9)


def inbox_state(folder: Path) -> InboxState:
    """What waits, looked at from outside: open segments too."""
    sizes: dict[str, int] = {}
    for path in folder.glob("*"):
        if path.suffix in {OPEN, SEALED}:
            try:
                sizes[path.stem] = path.stat().st_size
            except FileNotFoundError:  # flushed meanwhile
                continue
    names = sorted(name for name in sizes if name.split("-")[0].isdigit())
    oldest = int(names[0].split("-")[0]) if names else None
    return InboxState(segments=len(sizes), size_bytes=sum(sizes.values()), oldest_ns=oldest)


def remove_segment(path: Path) -> None:
    """Remove a segment whose records are all in the lake; one that is gone already is no fault."""
    path.unlink(missing_ok=True)
    settle_folder(path.parent)
