"""How messages leave: the protocol that every way out follows.

`send` takes messages lazily: it pulls one only when it can hand it over at once, so whatever was not pulled was not
tried. Who calls may mark a message as in flight when it is pulled, and stop simply by having no more. For every
message that was pulled there is one outcome, in the order in which they became known.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Protocol

from aimwell.deliver.model import Outcome, Outgoing

__all__ = ["Transport"]


class Transport(Protocol):
    """A way out for messages. One event loop uses it at a time."""

    def send(self, messages: Iterable[Outgoing]) -> AsyncIterator[Outcome]:
        """Hands messages over.

        Read it to the end: leaving early cancels what is in flight, and those messages stay *unknown*.

        Raises:
            ServerUnreachableError: There is no connection to be had; all outcomes of pulled messages came first,
                and what was not pulled may be sent later.
            ServerRefusedError: The server will not take mail from us until somebody changes something.
        """
        ...

    async def close(self) -> None:
        """Ends all connections. The transport may be used again."""
        ...
