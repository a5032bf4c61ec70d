"""What benchmarks of the server share: one in a process of its own, and connections that are kept open."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time

__all__ = ["Connection", "Server", "connected", "free_port"]

_OK = b"HTTP/1.1 200"


class Connection:
    """One connection that is kept open."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def ask(self, request: bytes) -> bytes:
        """Send a request and read its answer, which must be 200; its body."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        if not head.startswith(_OK):
            raise RuntimeError(f"refused: {head[:60]!r}")
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                return await self._reader.readexactly(int(line.partition(b":")[2]))
        return b""

    def close(self) -> None:
        """Give it up."""
        self._writer.close()


async def connected(port: int, count: int) -> list[Connection]:
    """So many connections to a server."""
    return [Connection(*await asyncio.open_connection("127.0.0.1", port)) for _ in range(count)]


class Server:
    """A server in a process of its own: `script --serve PORT arguments…`; gives its port."""

    def __init__(self, script: str, *arguments: str) -> None:
        self._script, self._arguments = script, arguments

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    async def __aenter__(self) -> int:
        port = free_port()
        self._process = subprocess.Popen(
            [sys.executable, self._script, "--serve", str(port), *self._arguments]
        )
        deadline = time.monotonic() + 300
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return port

    async def __aexit__(self, *_: object) -> None:
        os.kill(self._process.pid, signal.SIGTERM)
        await asyncio.to_thread(self._process.wait)


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
