"""What every stage of a workspace knows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from aimwell.store.stores import Stores

__all__ = ["Stage"]


class Stage:
    """What every stage knows."""

    def __init__(self, stores: Stores, clock: Callable[[], datetime], by: str) -> None:
        self._stores, self._clock, self._by = stores, clock, by
