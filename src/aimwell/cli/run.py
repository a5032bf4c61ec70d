"""`aimwell run`: the worker that does what was left to the background."""

from __future__ import annotations

from typing import Annotated

import typer

from aimwell.cli.context import WorkspaceOption, opened
from aimwell.deliver.jobs import deliver_handlers, schedule_flushes
from aimwell.jobs.service import open_jobs
from aimwell.jobs.worker import Handler, stopped_by_signals
from aimwell.store.stores import Stores

__all__ = ["handlers", "register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run", rich_help_panel="Workspace")(run)


def handlers(stores: Stores) -> dict[str, Handler]:
    """Every kind of background work, and what does it."""
    return {**deliver_handlers(stores)}


def run(
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="End when nothing is due, instead of waiting.")
    ] = False,
    poll_seconds: Annotated[
        float, typer.Option(min=0.05, help="How long to wait before looking for work again.")
    ] = 1.0,
    workspace: WorkspaceOption = None,
) -> None:
    """Work in the background: send plans that were left to it, carry opens and clicks into the lake.

    Start as many as wished, on any machine that reaches the workspace. SIGTERM or Ctrl-C end it in good order; what
    it was doing is taken up again by the next.
    """
    with opened(workspace) as ws:
        jobs = open_jobs(ws.stores)
        schedule_flushes(jobs)
        worker = jobs.worker(handlers(ws.stores), poll_seconds=poll_seconds)
        with stopped_by_signals(worker):
            if until_idle:
                ran = worker.run_until_idle()
                ws.output.say(f"{ran} job{'' if ran == 1 else 's'} done; nothing more is due.")
                return
            ws.output.say("Working. Stop with Ctrl-C or SIGTERM.")
            worker.run()
        ws.output.say("Stopped.")
