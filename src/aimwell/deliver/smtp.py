"""Hands messages to a mail server over a pool of connections that stay open."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sized
from dataclasses import replace

from aimwell.deliver.bounces import Reply
from aimwell.deliver.model import Outcome, Outgoing
from aimwell.deliver.rate import RateLimit
from aimwell.deliver.smtp_connection import Connection, ConnectionLost
from aimwell.deliver.smtp_settings import SmtpSettings
from aimwell.errors import (
    DeliverError,
    RecipientsRefusedError,
    ServerRefusedError,
    ServerUnreachableError,
)

__all__ = ["SmtpSettings", "SmtpTransport"]

_MAX_LOST_IN_A_ROW = 3
_MAX_REFUSED_IN_A_ROW = 10
_MAX_NOBODY_IN_A_ROW = 20


class SmtpTransport:
    """A mail server. Connections are opened when needed and kept from batch to batch."""

    def __init__(
        self,
        settings: SmtpSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._settings = settings
        self._rate = RateLimit(settings.messages_per_second, clock=clock, sleep=sleep)
        self._idle: list[Connection] = []

    async def send(self, messages: Iterable[Outgoing]) -> AsyncIterator[Outcome]:
        """Hands messages over, as many at a time as there are connections; see `Transport.send`."""
        count = len(messages) if isinstance(messages, Sized) else None
        workers = min(
            self._settings.connections, self._settings.connections if count is None else count
        )
        run = _Run(self._settings, self._rate, self._idle, iter(messages), count)
        tasks = [asyncio.create_task(run.work()) for _ in range(workers)]
        ending = asyncio.create_task(run.end_after(tasks))
        try:
            while (outcome := await run.outcomes.get()) is not None:
                yield outcome
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, ending, return_exceptions=True)
        run.raise_failure()

    async def close(self) -> None:
        """Says goodbye on all connections."""
        idle, self._idle[:] = list(self._idle), []
        await asyncio.gather(*(connection.close() for connection in idle))


class _Run:
    """One call of `send`: what its workers share."""

    def __init__(
        self,
        settings: SmtpSettings,
        rate: RateLimit,
        idle: list[Connection],
        messages: Iterator[Outgoing],
        count: int | None,
    ) -> None:
        self._settings, self._rate, self._idle, self._messages = settings, rate, idle, messages
        self.outcomes: asyncio.Queue[Outcome | None] = asyncio.Queue()
        self._all_pulled = False
        self._left = count
        self._lost_in_a_row = 0
        self._refused_in_a_row = 0
        self._nobody_in_a_row = 0
        self._server_failure: DeliverError | None = None
        self._caller_failure: Exception | None = None

    async def work(self) -> None:
        """One worker: a connection first, then a message, until there is none or the server fails."""
        connection = self._idle.pop() if self._idle else Connection(self._settings)
        try:
            while self._left != 0:
                if not connection.is_open:
                    await connection.close()
                    await connection.open()
                if not self._reserve():
                    break
                await self._rate.wait()
                message = self._pull()
                if message is None:
                    break
                await self._deliver(connection, message)
        except (ServerUnreachableError, ServerRefusedError) as err:
            # Others may still have connections: a server may just limit how many there are.
            self._server_failure = err
        except asyncio.CancelledError:
            connection.abort()
            raise
        if connection.is_open:
            self._idle.append(connection)
        else:
            await connection.close()

    async def end_after(self, tasks: list[asyncio.Task[None]]) -> None:
        """Ends the outcomes when no worker can add one."""
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, Exception) and self._caller_failure is None:
                self._caller_failure = ended
        await self.outcomes.put(None)

    def raise_failure(self) -> None:
        """Raises what ended the run before all messages were pulled."""
        if self._caller_failure is not None:
            raise self._caller_failure
        if self._server_failure is not None and not self._all_pulled and self._left != 0:
            raise self._server_failure

    def _reserve(self) -> bool:
        """Takes one of the messages that are left, so that nobody waits for a moment that nobody needs."""
        if self._left == 0:
            return False
        if self._left is not None:
            self._left -= 1
        return True

    def _pull(self) -> Outgoing | None:
        if self._caller_failure is not None:
            return None
        try:
            message = next(self._messages, None)
        except (
            Exception
        ) as err:  # whatever the caller's own iterator raises is given back to the caller
            self._caller_failure = err
            return None
        self._all_pulled = self._all_pulled or message is None
        return message

    async def _deliver(self, connection: Connection, message: Outgoing) -> None:
        """Gives the message one outcome. A connection that turns out to be dead is replaced once."""
        reply: Reply | None = None
        for attempt in (1, 2):
            try:
                outcome = await connection.send(message)
            except ConnectionLost as lost:
                reply = lost.reply
                connection.abort()
            else:
                self._refuse_sender(outcome)
                self._count(lost=outcome.status == "unknown", outcome=outcome)
                return
            if attempt == 1 and reply is None:
                try:
                    await connection.open()
                except (ServerUnreachableError, ServerRefusedError):
                    self._count(lost=True, outcome=_not_sent(message, reply))
                    raise
            else:
                break
        self._count(lost=True, outcome=_not_sent(message, reply))

    def _refuse_sender(self, outcome: Outcome) -> None:
        """Ends the run where the server will not have us as a sender: no message can change that, so this one waits."""
        if outcome.status == "refused" and outcome.stage == "mail" and outcome.code is not None:
            self.outcomes.put_nowait(replace(outcome, status="deferred"))
            raise ServerRefusedError(self._refuses("does not take mail from this sender", outcome))

    def _refuses(self, what: str, outcome: Outcome) -> str:
        words = " ".join(filter(None, (str(outcome.code), outcome.enhanced, outcome.text)))
        return (
            f"The mail server {self._settings.host} port {self._settings.port} {what} ({words}). Check the channel's "
            "sender, login and DKIM. What is still waiting was not touched and can be sent later."
        )

    def _count(self, *, lost: bool, outcome: Outcome) -> None:
        self.outcomes.put_nowait(outcome)
        self._lost_in_a_row = self._lost_in_a_row + 1 if lost else 0
        if self._lost_in_a_row >= _MAX_LOST_IN_A_ROW:
            # Going on would turn every message of the campaign into one of which nobody knows whether it went.
            words = f" ({outcome.code} {outcome.text})" if outcome.code else ""
            raise ServerUnreachableError(
                f"The mail server {self._settings.host} port {self._settings.port} loses connections{words}. "
                "What is still waiting was not touched and can be sent later."
            )
        of_us = outcome.status == "refused" and not outcome.about_recipient and outcome.code
        self._refused_in_a_row = self._refused_in_a_row + 1 if of_us else 0
        if self._refused_in_a_row >= _MAX_REFUSED_IN_A_ROW:
            # One address or text may be refused; all of them means that the fault is not theirs.
            raise ServerRefusedError(self._refuses("refuses one message after another", outcome))
        self._nobody_in_a_row = self._nobody_in_a_row + 1 if outcome.about_recipient else 0
        if self._nobody_in_a_row >= _MAX_NOBODY_IN_A_ROW:
            raise RecipientsRefusedError(
                self._refuses("says of one address after another that there is nobody", outcome)
            )


def _not_sent(message: Outgoing, reply: Reply | None) -> Outcome:
    if reply is None:
        return Outcome(
            message.message_id,
            "deferred",
            stage="connect",
            text="The connection was lost before the message was given.",
        )
    return Outcome(
        message.message_id,
        "deferred",
        stage="connect",
        code=reply.code,
        enhanced=reply.enhanced,
        text=reply.text,
    )
