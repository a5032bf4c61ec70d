"""One connection to a mail server, and what each answer or silence of it means for a message.

The steps are spoken one by one instead of through the client's own `sendmail`, because what may be tried again
depends on the step: until the text has been given, losing the connection loses nothing; after it, nobody knows.
"""

from __future__ import annotations

import asyncio

from aiosmtplib import SMTP
from aiosmtplib.errors import (
    SMTPException,
    SMTPHeloError,
    SMTPResponseException,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

from aimwell.deliver.bounces import Reply, outcome, read_reply
from aimwell.deliver.model import Outcome, Outgoing
from aimwell.deliver.smtp_settings import SmtpSettings, explain_failure, tls_context

__all__ = ["Connection", "ConnectionLost"]


class ConnectionLost(Exception):  # noqa: N818 - a result on its way out
    """The connection went before the message's text was given: the message was surely not sent."""

    def __init__(self, reply: Reply | None) -> None:
        super().__init__("the connection was lost")
        self.reply = reply


class Connection:
    """One connection. Not for two tasks at once."""

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings
        self._client: SMTP | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sent = 0

    @property
    def is_open(self) -> bool:
        """Ready for a message, as far as one can know without asking."""
        if self._client is None or self._loop is not asyncio.get_running_loop():
            return False
        return self._client.is_connected and self._sent < self._settings.messages_per_connection

    async def open(self) -> None:
        """Connects, turns to TLS and logs in.

        Raises:
            ServerUnreachableError: No answer, or not now.
            ServerRefusedError: The server's certificate, or its rules, or our login.
        """
        settings = self._settings
        client = SMTP(
            hostname=settings.host,
            port=settings.port,
            use_tls=settings.tls == "tls",
            start_tls=settings.tls == "starttls",
            tls_context=None if settings.tls == "none" else tls_context(settings),
            username=settings.username or None,
            password=settings.password or None,
            local_hostname=settings.hello_name,
            timeout=settings.command_seconds,
        )
        try:
            await client.connect(timeout=settings.connect_seconds)
            await _greet(client)
        except (SMTPException, OSError, ValueError) as err:
            client.close()
            explain_failure(err, settings)
        self._client, self._loop, self._sent = client, asyncio.get_running_loop(), 0

    async def send(self, message: Outgoing) -> Outcome:
        """Hands one message over.

        Raises:
            ConnectionLost: Before the text was given.
        """
        client = self._client
        if client is None or not client.is_connected:
            raise ConnectionLost(None)
        options: list[str] = []
        if message.international:
            if not client.supports_extension("smtputf8"):
                return Outcome(
                    message.message_id,
                    "refused",
                    stage="mail",  # what the server cannot do says nothing against the address
                    text="The server does not take addresses with letters outside ASCII.",
                )
            options = ["SMTPUTF8"]
        sender, recipient = message.return_path.encode(), message.recipient.encode()
        extras = [option.encode() for option in options]
        self._sent += 1
        for stage, words in (
            ("mail", [b"MAIL", b"FROM:<" + sender + b">", *extras]),
            ("rcpt", [b"RCPT", b"TO:<" + recipient + b">"]),
            ("data", [b"DATA"]),
        ):
            reply = await self._ask(client, words, message)
            if reply.code not in ((354,) if stage == "data" else (250, 251)):
                await self._clear(client)
                return outcome(message.message_id, _as_refusal(reply), stage)
        return await self._give_text(client, message)

    async def close(self) -> None:
        """Says goodbye, without waiting long for an answer."""
        client, self._client = self._client, None
        if client is None:
            return
        try:
            if client.is_connected:
                await client.quit(timeout=min(5.0, self._settings.command_seconds))
        except (SMTPException, OSError):
            pass
        finally:
            client.close()

    def abort(self) -> None:
        """Drops the connection without a word."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    async def _ask(self, client: SMTP, words: list[bytes], message: Outgoing) -> Reply:
        try:
            response = await client.execute_command(*words)
        except (SMTPServerDisconnected, SMTPTimeoutError, OSError) as err:
            client.close()
            raise ConnectionLost(None) from err
        except SMTPResponseException as err:
            # An answer that is none: whatever the server speaks, it is not safe to go on.
            client.close()
            raise ConnectionLost(
                read_reply(err.code, err.message, recipient=message.recipient)
            ) from err
        reply = read_reply(response.code, response.message, recipient=message.recipient)
        if reply.code == 421:
            client.close()
            raise ConnectionLost(reply)
        return reply

    async def _give_text(self, client: SMTP, message: Outgoing) -> Outcome:
        protocol = client.protocol
        if protocol is None:
            raise ConnectionLost(None)
        try:
            protocol.write(_dot_stuffed(message.data) + b".\r\n")
        except SMTPServerDisconnected as err:
            client.close()
            raise ConnectionLost(None) from err
        try:
            response = await protocol.read_response(timeout=self._settings.answer_seconds)
        except SMTPTimeoutError:
            client.close()
            return _unknown(message, "The server did not answer after the message was given.")
        except (SMTPException, OSError):
            client.close()
            return _unknown(message, "The connection was lost after the message was given.")
        reply = read_reply(response.code, response.message, recipient=message.recipient)
        if reply.code == 421:
            client.close()
        return outcome(
            message.message_id, reply if reply.code == 250 else _as_refusal(reply), "data"
        )

    async def _clear(self, client: SMTP) -> None:
        """Clears the half-made envelope, so that the next message starts clean."""
        try:
            response = await client.execute_command(b"RSET")
        except (SMTPException, OSError):
            client.close()
            return
        if response.code != 250:
            client.close()


async def _greet(client: SMTP) -> None:
    if client.is_ehlo_or_helo_needed:
        try:
            await client.ehlo()
        except SMTPHeloError:
            await client.helo()


def _as_refusal(reply: Reply) -> Reply:
    """A positive code at the wrong step is no acceptance: it is treated as a refusal for now."""
    return (
        reply
        if reply.code >= 400
        else Reply(450, "", f"unexpected answer {reply.code} {reply.text}".strip())
    )


def _unknown(message: Outgoing, text: str) -> Outcome:
    return Outcome(message.message_id, "unknown", stage="data", text=text)


def _dot_stuffed(data: bytes) -> bytes:
    # Bodies are written without dots at line starts; headers could still fold onto one.
    return data.replace(b"\r\n.", b"\r\n..") if b"\r\n." in data else data
