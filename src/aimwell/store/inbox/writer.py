"""Appending to the inbox: many requests at once, one `fdatasync` for all that wait, an answer when it is down."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from aimwell.errors import InboxBusyError, StorageFullError, StoreError
from aimwell.store.disk import is_full, settle_folder
from aimwell.store.inbox.frames import (
    FIRST_LINE,
    FIRST_LINE_ENCRYPTED,
    RECORD_BYTES_MAX,
    Cipher,
    end_frame,
    frame,
)
from aimwell.store.inbox.segments import OPEN, new_name, seal, try_lock

__all__ = ["PAYLOAD_BYTES_MAX", "InboxWriter"]

PAYLOAD_BYTES_MAX = RECORD_BYTES_MAX - 1024
"""The longest record that may be appended; a cipher may add to it."""


@dataclass
class _Segment:
    """The segment being written. Everything before byte `down` is on the disk."""

    path: Path
    descriptor: int
    began: float
    down: int
    records: int = 0


class InboxWriter:
    """One process's way into the inbox. Use it in one event loop, and close it.

    Args:
        folder: The inbox; made where it is absent.
        cipher: Encrypts every record; None leaves them plain.
        segment_bytes: A segment of this size is sealed and the next one begun.
        segment_seconds: So is one of this age, so that a flush finds messages soon.
        waiting_bytes_max: Above this much waiting for the disk, `append` refuses instead of filling the memory.
    """

    def __init__(
        self,
        folder: Path,
        *,
        cipher: Cipher | None = None,
        segment_bytes: int = 64 * 1024 * 1024,
        segment_seconds: float = 2.0,
        waiting_bytes_max: int = 64 * 1024 * 1024,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._cipher = cipher
        self._segment_bytes = segment_bytes
        self._segment_seconds = segment_seconds
        self._waiting_bytes_max = waiting_bytes_max
        self._segment: _Segment | None = None
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._waiting_bytes = 0
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        # One thread: commits come one after the other, and the event loop never waits for the disk.
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="aimwell-inbox")

    @property
    def waiting_bytes(self) -> int:
        """Bytes that wait for the disk."""
        return self._waiting_bytes

    async def append(self, payload: bytes) -> None:
        """Return when the record is safely on the disk, and only then.

        Raises:
            StorageFullError: The disk is full; the record is not in the inbox.
            InboxBusyError: The disk is behind or the writer is closed; the record is not in the inbox.
            StoreError: The disk failed; whether the record is in the inbox cannot be known.
            ValueError: The record is too long.
        """
        if len(payload) > PAYLOAD_BYTES_MAX:
            raise ValueError(
                f"A record has {len(payload):,} bytes; at most {PAYLOAD_BYTES_MAX:,} are allowed."
            )
        if self._closing:
            raise InboxBusyError("The server is stopping. Send the messages again.")
        if self._waiting_bytes + len(payload) > self._waiting_bytes_max:
            raise InboxBusyError(
                f"{self._waiting_bytes:,} bytes of messages wait for the disk already. Send them again later."
            )
        loop = asyncio.get_running_loop()
        if self._task is None:
            self._task = loop.create_task(self._run())
        down: asyncio.Future[None] = loop.create_future()
        self._waiting.append((payload, down))
        self._waiting_bytes += len(payload)
        self._wake.set()
        # Somebody who no longer waits for the answer must not undo what others wait for.
        await asyncio.shield(down)

    async def rotate(self) -> None:
        """Seal the segment now, so that a flush finds all that was acknowledged."""
        await asyncio.get_running_loop().run_in_executor(self._disk, self._seal)

    async def close(self) -> None:
        """Bring down what waits, seal the segment, and end."""
        if self._closing:
            return
        self._closing = True
        self._wake.set()
        if self._task is not None:
            await self._task
        await self.rotate()
        self._disk.shutdown()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self._rest())
            self._wake.clear()
            batch, self._waiting, self._waiting_bytes = self._waiting, [], 0
            if batch:
                payloads = [payload for payload, _ in batch]
                failure = await loop.run_in_executor(self._disk, self._commit, payloads)
                _answer([down for _, down in batch], failure)
            elif self._closing:
                return
            else:
                await loop.run_in_executor(self._disk, self._seal_aged)

    def _rest(self) -> float | None:
        """Seconds until the segment is of an age to be sealed; None: there is none, so only a message wakes us."""
        if self._segment is None:
            return None
        return max(0.01, self._segment.began + self._segment_seconds - time.monotonic())

    # What follows runs in the disk's thread.

    def _commit(self, payloads: Sequence[bytes]) -> BaseException | None:
        """Write and bring down; the failure instead of raising it, for each waiting one gets its own."""
        try:
            self._seal_aged()
            segment = self._segment or self._begin()
            where = segment.path.stem.encode()
            if self._cipher is not None:
                payloads = [self._cipher.seal(payload, where) for payload in payloads]
            written = b"".join(map(frame, payloads))
        except BaseException as error:  # told to whoever waits
            return error
        try:
            _write_all(segment.descriptor, written)
        except OSError as error:
            self._take_back(segment)
            return error
        try:
            os.fdatasync(segment.descriptor)
        except OSError as error:
            # After a failed sync nobody knows what is down, and a second sync would say that all is well.
            self._abandon(segment)
            return error
        segment.down += len(written)
        segment.records += len(payloads)
        return None

    def _begin(self) -> _Segment:
        first = FIRST_LINE if self._cipher is None else FIRST_LINE_ENCRYPTED
        while True:
            path = self._folder / f"{new_name(time.time_ns())}{OPEN}"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            descriptor = os.open(path, flags, 0o600)
            try:
                # Where a flush was quicker than us, it has taken the empty file for an abandoned one.
                if not try_lock(descriptor):
                    os.close(descriptor)
                    continue
                _write_all(descriptor, first)
                os.fdatasync(descriptor)
                settle_folder(self._folder)
            except BaseException:
                os.close(descriptor)
                path.unlink(missing_ok=True)
                raise
            if not path.exists():  # sealed by a flush between its making and its lock
                os.close(descriptor)
                continue
            self._segment = _Segment(
                path=path, descriptor=descriptor, began=time.monotonic(), down=len(first)
            )
            return self._segment

    def _seal_aged(self) -> None:
        segment = self._segment
        if segment is not None and (
            segment.down >= self._segment_bytes
            or time.monotonic() - segment.began >= self._segment_seconds
        ):
            self._seal()

    def _seal(self) -> None:
        segment, self._segment = self._segment, None
        if segment is None:
            return
        try:
            with suppress(OSError):  # without its end frame it is read all the same
                _write_all(segment.descriptor, end_frame(segment.records))
                os.fdatasync(segment.descriptor)
            with suppress(OSError):  # then it is found as abandoned
                seal(segment.path)
        finally:
            os.close(segment.descriptor)

    def _take_back(self, segment: _Segment) -> None:
        """Cut off what a failed write left; where that fails too, go on in another segment."""
        try:
            os.ftruncate(segment.descriptor, segment.down)
            os.lseek(segment.descriptor, segment.down, os.SEEK_SET)
        except OSError:
            self._abandon(segment)

    def _abandon(self, segment: _Segment) -> None:
        self._segment = None
        with suppress(OSError):
            seal(segment.path)
        os.close(segment.descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _answer(waiting: Sequence[asyncio.Future[None]], failure: BaseException | None) -> None:
    for down in waiting:
        if down.done():  # who waited has gone
            continue
        if failure is None:
            down.set_result(None)
        else:
            down.set_exception(_told(failure))


def _told(failure: BaseException) -> BaseException:
    if isinstance(failure, OSError) and is_full(failure):
        return StorageFullError(
            "The disk of the inbox is full, so messages cannot be taken. Make room; then they are taken again."
        )
    if isinstance(failure, OSError):
        return StoreError(f"The disk of the inbox failed: {failure.strerror or failure}.")
    return failure
