"""What each change of state sets in a row."""

from __future__ import annotations

from datetime import UTC, datetime

from aimwell.jobs.model import STATES
from aimwell.jobs.rows import ENDED, TABLE, ended, queued

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_who_waits_or_has_ended_is_held_by_nobody() -> None:
    free = {"lease_token": None, "lease_owner": None, "lease_until": None}
    assert queued(NOW) == {"state": "queued", "run_at": NOW, "cancel_requested": False, **free}
    assert ended("done", NOW, error=None) == {
        "state": "done", "finished_at": NOW, "error": None, **free,
    }  # fmt: skip


def test_only_columns_of_the_table_are_set() -> None:
    names = {column.name for column in TABLE.columns}
    assert {*queued(NOW), *ended("failed", NOW, error="x", result=None)} <= names


def test_the_table_tells_the_states_that_there_are() -> None:
    assert TABLE.c.state.comment == ", ".join(STATES) + "."
    assert set(ENDED) < set(STATES)
