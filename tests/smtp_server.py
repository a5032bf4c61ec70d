"""A mail server on loopback that does what a script says: refuses, stalls, or dies at any step."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import TracebackType

__all__ = ["CLOSE", "STALL", "ScriptedServer", "scripted"]

STALL = "STALL"
CLOSE = "CLOSE"

_FINE = {
    "BANNER": "220 scripted.example ESMTP",
    "EHLO": "250-scripted.example\r\n250 8BITMIME",
    "HELO": "250 scripted.example",
    "MAIL": "250 2.1.0 fine",
    "RCPT": "250 2.1.5 fine",
    "DATA": "354 go on",
    "TEXT": "250 2.0.0 queued",
    "RSET": "250 2.0.0 fine",
    "QUIT": "221 2.0.0 bye",
}


class ScriptedServer:
    """Answers each step with the next entry of its script, then as any server would.

    An entry is a reply, `STALL` (no answer, until the client goes), `CLOSE` (the connection is closed instead), or
    for the text `CLOSE <n>` (closed after that many bytes of it). One script serves all connections.
    """

    def __init__(self, script: Mapping[str, Sequence[str]] | None = None) -> None:
        self._script = {step: list(entries) for step, entries in (script or {}).items()}
        self.lines: list[str] = []
        self.accepted: list[bytes] = []
        self.connections = 0
        self.most_at_once = 0
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def port(self) -> int:
        return int(self._server.sockets[0].getsockname()[1])

    def mend(self) -> None:
        """Forget what is left of the script: from now on the server is like any other."""
        self._script.clear()

    async def __aenter__(self) -> ScriptedServer:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        for writer in list(self._open):
            writer.close()
        while self._open:
            await asyncio.sleep(0.001)
        await self._server.wait_closed()

    def _next(self, step: str) -> str:
        entries = self._script.get(step)
        return entries.pop(0) if entries else _FINE[step]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        self.most_at_once = max(self.most_at_once, len(self._open))
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._talk(reader, writer)
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            self._open.discard(writer)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not await self._answer("BANNER", reader, writer):
            return
        while line := (await reader.readline()).decode():
            self.lines.append(line.strip())
            step = line[:4].upper().strip()
            if not await self._answer(step, reader, writer) or step == "QUIT":
                return

    async def _answer(
        self, step: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        reply = self._next(step)
        if reply == STALL:
            await reader.read()
            return False
        if reply == CLOSE:
            return False
        writer.write(f"{reply}\r\n".encode())
        await writer.drain()
        if step == "DATA" and reply.startswith("354"):
            return await self._take_text(reader, writer)
        return not reply.startswith("421")

    async def _take_text(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        reply = self._next("TEXT")
        if reply.startswith("CLOSE "):
            await reader.readexactly(int(reply.split()[1]))
            return False
        text = await reader.readuntil(b"\r\n.\r\n")
        if reply in (STALL, CLOSE):
            if reply == STALL:
                await reader.read()
            return False
        if reply.startswith("2"):
            self.accepted.append(text.removesuffix(b".\r\n"))
        writer.write(f"{reply}\r\n".encode())
        await writer.drain()
        return not reply.startswith("421")


@contextmanager
def scripted(script: Mapping[str, Sequence[str]]) -> Iterator[ScriptedServer]:
    """A scripted server in a thread, because senders run a loop of their own."""
    server, ready, stop = ScriptedServer(script), threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def live() -> None:
        async with server:
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(live(),))
    thread.start()
    ready.wait()
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
