"""What the lake must know of the disk: that files are safely down, that it is full, what a failed write left.

The Delta library hands files to the operating system and returns. They survive a killed process, but not a
power cut; so whoever says "durable" brings them down with `fsync` first.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = [
    "Changes",
    "is_full",
    "place_file",
    "remove_stale_parts",
    "replace_file",
    "replacing",
    "settle",
    "settle_folder",
]

_LOG = "_delta_log"
# No space, over quota, and "may not grow further" (a limit of the process).
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FULL_NUMBERS = "|".join(map(str, sorted(_FULL)))
_FULL_TEXT = re.compile(
    rf"No space left|Disk quota exceeded|File too large|os error (?:{_FULL_NUMBERS})\b"
)
_PART = re.compile(r"\.parquet#\d+$")  # a file that the Delta library was still writing


def is_full(error: BaseException) -> bool:
    """Whether `error` means that the disk takes no more; libraries often tell it in words only."""
    told = isinstance(error, OSError) and error.errno in _FULL
    return told or _FULL_TEXT.search(str(error)) is not None


def settle(files: Iterable[Path]) -> None:
    """Bring `files`, and the folders that name them, down to the disk."""
    folders: dict[Path, None] = {}
    for file in files:
        _sync(file)
        folders[file.parent] = None
    for folder in folders:
        settle_folder(folder)


def settle_folder(folder: Path) -> None:
    """Bring down which names a folder holds: after a file in it was made, renamed or removed."""
    _sync(folder)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def place_file(file: Path, target: Path) -> None:
    """Give `file` the name `target` too, without a copy where the disk allows; what had the name goes."""
    target.unlink(missing_ok=True)
    try:
        os.link(file, target)
    except OSError as error:
        if is_full(error):
            raise
        shutil.copyfile(file, target)


@contextmanager
def replacing(file: Path, *, mode: int | None = None) -> Iterator[BinaryIO]:
    """Write a file whole or not at all: beside it, down to the disk, then by its name; what had the name goes.

    Args:
        file: Its name, in a folder that is there.
        mode: Who may read it, as 0o600; None: as usual.

    Raises:
        OSError: It cannot be written; what had the name is as it was, as it is where the block raises.
    """
    part = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        handle = os.open(
            part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if mode is None else mode
        )
        with open(handle, "wb") as out:
            yield out
        settle([part])
        part.replace(file)
        settle_folder(file.parent)
    finally:
        part.unlink(missing_ok=True)


def replace_file(file: Path, text: str, *, mode: int | None = None) -> None:
    """Write `text` as the file, as UTF-8 with line ends as they are; the rest as of `replacing`."""
    with replacing(file, mode=mode) as out:
        out.write(text.encode("utf-8"))


class Changes:
    """The files that come into the folder of one table after this was made; for the holder of its lease."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._before = folder, _files(folder)

    def new(self) -> list[Path]:
        """Data files first, then the log that makes them count."""
        came = _files(self._folder) - self._before
        return sorted(came, key=lambda path: (path.parent.name == _LOG, path))

    def remove_unused(self, used: Collection[str]) -> None:
        """Delete new data files that are not among the paths `used`: a full disk must not stay full."""
        for path in self.new():
            if path.parent == self._folder and str(path) not in used:
                path.unlink(missing_ok=True)


def _files(folder: Path) -> set[Path]:
    found: set[Path] = set()
    for place in (folder, folder / _LOG):
        if place.is_dir():
            found.update(Path(entry.path) for entry in os.scandir(place) if entry.is_file())
    return found


def remove_stale_parts(folder: Path, *, older_than_hours: float) -> int:
    """Delete half-written files of killed writers; returns how many. For the holder of the table's lease."""
    limit, gone = time.time() - older_than_hours * 3600, 0
    for path in _files(folder):
        if _PART.search(path.name) and path.stat().st_mtime <= limit:
            path.unlink(missing_ok=True)
            gone += 1
    return gone
