"""Reads the files of a source into rows of text (see `raw`)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.lib import ArrowInvalid
from sqlglot import exp

from aimwell.collect.desk import Desk
from aimwell.collect.dialect import column_names, detect_delimiter, first_record, head_of
from aimwell.collect.files import InputFile
from aimwell.collect.json_documents import is_document, write_lines
from aimwell.collect.json_paths import known_paths
from aimwell.collect.json_shapes import shaped_json
from aimwell.collect.raw import (
    FileForm,
    RawPart,
    RawTable,
    form_of,
    joined_columns,
    no_text,
    picked,
)
from aimwell.collect.rejects import read_rejects
from aimwell.collect.row_keys import add_row_keys
from aimwell.collect.snapshot import TextSnapshot, snapshot_text
from aimwell.collect.spreadsheets import open_sheet
from aimwell.collect.text_queries import REJECTS, SCANS, csv_rows, json_rows, word_rows
from aimwell.definitions.kinds.source import Source
from aimwell.errors import FileChangedError, SourceFileError
from aimwell.store.sql import column, identifier, sql

__all__ = ["Advance", "read_raw"]

_MANY_REJECTS = 1_000
_CHUNK_BYTES = 1 << 20

Advance = Callable[[int], None]


def read_raw(
    desk: Desk,
    source: Source,
    name: str,
    files: Sequence[InputFile],
    *,
    bytes_max: int | None = None,
    advance: Advance | None = None,
) -> RawTable:
    """Read the files of one name of a source.

    Args:
        desk: Where to.
        source: The definition.
        name: Key in `source.files`.
        files: The files, hashed.
        bytes_max: Read about so much of each text file, for a preview.
        advance: Told the plain bytes that were read.

    Raises:
        SourceFileError: A file is damaged, or not of the form that was said.
        FileChangedError: A file is not the one that was hashed.
    """
    form = form_of(source, source.files[name])
    folder = desk.folder / f"raw-{name}"
    folder.mkdir()
    columns: tuple[str, ...] = ("line",) if form.read_as == "jsonl" else form.columns
    parts: list[RawPart] = []
    for number, file in enumerate(files):
        if file.fetch is not None and not file.path.exists():
            file.fetch()
        target = folder / f"{number:06d}.parquet"
        read = _read_rows if file.rows else _READERS.get(form.format, _read_text)
        one = _OneFile(desk, form, file, target, columns, bytes_max, advance)
        part, columns = read(one)
        parts.append(part)
    _widen(desk, parts, len(columns))
    table = RawTable(name, form.read_as, columns, tuple(parts))
    if form.row_key is not None:
        table = add_row_keys(desk, table, form.row_key)
    if form.read_as != "jsonl":
        return table
    paths = known_paths(desk.session, table.scan)
    return RawTable(name, form.read_as, columns, tuple(parts), paths)


@dataclass(frozen=True)
class _OneFile:
    """A file that is to be read: where to, in which form. `columns` are those that files before it have."""

    desk: Desk
    form: FileForm
    file: InputFile
    target: Path
    columns: tuple[str, ...]
    bytes_max: int | None
    advance: Advance | None


_Read = tuple[RawPart, tuple[str, ...]]
"""A file as rows, and the columns of all files up to it."""


def _read_text(one: _OneFile) -> _Read:
    desk, form, file, target = one.desk, one.form, one.file, one.target
    text = snapshot_text(
        file.path,
        target.with_suffix(".txt"),
        name=file.name,
        sha256=file.sha256 if one.bytes_max is None else None,
        encoding=form.encoding,
        bytes_max=one.bytes_max,
        advance=one.advance,
    )
    head, header = head_of(text.path), form.header and form.read_as != "jsonl"
    delimiter, names, columns = None, one.columns, one.columns
    if form.read_as == "jsonl":
        if form.format == "json" and is_document(head, form.records):
            _put_on_lines(text, form, file, cut=one.bytes_max is not None)
        else:
            _refuse_json_list(head, file)
        query = shaped_json(json_rows(text), form.key_values, form.explode)
    else:
        if form.read_as == "csv":
            delimiter = form.delimiter or detect_delimiter(head)
            first = first_record(head, delimiter)
        else:
            first = head.partition("\n")[0].split()
        names = form.columns or column_names(first)
        columns = joined_columns(one.columns, names, file)
        query = (
            word_rows(text, header=header, names=names, columns=columns)
            if delimiter is None
            else csv_rows(text, delimiter=delimiter, header=header, names=names, columns=columns)
        )
    _drop(desk, REJECTS, SCANS)
    desk.write_rows(query, target)
    rejects = read_rejects(desk.session, REJECTS)
    exploded = form.explode is not None and form.read_as == "jsonl"
    part = RawPart(
        file, target, _rows(target), names, rejects, header, text, delimiter, exploded=exploded
    )
    _refuse_other_form(part, form, len(columns))
    return part, columns


def _put_on_lines(text: TextSnapshot, form: FileForm, file: InputFile, *, cut: bool) -> None:
    """Make a JSON document one whose rows stand on a line each."""
    lines = text.path.with_suffix(".lines")
    write_lines(text.path, lines, name=file.name, records=form.records, cut=cut)
    lines.replace(text.path)


def _drop(desk: Desk, *tables: str) -> None:
    for table in tables:
        drop = exp.Drop(tables=[exp.Table(this=identifier(table))], kind="TABLE", exists=True)
        desk.session.connection.execute(drop.sql("duckdb"))


def _rows(path: Path) -> int:
    return int(pq.read_metadata(path).num_rows)


def _refuse_json_list(head: str, file: InputFile) -> None:
    if head.lstrip().startswith("["):
        raise SourceFileError(
            f"'{file.name}' is one JSON list, not JSON lines; say `format: json`. Nothing was taken.",
            file=file.name,
        )


def _refuse_other_form(part: RawPart, form: FileForm, columns: int) -> None:
    bad = len(part.rejects)
    if bad < _MANY_REJECTS or bad <= part.rows:
        return
    cut = f" with the delimiter {part.delimiter!r}" if part.delimiter else ""
    raise SourceFileError(
        f"'{part.file.name}' cannot be read as {form.format}{cut}: {bad:,} of {bad + part.rows:,} records do not "
        f"fit its {columns} columns. Nothing was taken; say `format`, `delimiter` or `encoding`.",
        file=part.file.name,
    )


def _read_parquet(one: _OneFile) -> _Read:
    """All columns as text, from a private copy."""
    # A Parquet file says itself what it is, and needs its end to be read.
    file, target = one.file, one.target
    copy = _private_copy(file, target.with_suffix(".copy"), one.advance)
    try:
        there = pq.read_schema(copy).names
    except (OSError, ArrowInvalid) as error:
        raise SourceFileError(
            f"'{file.name}' is not a whole Parquet file. Nothing was taken; fetch it again, or say its "
            "`format`.",
            file=file.name,
        ) from error
    names = column_names(there)
    columns = joined_columns(one.columns, names, file)
    values = [sql("CAST(:value AS varchar)", value=column(name)) for name in there]
    scan = exp.Table(this=sql("read_parquet(:path)", path=str(copy)))
    fields = picked(names, columns, values)
    one.desk.write_rows(exp.select(exp.alias_(no_text(), "bad"), *fields).from_(scan), target)
    copy.unlink()
    return RawPart(file, target, _rows(target), names), columns


def _private_copy(file: InputFile, copy: Path, advance: Advance | None) -> Path:
    """The bytes that were hashed, whatever happens to the file meanwhile."""
    digest = hashlib.sha256()
    with file.path.open("rb") as old, copy.open("wb") as new:
        while chunk := old.read(_CHUNK_BYTES):
            digest.update(chunk)
            new.write(chunk)
            if advance:
                advance(len(chunk))
    if digest.hexdigest() != file.sha256:
        raise FileChangedError(
            f"'{file.name}' changed while it was read, so nothing was taken. Run the same again when the file "
            "is complete.",
            file=file.name,
        )
    return copy


def _read_excel(one: _OneFile) -> _Read:
    """A sheet's cells as text."""
    form, file, target = one.form, one.file, one.target
    kind = PurePosixPath(file.name).suffix.lower()
    copy = _private_copy(file, target.with_suffix(kind or ".copy"), one.advance)
    sheet = open_sheet(
        copy,
        name=file.name,
        sheet=form.sheet,
        header=form.header,
        header_row=form.header_row,
        columns=form.columns,
        repeat_merged=form.repeat_merged,
    )
    copy.unlink()
    columns = joined_columns(one.columns, sheet.names, file)
    places = {name: place for place, name in enumerate(sheet.names)}
    cells = {
        f"c{number}": pa.array(
            [row[places[name]] if name in places else None for row in sheet.rows], pa.string()
        )
        for number, name in enumerate(columns)
    }
    # Rows without any cell are no rows, as blank lines of a text are none.
    bad = pa.array([None if any(row) else "blank" for row in sheet.rows], pa.string())
    pq.write_table(pa.table({"bad": bad, **cells}), target)
    count = len(sheet.rows)
    part = RawPart(
        file,
        target,
        count,
        sheet.names,
        header=form.header,
        lines=tuple(range(sheet.first_row, sheet.first_row + count)),
        notes=sheet.notes,
    )
    return part, columns


