"""A file's columns with some values of each, and what they seem to be; works before any mapping is complete."""

from __future__ import annotations

import csv
import json
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from aimwell.collect.desk import full_disk_is_told
from aimwell.collect.dialect import detect_delimiter, head_of, looks_like_data
from aimwell.collect.files import no_header
from aimwell.collect.inline import absent_columns, format_of, plain_file, read_columns
from aimwell.collect.json_documents import is_document, write_lines
from aimwell.collect.lacking import Lack, find_lacks, option_of
from aimwell.collect.personal_signs import personal_kind
from aimwell.collect.snapshot import snapshot_text
from aimwell.collect.spreadsheets import open_sheet
from aimwell.collect.suggesting import EntityName, names_a_person, suggest_mapping
from aimwell.errors import SourceFileError

__all__ = ["SeenColumn", "Sketch", "sample_values", "sketch"]

_HEAD_BYTES = 1 << 18
_ROWS = 50
_VALUES = 3
_VALUE_CHARACTERS = 24
_PLAIN_ID = re.compile(r"[\w.-]*\d[\w.-]*")


@dataclass(frozen=True)
class SeenColumn:
    """One column: some different values of it (personal ones masked), and where it would go.

    `targets` are those that it is mapped to, `guessed` whether its name was all that told so.
    """

    name: str
    values: tuple[str, ...]
    targets: tuple[str, ...]
    guessed: bool
    personal: str | None


@dataclass(frozen=True)
class Sketch:
    """The columns of a file, and what the mapping still lacks; `options` are the guesses, to be copied."""

    entity: EntityName
    file: str
    columns: tuple[SeenColumn, ...]
    lacks: tuple[Lack, ...]
    options: tuple[str, ...]
    opt_in: Mapping[str, str]

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return not self.lacks

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {**asdict(self), "complete": self.complete}


def sketch(
    entity: EntityName,
    file: Path,
    *,
    given: Mapping[str, str],
    guessed: Mapping[str, str],
    sheet: str | None = None,
    records: str | None = None,
) -> Sketch:
    """Look at the beginning of a file.

    Args:
        entity: What a row shall be.
        file: The file.
        given: Target → column, as named by a person.
        guessed: Target → column, by the columns' names.
        sheet: Of a spreadsheet: the sheet that is meant.
        records: Of a JSON document: keys that lead to its rows.

    Raises:
        SourceFileError: The file is absent, empty or damaged, or has no header.
    """
    columns = read_columns(file, sheet=sheet, records=records)
    values = sample_values(file, columns, sheet=sheet, records=records)
    suggestion = suggest_mapping(columns, values, entity=entity)
    mapping = {**guessed, **given}
    lacks = find_lacks(
        entity,
        # A column that is called as its target is mapped by itself.
        {**{t: c for t, c in suggestion.map.items() if t == c}, **mapping},
        columns,
        suggested=suggestion.map,
        samples=values,
        absent=absent_columns(given, columns, format=format_of(file)),
    )
    if lacks and format_of(file) in ("csv", "tsv") and looks_like_data(columns):
        raise SourceFileError(no_header(file.name, len(columns), entity=entity), file=file.name)
    return Sketch(
        entity=entity,
        file=file.name,
        columns=tuple(_seen(name, values.get(name, ()), mapping, guessed) for name in columns),
        lacks=lacks,
        options=tuple(option_of(target, column) for target, column in guessed.items()),
        opt_in=suggestion.opt_in if entity == "customers" else {},
    )


def _seen(
    name: str, values: Sequence[str], mapping: Mapping[str, str], guessed: Mapping[str, str]
) -> SeenColumn:
    targets = tuple(target for target, column in mapping.items() if column == name)
    kind = next((k for k in (personal_kind(t) for t in targets) if k), None)
    kind = kind or personal_kind(name, values)
    person = names_a_person(name) or "customer_id" in targets
    if kind is None and person and not all(_PLAIN_ID.fullmatch(value) for value in values):
        kind = "perhaps a name"
    shown = [f"{value[:1]}…" if kind else _cut(value) for value in values]
    return SeenColumn(
        name,
        tuple(dict.fromkeys(shown)),
        targets,
        bool(targets) and all(target in guessed for target in targets),
        kind,
    )


def _cut(value: str) -> str:
    return value if len(value) <= _VALUE_CHARACTERS else f"{value[: _VALUE_CHARACTERS - 1]}…"


def sample_values(
    file: Path, columns: Sequence[str], *, sheet: str | None = None, records: str | None = None
) -> dict[str, tuple[str, ...]]:
    """Column → the first few different values."""
    found: dict[str, dict[str, None]] = {name: {} for name in columns}
    for row in islice(_rows(file, columns, sheet, records), _ROWS):
        for name, value in row.items():
            if name in found and value.strip() and len(found[name]) < _VALUES:
                found[name][value.strip()] = None
    return {name: tuple(values) for name, values in found.items()}


def _rows(
    file: Path, columns: Sequence[str], sheet: str | None, records: str | None
) -> Iterator[dict[str, str]]:
    form = format_of(file)
    if form == "excel":
        for cells in open_sheet(file, name=file.name, sheet=sheet).rows[:_ROWS]:
            yield {name: cell for name, cell in zip(columns, cells, strict=False) if cell}
        return
    if form == "parquet":
        with pq.ParquetFile(file) as parquet:
            for batch in parquet.iter_batches(batch_size=_ROWS):
                for cells in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    pairs = zip(columns, cells, strict=False)
                    yield {name: str(cell) for name, cell in pairs if cell is not None}
                return
        return
    with (
        full_disk_is_told(),
        plain_file(file) as plain,
        tempfile.TemporaryDirectory(prefix="aimwell-") as folder,
    ):
        text = snapshot_text(
            plain,
            Path(folder) / "head.txt",
            name=file.name,
            sha256=None,
            bytes_max=_HEAD_BYTES if records is None else None,
        )
        head = head_of(text.path)
        if form == "json" and is_document(head, records):
            lines = text.path.with_suffix(".lines")
            write_lines(text.path, lines, name=file.name, records=records, cut=records is None)
            head = head_of(lines)
    if form in ("jsonl", "json"):
        yield from _json_rows(head)
        return
    try:
        reader = csv.reader(
            head.splitlines(keepends=True),
            delimiter="\t" if form == "tsv" else detect_delimiter(head),
        )
        cut = (record for record in reader if record)
        next(cut, None)
        for record in cut:
            yield dict(zip(columns, record, strict=False))
    except csv.Error:
        return


def _json_rows(head: str) -> Iterator[dict[str, str]]:
    for line in head.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            yield dict(_leaves(row))


def _leaves(row: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    for key, value in row.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{path}{key}.")
        elif value is not None and not isinstance(value, list):
            yield f"{path}{key}", str(value)
