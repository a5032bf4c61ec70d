"""Shows what a source would do with its files: the mapping, how values are read, and the first rows."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlglot import exp

from aimwell.collect.desk import full_disk_is_told, open_desk
from aimwell.collect.entities import stage_entity, tables_of
from aimwell.collect.evidence import Evidence
from aimwell.collect.fee_codes import FEE_PATTERN
from aimwell.collect.fields import TargetField, fields_of
from aimwell.collect.gathering import gather
from aimwell.collect.identifying import PERSON_TARGETS
from aimwell.collect.job import Job
from aimwell.collect.model import ExplainedEntity, ExplainedField, Explanation, WhereTo
from aimwell.collect.personal_signs import personal_kind
from aimwell.collect.provenance import Provenance
from aimwell.collect.raw import RawTable
from aimwell.collect.reading import read_raw
from aimwell.collect.reporting import file_reports, one_piece_each, warnings_of
from aimwell.collect.staging import Check
from aimwell.collect.suggesting import suggest_mapping
from aimwell.collect.surveys import find_survey
from aimwell.definitions.kinds.source import Entity, OrdersEntity, Source
from aimwell.definitions.source_more import AnswersEntity, ReviewsEntity, SuppressionsEntity
from aimwell.store.spill import spill_folder
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = ["explain"]

_SAMPLE_BYTES = 4 << 20
_SAMPLE_ROWS = 20_000
_ROWS = 10
_TIME_OF_DAY = re.compile(
    r"[ T,:]*%[HI].*"
)  # with or without one, each form of a date is told once
_CODES = 8
_CODE_CHARACTERS = 12
_VAULT = {
    *(
        "email",
        "phone",
        "first_name",
        "last_name",
        "full_name",
        "street",
        "postcode",
        "birth_date",
        "ip",
    ),
}


def explain(stores: Stores, source: Source, *, root: Path, now: datetime) -> Explanation:
    """How the source's files would be taken, seen on the first few megabytes of each. Nothing is kept.

    Raises:
        SourceFileError, MappingError: As `collect`.
    """
    entities = []
    with full_disk_is_told(), spill_folder(stores.folder("collecting")) as fetched:
        gathered = gather(
            stores, source, root, fetched, lambda *_: None, from_start=True, rows_max=_SAMPLE_ROWS
        )
        inputs = gathered.inputs
        for entity in gathered.entities(source):
            # Each on a desk of its own, because names of files and tables repeat.
            with open_desk(stores) as desk, tempfile.TemporaryDirectory() as folder:
                main = source.file_of(entity)
                # What is looked up must be there for any row, so it is read whole.
                raw = {
                    name: read_raw(
                        desk,
                        source,
                        name,
                        inputs[name],
                        bytes_max=_SAMPLE_BYTES if name == main else None,
                    )
                    for name in dict.fromkeys([main, *(join.file for join in entity.join)])
                }
                job = Job(
                    stores=stores,
                    desk=desk,
                    source=source,
                    raw=raw[main],
                    fields=fields_of(entity, source.consent),
                    provenance=Provenance(source.name, "", now),
                    snapshot=stores.lake.pin(*tables_of(entity)),
                    folder=Path(folder),
                    now=now,
                    mapping_changed=False,
                )
                entities.append(_explained(job, entity, raw))
    return Explanation(source.name, tuple(entities), gathered.absent)


def _explained(job: Job, entity: Entity, raw: Mapping[str, RawTable]) -> ExplainedEntity:
    staged = stage_entity(job, entity, raw)
    evidence = staged.evidence
    [(rows, ignored)] = job.session.rows(
        sql("SELECT count(*), count(*) FILTER (WHERE bad IS NULL AND NOT kept) FROM picked")
    )
    columns = _columns(job.raw)
    # Consent's columns are fields too, though no target of the mapping.
    written = [str(value) for _, value in entity.values()]
    written += [str(field.value) for field in job.fields]
    used = {name for text in written for name in _names_in(text, columns)}
    suggestion = suggest_mapping(columns, entity=entity.entity)
    mapped = {field.name for field in job.fields}
    return ExplainedEntity(
        entity=entity.entity,
        files=file_reports(job.raw),
        fields=tuple(_field(field, evidence, job, entity) for field in job.fields),
        rows=tuple(_rows(job, entity)),
        sample_rows=rows + sum(len(part.rejects) for part in job.raw.parts),
        ignored=ignored,
        refused=_refused(job, staged.checks),
        unmapped=tuple(name for name in columns if name not in used),
        suggestions={
            target: name
            for target, name in suggestion.map.items()
            if target not in mapped and name not in used
        },
        warnings=(
            *staged.bound.warnings,
            *evidence.warnings,
            *warnings_of(job, entity, evidence, rows),
            *_advice(job, columns, used),
        ),
        hints=_hints_of_goods(job, entity) if isinstance(entity, OrdersEntity) else (),
    )


def _columns(raw: RawTable) -> tuple[str, ...]:
    if raw.format != "jsonl":
        return raw.columns
    leaves = [p for p in raw.paths if not any(o[: len(p)] == p and o != p for o in raw.paths)]
    return tuple(sorted(".".join(path) for path in leaves))


def _names_in(written: str, columns: tuple[str, ...]) -> list[str]:
    """Columns that a value's text names: itself, or within an expression."""
    keys = written.replace(" → ", ".")
    return [
        name for name in columns if name == keys or (name in written and not written.isidentifier())
    ]


