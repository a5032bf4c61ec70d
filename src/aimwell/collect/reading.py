"""Reads the files of a source into rows of text (see `raw`)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow.parquet as pq
from pyarrow.lib import ArrowInvalid
from sqlglot import exp

from aimwell.collect.desk import Desk
from aimwell.collect.dialect import column_names, detect_delimiter, first_record, head_of
from aimwell.collect.files import InputFile
from aimwell.collect.json_paths import known_paths
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
from aimwell.collect.snapshot import snapshot_text
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
    read = _read_parquet if form.format == "parquet" else _read_text
    columns: tuple[str, ...] = ("line",) if form.format == "jsonl" else form.columns
    parts: list[RawPart] = []
    for number, file in enumerate(files):
        target = folder / f"{number:06d}.parquet"
        part, columns = read(desk, form, file, target, columns, bytes_max, advance)
        parts.append(part)
    _widen(desk, parts, len(columns))
    table = RawTable(name, form.format, columns, tuple(parts))
    if form.format != "jsonl":
        return table
    paths = known_paths(desk.session, table.scan)
    return RawTable(name, form.format, columns, tuple(parts), paths)


def _read_text(
    desk: Desk,
    form: FileForm,
    file: InputFile,
    target: Path,
    columns: tuple[str, ...],
    bytes_max: int | None,
    advance: Advance | None,
) -> tuple[RawPart, tuple[str, ...]]:
    text = snapshot_text(
        file.path,
        target.with_suffix(".txt"),
        name=file.name,
        sha256=file.sha256 if bytes_max is None else None,
        encoding=form.encoding,
        bytes_max=bytes_max,
        advance=advance,
    )
    head, header = head_of(text.path), form.header and form.format != "jsonl"
    delimiter, names = None, columns
    if form.format == "jsonl":
        _refuse_json_list(head, file)
        query = json_rows(text)
    else:
        if form.format == "csv":
            delimiter = form.delimiter or detect_delimiter(head)
            first = first_record(head, delimiter)
        else:
            first = head.partition("\n")[0].split()
        names = form.columns or column_names(first)
        columns = joined_columns(columns, names)
        query = (
            word_rows(text, header=header, names=names, columns=columns)
            if delimiter is None
            else csv_rows(text, delimiter=delimiter, header=header, names=names, columns=columns)
        )
    _drop(desk, REJECTS, SCANS)
    desk.write_rows(query, target)
    rejects = read_rejects(desk.session, REJECTS)
    part = RawPart(file, target, _rows(target), names, rejects, header, text, delimiter)
    _refuse_other_form(part, form, len(columns))
    return part, columns


def _drop(desk: Desk, *tables: str) -> None:
    for table in tables:
        drop = exp.Drop(tables=[exp.Table(this=identifier(table))], kind="TABLE", exists=True)
        desk.session.connection.execute(drop.sql("duckdb"))


def _rows(path: Path) -> int:
    return int(pq.read_metadata(path).num_rows)


def _refuse_json_list(head: str, file: InputFile) -> None:
    if head.lstrip().startswith("["):
        raise SourceFileError(
            f"'{file.name}' is one JSON list, not JSON lines. Write each object on a line of its own, as with: "
            "jq -c '.[]' list.json > lines.jsonl",
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


def _read_parquet(
    desk: Desk,
    form: FileForm,
    file: InputFile,
    target: Path,
    columns: tuple[str, ...],
    bytes_max: int | None,
    advance: Advance | None,
) -> tuple[RawPart, tuple[str, ...]]:
    """All columns as text, from a private copy."""
    del form, bytes_max  # a Parquet file says itself what it is, and needs its end to be read
    copy = target.with_suffix(".copy")
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
    try:
        there = pq.read_schema(copy).names
    except (OSError, ArrowInvalid) as error:
        raise SourceFileError(
            f"'{file.name}' is not a whole Parquet file. Nothing was taken; fetch it again, or say its "
            "`format`.",
            file=file.name,
        ) from error
    names = column_names(there)
    columns = joined_columns(columns, names)
    values = [sql("CAST(:value AS varchar)", value=column(name)) for name in there]
    scan = exp.Table(this=sql("read_parquet(:path)", path=str(copy)))
    fields = picked(names, columns, values)
    desk.write_rows(exp.select(exp.alias_(no_text(), "bad"), *fields).from_(scan), target)
    copy.unlink()
    return RawPart(file, target, _rows(target), names), columns


def _widen(desk: Desk, parts: Sequence[RawPart], columns: int) -> None:
    """Give earlier files the columns that only later ones have, empty."""
    for part in parts:
        lacking = range(pq.read_metadata(part.parquet).num_columns - 1, columns)
        if lacking:
            extra = [exp.alias_(no_text(), f"c{number}", quoted=True) for number in lacking]
            scan = exp.Table(this=sql("read_parquet(:file)", file=str(part.parquet)))
            spare = part.parquet.with_suffix(".wide")
            desk.write_rows(exp.select("*", *extra).from_(scan), spare)
            spare.replace(part.parquet)
