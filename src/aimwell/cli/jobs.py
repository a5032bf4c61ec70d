"""`aimwell jobs`: background work: what waits, runs and failed, its schedules, and what to look at."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from aimwell.cli.calls import call_is_right
from aimwell.cli.context import JsonOption, Opened, WorkspaceOption, opened
from aimwell.errors import JobError
from aimwell.jobs.alerts import Alert
from aimwell.jobs.model import STATES, Job
from aimwell.jobs.service import Jobs, open_jobs

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Look at background work; try it again, cancel it.")
alerts_app = typer.Typer(help="What a person should look at.")
app.add_typer(alerts_app, name="alerts")


def _known(job_id: int) -> int:
    """The id, where a job can have it: databases count no further."""
    if not 0 < job_id < 2**63:
        raise JobError(f"There is no job {job_id}; `aimwell jobs list` shows those that are.")
    return job_id


JobArgument = Annotated[int, typer.Argument(help="Id of the job, as `aimwell jobs list` shows it.")]


@app.command("list")
def list_jobs(
    state: Annotated[
        list[str] | None,
        typer.Option("--state", help=f"Only in this state: {', '.join(STATES)}; repeat it."),
    ] = None,
    kind: Annotated[
        list[str] | None, typer.Option("--kind", help="Only of this kind; repeat it.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Jobs to show, the newest first.")] = 20,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List jobs: state, progress, attempts, and when the next attempt is."""
    wanted = [one for one in STATES if one in (state or STATES)]
    if unknown := sorted(set(state or ()) - set(STATES)):
        raise typer.BadParameter(
            f"'{unknown[0]}' is no state. Allowed: {', '.join(STATES)}.", param_hint="--state"
        )
    with opened(workspace, as_json=as_json) as ws:
        queue = open_jobs(ws.stores).queue
        found = queue.find(states=wanted, kinds=kind or None, limit=limit)
        if as_json:
            ws.output.json({"jobs": [_plain(job) for job in found], "counts": queue.counts()})
            return
        if not found:
            ws.output.say("There are no such jobs." if state or kind else "There are no jobs.")
            return
        ws.output.table(
            ["job", "kind", "state", "progress", "attempts", "next run"],
            [
                (str(job.id), job.kind, _state(job), _progress(job), _attempts(job), _next(job))
                for job in found
            ],
        )
        counts = ", ".join(f"{number:,} {name}" for name, number in queue.counts().items())
        ws.output.say(f"In all: {counts}.")


