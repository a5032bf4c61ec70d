"""Takes one entity of a source: its rows checked, worked out, kept aside or given to the lake."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from aimwell.collect import loads
from aimwell.collect.desk import Desk
from aimwell.collect.entities import CORRECTED, stage_entity, tables_of, take_staged
from aimwell.collect.fields import fields_of
from aimwell.collect.gathering import Progress
from aimwell.collect.job import Job
from aimwell.collect.load_history import other_mapping_before
from aimwell.collect.model import LoadReport
from aimwell.collect.provenance import Provenance
from aimwell.collect.quarantining import set_aside
from aimwell.collect.raw import RawTable
from aimwell.collect.reporting import load_report
from aimwell.collect.settling import Replayed
from aimwell.collect.staging import Check
from aimwell.collect.standardising import personal_forms, steps_of
from aimwell.collect.touching import note_touched
from aimwell.collect.waiting import superseded
from aimwell.definitions.kinds.source import Entity, Source
from aimwell.errors import MappingError
from aimwell.privacy.erased import bind_erased
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = ["nothing_was_taken", "take_entity"]

_HOPELESS_ROWS = 10


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
            mapping_changed=replay is None and other_mapping_before(stores, load, siblings),
            superseded=() if replay else tuple(superseded(stores, source.name, entity.entity)),
            is_replay=replay is not None,
            lenient=replay is not None and replay.accepted,
            has_erased=bind_erased(stores, desk.session),
            is_marked=bool(steps_of(entity) or entity.fill),
            filled=frozenset(entity.fill),
            forms=personal_forms(entity, source.country or stores.settings.country),
        )
        tell(f"checking {entity.entity}", 0, None)
        staged = stage_entity(job, entity, raw)
        if replay is None:
            _refuse_hopeless(job, entity, staged.checks)
        tell(f"taking {entity.entity}", 0, None)
        tally = take_staged(job, entity)
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
        report = load_report(job, entity, load, staged, tally, bad)
        settles = replay.settles(job.session) if replay else ()
        touched = note_touched(job, entity)
        loads.prepare(stores, load, report, folder, seen=seen, settles=settles, touched=touched)
    except Exception as error:
        loads.fail(stores, load, folder, error=error)
        raise
    tell(f"keeping {entity.entity}", 0, None)
    loads.publish(stores, load.load_id)
    return report


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
    if any(check.reason == CORRECTED for check in checks):
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
