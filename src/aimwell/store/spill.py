"""Temporary folders for what does not fit into memory; those of killed processes are swept."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from aimwell.store.processes import process_is_gone, process_name

__all__ = ["spill_folder"]

_PREFIX = "aimwell-spill-"
_OWNER = "owner"


@contextmanager
def spill_folder(root: Path | None = None) -> Iterator[Path]:
    """A folder of the caller's own in `root` (the system's temporary folder), gone after the block."""
    where = Path(tempfile.gettempdir()) if root is None else root
    _sweep_once(where)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=where))
    try:
        (folder / _OWNER).write_text(process_name())
        inner = folder / "spill"
        inner.mkdir()
        yield inner
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@cache
def _sweep_once(root: Path) -> None:
    """Once in a process: delete the folders whose process was killed before it could do so."""
    for folder in root.glob(f"{_PREFIX}*"):
        try:
            owner = (folder / _OWNER).read_text()
        except OSError:  # just being made, or another user's
            continue
        if process_is_gone(owner):
            shutil.rmtree(folder, ignore_errors=True)
