"""A real mail server on loopback (aiosmtpd in a thread) that keeps what it was given."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message
from typing import Any

from aiosmtpd.controller import Controller

__all__ = ["Catcher", "catching"]


class Catcher:
    """What arrived, in order. `answer` may refuse a recipient: it is asked with the address and gives a reply."""

    def __init__(self, answer: Callable[[str], str] | None = None) -> None:
        self.letters: list[bytes] = []
        self.recipients: list[str] = []
        self.port = 0
        self._answer = answer or (lambda _address: "250 fine")
        self._lock = threading.Lock()

    async def handle_RCPT(  # noqa: N802 - the library's name
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        answer = self._answer(address)
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        with self._lock:
            self.letters.append(envelope.content)
            self.recipients.extend(envelope.rcpt_tos)
        return "250 2.0.0 taken"

    def times(self) -> Counter[str]:
        """Message id of the ledger → how often it arrived."""
        with self._lock:
            letters = list(self.letters)
        found: Counter[str] = Counter()
        for letter in letters:
            head = letter.split(b"\r\n\r\n", 1)[0].decode("latin-1").lower()
            line = next(line for line in head.split("\r\n") if line.startswith("message-id:"))
            found[line.split("<")[1].split("@")[0]] += 1
        return found

    def parsed(self) -> list[Message]:
        """All letters, parsed."""
        return [message_from_bytes(letter) for letter in self.letters]


@contextmanager
def catching(answer: Callable[[str], str] | None = None) -> Iterator[Catcher]:
    """A running server on a free port of 127.0.0.1."""
    catcher = Catcher(answer)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        catcher.port = probe.getsockname()[1]
    controller = Controller(catcher, hostname="127.0.0.1", port=catcher.port, timeout=600)
    controller.start()
    try:
        yield catcher
    finally:
        controller.stop()
