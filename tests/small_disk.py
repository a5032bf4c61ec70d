"""A disk that gets full, in two ways: a small one that is mounted, and a limit of the system on the size of files.

Mounting needs rights that a process may not have, even as root (in a container, behind `chroot`). The limit needs
none, so every test of a full disk runs everywhere; with the rights it runs in both ways.
"""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

__all__ = ["WAYS", "SmallDisk", "small_disk_of"]


class SmallDisk(Protocol):
    """A folder on a disk that can be filled."""

    folder: Path

    def fill(self, leave: int) -> None:
        """Leave so many bytes: of the disk, or of each file where that is the limit."""

    def free(self) -> None:
        """Give room again."""


class _Mounted:
    """A disk of some megabytes of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._ballast = folder, folder / "ballast"

    def fill(self, leave: int) -> None:
        room = os.statvfs(self.folder)
        with self._ballast.open("wb") as file:
            file.write(b"\0" * max(room.f_bavail * room.f_frsize - leave, 0))

    def free(self) -> None:
        self._ballast.unlink(missing_ok=True)


class _Limited:
    """The disk that is there, on which this process may let no file grow beyond a size."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(self, leave: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (leave, self._before[1]))

    def free(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, self._before)


def _can_mount() -> bool:
    tried = subprocess.run(
        ["unshare", "--mount", "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "/mnt"],
        capture_output=True,
        check=False,
    )
    return os.geteuid() == 0 and tried.returncode == 0


WAYS: Sequence[str] = ("limit", "mount") if _can_mount() else ("limit",)


@contextmanager
def small_disk_of(megabytes: int, folder: Path, *, way: str) -> Iterator[SmallDisk]:
    """A small disk at `folder`; how large it is only a mounted one minds."""
    folder.mkdir()
    if way == "mount":
        size = f"size={megabytes}m"
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder], check=True)
        try:
            yield _Mounted(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)
        return
    disk = _Limited(folder)
    try:
        yield disk
    finally:
        disk.free()
