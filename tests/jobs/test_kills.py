"""Real workers in real processes, killed and halted in the middle of their jobs."""

from __future__ import annotations

import signal
import threading
from collections import Counter
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from aimwell.jobs.claims import Claims
from aimwell.jobs.model import NewJob
from aimwell.jobs.queue import JobQueue
from aimwell.jobs.worker import Worker
from aimwell.store.control import Control
from aimwell.store.schema import metadata
from child import Child, child, eventually

META = metadata.tables["workspace_meta"]

# argv: URL, seconds of the lease, folder, seconds that a job takes. Runs jobs of the kind 'a': each writes
# into the log of the folder when it begins and ends, and counts itself once through its transaction.
WORK = """
import os, sys, time
from pathlib import Path
import sqlalchemy as sa
from aimwell.jobs.claims import Claims
from aimwell.jobs.worker import Worker, stopped_by_signals
from aimwell.store.control import Control, insert_missing
from aimwell.store.schema import metadata
URL, LEASE, FOLDER, TAKES = sys.argv[1], float(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[4])
meta = metadata.tables["workspace_meta"]

def log(*words):
    with open(FOLDER / "log", "a") as file:
        file.write(" ".join(map(str, words)) + "\\n")

def handler(context, payload):
    id_ = context.job.id
    log("begin", id_, os.getpid())
    print("working", id_, flush=True)
    end = time.monotonic() + TAKES
    while time.monotonic() < end:
        time.sleep(0.005)
        context.check()
    with context.transaction() as connection:
        row = {"key": f"done {id_} {context.job.attempts}", "value": str(os.getpid())}
        connection.execute(sa.insert(meta).values(**row))
    log("end", id_, os.getpid())
    return {"pid": os.getpid()}

control = Control(URL)
worker = Worker(Claims(control, lease_seconds=LEASE), {"a": handler}, poll_seconds=0.02)
with stopped_by_signals(worker):
    print("ready", flush=True)
    worker.run()
control.close()
print("stopped", flush=True)
"""


def url_of(control: Control) -> str:
    return control.url.render_as_string(hide_password=False)


def start(stack: ExitStack, control: Control, folder: Path, *, lease: float, takes: float) -> Child:
    process = stack.enter_context(child(WORK, url_of(control), lease, folder, takes))
    assert process.line() == "ready"
    return process


def drain(process: Child) -> None:
    """Read on what it prints, so that it never waits for a reader."""
    threading.Thread(target=process.read_on, daemon=True).start()


def counted(control: Control) -> Counter[str]:
    """Job id → how often its work was counted."""
    with control.read() as connection:
        keys = connection.execute(sa.select(META.c.key).where(META.c.key.like("done %"))).scalars()
        return Counter(key.split()[1] for key in keys)


def test_a_killed_job_is_taken_up_at_once_by_another_worker(
    control: Control, tmp_path: Path
) -> None:
    queue = JobQueue(control)
    id_ = queue.enqueue("a")
    with ExitStack() as stack:
        victim = start(stack, control, tmp_path, lease=3600, takes=600)
        assert victim.line() == f"working {id_}"
        victim.send(signal.SIGKILL)  # and nobody waits for it: it stays in the table of processes
        heir = start(stack, control, tmp_path, lease=3600, takes=0)
        assert heir.line() == f"working {id_}"
        eventually(lambda: queue.get(id_).state == "done", seconds=20)
    job = queue.get(id_)
    assert (job.attempts, job.result) == (2, {"pid": heir.pid})
    assert counted(control) == {str(id_): 1}


def test_a_worker_of_this_process_takes_up_what_a_killed_one_left(
    control: Control, tmp_path: Path
) -> None:
    queue = JobQueue(control)
    id_ = queue.enqueue("a")
    with ExitStack() as stack:
        victim = start(stack, control, tmp_path, lease=3600, takes=600)
        assert victim.line() == f"working {id_}"
        victim.kill()
    worker = Worker(Claims(control), {"a": lambda _c, _p: {"by": "the command line"}})
    assert worker.run_until_idle() == 1
    assert queue.get(id_).result == {"by": "the command line"}


