"""Work that is begun again where a file that it read was removed meanwhile, as by an erasure that purges."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from aimwell.errors import SnapshotGoneError

__all__ = ["again_where_gone"]

T = TypeVar("T")
_TIMES = 3


def again_where_gone(work: Callable[[], T]) -> T:
    """What `work` gives. It pins the newest versions itself and is harmless to repeat.

    Raises:
        SnapshotGoneError: A file was gone three times running, so somebody else than a vacuum took it.
    """
    for _ in range(_TIMES - 1):
        try:
            return work()
        except SnapshotGoneError:
            continue
    return work()
