"""Background work of *collect*: sources by the clock, with all that must be known of their people afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from aimwell.collect.health import defined_sources, tell_alerts
from aimwell.collect.loads import not_unified
from aimwell.collect.scheduling import COLLECT, WATCH, sync_schedules
from aimwell.collect.service import collect
from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.source import Source
from aimwell.history.current import bring_collected_up_to_date
from aimwell.jobs.context import JobContext
from aimwell.jobs.model import utc_now
from aimwell.jobs.worker import Handler
from aimwell.store.stores import Stores

__all__ = ["collect_handlers", "folder_of"]


def folder_of(stores: Stores, source: Source) -> Path:
    """Where the files of a source lie that workers collect: its `folder`, from the workspace on."""
    return (stores.root / source.folder).resolve() if source.folder else stores.root


def collect_handlers(
    stores: Stores, *, clock: Callable[[], datetime] = utc_now
) -> dict[str, Handler]:
    """Kind of job → what does the work, for a worker. All of them may run twice."""

    def take(context: JobContext, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        source = definitions.find(stores.control, Source, str(payload["source"]))
        report = collect(
            stores,
            source,
            root=folder_of(stores, source),
            now=clock(),
            progress=lambda what, done, total: context.progress(done, total, what),
        )
        if not_unified(stores):
            bring_collected_up_to_date(stores, now=clock())
        return {
            "unchanged": report.already_collected,
            "rows_taken": sum(one.rows_taken for one in report.loads),
            "quarantined": sum(one.quarantined for one in report.loads),
        }

    def watch(_context: JobContext, _payload: Mapping[str, Any]) -> Mapping[str, Any]:
        sync_schedules(stores)
        found = [
            one.key
            for source in defined_sources(stores)
            for one in tell_alerts(stores, source, now=clock())
        ]
        return {"troubles": found}

    return {COLLECT: take, WATCH: watch}
