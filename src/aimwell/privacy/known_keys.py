"""The good keys as a server knows them: looked up now and then, so that a request need not wait for the database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from sqlalchemy.exc import SQLAlchemyError

from aimwell.errors import ControlBusyError
from aimwell.privacy.key_ring import key_hash

__all__ = ["KEYS_SECONDS", "KnownKeys"]

KEYS_SECONDS = 2.0
"""A revoked key is good for no longer than this."""


class KnownKeys:
    """Keys that are good. Use it in one event loop.

    Args:
        look_up: Hash of each good key → whose it is; may take its time and is called in a thread.
        trusted_seconds: So long the keys that are known serve while the database is out of reach.
        busy: What is said when it has been longer.
        clock: Seconds that never go back.
    """

    def __init__(
        self,
        look_up: Callable[[], Mapping[str, str]],
        *,
        trusted_seconds: float,
        busy: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look_up, self._trusted, self._busy, self._clock = (
            look_up,
            trusted_seconds,
            busy,
            clock,
        )
        self._known: Mapping[str, str] = {}
        self._looked_up = self._tried = -float("inf")
        self._lookup = asyncio.Lock()

    async def whose(self, key: str) -> str | None:
        """Whose key it is; None: it is unknown or was revoked.

        Raises:
            ControlBusyError: The keys cannot be looked up now.
        """
        if self._clock() - self._tried >= KEYS_SECONDS:
            await self._refresh()
        return self._known.get(key_hash(key))

    async def _refresh(self) -> None:
        async with self._lookup:
            if self._clock() - self._tried < KEYS_SECONDS:  # somebody else has looked meanwhile
                return
            try:
                self._known = await asyncio.to_thread(self._look_up)
                self._looked_up = self._clock()
            except (ControlBusyError, SQLAlchemyError) as error:
                if self._clock() - self._looked_up > self._trusted:
                    raise ControlBusyError(self._busy) from error
            self._tried = self._clock()
