"""Collects a source: reads, checks and takes its files, each row once, with nothing lost.

`collect` may be killed at any moment; run again it gives what one clean run would have given. See `loads` for
how.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from aimwell.collect import loads
from aimwell.collect.columns import Columns, change_of, column_types
from aimwell.collect.desk import Desk, full_disk_is_told, open_desk
from aimwell.collect.files import InputFile
from aimwell.collect.gathering import Progress, gather, note_progress
from aimwell.collect.health import is_defined, tell_alerts
from aimwell.collect.model import DataReport, LoadReport
from aimwell.collect.raw import RawTable
from aimwell.collect.reading import read_raw
from aimwell.collect.runs import Run, note_run, reference_columns
from aimwell.collect.taking import take_entity
from aimwell.definitions.kinds.source import Entity, Source
from aimwell.errors import AimwellError, CollectError, ColumnsChangedError, MappingError
from aimwell.store.again import again_where_gone
from aimwell.store.spill import spill_folder
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = ["collect"]


def collect(
    stores: Stores,
    source: Source,
    *,
    root: Path,
    now: datetime,
    progress: Progress | None = None,
    from_start: bool = False,
) -> DataReport:
    """Take what a source reads: files, rows of databases, tables.

    Args:
        stores: The workspace.
        source: The definition.
        root: Folder that the paths of its files are relative to.
        now: The present.
        progress: Told what is being done.
        from_start: Read databases and tables from their beginning, whatever was taken of them before.

    Returns:
        What became of the rows, for each entity.

    Raises:
        SourceFileError: A file is absent, empty or damaged; FileChangedError: it changed while it was read.
        SourceDatabaseError: A database refuses what is asked; SourceAwayError: it or a store cannot be reached.
        MappingError: The mapping does not fit the files.
        RecollectError: The mapping was changed so that rows would count twice.
        StorageFullError: The disk is full.
        Whatever is raised, nothing of that entity's load was taken; those before it were.
    """
    if source.tracking is not None:
        raise MappingError(
            f"'{source.name}' takes tracking messages, not files. What its clients have sent comes in with: "
            "aimwell collect flush"
        )
    tell, seen = progress or _silent, dict[str, Mapping[str, str]]()
    begun_at = time.monotonic()
    try:
        report = again_where_gone(
            lambda: _collect(stores, source, root, now, tell, seen, from_start=from_start)
        )
    except Exception as error:
        told = _with_change(stores, source, error, seen)
        _note(stores, source, now, begun_at, seen, error=told)
        if told is error:
            raise
        raise told from error
    _note(stores, source, now, begun_at, seen, report=report)
    return report


def _with_change(stores: Stores, source: Source, error: Exception, seen: Columns) -> Exception:
    """The error; of a mapping that does not fit, with the columns that went and came since it did."""
    if not isinstance(error, MappingError) or isinstance(error, ColumnsChangedError):
        return error
    change = change_of(reference_columns(stores, source.name) or {}, seen)
    if not change.any:
        return error
    told = f"{error}\nThe columns are not what they were when it was collected before ({change.words})."
    return MappingError(told, field=error.field)


def _note(
    stores: Stores,
    source: Source,
    now: datetime,
    begun_at: float,
    seen: Columns,
    *,
    report: DataReport | None = None,
    error: Exception | None = None,
) -> None:
    """Keep what came of it, and raise or resolve the alerts of a source that is written down."""
    rows = None
    if report is not None and not report.already_collected:
        rows = sum(one.rows_read for one in report.loads if one.state == "taken")
    run = Run(
        source=source.name,
        started_at=now,
        finished_at=now + timedelta(seconds=time.monotonic() - begun_at),
        outcome="failed" if error else "unchanged" if rows is None else "taken",
        rows=rows,
        error=loads.words_of(error),
        columns={file: dict(types) for file, types in seen.items()},
    )
    # What went wrong must not be hidden by an alert that cannot be told.
    with suppress(AimwellError, SQLAlchemyError) if error else nullcontext():
        note_run(stores, run)
        if is_defined(stores, source.name):
            tell_alerts(stores, source, now=now)


def _collect(
    stores: Stores,
    source: Source,
    root: Path,
    now: datetime,
    tell: Progress,
    seen: dict[str, Mapping[str, str]],
    *,
    from_start: bool,
) -> DataReport:
    """`collect`; `seen` is given the columns of the files that were read."""
    with (
        full_disk_is_told(),
        loads.hold_source(stores, source.name),
        _rates_held(stores, source),
        spill_folder(stores.folder("collecting")) as folder,
    ):
        loads.publish_prepared(stores, source.name)
        loads.sweep(stores)
        gathered = gather(stores, source, root, folder, tell, from_start=from_start)
        inputs, entities = gathered.inputs, gathered.entities(source)
        newest = partial(_newest_rate, stores)
        begun = [
            loads.begin(stores, source, e, inputs, now=now, newest_rate=newest) for e in entities
        ]
        if all(load.state == "done" for load in begun):
            note_progress(stores, source, gathered, now=now)
            done = tuple(_again(load) for load in begun)
            return DataReport(source.name, done, gathered.absent)
        reports: list[LoadReport] = []
        with open_desk(stores) as desk:
            raw: dict[str, RawTable] = {}
            for place, (entity, load) in enumerate(zip(entities, begun, strict=True)):
                if load.state == "done":
                    reports.append(_again(load))
                    continue
                siblings = {one.mapping for one in begun if one.entity == load.entity}
                with _the_rest_told(stores, load, begun[place + 1 :]):
                    try:
                        _read_missing(desk, source, entity, inputs, raw, tell)
                        for name in raw.keys() - seen.keys():
                            seen[name] = column_types(desk.session, raw[name])
                        _refuse_other_columns(stores, source, seen)
                    except Exception as error:
                        loads.fail(stores, load, error=error)
                        raise
                    reports.append(
                        take_entity(
                            stores, desk, source, entity, load, raw, tell, siblings=siblings
                        )
                    )
        note_progress(stores, source, gathered, now=now)
        return DataReport(source.name, tuple(reports), gathered.absent)


@contextmanager
def _the_rest_told(stores: Stores, load: loads.Load, rest: Sequence[loads.Load]) -> Iterator[None]:
    """Where a load fails, say of those after it that they were not reached, instead of leaving them running."""
    try:
        yield
    except Exception:
        told = CollectError(f"It was not looked at, because {load.entity} before it failed.")
        # What went wrong must not be hidden by what cannot be told.
        with suppress(AimwellError, SQLAlchemyError):
            for one in rest:
                loads.fail(stores, one, error=told)
        raise


def _refuse_other_columns(stores: Stores, source: Source, seen: Columns) -> None:
    if source.columns_changed != "refuse":
        return
    change = change_of(reference_columns(stores, source.name) or {}, seen)
    if change.any:
        raise ColumnsChangedError(
            f"The columns of '{source.name}' are not what they were ({change.words}), and it says `columns_changed: "
            "refuse`. Nothing was taken. Put the export right; or change the definition and apply it, which takes the "
            "columns as they are now for the right ones.",
            field="",
        )


def _rates_held(stores: Stores, source: Source) -> AbstractContextManager[object]:
    if any(entity.entity == "rates" for entity in source.entities):
        return loads.hold_rates(stores)
    return nullcontext()


def _newest_rate(stores: Stores) -> datetime | None:
    """When the last exchange rate was taken."""
    with stores.engine.session() as session:
        session.bind("market", stores.lake.pin("market").tables["market"])
        [(at,)] = session.rows(sql("SELECT max(received_at) FROM market WHERE name LIKE 'rate:%'"))
    return at if isinstance(at, datetime) else None


def _silent(_what: str, _done: int, _total: int | None) -> None:
    return None


def _again(load: loads.Load) -> LoadReport:
    assert load.report is not None  # noqa: S101 - a load that is done has one
    return LoadReport.from_dict({**load.report.to_dict(), "state": "already_collected"})


def _read_missing(
    desk: Desk,
    source: Source,
    entity: Entity,
    inputs: Mapping[str, Sequence[InputFile]],
    raw: dict[str, RawTable],
    tell: Progress,
) -> None:
    """Read the files of an entity that none before it has read."""
    for name in [source.file_of(entity), *(join.file for join in entity.join)]:
        if name not in raw:
            done = 0

            def advance(size: int, name: str = name) -> None:
                nonlocal done
                done += size
                tell(f"reading {name}", done, None)

            raw[name] = read_raw(desk, source, name, inputs[name], advance=advance)