@app.command("show")
def show(
    job_id: JobArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> None:
    """Show one job: what it was given, what came of it, and why it failed."""
    with opened(workspace, as_json=as_json) as ws:
        _show(ws, open_jobs(ws.stores).queue.get(_known(job_id)))


@app.command("retry")
def retry(
    job_id: JobArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> None:
    """Queue a failed or cancelled job once more, with all its attempts."""
    with opened(workspace, as_json=as_json) as ws:
        queue = open_jobs(ws.stores).queue
        queue.retry(_known(job_id))
        ws.stores.audit("retry job", actor=ws.by, subject=str(job_id))
        if as_json:
            ws.output.json(_plain(queue.get(job_id)))
        ws.output.say(f"Job {job_id} is queued again. A worker takes it up: aimwell run")


@app.command("cancel")
def cancel(
    job_id: JobArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> None:
    """Cancel a job: one that waits at once, one that runs where it next looks up."""
    with opened(workspace, as_json=as_json) as ws:
        queue = open_jobs(ws.stores).queue
        before = queue.get(_known(job_id)).state
        if before not in {"queued", "running"}:
            raise JobError(
                f"Job {job_id} is {before} already. Only jobs that wait or run can be cancelled."
            )
        state = queue.cancel(job_id)
        ws.stores.audit("cancel job", actor=ws.by, subject=str(job_id))
        if as_json:
            ws.output.json(_plain(queue.get(job_id)))
        ws.output.say(
            f"Job {job_id} is cancelled."
            if state == "cancelled"
            else f"Job {job_id} is {state}; its worker stops it as soon as it looks up."
        )


@app.command("schedules")
def schedules(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """List the schedules: what they queue, and when next."""
    with opened(workspace, as_json=as_json) as ws:
        found = open_jobs(ws.stores).schedules.all()
        if as_json:
            ws.output.json(list(found))
            return
        if not found:
            ws.output.say("There are no schedules. Workers make theirs: aimwell run")
            return
        ws.output.table(
            ["schedule", "kind", "cron", "time zone", "on", "last", "next"],
            [
                (one.name, one.kind, one.cron, one.timezone, one.enabled, one.last_at, one.next_at)
                for one in found
            ],
        )


@alerts_app.callback(invoke_without_command=True)
def alerts(
    context: typer.Context, workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> None:
    """List what a person should look at: failed jobs, schedules and jobs that nobody takes."""
    if context.invoked_subcommand is not None:
        call_is_right(
            workspace is None and not as_json,
            "Put --workspace and --json behind the subcommand: aimwell jobs alerts acknowledge KEY --json",
        )
        return
    with opened(workspace, as_json=as_json) as ws:
        jobs = open_jobs(ws.stores)
        found = jobs.troubles()
        if as_json:
            ws.output.json(list(found))
            return
        if not found:
            ws.output.say("Nothing needs looking at.")
            return
        for one in found:
            _show_alert(ws, one)
        if jobs.alerts.all():
            ws.output.say("Take one off the list with: aimwell jobs alerts acknowledge KEY")


@alerts_app.command("acknowledge")
def acknowledge(
    key: Annotated[
        list[str] | None, typer.Argument(help="Keys, as `aimwell jobs alerts` shows them.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All that can be acknowledged.")
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take alerts off the list, because somebody has seen to them; the same trouble again puts them back."""
    call_is_right(bool(key) != everything, "Name the keys of alerts, or --all, not both.")
    with opened(workspace, as_json=as_json) as ws:
        jobs = open_jobs(ws.stores)
        done = _acknowledge(jobs, [one.key for one in jobs.alerts.all()] if everything else key)
        for one in done:
            ws.stores.audit("acknowledge alert", actor=ws.by, subject=one)
        if as_json:
            ws.output.json({"acknowledged": done})
        ws.output.say(f"{len(done)} alert{'' if len(done) == 1 else 's'} acknowledged.")


def _acknowledge(jobs: Jobs, keys: list[str] | None) -> list[str]:
    done = []
    for one in keys or ():
        jobs.acknowledge(one)
        done.append(one)
    return done


def _show(ws: Opened, job: Job) -> None:
    if ws.output.as_json:
        ws.output.json(_plain(job))
        return
    ws.output.heading(f"Job {job.id}: {job.kind}, {_state(job)}")
    rows = [
        ("progress", _progress(job)),
        ("note", job.progress_note),
        ("attempts", _attempts(job)),
        ("next run", _next(job) if job.state == "queued" else None),
        ("queued", job.created_at),
        ("started", job.started_at),
        ("ended", job.finished_at),
        ("worker", job.owner),
        ("key", job.key),
        *((f"given {name}", str(value)) for name, value in job.payload.items()),
        *((f"result {name}", str(value)) for name, value in (job.result or {}).items()),
    ]
    ws.output.table(["", ""], [(name, value) for name, value in rows if value is not None])
    if job.error:
        ws.output.say(f"Why it {'failed' if job.state == 'failed' else 'was interrupted last'}:")
        ws.output.say(f"  {job.error}")
    if job.state in {"failed", "cancelled"}:
        ws.output.say(f"Try it again with: aimwell jobs retry {job.id}")


def _show_alert(ws: Opened, one: Alert) -> None:
    times = "" if one.count == 1 else f", {one.count:,} times"
    ws.output.heading(f"{one.severity}: {one.key}")
    ws.output.say(f"  {one.message}")
    ws.output.say(f"  since {one.first_at:%Y-%m-%d %H:%M} UTC{times}")
    ws.output.say()


def _plain(job: Job) -> dict[str, Any]:
    """The job as JSON shows it: all but the proof of who holds it."""
    return {name: value for name, value in vars(job).items() if name != "token"}


def _state(job: Job) -> str:
    return "running, to be cancelled" if job.cancel_requested else job.state


def _progress(job: Job) -> str:
    if job.progress_total is None:
        return f"{job.progress_done:,}" if job.progress_done else "–"
    return f"{job.progress_done:,} of {job.progress_total:,}"


def _attempts(job: Job) -> str:
    return f"{job.attempts} of {job.attempts_max}"


def _next(job: Job) -> str:
    return f"{job.run_at:%Y-%m-%d %H:%M %Z}" if job.state == "queued" else "–"
