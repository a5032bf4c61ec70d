"""Background work of *deliver*: plans that workers send, and events that they carry into the lake."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from aimwell.decide.decision_log import log_due
from aimwell.decide.stored import load_plan
from aimwell.deliver.guarding import guard
from aimwell.deliver.service import DeliveryStatus, execute, run_sending
from aimwell.deliver.touches import flush_touches
from aimwell.errors import JobError, LeaseBusyError
from aimwell.jobs.context import JobContext
from aimwell.jobs.model import utc_now
from aimwell.jobs.service import Jobs, open_jobs
from aimwell.jobs.worker import Handler
from aimwell.store.stores import Stores

__all__ = ["FLUSH", "SEND", "deliver_handlers", "schedule_flushes", "send_in_background"]

SEND = "deliver.send"
"""Executes and sends one plan. Payload: `plan_id`, and `by`, who asked for it."""

FLUSH = "deliver.flush"
"""Carries opens, clicks and the like into the lake, and looks at the guardrails of what is sent."""

_ACTOR = "worker"
_LOOK_AGAIN = timedelta(minutes=1)
_AFTER_TROUBLE = timedelta(minutes=5)
_EACH_MINUTE = "* * * * *"


def send_in_background(
    stores: Stores, plan_id: str, *, by: str, run_at: datetime | None = None
) -> int:
    """Leave an approved plan to the workers (`aimwell run`); returns the job's id. Once at a time for each plan.

    Raises:
        DecideError: There is no such plan.
        JobError: It is in a state in which nothing is left to send.
    """
    plan = load_plan(stores.control, plan_id)
    if plan.state not in {"approved", "sending", "paused"}:
        raise JobError(
            f"The plan '{plan.plan_id}' is {plan.state}, so there is nothing to send. Approve a plan first with: "
            "aimwell decide approve PLAN"
        )
    payload = {"plan_id": plan.plan_id, "by": by}
    queue = open_jobs(stores).queue
    return queue.enqueue(SEND, payload, key=_key(plan.plan_id), run_at=run_at)


def schedule_flushes(jobs: Jobs) -> None:
    """See to it that what recipients do reaches the lake each minute while workers run."""
    # Only where it is missing: somebody may have changed it or switched it off.
    if FLUSH not in {schedule.name for schedule in jobs.schedules.all()}:
        jobs.schedules.put(FLUSH, kind=FLUSH, cron=_EACH_MINUTE, timezone="UTC")


def deliver_handlers(
    stores: Stores, *, clock: Callable[[], datetime] = utc_now
) -> dict[str, Handler]:
    """Kind of job → what does the work, for a worker. All of them may run twice."""

    def send(context: JobContext, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        plan = load_plan(stores.control, str(payload["plan_id"]))
        if plan.state == "approved":
            execute(stores, plan.plan_id, now=clock(), by=str(payload.get("by", _ACTOR)))
        found = run_sending(
            stores,
            plan.plan_id,
            clock=clock,
            progress=lambda done, total: context.progress(done, total),
        )
        again_at = _again_at(found, clock())
        if again_at is not None:
            # The key of this job is taken while it runs, so two take turns: never more wait for one plan.
            first = _key(plan.plan_id)
            key = f"{first}:next" if context.job.key == first else first
            open_jobs(stores).queue.enqueue(SEND, payload, key=key, run_at=again_at)
        return {
            "state": found.state,
            "ended": found.ended,
            "trouble": found.trouble,
            "sent": found.total("sent"),
            "again_at": again_at.isoformat() if again_at is not None else None,
        }

    def flush(_context: JobContext, _payload: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            written = flush_touches(stores, now=clock())
        except LeaseBusyError:
            written = 0
        with suppress(LeaseBusyError):
            log_due(stores)
        return {"written": written, "stopped": list(guard(stores, now=clock()))}

    return {SEND: send, FLUSH: flush}


def _key(plan_id: str) -> str:
    return f"{SEND}:{plan_id}"


def _again_at(found: DeliveryStatus, now: datetime) -> datetime | None:
    """When a worker has to look at the plan again; None: never."""
    if found.state == "paused":
        return now + _LOOK_AGAIN
    if found.state != "sending":
        return None
    if found.trouble is not None:
        return now + _AFTER_TROUBLE
    if not found.sending_on or found.total("sending") or found.next_due_at is None:
        return now + _LOOK_AGAIN
    return max(found.next_due_at, now + timedelta(seconds=1))
