"""The door for tracking clients: who may come in, and nobody is told "taken" before it is safe."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from aimwell.collect.tracking.allowance import Allowance
from aimwell.collect.tracking.keys import sources_by_hash
from aimwell.collect.tracking.messages import Received
from aimwell.collect.tracking.records import Kept, pack
from aimwell.collect.tracking.requests import Call, read_request
from aimwell.errors import StoreError, TrackingKeyError, TrackingRateError
from aimwell.privacy.known_keys import KnownKeys
from aimwell.store.inbox import InboxWriter
from aimwell.store.stores import Stores

__all__ = ["Door", "inbox_folder"]

KEYS_SECONDS_MAX = 600.0
"""So long the known keys serve while the control database is out of reach: messages must not be lost for that."""


def inbox_folder(stores: Stores) -> Path:
    """Where the raw messages of a workspace wait on this machine; made when it is missing.

    Raises:
        StoreError: It cannot be made.
    """
    named = stores.settings.inbox_folder
    if named is None:
        return stores.folder("inbox")
    folder = stores.root / named
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"The inbox {folder} cannot be made: {error.strerror}. Name another with AIMWELL_INBOX_FOLDER."
        ) from error
    return folder


class Door:
    """One server process's door. Use it in one event loop, and close it.

    Args:
        stores: The workspace.
        writer: Its inbox.
        messages_per_second: Of each source; None: any number.
        clock: Seconds that never go back.
    """

    def __init__(
        self,
        stores: Stores,
        writer: InboxWriter,
        *,
        messages_per_second: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._writer = writer
        self._allowance = Allowance(messages_per_second)
        self._clock = clock
        self._keys = KnownKeys(
            lambda: sources_by_hash(stores),
            trusted_seconds=KEYS_SECONDS_MAX,
            busy="The write keys cannot be looked up just now. Send the messages again later.",
            clock=clock,
        )
        self.taken: Counter[Call] = Counter()
        """Messages that were acknowledged, by what was called."""

    async def take(
        self,
        body: bytes,
        call: Call,
        *,
        key: str | None,
        opted_out: bool,
        now: datetime,
        robot: bool = False,
    ) -> int:
        """Take a request; returns how many messages it held, once they are safe.

        Args:
            body: As it came, unzipped.
            call: What was called.
            key: The write key of the headers; without one the body's counts.
            opted_out: `Sec-GPC: 1`.
            now: When it arrived.
            robot: The user agent is a known robot's.

        Raises:
            TrackingRequestError: Nothing of it could be kept.
            TrackingKeyError: The write key lets nothing in.
            TrackingRateError: The source sends more than it may.
            InboxBusyError, StorageFullError, StoreError, ControlBusyError: It cannot be taken now.
        """
        request = read_request(body, call)
        source = await self._source(key or request.write_key)
        wait = self._allowance.wait_for(source, request.messages, self._clock())
        if wait:
            raise TrackingRateError(
                f"The source '{source}' sends more messages than it may. Send them again later.",
                seconds=wait,
            )
        if request.messages:
            received = Received(call=call, received_at=now, opted_out=opted_out, robot=robot)
            await self._writer.append(pack(Kept(source, received, body)))
            self.taken[call] += request.messages
        return request.messages

    async def knows(self, key: str) -> bool:
        """Whether a write key lets anything in.

        Raises:
            ControlBusyError: The keys cannot be looked up now.
        """
        return await self._keys.whose(key) is not None

    @property
    def waiting_bytes(self) -> int:
        """Bytes of messages that wait for the disk."""
        return self._writer.waiting_bytes

    async def close(self) -> None:
        """Bring down what waits."""
        await self._writer.close()

    async def _source(self, key: str | None) -> str:
        if not key:
            raise TrackingKeyError(
                "A write key is missing. Send it as the user of basic authentication."
            )
        source = await self._keys.whose(key)
        if source is None:
            raise TrackingKeyError("The write key is unknown or was revoked.")
        return source
