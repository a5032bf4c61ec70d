"""Takes rows that wait in quarantine: as they are, once a mapping was mended, or as a person corrected them.

    write_quarantine(stores, "shop", Path("bad.csv"), by="ann")      # correct it
    replay(stores, "shop", corrections=read_corrections(Path("bad.csv")), now=now)

A replay is a load like any other, of rows instead of files, so a crash leaves all or nothing of it. Rows that are
taken leave the quarantine; what still fails stays there with its new reason. Of a row that was corrected the old
form is remembered by its hash: in a later file it is nothing new.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from aimwell.collect import loads
from aimwell.collect.corrections import (
    Correction,
    Waiting,
    cut_line,
    unknown_column,
    write_waiting,
)
from aimwell.collect.desk import Desk, full_disk_is_told, open_desk
from aimwell.collect.files import InputFile
from aimwell.collect.gathering import gather
from aimwell.collect.json_paths import known_paths
from aimwell.collect.model import LoadReport, ReplayReport
from aimwell.collect.raw import FILE_SHIFT, RawPart, RawTable, form_of
from aimwell.collect.reading import read_raw
from aimwell.collect.rejects import REJECT_DETAILS
from aimwell.collect.service import take_entity
from aimwell.collect.settling import Replayed
from aimwell.collect.waiting import bind_waiting
from aimwell.definitions import service as definitions
from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.source import Entity, FileSpec, Source
from aimwell.errors import CollectError, SourceFileError, UnknownDefinitionError, nearest
from aimwell.store.listed import among
from aimwell.store.schema import metadata
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = ["replay", "source_of_rows", "waiting_rows", "write_quarantine"]

_rows = metadata.tables["vault_rows"]
_loads = metadata.tables["loads"]
_BATCH = 10_000
_ROWS_MAX = 1_000_000


@dataclass(frozen=True)
class _Row:
    """One row to be taken: what waits, the content that is to be taken, and whether that is another one."""

    waiting: Waiting
    content: str
    corrected: bool


def write_quarantine(
    stores: Stores, source: str, path: Path, *, by: str, reason: str | None = None
) -> int:
    """Write the rows of a source that wait to a new file, readable for its owner alone; returns how many.

    Raises:
        CollectError: Nothing waits, or there is such a file.
    """
    definition = _definition(stores, source)
    _refuse_tracking(definition)
    rows = waiting_rows(stores, source, reason=reason)
    if not rows:
        raise _nothing_waits(stores, source, reason)
    write_waiting(path, rows, as_json=_is_json(definition, rows))
    stores.audit("quarantine exported", actor=by, subject=source, rows=len(rows))
    return len(rows)


def waiting_rows(stores: Stores, source: str, *, reason: str | None = None) -> list[Waiting]:
    """All rows of a source that wait, in the order of their files, with their contents from the vault.

    Raises:
        CollectError: They are more than a million.
    """
    with stores.engine.session() as session:
        bind_waiting(stores, session, source, reason=reason)
        found = session.rows(
            sql(
                """
                SELECT row_hash, entity, reason, field, detail, file, line, sha256, seq FROM waiting
                WHERE NOT taken AND entity IS NOT NULL
                ORDER BY file, line NULLS LAST, row_hash LIMIT :most
                """,
                most=_ROWS_MAX + 1,
            )
        )
    if len(found) > _ROWS_MAX:
        raise CollectError(
            f"More than {_ROWS_MAX:,} rows of '{source}' wait. Take them by their reasons (--reason); or mend the "
            "mapping and collect the files again."
        )
    contents = _contents(stores, [row[0] for row in found])
    # A row whose content is gone, because its person was erased, cannot be taken any more.
    return [
        Waiting(
            row_hash=row[0],
            entity=row[1],
            reason=row[2],
            field=row[3],
            detail=row[4],
            file=row[5],
            line=row[6],
            sha256=row[7],
            seq=row[8],
            content=contents[row[0]],
            is_line=row[2] in REJECT_DETAILS and _is_one_line(contents[row[0]]),
        )
        for row in found
        if row[0] in contents
    ]


def source_of_rows(stores: Stores, corrections: Sequence[Correction], *, file: str) -> str:
    """The source whose rows a file of corrections holds.

    Raises:
        SourceFileError: They are of no source, or of several.
    """
    hashes = sorted({one.row_hash for one in corrections})
    with stores.read_control() as connection:
        query = sa.select(_rows.c.source).where(among(_rows.c.row_hash, hashes)).distinct()
        found = sorted(connection.execute(query).scalars())
    if len(found) == 1:
        return str(found[0])
    told = (
        "are of several sources; correct those of each in a file of its own"
        if found
        else "are in no quarantine of this workspace; leave the column '_row' as it was written"
    )
    raise SourceFileError(f"The rows of '{file}' {told}.", file=file)


def _contents(stores: Stores, hashes: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    with stores.read_control() as connection:
        for start in range(0, len(hashes), _BATCH):
            part = hashes[start : start + _BATCH]
            query = sa.select(_rows.c.row_hash, _rows.c.content).where(
                among(_rows.c.row_hash, part)
            )
            found |= {row.row_hash: row.content for row in connection.execute(query)}
    return found


def _is_one_line(content: str) -> bool:
    """Whether the content is that of a record that could not be cut."""
    try:
        found = json.loads(content)
    except ValueError:
        return False
    return isinstance(found, dict) and set(found) == {"line"}


def replay(
    stores: Stores,
    source: str,
    *,
    now: datetime,
    root: Path = Path(),
    corrections: Sequence[Correction] | None = None,
    file: str = "",
    reason: str | None = None,
) -> ReplayReport:
    """Take rows of a source that wait in quarantine, each once.

    Args:
        stores: The workspace.
        source: Name of the source; its definition as it is now, else the one it was collected by, is used.
        now: The present.
        root: Folder of the files that an entity is joined with.
        corrections: Rows as a person corrected them; None: all that wait, as they are.
        file: Name of the file of corrections, for messages.
        reason: Only rows that wait for this reason.

    Returns:
        What became of the rows; those of `corrections` that no longer wait are counted as gone.

    Raises:
        CollectError: Nothing of the source waits, or the corrections do not fit what waits. Nothing was taken.
    """
    definition = _definition(stores, source)
    _refuse_tracking(definition)
    with full_disk_is_told(), loads.hold_source(stores, source):
        loads.publish_prepared(stores, source)
        loads.sweep(stores)
        waiting = waiting_rows(stores, source, reason=reason)
        gone = 0
        if corrections is None:
            if not waiting:
                raise _nothing_waits(stores, source, reason)
            rows = [_Row(one, one.content, corrected=False) for one in waiting if not one.is_line]
        else:
            rows, gone = _corrected(definition, waiting, corrections, file)
        groups: dict[int, list[_Row]] = {}
        for row in rows:
            groups.setdefault(_entity_of(definition, row.waiting), []).append(row)
        reports = [
            _take(stores, definition, definition.entities[place], group, root=root, now=now)
            for place, group in sorted(groups.items())
        ]
    uncut = len(waiting) - len(rows) if corrections is None else 0
    return ReplayReport(source, tuple(reports), gone=gone, uncut=uncut)


def _definition(stores: Stores, source: str) -> Source:
    """The source as it is defined now, else as it was collected last."""
    try:
        return definitions.find(stores.control, Source, source)
    except UnknownDefinitionError as error:
        document = loads.last_definition(stores, source)
        if document is None:
            with stores.read_control() as connection:
                known = connection.execute(sa.select(_loads.c.source).distinct()).scalars()
                names = sorted(known)
            raise CollectError(
                f"No source '{source}' was ever collected. {nearest(source, names)}"
            ) from error
        found = check(document)
        assert isinstance(found, Source)  # noqa: S101 - a source's load keeps a source
        return found


def _refuse_tracking(source: Source) -> None:
    if source.tracking is not None:
        raise CollectError(
            f"'{source.name}' takes tracking messages, and what waits of those cannot be replayed. Look at it with "
            f"`aimwell collect quarantine {source.name} --reveal`, mend the client, and let it send the messages again: "
            "what was taken is recognised by its messageId."
        )


def _nothing_waits(stores: Stores, source: str, reason: str | None) -> CollectError:
    waiting = Counter(row.reason for row in waiting_rows(stores, source)) if reason else Counter()
    if reason and waiting:
        shown = ", ".join(f"{name} ({count:,})" for name, count in waiting.most_common())
        return CollectError(
            f"No row of '{source}' waits for the reason '{reason}'. Waiting: {shown}."
        )
    return CollectError(f"No row of '{source}' is in quarantine.")


def _is_json(source: Source, rows: Iterable[Waiting]) -> bool:
    formats = {_format(source, source.entities[_entity_of(source, row)]) == "jsonl" for row in rows}
    if len(formats) > 1:
        raise CollectError(
            f"'{source.name}' has files of columns and files of JSON, which do not go into one file. Write them by "
            "reason: --reason."
        )
    return formats == {True}


def _format(source: Source, entity: Entity) -> str:
    return form_of(source, source.files[source.file_of(entity)]).read_as


def _entity_of(source: Source, row: Waiting) -> int:
    """The place of the entity that a row belongs to: of several of its kind, the one whose files it came in."""
    places = [n for n, one in enumerate(source.entities) if one.entity == row.entity]
    if not places:
        raise CollectError(
            f"Rows of {row.entity} wait, but the source '{source.name}' has no such entity any more. Put it back, "
            "then replay them."
        )
    for place in places:
        spec = source.files[source.file_of(source.entities[place])]
        paths = spec.path if isinstance(spec, FileSpec) else ()
        if row.file is not None and any(fnmatch(row.file, pattern) for pattern in paths):
            return place
    return places[0]


# --- corrections ------------------------------------------------------------------------------------------


def _corrected(
    source: Source, waiting: Sequence[Waiting], corrections: Sequence[Correction], file: str
) -> tuple[list[_Row], int]:
    """The rows to be taken, and how many of the file no longer wait."""
    there: dict[str, list[Waiting]] = {}
    for one in waiting:
        there.setdefault(one.row_hash, []).append(one)
    given: dict[str, list[Correction]] = {}
    for correction in corrections:
        given.setdefault(correction.row_hash, []).append(correction)
    known = {name for one in waiting for name in one.values}
    columns = list(dict.fromkeys(name for one in waiting for name in one.values))
    found: list[_Row] = []
    gone = 0
    for row_hash, several in given.items():
        places = there.get(row_hash)
        if places is None:
            gone += len(several)
            continue
        if len(places) != len(several):
            raise SourceFileError(
                f"Line {several[0].place} of '{file}': this row waits {len(places)} times, and the file has it "
                f"{len(several)} times. Keep each of them, and leave '_row' as it is.",
                file=file,
            )
        for one, correction in zip(places, several, strict=True):
            for name in correction.values or ():
                if known and name not in known:
                    raise unknown_column(name, columns, file=file)
            row = _applied(source, one, correction, columns, file)
            if row is not None:
                found.append(row)
    return found, gone


def _applied(
    source: Source, one: Waiting, correction: Correction, columns: Sequence[str], file: str
) -> _Row | None:
    """The row with its correction; None of a line that could not be cut and was left as it is."""
    if correction.document is not None:
        same = json.loads(correction.document) == _parsed(one.content)
        return _Row(one, one.content if same else correction.document, corrected=not same)
    if one.is_line:
        values: dict[str, str | None] = {n: v for n, v in (correction.values or {}).items() if v}
        if not values:
            if (correction.text or "") == (one.text or ""):
                return None
            entity = source.entities[_entity_of(source, one)]
            form = form_of(source, source.files[source.file_of(entity)])
            if form.read_as == "jsonl":
                return _Row(one, correction.text or "", corrected=True)
            cut = cut_line(correction.text or "", columns or form.columns, form.delimiter)
            if cut is None:
                raise SourceFileError(
                    f"Line {correction.place} of '{file}': the text still does not fit the columns. Put its values "
                    "into the columns instead.",
                    file=file,
                )
            values = cut
        return _Row(one, _as_content(values), corrected=True)
    if correction.values is None:  # JSON that was none
        same = (correction.text or "") == one.content
        return _Row(one, correction.text or "", corrected=not same)
    # An empty field of the table is a missing value, however it was missing before.
    before = {name: value or None for name, value in one.values.items()}
    after = {name: correction.values.get(name) for name in before}
    more = {name: v for name, v in correction.values.items() if v and name not in before}
    if before == after and not more:
        return _Row(one, one.content, corrected=False)
    return _Row(one, _as_content({**after, **more}), corrected=True)


def _as_content(values: Mapping[str, str | None]) -> str:
    """A row as the engine writes it, so that an equal one in a file has the same hash."""
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def _parsed(content: str) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None


# --- the load ---------------------------------------------------------------------------------------------


def _take(
    stores: Stores,
    source: Source,
    entity: Entity,
    rows: Sequence[_Row],
    *,
    root: Path,
    now: datetime,
) -> LoadReport:
    rows = sorted(rows, key=_place)
    told = [
        [row.waiting.row_hash, row.waiting.seq, hashlib.sha256(row.content.encode()).hexdigest()]
        for row in rows
    ]
    files = list(dict.fromkeys(_file_of(row) for row in rows))
    inputs = [InputFile(Path(name), name, 0, digest) for name, digest in files]
    load = loads.begin_replay(stores, source, entity, inputs, told, now=now)
    main = source.file_of(entity)
    with open_desk(stores) as desk:
        try:
            raw = _joined(stores, desk, source, entity, root)
            raw[main] = _raw_of(desk, source, entity, rows, inputs)
        except Exception as error:
            loads.fail(stores, load, error=error)
            raise
        replayed = Replayed(source.name, entity.entity, _numbered(rows, inputs))
        return take_entity(stores, desk, source, entity, load, raw, _silent, replayed)


def _silent(_what: str, _done: int, _total: int | None) -> None:
    return None


def _place(row: _Row) -> tuple[str, str, int, str]:
    one = row.waiting
    return one.file or "", one.sha256 or "", one.line or 0, one.row_hash


def _file_of(row: _Row) -> tuple[str, str]:
    return row.waiting.file or "", row.waiting.sha256 or ""


def _joined(
    stores: Stores, desk: Desk, source: Source, entity: Entity, root: Path
) -> dict[str, RawTable]:
    """The files that rows are looked up in, as they are now."""
    main = source.file_of(entity)
    names = list(dict.fromkeys(join.file for join in entity.join))
    if main in names:
        raise CollectError(
            f"Rows of {entity.entity} are looked up in their own files, so they cannot be taken without those. "
            "Correct the files and collect them again."
        )
    if not names:
        return {}
    # Looked up are the rows as they are now, all of them.
    inputs = gather(
        stores, source, root, desk.folder / "joined", _silent, names=names, from_start=True
    ).inputs
    return {name: read_raw(desk, source, name, inputs[name]) for name in names}


def _raw_of(
    desk: Desk, source: Source, entity: Entity, rows: Sequence[_Row], inputs: Sequence[InputFile]
) -> RawTable:
    """The rows as a raw table, a part for each file in which they stood."""
    name = source.file_of(entity)
    is_json = _format(source, entity) == "jsonl"
    bodies = [{"line": row.content} if is_json else json.loads(row.content) for row in rows]
    columns = tuple(dict.fromkeys(column for body in bodies for column in body))
    folder = desk.folder / "replay"
    folder.mkdir()
    parts: list[RawPart] = []
    for number, file in enumerate(inputs):
        chosen = [
            (row, body)
            for row, body in zip(rows, bodies, strict=True)
            if _file_of(row) == (file.name, file.sha256)
        ]
        values: dict[str, pa.Array] = {
            "bad": pa.array([_bad(row, is_json) for row, _ in chosen], pa.string()),
            "content": pa.array([row.content for row, _ in chosen], pa.string()),
        }
        for place, column in enumerate(columns):
            texts = [_text(body.get(column)) for _, body in chosen]
            values[f"c{place}"] = pa.array(texts, pa.string())
        path = folder / f"{number:06d}.parquet"
        pq.write_table(pa.table(values), path)
        parts.append(
            RawPart(
                file=file,
                parquet=path,
                rows=len(chosen),
                names=columns,
                lines=tuple(row.waiting.line for row, _ in chosen),
            )
        )
    form = form_of(source, source.files[name]).read_as
    table = RawTable(name, "jsonl" if is_json else form, columns, tuple(parts), has_content=True)
    if not is_json:
        return table
    return replace(table, paths=known_paths(desk.session, table.scan))


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _bad(row: _Row, is_json: bool) -> str | None:
    """The code of a line that is no JSON object."""
    if not is_json:
        return None
    try:
        return None if isinstance(json.loads(row.content), dict) else "not_an_object"
    except ValueError:
        return "not_json"


def _numbered(rows: Sequence[_Row], inputs: Sequence[InputFile]) -> list[tuple[int, str, bool]]:
    """The rows by their number in the raw table."""
    found: list[tuple[int, str, bool]] = []
    seen: Counter[int] = Counter()
    numbers: Mapping[tuple[str, str], int] = {
        (file.name, file.sha256): number for number, file in enumerate(inputs)
    }
    for row in rows:
        file = numbers[_file_of(row)]
        found.append(((file << FILE_SHIFT) + seen[file], row.waiting.row_hash, row.corrected))
        seen[file] += 1
    return found
