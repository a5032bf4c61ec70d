"""Collects a source: reads, checks and takes its files, each row once, with nothing lost.

`collect` may be killed at any moment; run again it gives what one clean run would have given. See `loads` for
how.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError
from sqlglot import exp

from aimwell.collect import loads
from aimwell.collect.columns import Columns, change_of, column_types
from aimwell.collect.counting import Tally
from aimwell.collect.customers import CUSTOMER_TARGETS
from aimwell.collect.desk import Desk, full_disk_is_told, open_desk
from aimwell.collect.entity_more import take_more
from aimwell.collect.entity_orders import stage_orders, take_orders
from aimwell.collect.entity_others import (
    stage_customers,
    stage_events,
    stage_products,
    stage_rates,
    take_customers,
    take_events,
    take_products,
    take_rates,
)
from aimwell.collect.entity_specs import SPECS
from aimwell.collect.events import EVENT_TARGETS
from aimwell.collect.evidence import Evidence, count_values, weigh
from aimwell.collect.expecting import (
    Expected,
    expected_of,
    find_repeats,
    results_of,
    warned_rows,
)
from aimwell.collect.field_kinds import FieldKind
from aimwell.collect.fields import fields_of
from aimwell.collect.files import InputFile
from aimwell.collect.gathering import gather, note_progress
from aimwell.collect.health import is_defined, tell_alerts
from aimwell.collect.inputs import Bound, bind_rows
from aimwell.collect.job import Job
from aimwell.collect.model import DataReport, FileReport, LoadReport
from aimwell.collect.order_lines import ORDER_TARGETS
from aimwell.collect.personal import refuse_personal
from aimwell.collect.products import PRODUCT_TARGETS
from aimwell.collect.provenance import Provenance
from aimwell.collect.quarantining import Fault, bind_superseded, set_aside
from aimwell.collect.rates import RATE_TARGETS
from aimwell.collect.raw import RawTable
from aimwell.collect.reading import read_raw
from aimwell.collect.runs import Run, note_run, reference_columns
from aimwell.collect.settling import Replayed
from aimwell.collect.shaping import stage_more
from aimwell.collect.staging import Check, bind_texts, bind_typed, stage
from aimwell.collect.standardising import Standardised, bind_standard, steps_of
from aimwell.collect.suggesting import suggest_mapping
from aimwell.collect.waiting import superseded
from aimwell.definitions.kinds.source import Entity, OrdersEntity, Source
from aimwell.errors import AimwellError, ColumnsChangedError, MappingError
from aimwell.store.spill import spill_folder
from aimwell.store.sql import column, sql
from aimwell.store.stores import Stores
from aimwell.store.tables import LAKE_TABLES

__all__ = [
    "TARGETS",
    "Progress",
    "collect",
    "file_reports",
    "one_piece_each",
    "stage_entity",
    "tables_of",
    "take_entity",
    "warnings_of",
]

Progress = Callable[[str, int, int | None], None]
"""Told what is being done, how far it is, and how far it goes (None: unknown)."""

TARGETS: Mapping[str, tuple[tuple[str, FieldKind], ...]] = {
    "orders": ORDER_TARGETS,
    "customers": CUSTOMER_TARGETS,
    "products": PRODUCT_TARGETS,
    "events": EVENT_TARGETS,
    "rates": RATE_TARGETS,
    **{name: spec.targets for name, spec in SPECS.items()},
}

_TABLES = (
    *("order_lines", "orders", "products", "traits", "events", "market", "known_people"),
    "account_members",
)
_STAGES: Mapping[str, Callable[[Job], tuple[exp.Query, list[Check]]]] = {
    "customers": stage_customers,
    "products": stage_products,
    "events": stage_events,
    "rates": stage_rates,
}
_TAKES: Mapping[str, Callable[[Job], Tally]] = {
    "customers": take_customers,
    "products": take_products,
    "events": take_events,
    "rates": take_rates,
}
_HOPELESS_ROWS = 10
_CORRECTED = "corrected"


def tables_of(entity: Entity) -> tuple[str, ...]:
    """The tables of the lake that the work on an entity looks at."""
    if entity.entity in SPECS and SPECS[entity.entity].table in LAKE_TABLES:
        return tuple(dict.fromkeys(("market", SPECS[entity.entity].table)))
    return ("market",) if entity.entity in SPECS else _TABLES


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
        report = _collect(stores, source, root, now, tell, seen, from_start=from_start)
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
        inputs = gathered.inputs
        newest = partial(_newest_rate, stores)
        begun = [
            loads.begin(stores, source, e, inputs, now=now, newest_rate=newest)
            for e in source.entities
        ]
        if all(load.state == "done" for load in begun):
            note_progress(stores, source, gathered, now=now)
            return DataReport(source.name, tuple(_again(load) for load in begun))
        reports: list[LoadReport] = []
        with open_desk(stores) as desk:
            raw: dict[str, RawTable] = {}
            for entity, load in zip(source.entities, begun, strict=True):
                if load.state == "done":
                    reports.append(_again(load))
                    continue
                try:
                    _read_missing(desk, source, entity, inputs, raw, tell)
                    for name in raw.keys() - seen.keys():
                        seen[name] = column_types(desk.session, raw[name])
                    _refuse_other_columns(stores, source, seen)
                except Exception as error:
                    loads.fail(stores, load, error=error)
                    raise
                siblings = {one.mapping for one in begun if one.entity == load.entity}
                reports.append(
                    take_entity(stores, desk, source, entity, load, raw, tell, siblings=siblings)
                )
        note_progress(stores, source, gathered, now=now)
        return DataReport(source.name, tuple(reports))


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


def take_entity(
    stores: Stores,
    desk: Desk,
    source: Source,
    entity: Entity,
    load: loads.Load,
    raw: Mapping[str, RawTable],
    tell: Progress,
    replay: Replayed | None = None,
    *,
    siblings: Collection[str] = (),
) -> LoadReport:
    """Work out one entity's load and give it to the lake.

    `replay`: of rows that waited in quarantine; `siblings`: mappings of all entities of its kind in the source.
    """
    seen = loads.ended_loads(stores, source.name)
    folder = loads.new_folder(stores, load)
    try:
        job = Job(
            stores=stores,
            desk=desk,
            source=source,
            raw=raw[source.file_of(entity)],
            fields=fields_of(entity, source.consent),
            provenance=Provenance(source.name, load.load_id, load.started_at),
            snapshot=stores.lake.pin(*tables_of(entity)),
            folder=folder,
            now=load.started_at,
            mapping_changed=replay is None and loads.other_mapping_before(stores, load, siblings),
            superseded=() if replay else tuple(superseded(stores, source.name, entity.entity)),
            is_replay=replay is not None,
            is_marked=bool(steps_of(entity) or entity.fill),
        )
        tell(f"checking {entity.entity}", 0, None)
        staged = stage_entity(job, entity, raw)
        if replay is None:
            _refuse_hopeless(job, entity, staged.checks)
        tell(f"taking {entity.entity}", 0, None)
        tally = _take_staged(job, entity)
        bad = set_aside(
            stores,
            desk.session,
            job.raw,
            staged.checks,
            job.provenance,
            folder / "quarantine.parquet",
            with_changed=not job.mapping_changed,
            superseded=job.superseded,
        )
        report = _report(job, entity, load, staged, tally, bad)
        settles = replay.settles(job.session) if replay else ()
        loads.prepare(stores, load, report, folder, seen=seen, settles=settles)
    except Exception as error:
        loads.fail(stores, load, folder, error=error)
        raise
    tell(f"keeping {entity.entity}", 0, None)
    loads.publish(stores, load.load_id)
    return report


@dataclass(frozen=True)
class Staged:
    """What is known once `staged` stands: `checks` are the bits of its `faults`; `old_rows` had been corrected before."""

    evidence: Evidence
    checks: Sequence[Check]
    bound: Bound
    expected: Expected
    old_rows: int
    standardised: Standardised


def stage_entity(job: Job, entity: Entity, raw: Mapping[str, RawTable]) -> Staged:
    """Make `staged` of an entity's rows: typed, with their faults."""
    session, source, settings = job.session, job.source, job.stores.settings
    values = {field.name: field.value for field in job.fields}
    bound = bind_rows(job.desk, source, entity, raw, values)
    used = [raw[name] for name in (source.file_of(entity), *(join.file for join in entity.join))]
    odd_spaces = any(table.odd_spaces for table in used)
    counts = bind_texts(session, job.fields, source.nulls, odd_spaces=odd_spaces)
    standardised = bind_standard(session, entity, job.fields, source)
    again = [field for field in job.fields if field.name in standardised.touched]
    if again:
        counts = counts.updated(count_values(session, "texts", again, (), odd_spaces=False))
    evidence = weigh(session, "texts", job.fields, source, counts)
    refuse_personal(session, entity, job.fields)
    checks = bind_typed(
        job.desk,
        job.fields,
        TARGETS[entity.entity],
        evidence,
        source,
        timezone=source.timezone or settings.timezone,
        country=source.country or settings.country,
        now=job.now,
    )
    if isinstance(entity, OrdersEntity):
        query, more = stage_orders(job, entity)
    elif entity.entity in SPECS:
        query, more = stage_more(job, entity)
    else:
        query, more = _STAGES[entity.entity](job)
    expected = expected_of(job, entity)
    checks += [*more, *expected.checks]
    old_rows = 0
    if job.superseded:
        old_rows = bind_superseded(job.stores, session, job.raw, job.superseded)
        checks.append(Check("", _CORRECTED, "", sql("n IN (SELECT n FROM superseded)")))
    stage(job.desk, query, checks, rows=evidence.rows, warns=expected.warns)
    checks += find_repeats(job, expected, place=len(checks))
    return Staged(evidence, checks, bound, expected, old_rows, standardised)