def test_a_halted_worker_loses_its_job_and_does_nothing_more_to_it(
    control: Control, tmp_path: Path
) -> None:
    queue = JobQueue(control)
    id_ = queue.enqueue("a")
    with ExitStack() as stack:
        halted = start(stack, control, tmp_path, lease=1.5, takes=600)
        assert halted.line() == f"working {id_}"
        halted.send(signal.SIGSTOP)
        heir = start(stack, control, tmp_path, lease=30, takes=0)
        assert heir.line() == f"working {id_}"
        eventually(lambda: queue.get(id_).state == "done", seconds=20)
        heir.kill()  # it would do the second job at once, and nobody would see it running
        halted.send(signal.SIGCONT)
        second = queue.enqueue("a")
        drain(halted)
        eventually(lambda: queue.get(second).state == "running", seconds=20)
    assert queue.get(id_).result == {"pid": heir.pid}
    assert counted(control)[str(id_)] == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_worker_in_good_order_and_its_job_goes_back(
    control: Control, tmp_path: Path, number: int
) -> None:
    queue = JobQueue(control)
    id_ = queue.enqueue("a")
    with ExitStack() as stack:
        process = start(stack, control, tmp_path, lease=3600, takes=600)
        assert process.line() == f"working {id_}"
        process.send(number)
        assert process.line() == "stopped"
        assert process.end() == 0
    job = queue.get(id_)
    assert (job.state, job.attempts, job.error) == ("queued", 0, None)


def overlaps(log: Path, killed: set[int]) -> list[str]:
    """Times at which a job began while another living worker was at it."""
    at_work: dict[str, int] = {}
    found = []
    for line in log.read_text().splitlines():
        what, id_, pid = line.split()
        if what == "end":
            at_work.pop(id_, None)
        else:
            other = at_work.get(id_)
            if other is not None and other not in killed:
                found.append(line)
            at_work[id_] = int(pid)
    return found


def massacre(control: Control, folder: Path, *, kills: int) -> None:
    """Kill one of three workers again and again while they do many jobs; every job is counted once."""
    queue, killed, jobs = JobQueue(control), set(), 0

    def is_done(number: int) -> bool:
        return queue.counts()["done"] >= number

    with ExitStack() as stack:
        crew = [start(stack, control, folder, lease=3600, takes=0.01) for _ in range(3)]
        for process in crew:
            drain(process)
        for number in range(kills):
            goal = queue.counts()["done"] + 3 + number % 5
            jobs += queue.enqueue_many([NewJob("a", attempts_max=1000) for _ in range(12)])
            eventually(partial(is_done, goal))
            victim = crew[number % len(crew)]
            killed.add(victim.pid)
            victim.kill()
            victim.close()
            crew[number % len(crew)] = start(stack, control, folder, lease=3600, takes=0.01)
            drain(crew[number % len(crew)])
        eventually(partial(is_done, jobs))
    assert queue.counts()["done"] == jobs
    times = counted(control)
    assert len(times) == jobs
    # Killed between its transaction and its end, a job is done once more; what it wrote is there to be seen.
    assert sum(times.values()) - jobs <= kills
    assert overlaps(folder / "log", killed) == []


def test_workers_killed_again_and_again_lose_no_job_and_never_share_one(
    control: Control, tmp_path: Path
) -> None:
    massacre(control, tmp_path, kills=3)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_hundred_kills_lose_no_job(control: Control, tmp_path: Path) -> None:
    massacre(control, tmp_path, kills=100)


def test_workers_of_several_processes_share_the_work(control: Control, tmp_path: Path) -> None:
    queue = JobQueue(control)
    with ExitStack() as stack:
        crew = [start(stack, control, tmp_path, lease=30, takes=0.01) for _ in range(3)]
        for process in crew:
            drain(process)
        queue.enqueue_many([NewJob("a") for _ in range(80)])
        eventually(lambda: queue.counts()["done"] == 80)
    begun = [
        line.split() for line in (tmp_path / "log").read_text().splitlines() if "begin" in line
    ]
    assert len(begun) == len({id_ for _, id_, _ in begun}) == 80
    assert len({pid for *_, pid in begun}) > 1
