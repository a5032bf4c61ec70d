"""A folder in place of a mail server: every message becomes a durable `.eml` file, for trials.

A file appears whole or not at all, and an outcome is given only when it would survive a power cut. The file's name
is the message id, so a message that is sent again is not written twice.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from aimwell.deliver.model import MESSAGE_ID, Outcome, Outgoing
from aimwell.errors import DeliverError, StorageFullError
from aimwell.store.processes import process_is_gone, process_name

__all__ = ["SinkTransport"]

_AT_ONCE = 200
_THREADS = 8
_PART = ".part"
_SLASH = ","  # in place of the / in a process's name, which is part of a file's


class SinkTransport:
    """Writes messages to a folder, which is made where it does not exist.

    `Return-Path` and `Delivered-To` stand on top of each file, as a mail server would add them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._cleared = False

    async def send(self, messages: Iterable[Outgoing]) -> AsyncIterator[Outcome]:
        """Writes each message.

        Raises:
            StorageFullError: The disk is full. Nothing is half written; the message can be sent again.
            DeliverError: The folder cannot be written, or a message id is no file name.
        """
        coming = iter(messages)
        while batch := list(islice(coming, _AT_ONCE)):
            for outcome in await asyncio.to_thread(self._write_all, batch):
                yield outcome

    async def close(self) -> None:
        """Nothing to end: everything is on disk when its outcome is given."""

    def path(self, message_id: str) -> Path:
        """Where a message lies."""
        if MESSAGE_ID.fullmatch(message_id) is None:
            raise DeliverError(f"The message id {message_id!r} cannot be the name of a file.")
        return self._folder / f"{message_id}.eml"

    def _write_all(self, batch: list[Outgoing]) -> list[Outcome]:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            if not self._cleared:
                self._remove_parts_of_the_dead()
                self._cleared = True
            # A disk takes many flushes at once almost as fast as one: eight are ten times as fast as one by one.
            with ThreadPoolExecutor(_THREADS) as pool:
                outcomes = list(pool.map(self._write, batch))
            self._sync_folder()
        except OSError as err:
            if err.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StorageFullError(
                    f"The disk of {self._folder} is full. Free some space and send again: what is there stays."
                ) from err
            raise DeliverError(
                f"Messages cannot be written to {self._folder}: {err.strerror or err}. Choose a folder that can be."
            ) from err
        return outcomes

    def _write(self, message: Outgoing) -> Outcome:
        path = self.path(message.message_id)
        if path.exists():
            return Outcome(
                message.message_id, "accepted", stage="data", text="It was there already."
            )
        head = f"Return-Path: <{message.return_path}>\r\nDelivered-To: {message.recipient}\r\n".encode()
        # The process's name keeps two senders apart, and tells later ones whether it still writes.
        part = path.with_suffix(f".{process_name().replace('/', _SLASH)}{_PART}")
        try:
            with part.open("wb") as file:
                file.write(head + message.data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
        except OSError:
            part.unlink(missing_ok=True)
            raise
        return Outcome(message.message_id, "accepted", stage="data")

    def _remove_parts_of_the_dead(self) -> None:
        """Remove what killed senders had half written: whole messages with addresses lie in there."""
        for part in self._folder.glob(f"*{_PART}"):
            _id, _, process = part.name.removesuffix(_PART).partition(".")
            if process_is_gone(process.replace(_SLASH, "/")):
                part.unlink(missing_ok=True)

    def _sync_folder(self) -> None:
        # A new name is durable only when its folder is.
        handle = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
