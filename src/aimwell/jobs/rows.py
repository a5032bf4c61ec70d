"""Rows of the table `jobs`: how they are read, and what each change of state sets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aimwell.jobs.model import Job, JobState
from aimwell.store.schema import metadata

__all__ = ["ENDED", "TABLE", "as_job", "ended", "queued"]

TABLE = metadata.tables["jobs"]
ENDED: tuple[JobState, ...] = ("done", "failed", "cancelled")

_FREE = {"lease_token": None, "lease_owner": None, "lease_until": None}


def as_job(row: Any) -> Job:
    """A job of a row with all columns."""
    values = dict(row._mapping)
    values["token"] = values.pop("lease_token")
    values["owner"] = values.pop("lease_owner")
    return Job(**values)


def queued(run_at: datetime) -> dict[str, Any]:
    """What a job gets that waits (again)."""
    return {"state": "queued", "run_at": run_at, "cancel_requested": False, **_FREE}


def ended(state: JobState, now: datetime, **values: Any) -> Mapping[str, Any]:
    """What a job gets that has ended."""
    return {"state": state, "finished_at": now, **_FREE, **values}
