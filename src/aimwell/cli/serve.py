"""`aimwell serve`: the HTTP server."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from aimwell.cli.context import JsonLinesOption, WorkspaceOption, find_workspace, opened
from aimwell.cli.output import Output
from aimwell.collect.tracking.door import inbox_folder
from aimwell.errors import WorkspaceError
from aimwell.store.nodes import claim_inbox

__all__ = ["address_of", "listen", "run_server", "serve"]

_APPLICATION = "aimwell.server.app:app_from_environment"
_WAITING_MAX = 2048  # connections that the system keeps until the server takes them


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on.", show_default="from the settings")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, help="Port; 0 takes a free one.", show_default="from the settings"
        ),
    ] = None,
    reports: Annotated[
        bool, typer.Option("--reports", help="Serve the reports too, under /reports/.")
    ] = False,
    flush: Annotated[
        bool,
        typer.Option(
            "--flush/--no-flush", help="Carry tracking messages into the lake, in a process beside."
        ),
    ] = True,
    workspace: WorkspaceOption = None,
    as_json: JsonLinesOption = False,
) -> None:
    """Take tracking messages, answer the links in messages, and tell other systems people's scores."""
    with opened(workspace) as ws:
        settings = ws.stores.settings
        claim_inbox(
            ws.stores.control,
            inbox_folder(ws.stores),
            seconds=settings.lease_seconds,
            now=datetime.now(UTC),
        )
    output = Output(as_json=as_json)
    listener = listen(host or settings.host, settings.port if port is None else port)
    address = address_of(listener)

    def started() -> None:
        output.event("serving", address=address, pid=os.getpid(), base_url=settings.base_url)
        output.say(f"Serving on {address} (links lead to {settings.base_url}).")
        if settings.public_url is None and address != settings.base_url:
            output.note(
                f"Warning: links in messages lead to {settings.base_url}, and not here. Set `port` (or `public_url`) in "
                "aimwell.toml, so that messages that are made from now on lead to where this serves."
            )
        output.say("Ctrl-C or SIGTERM end it.")

    run_server(find_workspace(workspace), listener, reports=reports, flush=flush, started=started)
    output.event("stopped")
    output.say("Stopped.")


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections at `host`; port 0 is a free one.

    Raises:
        WorkspaceError: Somebody else listens there, or it is no address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_WAITING_MAX)
    except OSError as error:
        listener.close()
        raise WorkspaceError(
            f"Nobody can listen at {host}, port {port}: {error.strerror}. Name another port with --port "
            "(0 takes a free one), or another address with --host."
        ) from error
    return listener


def address_of(listener: socket.socket) -> str:
    """Where a browser finds what answers at `listener`."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Server(uvicorn.Server):
    """Tells when it takes requests."""

    def __init__(self, config: uvicorn.Config, tell: Callable[[], None]) -> None:
        super().__init__(config)
        self._tell = tell

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._tell()


def run_server(
    root: Path,
    listener: socket.socket,
    *,
    reports: bool,
    started: Callable[[], None],
    flush: bool = False,
) -> None:
    """Run the server until it is told to stop (SIGINT, SIGTERM); `started` is called once it answers."""
    os.environ["AIMWELL_WORKSPACE"] = os.path.abspath(root)
    os.environ["AIMWELL_SERVE_REPORTS"] = "1" if reports else "0"
    os.environ["AIMWELL_SERVE_FLUSH"] = "1" if flush else "0"
    # Once it has shut down, uvicorn sends itself the signal again that stopped it; that is a good end, not a failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: None)
    # The access log would hold the tokens of links.
    config = uvicorn.Config(_APPLICATION, factory=True, access_log=False, log_level="warning")
    with listener:
        _Server(config, started).run(sockets=[listener])
