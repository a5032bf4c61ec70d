"""`aimwell run`: the worker that does what was left to the background."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from aimwell.cli.context import JsonLinesOption, WorkspaceOption, opened
from aimwell.deliver.jobs import deliver_handlers, schedule_flushes
from aimwell.jobs.service import open_jobs
from aimwell.jobs.worker import Handler, stopped_by_signals
from aimwell.store.stores import Stores
from aimwell.unify.live import flush_handlers, schedule_tracking_flushes

__all__ = ["handlers", "run"]


def handlers(stores: Stores) -> dict[str, Handler]:
    """Every kind of background work, and what does it."""
    return {**deliver_handlers(stores), **flush_handlers(stores)}


def run(
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="End when nothing is due, instead of waiting.")
    ] = False,
    poll_seconds: Annotated[
        float, typer.Option(min=0.05, help="How long to wait before looking for work again.")
    ] = 1.0,
    workspace: WorkspaceOption = None,
    as_json: JsonLinesOption = False,
) -> None:
    """Work in the background: send plans that were left to it, carry opens and clicks into the lake.

    So are tracking messages. Start as many as wished, on any machine that reaches the workspace. SIGTERM or Ctrl-C end it in good order; what
    it was doing is taken up again by the next.
    """
    with opened(workspace, as_json=as_json) as ws:
        jobs = open_jobs(ws.stores)
        schedule_flushes(jobs)
        schedule_tracking_flushes(jobs)
        worker = jobs.worker(handlers(ws.stores), poll_seconds=poll_seconds)
        with stopped_by_signals(worker):
            ws.output.event("working", workspace=ws.stores.root, pid=os.getpid())
            if until_idle:
                ran = worker.run_until_idle()
                ws.output.event("stopped", jobs=ran)
                ws.output.say(f"{ran} job{'' if ran == 1 else 's'} done; nothing more is due.")
                return
            ws.output.say("Working. Stop with Ctrl-C or SIGTERM.")
            ran = worker.run()
        ws.output.event("stopped", jobs=ran)
        ws.output.say(f"Stopped. {ran} job{'' if ran == 1 else 's'} done.")