def _field(field: TargetField, evidence: Evidence, job: Job, entity: Entity) -> ExplainedField:
    missing = evidence.missing[field.name]
    return ExplainedField(
        target=field.name,
        comes_from=str(field.value),
        read_as=_read_as(field, evidence, job),
        missing_share=missing / evidence.rows if evidence.rows else 0.0,
        where_to=_where_to(field, job, entity),
    )


def _where_to(field: TargetField, job: Job, entity: Entity) -> WhereTo:
    identifies = field.name in PERSON_TARGETS or field.name.startswith(
        ("external_ids.", "handles.")
    )
    if isinstance(entity, SuppressionsEntity) and identifies:
        return "hash only"
    if field.name in ("device_id", "anonymous_id"):
        return "hash in lake"
    if identifies:
        return "hash in lake, value in vault"
    return "vault" if field.name in _personal_fields(job, entity) else "lake"


def _personal_fields(job: Job, entity: Entity) -> set[str]:
    """Names of the fields whose values are in the vault only."""
    found = {f.name for f in job.fields if f.name in _VAULT or f.name.startswith("vault.")}
    if isinstance(entity, ReviewsEntity):
        found |= {"title", "text"}
    if isinstance(entity, AnswersEntity):
        questions = find_survey(job.stores, entity).questions
        found |= {f"answers.{name}" for name, one in questions.items() if one.type == "text"}
        found |= {"answer"}  # to whichever question
    return found


def _read_as(field: TargetField, evidence: Evidence, job: Job) -> str:
    if field.kind == "time":
        form = evidence.times[field.name]
        zone = job.source.timezone or job.stores.settings.timezone
        if form.plain:
            return f"ISO time in {zone}" if form.plain == "iso" else "ISO time in UTC"
        dates = (_TIME_OF_DAY.sub("", one) for one in form.forms if one != "iso")
        shown = list(dict.fromkeys(dates))[:4]
        return f"time in {zone}, ISO" + (f" or {', '.join(shown)}" if shown else "")
    if field.kind == "number":
        form_ = evidence.numbers[field.name]
        return "number" if form_.plain else f"number with the decimal mark '{form_.decimal}'"
    if field.name in evidence.whole:
        return "id without its '.0'"
    return {"email": "e-mail address", "phone": "telephone number"}.get(field.kind, field.kind)


def _refused(job: Job, checks: Sequence[Check]) -> dict[str, int]:
    """Reason → rows of the sample that would go to quarantine."""
    found: dict[str, int] = {}
    for faults, count in job.session.rows(
        sql("SELECT faults, count(*) FROM staged WHERE faults <> 0 GROUP BY 1")
    ):
        reason = next(c.reason for place, c in enumerate(checks) if faults >> place & 1)
        found[reason] = found.get(reason, 0) + count
    for bad, count in job.session.rows(
        sql("SELECT bad, count(*) FROM picked WHERE bad IS NOT NULL GROUP BY 1")
    ):
        found[bad] = found.get(bad, 0) + count
    for part in job.raw.parts:
        for reject in part.rejects:
            found[reject.reason] = found.get(reject.reason, 0) + 1
    return found


