"""Background work of a workspace, opened together."""

from __future__ import annotations

from pathlib import Path

from aimwell.jobs.service import open_jobs
from aimwell.store.stores import create_stores


def test_what_is_queued_in_a_workspace_is_run_by_its_worker(tmp_path: Path) -> None:
    stores = create_stores(tmp_path / "shop", lease_seconds=7)
    jobs = open_jobs(stores)
    id_ = jobs.queue.enqueue("greet", {"who": "world"})
    jobs.queue.enqueue("fail", key="k")
    jobs.schedules.put("s", kind="greet", cron="@yearly", timezone=stores.settings.timezone)

    def fail(_context: object, _payload: object) -> None:
        raise ValueError

    worker = jobs.worker({"greet": lambda _, p: {"hello": p["who"]}, "fail": fail})
    assert worker.run_until_idle() == 2
    assert jobs.queue.get(id_).result == {"hello": "world"}
    assert [alert.key for alert in jobs.alerts.all()] == ["job:fail:k"]
    assert jobs.claims.lease_seconds == 7
    stores.close()
