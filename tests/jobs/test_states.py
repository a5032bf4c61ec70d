"""Whatever is done to jobs in whatever order, they are where a simple model says they are.

A walk by chance, from the seed of the run: at each step one of the things that callers and workers can do, to
the queue and to the model; after each step the table must be what the model says.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from aimwell.errors import JobError, JobLostError
from aimwell.jobs.backoff import Backoff
from aimwell.jobs.claims import Claims
from aimwell.jobs.model import Job
from aimwell.jobs.queue import JobQueue
from aimwell.store.control import Control
from job_clock import SetClock

LEASE, WAIT, ATTEMPTS = 30.0, 10.0, 3


@dataclass
class Model:
    """What should be true of one job."""

    key: str | None
    priority: int
    run_at: datetime
    state: str = "queued"
    attempts: int = 0
    wish: bool = False
    token: str | None = None
    until: datetime | None = None
    tokens: set[str] = field(default_factory=set)

    @property
    def lives(self) -> bool:
        return self.state in {"queued", "running"}


class Walk:
    """Callers and workers do to the queue what they like."""

    def __init__(self, control: Control, chance: random.Random) -> None:
        self.chance, self.clock = chance, SetClock()
        self.queue = JobQueue(control, clock=self.clock)
        self.claims = Claims(
            control,
            lease_seconds=LEASE,
            backoff=Backoff(first_seconds=WAIT, factor=1, spread=0),
            draw=lambda: 1.0,
            clock=self.clock,
        )
        self.jobs: dict[int, Model] = {}
        self.claimed: list[Job] = []
        self.steps: list[str] = []

    def step(self) -> None:
        """Do one thing; those that need a job only where there is one."""
        actions = [self.enqueue] * (3 if len(self.due()) < 3 else 1)
        actions += [self.cancel, self.retry] if self.jobs else []
        actions += [self.claim] * 3 if self.due() else [self.time_goes_on] * 2
        actions += [self.renew, self.finish, self.fail, self.fail, self.release] * bool(
            self.claimed
        )
        actions += [self.reap] * 2 if self.late() else [self.time_goes_on]
        action = self.chance.choice(actions)
        self.steps.append(action.__name__)
        action()
        self.check()

    # --- callers ---

    def enqueue(self) -> None:
        key, priority = self.chance.choice([None, "k1", "k2"]), self.chance.randrange(3)
        run_at = self.clock.now + timedelta(seconds=self.chance.choice([0, 0, 10]))
        id_ = self.queue.enqueue(
            "a", key=key, priority=priority, run_at=run_at, attempts_max=ATTEMPTS
        )
        twins = [i for i, job in self.jobs.items() if key and job.key == key and job.lives]
        if twins:
            assert [id_] == twins
        else:
            assert id_ not in self.jobs
            self.jobs[id_] = Model(key, priority, run_at)

    def any_job(self) -> tuple[int, Model]:
        return self.chance.choice(sorted(self.jobs.items(), key=lambda item: item[0])[-12:])

    def cancel(self) -> None:
        id_, job = self.any_job()
        if job.state == "queued":
            job.state = "cancelled"
        elif job.state == "running":
            job.wish = True
        assert self.queue.cancel(id_) == job.state

    def retry(self) -> None:
        id_, job = self.any_job()
        twin = any(job.key and other.key == job.key and other.lives for other in self.jobs.values())
        if job.state in {"failed", "cancelled"} and not twin:
            self.queue.retry(id_)
            job.state, job.attempts, job.wish, job.run_at = "queued", 0, False, self.clock.now
        else:
            with pytest.raises(JobError):
                self.queue.retry(id_)

    def time_goes_on(self) -> None:
        self.clock.on(self.chance.choice([1, 5, 15, 31]))

    # --- workers ---

    def due(self) -> list[int]:
        """Waiting jobs whose time has come, in the order in which they should be taken."""
        now = self.clock.now
        due = [i for i, job in self.jobs.items() if job.state == "queued" and job.run_at <= now]
        return sorted(due, key=lambda i: (-self.jobs[i].priority, self.jobs[i].run_at, i))

    def late(self) -> set[int]:
        """Running jobs that gave no sign of life for the time of a lease."""
        return {
            i
            for i, job in self.jobs.items()
            if job.state == "running" and job.until is not None and job.until <= self.clock.now
        }

    def claim(self) -> None:
        due, limit = self.due(), self.chance.randint(1, 3)
        taken = self.claims.claim(["a"], limit=limit)
        assert [job.id for job in taken] == due[:limit]
        for job in taken:
            model = self.jobs[job.id]
            assert job.token is not None
            assert job.token not in model.tokens
            model.tokens.add(job.token)
            model.state, model.token, model.attempts = "running", job.token, model.attempts + 1
            model.until = self.clock.now + timedelta(seconds=LEASE)
        self.claimed += taken

    def a_claim(self, *, keep: bool = False) -> tuple[Job, Model, bool]:
        """A job that some worker took, now or long ago, and whether it still holds it."""
        job = self.chance.choice(self.claimed)
        if not keep:
            self.claimed.remove(job)
        model = self.jobs[job.id]
        return job, model, model.state == "running" and model.token == job.token

    def renew(self) -> None:
        job, model, holds = self.a_claim(keep=True)
        standing = self.claims.renew(job)
        if holds:
            model.until = self.clock.now + timedelta(seconds=LEASE)
        assert standing == (("cancelled" if model.wish else "held") if holds else "lost")

    def finish(self) -> None:
        job, model, holds = self.a_claim()
        if not holds:
            with pytest.raises(JobLostError):
                self.claims.finish(job)
            return
        self.claims.finish(job)
        model.state = "done"

    def fail(self) -> None:
        job, model, holds = self.a_claim()
        passing = self.chance.random() < 0.7
        error = TimeoutError() if passing else ValueError()
        if not holds:
            with pytest.raises(JobLostError):
                self.claims.fail(job, error)
            return
        if not passing or model.attempts >= ATTEMPTS:
            model.state = "failed"
        elif model.wish:
            model.state = "cancelled"
        else:
            model.state = "queued"
            model.run_at = self.clock.now + timedelta(seconds=WAIT)
        assert self.claims.fail(job, error) == model.state

    def release(self) -> None:
        job, model, holds = self.a_claim()
        if not holds:
            with pytest.raises(JobLostError):
                self.claims.release(job)
            return
        self.claims.release(job)
        if model.wish:
            model.state = "cancelled"
        else:
            model.state, model.run_at = "queued", self.clock.now
            model.attempts -= 1

    def reap(self) -> None:
        late = self.late()
        for id_ in late:
            model = self.jobs[id_]
            if model.wish:
                model.state = "cancelled"
            elif model.attempts >= ATTEMPTS:
                model.state = "failed"
            else:
                model.state, model.run_at = "queued", self.clock.now
        found = {(job.id, job.state) for job in self.claims.reap()}
        assert found == {(i, self.jobs[i].state) for i in late}

    # --- always ---

    def check(self) -> None:
        """The table is as the model says."""
        found = {job.id: job for job in self.queue.find(limit=10_000)}
        assert found.keys() == self.jobs.keys()
        for id_, model in self.jobs.items():
            job = found[id_]
            assert (job.state, job.attempts) == (model.state, model.attempts)
            assert (job.token is not None) == (job.state == "running")
            assert (job.finished_at is not None) == (not model.lives)
            if job.state == "queued":
                assert (job.run_at, job.cancel_requested) == (model.run_at, False)
        keys = [job.key for job in found.values() if job.key and self.jobs[job.id].lives]
        assert len(keys) == len(set(keys)), "a key lives once"
        if not self.due():
            assert self.claims.claim(["a"], limit=9) == []
        if not self.late():
            assert self.claims.reap() == []


def walk(control: Control, seed: int, steps: int) -> Walk:
    way = Walk(control, random.Random(seed))  # noqa: S311 - to be repeatable
    try:
        for _ in range(steps):
            way.step()
    except BaseException:
        print(f"seed {seed}, after:", " ".join(way.steps))
        raise
    return way


def test_jobs_are_where_the_model_says(control: Control, seed: int) -> None:
    way = walk(control, seed, 500)
    assert {job.state for job in way.jobs.values()} >= {"done", "failed", "cancelled"}
    assert any(job.attempts == ATTEMPTS for job in way.jobs.values())


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("number", range(8))
def test_jobs_are_where_the_model_says_on_many_ways(
    control: Control, seed: int, number: int
) -> None:
    walk(control, seed + 1 + number, 1500)