def _take_staged(job: Job, entity: Entity) -> Tally:
    if isinstance(entity, OrdersEntity):
        return take_orders(job, entity)
    if entity.entity in SPECS:
        return take_more(job, entity)
    return _TAKES[entity.entity](job)


def nothing_was_taken(source: Source, entity: Entity) -> str:
    """What a refusal leaves: of a source of several kinds those before it have been taken."""
    kinds = [one.entity for one in source.entities]
    before = list(dict.fromkeys(kinds[: kinds.index(entity.entity)]))
    if not before:
        return "nothing was taken"
    return f"nothing was taken of {entity.entity} (its {' and '.join(before)} were)"


def _refuse_hopeless(job: Job, entity: Entity, checks: Sequence[Check]) -> None:
    """Where no row at all is good it is the mapping that is wrong, not the rows."""
    rows = job.session.rows(sql("SELECT faults, count(*) FROM staged GROUP BY 1"))
    total = sum(count for _, count in rows)
    if any(check.reason == _CORRECTED for check in checks):
        return  # some of these rows had been taken once they were corrected
    if total < _HOPELESS_ROWS or any(faults == 0 for faults, _ in rows):
        return
    found: Counter[int] = Counter()
    for faults, count in rows:
        found.update({place: count for place in range(len(checks)) if faults >> place & 1})
    columns = {field.name: str(field.value) for field in job.fields}
    lines = [
        f"  - {count:,} rows: {checks[place].detail}"
        + (f" (from '{columns[name]}')" if (name := checks[place].field) in columns else "")
        for place, count in found.most_common(5)
    ]
    raise MappingError(
        f"Not one of {total:,} rows of {entity.entity} could be taken, so the mapping or the settings of "
        f"'{job.source.name}' must be wrong; {nothing_was_taken(job.source, entity)}.\n"
        + "\n".join(lines),
        field=checks[found.most_common(1)[0][0]].field,
    )


