"""`aimwell serve`: the HTTP server."""

from __future__ import annotations

import os
import signal
import socket
from typing import Annotated

import typer
import uvicorn

from aimwell.cli.context import WorkspaceOption, find_workspace, opened

__all__ = ["register", "run_server"]

_APPLICATION = "aimwell.server.app:app_from_environment"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve", rich_help_panel="Workspace")(serve)


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on.", show_default="from the settings")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port; 0 takes a free one.", show_default="from the settings")
    ] = None,
    reports: Annotated[
        bool, typer.Option("--reports", help="Serve the reports too, under /reports/.")
    ] = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Answer the links in messages: unsubscribe, preferences, clicks, opens."""
    with opened(workspace) as ws:
        address = host or ws.stores.settings.host
        number = ws.stores.settings.port if port is None else port
        number = number or free_port(address)
        ws.output.say(
            f"Serving on http://{address}:{number} (links lead to {ws.stores.settings.base_url})."
        )
    run_server(str(find_workspace(workspace)), host=address, port=number, reports=reports)


def free_port(host: str) -> int:
    """A port on which nobody listens."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def run_server(root: str, *, host: str, port: int, reports: bool) -> None:
    """Run the server until it is told to stop (SIGINT, SIGTERM)."""
    os.environ["AIMWELL_WORKSPACE"] = os.path.abspath(root)
    os.environ["AIMWELL_SERVE_REPORTS"] = "1" if reports else "0"
    # Once it has shut down, uvicorn sends itself the signal again that stopped it; that is a good end, not a failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: None)
    # The access log would hold the tokens of links.
    uvicorn.run(
        _APPLICATION, factory=True, host=host, port=port, access_log=False, log_level="warning"
    )
