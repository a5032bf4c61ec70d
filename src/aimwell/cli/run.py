"""`aimwell run`: the worker that does what was left to the background."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from aimwell.cli.context import JsonLinesOption, WorkspaceOption, opened
from aimwell.collect.scheduling import sync_schedules
from aimwell.deliver.jobs import deliver_handlers, schedule_flushes
from aimwell.history.current import refresh_state
from aimwell.history.jobs import collect_handlers
from aimwell.history.upkeep import schedule_upkeep, upkeep_handlers
from aimwell.jobs.context import JobContext
from aimwell.jobs.model import utc_now
from aimwell.jobs.service import open_jobs
from aimwell.jobs.worker import Handler, stopped_by_signals
from aimwell.measure.jobs import measure_handlers, schedule_measuring
from aimwell.predict.jobs import predict_handlers, schedule_care
from aimwell.privacy.retention import forget_old
from aimwell.segment.jobs import Follower, schedule_following, segment_handlers
from aimwell.store.stores import Stores
from aimwell.unify.live import flush_handlers, schedule_tracking_flushes
from aimwell.workspace.erasing import purge_erased

__all__ = ["PURGE", "handlers", "run"]

PURGE = "privacy.purge"
"""Takes the erased out of every file, and what is older than settings allow out of the vault, each night."""
_EACH_NIGHT = "30 2 * * *"


def handlers(stores: Stores) -> dict[str, Handler]:
    """Every kind of background work, and what does it."""

    def purge(_context: JobContext, _payload: Mapping[str, Any]) -> Mapping[str, Any]:
        now = utc_now()
        ended = len(purge_erased(stores, now=now))
        return {"ended": ended, "forgotten": forget_old(stores, now=now)}

    return {
        **deliver_handlers(stores),
        **flush_handlers(
            stores, refresh=refresh_state, afterwards=lambda: Follower(stores)(touched=True)
        ),
        **collect_handlers(stores),
        **upkeep_handlers(stores),
        **segment_handlers(stores),
        **predict_handlers(stores),
        **measure_handlers(stores),
        PURGE: purge,
    }


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

    So are tracking messages, sources with a schedule, and memberships of segments. Start as many as wished, on any machine that reaches the
    workspace. SIGTERM or Ctrl-C end it in good order; what it was doing is taken up again by the next.
    """
    with opened(workspace, as_json=as_json) as ws:
        jobs = open_jobs(ws.stores)
        schedule_flushes(jobs)
        schedule_tracking_flushes(jobs)
        # Only where it is missing: somebody may have moved it.
        if PURGE not in {schedule.name for schedule in jobs.schedules.all()}:
            jobs.schedules.put(
                PURGE, kind=PURGE, cron=_EACH_NIGHT, timezone=ws.stores.settings.timezone
            )
        schedule_upkeep(jobs, ws.stores.settings)
        schedule_following(jobs, timezone=ws.stores.settings.timezone)
        schedule_care(jobs, timezone=ws.stores.settings.timezone)
        schedule_measuring(jobs, timezone=ws.stores.settings.timezone)
        sync_schedules(ws.stores, jobs)
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
