"""Keeps the sending below a number of messages a second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

__all__ = ["RateLimit"]


class RateLimit:
    """Hands out moments at an even pace, shared by all connections. No burst makes up for a pause."""

    def __init__(
        self,
        per_second: float | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`per_second` None is no limit. `clock` gives seconds of any monotonic time."""
        self._gap = None if per_second is None else 1.0 / per_second
        self._clock, self._sleep = clock, sleep
        self._next = float("-inf")

    async def wait(self) -> None:
        """Returns when the next message may go."""
        if self._gap is None:
            return
        now = self._clock()
        at = max(now, self._next)
        self._next = at + self._gap
        if at > now:
            await self._sleep(at - now)
