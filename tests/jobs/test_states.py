"""Whatever is done to jobs in whatever order, they are where a simple model says they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from aimwell.errors import JobError, JobLostError
from aimwell.jobs.backoff import Backoff
from aimwell.jobs.claims import Claims
from aimwell.jobs.model import Job
from aimwell.jobs.queue import JobQueue
from aimwell.jobs.rows import TABLE
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


class Jobs(RuleBasedStateMachine):
    """Workers and callers do to the queue what they like."""

    control: Control
    claimed = Bundle("claimed")

    def __init__(self) -> None:
        super().__init__()
        with self.control.begin() as connection:
            connection.execute(TABLE.delete())
        self.clock = SetClock()
        self.queue = JobQueue(self.control, clock=self.clock)
        self.claims = Claims(
            self.control,
            lease_seconds=LEASE,
            backoff=Backoff(first_seconds=WAIT, factor=1, spread=0),
            draw=lambda: 1.0,
            clock=self.clock,
        )
        self.model: dict[int, Model] = {}

    # --- callers ---

    @rule(
        key=st.sampled_from([None, "k1", "k2"]), priority=st.integers(0, 2), wait=st.integers(0, 20)
    )
    def enqueue(self, key: str | None, priority: int, wait: int) -> None:
        run_at = self.clock.now + timedelta(seconds=wait)
        id_ = self.queue.enqueue(
            "a", key=key, priority=priority, run_at=run_at, attempts_max=ATTEMPTS
        )
        twins = [i for i, m in self.model.items() if key and m.key == key and alive(m)]
        if twins:
            assert [id_] == twins
        else:
            assert id_ not in self.model
            self.model[id_] = Model(key, priority, run_at)

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        id_ = data.draw(st.sampled_from(sorted(self.model)))
        job = self.model[id_]
        if job.state == "queued":
            job.state = "cancelled"
        elif job.state == "running":
            job.wish = True
        assert self.queue.cancel(id_) == job.state

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        id_ = data.draw(st.sampled_from(sorted(self.model)))
        job = self.model[id_]
        twin = any(job.key and m.key == job.key and alive(m) for m in self.model.values())
        if job.state in {"failed", "cancelled"} and not twin:
            self.queue.retry(id_)
            job.state, job.attempts, job.wish, job.run_at = "queued", 0, False, self.clock.now
        else:
            with pytest.raises(JobError):
                self.queue.retry(id_)

    @rule(seconds=st.sampled_from([1, 5, 15, 31]))
    def time_goes_on(self, seconds: int) -> None:
        self.clock.on(seconds)

    # --- workers ---

    @rule(target=claimed, limit=st.integers(1, 3))
    def claim(self, limit: int) -> object:
        due = [
            i for i, m in self.model.items() if m.state == "queued" and m.run_at <= self.clock.now
        ]
        due.sort(key=lambda i: (-self.model[i].priority, self.model[i].run_at, i))
        jobs = self.claims.claim(["a"], limit=limit)
        assert [job.id for job in jobs] == due[:limit]
        for job in jobs:
            model = self.model[job.id]
            assert job.token is not None
            assert job.token not in model.tokens
            model.tokens.add(job.token)
            model.state, model.token, model.attempts = "running", job.token, model.attempts + 1
            model.until = self.clock.now + timedelta(seconds=LEASE)
        return multiple(*jobs)

    def holds(self, job: Job) -> bool:
        model = self.model[job.id]
        return model.state == "running" and model.token == job.token

    @rule(job=claimed)
    def renew(self, job: Job) -> None:
        standing = self.claims.renew(job)
        if self.holds(job):
            model = self.model[job.id]
            model.until = self.clock.now + timedelta(seconds=LEASE)
            assert standing == ("cancelled" if model.wish else "held")
        else:
            assert standing == "lost"

    @rule(job=consumes(claimed))
    def finish(self, job: Job) -> None:
        if self.holds(job):
            self.claims.finish(job)
            self.model[job.id].state = "done"
        else:
            with pytest.raises(JobLostError):
                self.claims.finish(job)

    @rule(job=consumes(claimed), passing=st.booleans())
    def fail(self, job: Job, passing: bool) -> None:
        error = TimeoutError() if passing else ValueError()
        if not self.holds(job):
            with pytest.raises(JobLostError):
                self.claims.fail(job, error)
            return
        model = self.model[job.id]
        if not passing or model.attempts >= ATTEMPTS:
            model.state = "failed"
        elif model.wish:
            model.state = "cancelled"
        else:
            model.state = "queued"
            model.run_at = self.clock.now + timedelta(seconds=WAIT)
        assert self.claims.fail(job, error) == model.state

    @rule(job=consumes(claimed))
    def release(self, job: Job) -> None:
        if not self.holds(job):
            with pytest.raises(JobLostError):
                self.claims.release(job)
            return
        model = self.model[job.id]
        self.claims.release(job)
        if model.wish:
            model.state = "cancelled"
        else:
            model.state, model.run_at = "queued", self.clock.now
            model.attempts -= 1

    @rule()
    def reap(self) -> None:
        late = {
            i
            for i, m in self.model.items()
            if m.state == "running" and m.until is not None and m.until <= self.clock.now
        }
        for id_ in late:
            model = self.model[id_]
            if model.wish:
                model.state = "cancelled"
            elif model.attempts >= ATTEMPTS:
                model.state = "failed"
            else:
                model.state, model.run_at = "queued", self.clock.now
        assert {(j.id, j.state) for j in self.claims.reap()} == {
            (i, self.model[i].state) for i in late
        }

    # --- always ---

    @invariant()
    def the_table_is_as_the_model_says(self) -> None:
        found = {job.id: job for job in self.queue.find(limit=1000)}
        assert found.keys() == self.model.keys()
        for id_, model in self.model.items():
            job = found[id_]
            assert (job.state, job.attempts) == (model.state, model.attempts)
            assert (job.token is not None) == (job.state == "running")
            assert (job.finished_at is not None) == (job.state in {"done", "failed", "cancelled"})
            if job.state == "queued":
                assert job.run_at == model.run_at
                assert not job.cancel_requested
        keys = [job.key for job in found.values() if job.key and job.state in {"queued", "running"}]
        assert len(keys) == len(set(keys)), "a key lives once"


def alive(model: Model) -> bool:
    return model.state in {"queued", "running"}


def check(control: Control, *, examples: int, steps: int) -> None:
    Jobs.control = control
    run_state_machine_as_test(
        Jobs,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_jobs_are_where_the_model_says(control: Control) -> None:
    check(control, examples=25, steps=30)


@pytest.mark.long
def test_jobs_are_where_the_model_says_for_long(control: Control) -> None:
    check(control, examples=500, steps=60)
