"""A live server on loopback in a thread, and requests without any client's cleverness."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import uvicorn
from litestar import Litestar

from aimwell.server.app import create_app
from aimwell.store.stores import Stores

__all__ = ["free_port", "raw", "serving", "serving_app"]


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def serving(stores: Stores, *, reports: bool = False) -> AbstractContextManager[str]:
    """The address of a live server over `stores`."""
    return serving_app(create_app(stores, reports=reports))


@contextmanager
def serving_app(app: Litestar) -> Iterator[str]:
    """The address of a live server of any application."""
    port = free_port()
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=port,
        access_log=False,
        log_level="warning",
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        deadline = time.monotonic() + 30
        while not server.started:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def raw(port: int, request: bytes, *, seconds: float = 10.0) -> bytes:
    """Whatever a server answers to these bytes, until it closes or is silent."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while piece := connection.recv(65536):
                answer += piece
        except (TimeoutError, ConnectionError):
            pass
        return answer
