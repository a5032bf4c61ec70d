"""What became of an entity's rows, in figures and in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

from sqlglot import exp

from aimwell.collect import loads
from aimwell.collect.counting import Tally
from aimwell.collect.entities import Staged
from aimwell.collect.evidence import Evidence
from aimwell.collect.expecting import results_of, warned_rows
from aimwell.collect.fields import TargetField
from aimwell.collect.job import Job
from aimwell.collect.model import FileReport, LoadReport
from aimwell.collect.nobody import words_of
from aimwell.collect.quarantining import Fault
from aimwell.collect.raw import RawTable
from aimwell.collect.suggesting import suggest_mapping
from aimwell.definitions.kinds.source import Entity
from aimwell.store.sql import column, sql

__all__ = ["file_reports", "load_report", "one_piece_each", "warnings_of"]


def load_report(
    job: Job,
    entity: Entity,
    load: loads.Load,
    staged: Staged,
    tally: Tally,
    bad: Counter[Fault],
) -> LoadReport:
    """The report of a load whose rows are staged, taken and set aside."""
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
        *warnings_of(job, entity, evidence, read),
        *tally.warnings,
        *(told for one in results if (told := one.warning)),
        *staged.standardised.warnings(entity),
    )
    changed = 0 if not job.mapping_changed else gone.get("changed", 0)
    return LoadReport(
        load_id=load.load_id,
        source=load.source,
        entity=load.entity,
        part=job.source.part_of(entity),
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
        warned=warned_rows(job, staged.expected, [_unread(field) for field in _lost(job)]),
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


def warnings_of(job: Job, entity: Entity, evidence: Evidence, rows: int) -> list[str]:
    """What a person should know though nothing is wrong."""
    found: list[str] = _twice(job, entity)
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
    for field in _lost(job):
        [(unreadable,)] = job.session.rows(
            sql("SELECT count(*) FROM :rows AS u", rows=exp.paren(_unread(field)))
        )
        [(nobodys,)] = job.session.rows(
            sql(
                "SELECT count(*) FROM texts AS x WHERE :raw IN :nobodys",
                raw=column(field.name, "x"),
                nobodys=_nobodys(field),
            )
        )
        found += words_of({field.name: nobodys} if nobodys else {})
        if unreadable:
            found.append(
                f"{field.name}: {unreadable:,} are not readable; the rows were taken without them"
            )
    return found


def _twice(job: Job, entity: Entity) -> list[str]:
    """A warning for each file that another source has taken: rows are known within their source alone."""
    if job.is_replay or entity.entity not in ("orders", "events"):
        return []
    files = [part.file for part in job.raw.parts]
    return [
        f"{name} was taken already by {_named(sources)}: each of its rows "
        f"counts twice. Take a file under one name; to have it under '{job.source.name}' alone, collect it into a new "
        "workspace"
        for name, sources in loads.taken_elsewhere(
            job.stores, job.source.name, entity.entity, files
        ).items()
    ]


def _named(sources: Sequence[str]) -> str:
    return " and ".join(f"the source '{one}'" for one in sources)


def _lost(job: Job) -> list[TargetField]:
    """Targets of which some value was taken away, without the row: addresses and numbers."""
    found = []
    for field in job.fields:
        if field.kind in ("email", "phone"):
            query = sql(
                "SELECT count(*) FROM texts AS x JOIN typed AS t ON t.n = x.n WHERE :raw IS NOT NULL AND :normal IS NULL",
                raw=column(field.name, "x"),
                normal=column(field.name, "t"),
            )
            if job.session.rows(query)[0][0]:
                found.append(field)
    return found


def _unread(field: TargetField) -> exp.Expr:
    """A query for the rows (`n`) that gave such a value which cannot be read; one that names nobody is missing."""
    return sql(
        """
        SELECT x.n AS n FROM texts AS x JOIN typed AS t ON t.n = x.n
        WHERE :raw IS NOT NULL AND :normal IS NULL AND NOT :raw IN :nobodys
        """,
        raw=column(field.name, "x"),
        normal=column(field.name, "t"),
        nobodys=_nobodys(field),
    )


def _nobodys(field: TargetField) -> exp.Expr:
    """A query for the values that name nobody."""
    return sql(
        "SELECT raw FROM :forms WHERE raw IS NOT NULL GROUP BY 1 HAVING bool_and(nobody)",
        forms=exp.to_table(f"{field.kind}s"),
    )
