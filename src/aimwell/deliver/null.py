"""A way out that takes everything and keeps nothing, for benchmarks and dry runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from aimwell.deliver.model import Outcome, Outgoing

__all__ = ["NullTransport"]


class NullTransport:
    """Accepts every message and counts messages and bytes."""

    def __init__(self) -> None:
        self.messages = 0
        self.size_bytes = 0

    async def send(self, messages: Iterable[Outgoing]) -> AsyncIterator[Outcome]:
        """One `accepted` for each message."""
        for message in messages:
            self.messages += 1
            self.size_bytes += len(message.data)
            yield Outcome(message.message_id, "accepted", stage="data", code=250)

    async def close(self) -> None:
        """Nothing to end."""
