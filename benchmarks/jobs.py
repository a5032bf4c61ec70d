"""How many jobs a second are queued, claimed and finished: one after the other, in batches, and by a worker.

`benchmarks/jobs.py [--jobs N] [--quick]`

Yardsticks of the same run: the same rows inserted and updated twice by the bare driver, in as many transactions,
on the same kind of database. On SQLite both wait for the disk at each commit; the private PostgreSQL here does not,
so its figures show what the queue itself costs.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from aimwell.jobs.claims import Claims
from aimwell.jobs.model import NewJob
from aimwell.jobs.queue import JobQueue
from aimwell.jobs.worker import Worker
from aimwell.store.control import Control
from aimwell.store.migrate import upgrade

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from postgres import find_programs, running_postgres

BATCH = 500
ROUNDS = 3  # of which the best counts: other work on the machine disturbs whom it likes
# Of the bare driver's rate. One by one SQLite waits for the disk most of the time, this PostgreSQL does not.
LEAST_SINGLE = {"SQLite": 0.3, "PostgreSQL": 0.1}
LEAST_BATCHES = 0.15
_INSERT = (
    "INSERT INTO jobs (kind, payload, state, priority, run_at, attempts, attempts_max, cancel_requested,"
    " progress_done, created_at) VALUES ('bare', {0}, 'queued', 0, {0}, 0, 5, {1}, 0, {0})"
)
_CLAIM = "UPDATE jobs SET state = 'running', attempts = 1, lease_token = {0} WHERE id = {0}"
_FINISH = "UPDATE jobs SET state = 'done', lease_token = NULL, finished_at = {0} WHERE id = {0}"


class Bare:
    """The same writes by the driver alone."""

    def __init__(self, control: Control) -> None:
        self.is_sqlite, url = control.is_sqlite, control.url
        self.connection: Any
        if self.is_sqlite:
            self.connection = sqlite3.connect(str(url.database), isolation_level=None)
            self.connection.execute("PRAGMA synchronous = FULL")
        else:
            plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
            self.connection = psycopg.connect(plain, autocommit=True)
        self.insert, self.claim, self.finish = (
            text.format(*(("?", "0") if self.is_sqlite else ("%s", "false")))
            for text in (_INSERT, _CLAIM, _FINISH)
        )

    def run(self, number: int, size: int) -> None:
        """`number` jobs, `size` of them in each transaction, three transactions each."""
        for first in range(0, number, size):
            numbers = range(first, first + size)
            now = datetime.now(UTC).isoformat()
            self._write(self.insert, [(json.dumps({"n": n}), now, now) for n in numbers])
            newest = self.connection.execute("SELECT max(id) FROM jobs").fetchone()[0]
            ids = range(newest - size + 1, newest + 1)
            self._write(self.claim, [("0" * 32, id_) for id_ in ids])
            self._write(self.finish, [(now, id_) for id_ in ids])

    def _write(self, statement: str, rows: list[tuple[Any, ...]]) -> None:
        with self._transaction() as cursor:
            if len(rows) == 1:
                cursor.execute(statement, rows[0])
            else:
                cursor.executemany(statement, rows)

    @contextmanager
    def _transaction(self) -> Iterator[Any]:
        if not self.is_sqlite:
            with self.connection.transaction(), self.connection.cursor() as cursor:
                yield cursor
            return
        cursor = self.connection.cursor()
        cursor.execute("BEGIN IMMEDIATE")
        yield cursor
        cursor.execute("COMMIT")


def main() -> int:
    """Print the figures of each database; 1 where one is missed or the work is wrong."""
    parser = argparse.ArgumentParser(description="Time the queue of jobs.")
    parser.add_argument("--jobs", type=int, default=500, help="jobs done one by one")
    parser.add_argument("--quick", action="store_true", help="few jobs: does it run at all?")
    asked = parser.parse_args()
    single = 25 if asked.quick else asked.jobs
    with tempfile.TemporaryDirectory() as folder:
        control = Control(f"sqlite:///{folder}/control.sqlite3")
        upgrade(control)
        fine = measure("SQLite", control, single)
        control.close()
    try:
        find_programs()
    except RuntimeError:
        print("PostgreSQL     not installed, left out")
        return 0 if fine or asked.quick else 1
    with running_postgres() as server:
        control = Control(server.fresh_database())
        upgrade(control)
        fine &= measure("PostgreSQL", control, single)
        control.close()
    return 0 if fine or asked.quick else 1


def measure(name: str, control: Control, single: int) -> bool:
    """Print the three figures of one database; whether all are reached."""
    queue, claims, bare = JobQueue(control), Claims(control), Bare(control)
    many = max(single * 20 // BATCH, 1) * BATCH
    one_by_one(queue, claims, 20)  # to be warm
    best: dict[str, float] = {}
    for _ in range(ROUNDS):
        queue.enqueue_many([NewJob("worked", {"n": n}) for n in range(single)])
        worker = Worker(claims, {"worked": lambda _context, payload: {"n": payload["n"]}})
        for what, number, work in (
            ("bare one by one", single, lambda: bare.run(single, 1)),
            ("one by one", single, lambda: one_by_one(queue, claims, single)),
            ("by a worker", single, worker.run_until_idle),
            ("bare batches", many, lambda: bare.run(many, BATCH)),
            ("batches", many, lambda: in_batches(queue, claims, many)),
        ):
            best[what] = max(best.get(what, 0.0), rate(number, work))
    bare.connection.close()
    assert queue.counts()["done"] == 20 + ROUNDS * (3 * single + 2 * many), "not all were done"
    singly = best["bare one by one"]
    return all([
        told(f"{name}, one by one", best["one by one"], singly, LEAST_SINGLE[name]),
        told(f"{name}, run by a worker", best["by a worker"], singly, 0),
        told(f"{name}, batches of {BATCH}", best["batches"], best["bare batches"], LEAST_BATCHES),
    ])  # fmt: skip


def one_by_one(queue: JobQueue, claims: Claims, number: int) -> None:
    for n in range(number):
        queue.enqueue("a", {"n": n})
        [job] = claims.claim(["a"])
        claims.finish(job)


def in_batches(queue: JobQueue, claims: Claims, number: int) -> None:
    for first in range(0, number, BATCH):
        queue.enqueue_many([NewJob("a", {"n": n}) for n in range(first, first + BATCH)])
        jobs = claims.claim(["a"], limit=BATCH)
        claims.finish_many([(job, None) for job in jobs])


def rate(number: int, work: Callable[[], object]) -> float:
    """Jobs a second."""
    began = time.perf_counter()
    work()
    return number / (time.perf_counter() - began)


def told(what: str, ours: float, bare: float, least: float) -> bool:
    fine = ours >= least * bare
    goal = f"; to reach: {least:g}{'' if fine else '; MISSED'}" if least else ""
    print(
        f"{what:<28} {ours:9,.0f} jobs/s; bare driver {bare:9,.0f} jobs/s; ratio {ours / bare:.2f}{goal}"
    )
    return fine


if __name__ == "__main__":
    raise SystemExit(main())
