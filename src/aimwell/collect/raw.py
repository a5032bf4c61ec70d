"""Files as rows of text: every field as it stands in the file, one Parquet file for each, in the file's order.

Columns have numbers, not names (`c0`, `c1` …), because names may differ in case only or hold anything. JSON
lines stay whole in `c0`. Records that make no row are *rejects*; rows that cannot be cut have a `bad` code.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlglot import exp

from aimwell.collect.files import InputFile
from aimwell.collect.rejects import Reject
from aimwell.collect.snapshot import TextSnapshot
from aimwell.definitions.kinds.source import Source
from aimwell.definitions.source_inputs import FileFormat, FileSpec, InputSpec
from aimwell.errors import SourceFileError
from aimwell.store.sql import column, sql, union_all

__all__ = [
    "FILE_SHIFT",
    "FileForm",
    "RawPart",
    "RawTable",
    "form_of",
    "joined_columns",
    "no_text",
    "picked",
]

FILE_SHIFT = 40
"""A row's number is its file's number, shifted by so many bits, plus its place in the file."""


@dataclass(frozen=True)
class FileForm:
    """How the files of one name are to be read; None: told by the file."""

    format: FileFormat
    encoding: str | None
    delimiter: str | None
    header: bool
    columns: tuple[str, ...]
    sheet: str | None = None
    header_row: int = 1
    repeat_merged: bool = False
    records: str | None = None
    row_key: str | None = None
    key_values: tuple[str, ...] = ()
    explode: str | None = None

    @property
    def read_as(self) -> FileFormat:
        """The form in which rows come out of the reader."""
        return _READ_AS.get(self.format, self.format)


_COLUMNS_MAX = 5_000  # more need gigabytes for a few rows: the engine keeps room for each
_READ_AS: dict[FileFormat, FileFormat] = {"tsv": "csv", "json": "jsonl", "excel": "parquet"}


@dataclass(frozen=True)
class RawPart:
    """One file, read; `names` are its own columns. `header`: its first record names them. `lines`: on which line of its file
    each row stood, where that is known already. `notes` are for the person who reads the report."""

    file: InputFile
    parquet: Path
    rows: int
    names: tuple[str, ...]
    rejects: tuple[Reject, ...] = ()
    header: bool = False
    text: TextSnapshot | None = None
    delimiter: str | None = None
    lines: tuple[int | None, ...] | None = None
    notes: tuple[str, ...] = ()

    @property
    def in_place(self) -> bool:
        """Whether it is a file of a warehouse, with columns of its own names and types."""
        return self.file.rows is not None and not self.file.rows.ours

    exploded: bool = False

    @property
    def odd_spaces(self) -> bool:
        """See RawTable.odd_spaces. A line feed, or a tab that cuts no fields, can stand in quotes only."""
        if self.text is None:
            return True
        records = self.rows + len(self.rejects) + self.header
        return (
            self.text.odd_spaces
            or (self.text.tabs and (self.delimiter != "\t" or self.text.quoted))
            or (self.text.quoted and self.text.lines > records)
        )

    @property
    def odd_texts(self) -> bool:
        """Whether any character may be there that is not of ASCII or not seen."""
        return self.text is None or self.text.odd_texts


@dataclass(frozen=True)
class RawTable:
    """All files of one name of a source. `paths` are the keys inside JSON lines that were seen.

    `has_content`: a column `content` has each row as the vault keeps it; else that is made of the other columns.
    """

    name: str
    format: FileFormat
    columns: tuple[str, ...]
    parts: tuple[RawPart, ...]
    paths: frozenset[tuple[str, ...]] = frozenset()
    has_content: bool = False

    @property
    def scan(self) -> exp.Query:
        """All rows but blank lines: `n` (see FILE_SHIFT), `bad`, and the columns by number."""
        if any(part.in_place for part in self.parts):
            return self._scan_in_place()
        files = exp.Array(expressions=[exp.Literal.string(str(p.parquet)) for p in self.parts])
        number = sql(
            "CAST(file_index AS bigint) * :step + file_row_number AS n", step=1 << FILE_SHIFT
        )
        fields = [column(f"c{index}") for index in range(len(self.columns))]
        fields += [column("content")] if self.has_content else []
        rows = sql("read_parquet(:files, file_row_number = TRUE)", files=files)
        scan = exp.select(number, column("bad"), *fields).from_(exp.Table(this=rows))
        return scan if self.format == "csv" else scan.where("bad IS DISTINCT FROM 'blank'")

    def _scan_in_place(self) -> exp.Query:
        """The same of files with columns of their own; neighbours that are alike are read together."""
        queries: list[exp.Expr] = []
        start = 0
        for end in range(1, len(self.parts) + 1):
            if end < len(self.parts) and self.parts[end].file.rows == self.parts[start].file.rows:
                continue
            queries.append(self._alike(start, end))
            start = end
        union = union_all(queries)
        assert isinstance(union, exp.Query)  # noqa: S101 - it is made of SELECTs
        return union

    def _alike(self, start: int, end: int) -> exp.Query:
        parts = self.parts[start:end]
        rows = parts[0].file.rows
        assert rows is not None  # noqa: S101 - the caller looked
        number = sql(
            "(CAST(file_index AS bigint) + :first) * :step + file_row_number AS n",
            first=start,
            step=1 << FILE_SHIFT,
        )
        values = {name: sql("CAST(:value AS varchar)", value=column(name)) for name in rows.columns}
        values |= {name: sql("CAST(:value AS varchar)", value=v) for name, v in rows.constants}
        fields = [
            exp.alias_(values.get(name, no_text()), f"c{index}", quoted=True)
            for index, name in enumerate(self.columns)
        ]
        files = exp.Array(expressions=[exp.Literal.string(str(p.parquet)) for p in parts])
        scan = sql(
            "read_parquet(:files, file_row_number = TRUE, hive_partitioning = FALSE)", files=files
        )
        return exp.select(number, exp.alias_(no_text(), "bad"), *fields).from_(exp.Table(this=scan))

    @property
    def whole_lines(self) -> bool:
        """Whether each line of a file is a row, also a blank one."""
        return self.format in ("jsonl", "text")

    @property
    def odd_spaces(self) -> bool:
        """Whether there may be other space than plain spaces around values. JSON can write any in ASCII, and
        Parquet holds what it likes."""
        return self.format in ("jsonl", "parquet") or any(part.odd_spaces for part in self.parts)

    @property
    def odd_texts(self) -> bool:
        """Whether any character may be there that is not of ASCII or not seen; JSON can write any in ASCII."""
        return self.format in ("jsonl", "parquet") or any(part.odd_texts for part in self.parts)


def form_of(source: Source, spec: InputSpec) -> FileForm:
    """A file's own settings, else the source's. Rows of a database or a table come as Parquet."""
    if not isinstance(spec, FileSpec):
        return FileForm("parquet", None, None, header=True, columns=())
    format_ = spec.format_in(source.format)
    return FileForm(
        format=format_,
        encoding=spec.encoding or source.encoding,
        delimiter=spec.delimiter or source.delimiter or ("\t" if format_ == "tsv" else None),
        header=source.header if spec.header is None else spec.header,
        columns=spec.columns,
        sheet=spec.sheet,
        header_row=spec.header_row,
        repeat_merged=spec.merged == "repeat",
        records=spec.records,
        row_key=spec.row_key,
        key_values=spec.key_values,
        explode=spec.explode,
    )


def joined_columns(
    known: tuple[str, ...], names: tuple[str, ...], file: InputFile
) -> tuple[str, ...]:
    """The columns of several files: those known, then the new ones of `file`.

    Raises:
        SourceFileError: They are more than a table of rows can have within any usual memory.
    """
    there = set(known)
    columns = (*known, *(name for name in names if name not in there))
    if len(columns) > _COLUMNS_MAX:
        raise SourceFileError(
            f"'{file.name}' has {len(columns):,} columns; {_COLUMNS_MAX:,} can be read. Nothing was taken. If they are "
            "not its columns, say the right `delimiter`; else leave out those that are not needed.",
            file=file.name,
        )
    return columns


def no_text() -> exp.Expr:
    """A missing text."""
    return sql("CAST(NULL AS varchar)")


def picked(
    names: tuple[str, ...], columns: tuple[str, ...], values: list[exp.Expr]
) -> list[exp.Expr]:
    """The values of one file, named `names`, under the numbers that `columns` gives them."""
    return [
        exp.alias_(
            values[names.index(name)] if name in names else no_text(), f"c{index}", quoted=True
        )
        for index, name in enumerate(columns)
    ]