def _read_rows(one: _OneFile) -> _Read:
    """Rows that lie in Parquet already."""
    file = one.file
    assert file.rows is not None  # noqa: S101 - the caller looked
    names = (*file.rows.columns, *(name for name, _ in file.rows.constants))
    if one.advance:
        one.advance(file.size_bytes)
    try:
        rows = _rows(file.path)
    except (OSError, ArrowInvalid) as error:
        raise SourceFileError(
            f"'{file.name}' is not a whole Parquet file. Nothing was taken.", file=file.name
        ) from error
    return RawPart(file, file.path, rows, names), joined_columns(one.columns, names, file)


def _widen(desk: Desk, parts: Sequence[RawPart], columns: int) -> None:
    """Give earlier files the columns that only later ones have, empty."""
    for part in parts:
        if part.in_place:
            continue
        lacking = range(pq.read_metadata(part.parquet).num_columns - 1, columns)
        if lacking:
            extra = [exp.alias_(no_text(), f"c{number}", quoted=True) for number in lacking]
            scan = exp.Table(this=sql("read_parquet(:file)", file=str(part.parquet)))
            spare = part.parquet.with_suffix(".wide")
            desk.write_rows(exp.select("*", *extra).from_(scan), spare)
            spare.replace(part.parquet)


_READERS = {"parquet": _read_parquet, "excel": _read_excel}