def _report(
    job: Job,
    entity: Entity,
    load: loads.Load,
    staged: Staged,
    tally: Tally,
    bad: Counter[Fault],
) -> LoadReport:
    session, evidence = job.session, staged.evidence
    gone = dict(session.rows(sql("SELECT why, count(*) FROM gone GROUP BY 1")))
    [(read, ignored)] = session.rows(
        sql("SELECT count(*), count(*) FILTER (WHERE bad IS NULL AND NOT kept) FROM picked")
    )
    [(taken,)] = session.rows(sql("SELECT count(*) FROM good ANTI JOIN gone USING (n)"))
    rejected = sum(len(part.rejects) for part in job.raw.parts)
    values = asdict(tally)
    results = results_of(
        job,
        entity,
        staged.expected,
        staged.checks,
        rows=read + rejected - ignored,
        now=load.started_at,
    )
    values["warnings"] = (
        *staged.bound.warnings,
        *evidence.warnings,
        *warnings_of(job, evidence, read),
        *tally.warnings,
        *(told for one in results if (told := one.warning)),
        *staged.standardised.warnings(entity),
    )
    changed = 0 if not job.mapping_changed else gone.get("changed", 0)
    return LoadReport(
        load_id=load.load_id,
        source=load.source,
        entity=load.entity,
        state="taken",
        collected_at=load.started_at,
        files=file_reports(job.raw),
        rows_read=read + rejected,
        rows_taken=taken,
        duplicates=gone.get("duplicate", 0),
        known=gone.get("known", 0) + staged.old_rows,
        changed=changed,
        ignored=ignored,
        quarantined=bad.total(),
        quarantined_by_reason=_by_reason(bad),
        commonest_fault=_commonest(job, bad),
        gaps={name: missing for name, missing in evidence.missing.items() if missing},
        expectations=results,
        replay=job.is_replay,
        rows_cut=evidence.rows,
        mapped=len(job.fields),
        warned=warned_rows(job, staged.expected),
        compares=_compares(entity),
        standardised=staged.standardised.changed,
        filled=staged.standardised.filled,
        **values,
    )