def _rows(job: Job, entity: Entity) -> list[dict[str, Any]]:
    """The first good rows, typed; of the personal values only the first letter."""
    shown = job.session.table(
        exp.select("t.*")
        .from_(exp.to_table("typed").as_("t"))
        .join(exp.to_table("staged").as_("s"), on="s.n = t.n")
        .where("s.faults = 0")
        .order_by("t.n")
        .limit(_ROWS)
    )
    fields = {field.name: field for field in job.fields}
    personal = _personal_fields(job, entity)
    made: dict[str, dict[str, Any]] = {}
    staged = job.session.table(
        exp.select("*").from_("staged").where("faults = 0").order_by("n").limit(_ROWS)
    )
    extra = [name for name in ("kind", "goods", "revenue") if name in staged.schema.names]
    rows = []
    for row, more in zip(shown.to_pylist(), staged.to_pylist(), strict=True):
        made = {
            name: _masked(row.get(name), personal=name in personal or fields[name].kind == "handle")
            for name in fields
        }
        rows.append({**made, **{name: more[name] for name in extra}})
    return rows


def _masked(value: Any, *, personal: bool) -> Any:
    return f"{value[:1]}…" if personal and isinstance(value, str) else value


def _hints_of_goods(job: Job, entity: OrdersEntity) -> tuple[str, ...]:
    """What a mapping leaves to the sign or counts as goods, where nothing was said of it."""
    found = []
    named = {field.name for field in job.fields}
    if "sku" in named and entity.not_goods_pattern == FEE_PATTERN:
        found.append(_guessed_fees(job))
    elif "sku" in named and not (
        entity.not_goods or entity.not_goods_pattern or entity.shipping_codes
    ):
        codes = job.session.rows(
            sql(
                """
                SELECT t.sku FROM typed AS t JOIN staged AS s ON s.n = t.n
                WHERE s.faults = 0 AND t.sku IS NOT NULL AND NOT regexp_matches(t.sku, '[0-9]')
                  AND length(t.sku) <= :characters
                GROUP BY t.sku ORDER BY count(*) DESC, t.sku LIMIT :top
                """,
                top=_CODES,
                characters=_CODE_CHARACTERS,
            )
        )
        shown = f" Codes to look at: {', '.join(code for (code,) in codes)}." if codes else ""
        found.append(
            "Every line counts as goods. Are there lines of postage, fees or adjustments? Name their codes: "
            "--not-goods '^(POST|FEE)$', --guess for the usual ones, or "
            "`shipping_codes` and `not_goods` of a source definition; else they count as revenue of goods "
            f"(docs/collect.md; examples/sources/online-retail.yaml is such a one).{shown}"
        )
    if one_piece_each(job):
        found.append(
            "No quantity is mapped: each line counts as one piece, and its revenue is its price. If the file says how "
            "many, add --map quantity=COLUMN before the first load; lines that were taken stay as they are."
        )
    if "kind" not in named:
        found.append(
            "A negative quantity or total is taken for a return. If some are stock adjustments, map `kind` to what "
            "tells returns from sales (docs/collect.md, Returns)."
        )
    return tuple(found)


def _guessed_fees(job: Job) -> str:
    """Which codes the guess takes for fees, and how to change it."""
    codes = job.session.rows(
        sql(
            """
            SELECT t.sku, count(*) AS lines FROM typed AS t JOIN staged AS s ON s.n = t.n
            WHERE s.faults = 0 AND regexp_matches(t.sku, :form)
            GROUP BY t.sku ORDER BY lines DESC, t.sku LIMIT :top
            """,
            form=FEE_PATTERN,
            top=_CODES,
        )
    )
    shown = ", ".join(f"{code} {lines:,}" for code, lines in codes) or "none"
    return (
        f"Guessed to be no goods by their codes (postage, fees), lines in what was looked at: {shown}. Name others with --not-goods PATTERN, or take all "
        "as goods with --not-goods ''."
    )


def _advice(job: Job, columns: tuple[str, ...], used: set[str]) -> list[str]:
    """Columns that look personal and are not mapped: they are left out, which is safe but perhaps not meant."""
    del job
    kinds = {name: personal_kind(name) for name in columns if name not in used}
    told = [f"{name} ({kind})" for name, kind in kinds.items() if kind]
    return [f"not mapped, and looks personal: {', '.join(told)}"] if told else []