def _compares(entity: Entity) -> bool:
    """Whether any check sets a row beside another one, or one field beside another."""
    return (
        entity.entity == "orders"
        or any(join.required for join in entity.join)
        or any(one.kind in ("check", "exists_in") for one in entity.expect)
    )


def _by_reason(bad: Counter[Fault]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for fault, rows in bad.items():
        found[fault.reason] += rows
    return dict(sorted(found.items()))


def _commonest(job: Job, bad: Counter[Fault]) -> str | None:
    """What is wrong with most of the rows in quarantine, and from where that target comes."""
    if not bad:
        return None
    [(fault, rows)] = bad.most_common(1)
    mapped = [field for field in job.fields if field.name == fault.field]
    where = f"{fault.field} (from '{mapped[0].value}')" if mapped else fault.field
    head = f"{where}: " if where else ""
    return f"{head}{fault.detail} ({fault.reason}, {rows:,} {'row' if rows == 1 else 'rows'})"


def file_reports(raw: RawTable) -> tuple[FileReport, ...]:
    """What was read of each file."""
    return tuple(
        FileReport(
            name=part.file.name,
            sha256=part.file.sha256,
            size_bytes=part.file.size_bytes,
            rows=part.rows + len(part.rejects),
            encoding=part.text.encoding if part.text else None,
            delimiter=part.delimiter,
        )
        for part in raw.parts
    )


def one_piece_each(job: Job) -> bool:
    """Whether revenue is made of prices alone: no quantity is mapped, and no total."""
    named = {field.name for field in job.fields}
    return "unit_price" in named and not named & {"quantity", "line_total"}


def warnings_of(job: Job, evidence: Evidence, rows: int) -> list[str]:
    """What a person should know though nothing is wrong."""
    found: list[str] = []
    if not rows and not any(part.rejects for part in job.raw.parts):
        found.append("the files have no rows")
    for part in job.raw.parts:
        found.extend(f"{part.file.name}: {note}" for note in part.notes)
        if part.text is not None and part.text.guessed:
            found.append(
                f"{part.file.name} is not UTF-8; it was read as Windows-1252 (Latin-1). If that is wrong, say "
                "`encoding`"
            )
    if one_piece_each(job):
        seems = suggest_mapping(job.raw.columns, entity="orders").map.get("quantity")
        if seems is not None:
            found.append(
                f"{seems} looks like the quantity, but is not mapped: each line counts as one piece, and its "
                f"revenue is the price of one. If that is wrong, add --map quantity={seems}"
            )
    for name in sorted(evidence.whole):
        found.append(f"{name}: ids are written as 17850.0; they were taken as 17850")
    for field in job.fields:
        if field.kind in ("email", "phone"):
            raw = column(field.name, "x")
            [(unreadable,)] = job.session.rows(
                sql(
                    """
                    SELECT count(*) FROM texts AS x JOIN typed AS t ON t.n = x.n
                    WHERE :raw IS NOT NULL AND :normal IS NULL
                    """,
                    raw=raw,
                    normal=column(field.name, "t"),
                )
            )
            if unreadable:
                found.append(
                    f"{field.name}: {unreadable:,} are not readable; the rows were taken without them"
                )
    return found
