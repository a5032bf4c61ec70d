"""A source from a command line: one file, one entity, `target=Column` pairs."""

from __future__ import annotations

import glob
import re
import shlex
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from pyarrow.lib import ArrowInvalid

from aimwell.collect.archives import Member, is_archive, unzip
from aimwell.collect.desk import full_disk_is_told
from aimwell.collect.dialect import (
    column_names,
    detect_delimiter,
    first_record,
    head_of,
    looks_like_data,
)
from aimwell.collect.files import no_header
from aimwell.collect.json_documents import is_document, write_lines
from aimwell.collect.json_paths import known_paths
from aimwell.collect.lacking import find_lacks, option_of
from aimwell.collect.snapshot import snapshot_text
from aimwell.collect.spreadsheets import open_sheet
from aimwell.collect.suggesting import EntityName, Suggestion, suggest_mapping, target_maps
from aimwell.collect.text_queries import json_rows
from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.source import Source
from aimwell.definitions.source_inputs import format_by_name
from aimwell.definitions.source_values import CustomersMap
from aimwell.errors import DefinitionError, Fault, SourceFileError
from aimwell.store.engine import DuckDBEngine

__all__ = ["absent_columns", "format_of", "inline_source", "plain_file", "read_columns"]

_HEAD_BYTES = 1 << 20
_COLUMNS_SHOWN = 40
_ADDRESS = re.compile(r"[a-z][a-z0-9+]+:/+")
"""How an address begins, with as many strokes as a path has left of them."""


def format_of(file: Path) -> str:
    """The format that a file's name tells; CSV where it tells none."""
    found = format_by_name(file.name)
    if found is None and file.suffix.lower() == ".zip" and file.is_file():
        with _first_file(file) as member:
            return format_of(Path(member.name)) if member else "csv"
    return found or "csv"


@contextmanager
def _first_file(file: Path) -> Iterator[Member | None]:
    """The first file of an archive, unpacked for the length of the block; None where the file is no archive."""
    if not is_archive(file):
        yield None
        return
    with (
        tempfile.TemporaryDirectory(prefix="aimwell-") as folder,
        closing(unzip(file, Path(folder), name=file.name)) as members,
    ):
        yield next(members)


@contextmanager
def plain_file(file: Path) -> Iterator[Path]:
    """The file to look into: the first one of an archive, or the file itself."""
    if format_of(file) in ("excel", "parquet"):
        yield file
        return
    with _first_file(file) as member:
        yield member.path if member else file


def read_columns(
    file: Path,
    *,
    format: str | None = None,
    encoding: str | None = None,
    sheet: str | None = None,
    records: str | None = None,
) -> tuple[str, ...]:
    """The names of a file's columns; of JSON the keys, nested ones with dots.

    Raises:
        SourceFileError: The file is absent, empty, damaged or of another form.
    """
    form = format or format_of(file)
    if file.is_dir():
        raise SourceFileError(
            f"'{file}' is a folder. Name one of its files; several files of one form are a source definition "
            "with a pattern, as files: {rows: 'orders-*.csv.gz'}, which is taken with "
            f"`aimwell collect source NAME --root {shlex.quote(str(file))}`.",
            file=file.name,
        )
    if not file.exists() and _ADDRESS.match(str(file)):
        raise SourceFileError(
            f"'{_ADDRESS.sub(lambda found: found[0].rstrip('/') + '//', str(file), count=1)}' is an address. What does not lie in a folder is taken by a source definition, as files: "
            "{rows: 's3://shop/orders-*.csv.gz'}, with `aimwell collect source NAME`.",
            file=file.name,
        )
    if not file.is_file():
        raise SourceFileError(f"There is no file {file}.", file=file.name)
    if file.stat().st_size == 0:
        raise SourceFileError(f"'{file.name}' is empty: it has not even a header.", file=file.name)
    if form == "parquet":
        try:
            return column_names(pq.read_schema(file).names)
        except (OSError, ArrowInvalid) as error:
            raise SourceFileError(
                f"'{file.name}' is not a whole Parquet file.", file=file.name
            ) from error
    if form == "excel":
        return open_sheet(file, name=file.name, sheet=sheet).names
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
            encoding=encoding,
            bytes_max=_HEAD_BYTES if records is None else None,
        )
        if form == "json" and is_document(head_of(text.path), records):
            lines = text.path.with_suffix(".lines")
            write_lines(text.path, lines, name=file.name, records=records, cut=records is None)
            lines.replace(text.path)
        if form in ("jsonl", "json"):
            with DuckDBEngine(threads=1).session() as session:
                paths = known_paths(session, json_rows(text))
            return tuple(sorted(".".join(path) for path in paths))
        head = head_of(text.path)
    delimiter = "\t" if form == "tsv" else detect_delimiter(head)
    return column_names(first_record(head, delimiter))


def inline_source(
    entity: EntityName,
    file: Path,
    *,
    mapping: Mapping[str, str],
    name: str | None = None,
    format: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> tuple[Source, Path, Suggestion]:
    """A source of one file.

    Args:
        entity: What a row is.
        file: The file.
        mapping: Target → column. Targets may be `trait.country`, `property.size`, `vault.note`; a column that
            holds SQL signs and is no column's name is an expression. Columns that are called as a target are
            mapped by themselves.
        name: Of the source; default: the entity, so that later files of the same kind are the same source.
        format: Of the file; default: by its name.
        settings: Further fields of the source, the file or the entity: currency, timezone, country, dates, encoding,
            delimiter, sheet, records, keep_repeats, not_goods …; None values are left out.

    Returns:
        The source, the folder that its file is relative to, and what its columns seem to be.

    Raises:
        DefinitionError: The mapping is wrong or lacks what is required; suggests columns.
        SourceFileError: The file cannot be read.
    """
    given = {key: value for key, value in (settings or {}).items() if value is not None}
    form = format or format_of(file)
    of_file = {key: given.pop(key) for key in ("sheet", "records") if key in given}
    columns = read_columns(file, format=form, encoding=given.get("encoding"), **of_file)
    suggestion = suggest_mapping(columns, entity=entity)
    targets = {target: column for target, column in suggestion.map.items() if target == column}
    body: dict[str, Any] = {"entity": entity, "map": {}}
    for target, column in {**targets, **mapping}.items():
        value = _value(column, columns)
        group, _, last = target.partition(".")
        if last and group in ("external_ids", "handles"):
            body["map"].setdefault(group, {})[last] = value
        elif last and group in _GROUPS:
            body.setdefault(_GROUPS[group], {})[last] = value
        else:
            body["map"][target] = value
    document: dict[str, Any] = {
        "kind": "source",
        "name": name or entity,
        "format": form,
        "files": {
            "file": {"path": glob.escape(file.name), **of_file}
            if of_file
            else glob.escape(file.name)
        },
    }
    for key, value in given.items():
        (document if key in Source.model_fields else body)[key] = value
    document["entities"] = [body]
    try:
        checked = check(document)
    except DefinitionError as error:
        if form in ("csv", "tsv") and looks_like_data(columns) and _lacks_targets(error):
            raise SourceFileError(
                no_header(file.name, len(columns), entity=entity), file=file.name
            ) from error
        absent = absent_columns(mapping, columns, format=form)
        lacks = find_lacks(
            entity, {**targets, **mapping}, columns, suggested=suggestion.map, absent=absent
        )
        told = {"map", *(f"map.{target}" for lack in lacks for target in lack.targets)}
        others = [fault for fault in map(_short, error.faults) if fault.path not in told]
        missing = [
            Fault(f"map.{' or '.join(lack.targets)}", f"{lack.problem} Add `{lack.option}`")
            for lack in lacks
        ]
        hints = _hints(body["map"], suggestion, {t for lack in lacks for t in lack.targets})
        hints += _people_apart(entity, file, mapping)
        raise DefinitionError(
            f"The mapping of {file.name} is not complete or not right; nothing was taken.",
            [*others, *missing, *hints, _all_columns(columns)],
        ) from error
    assert isinstance(checked, Source)  # noqa: S101 - its kind says so
    return checked, file.parent, suggestion


_GROUPS = {
    "trait": "traits",
    "traits": "traits",
    "property": "properties",
    "properties": "properties",
    "vault": "vault",
    **{name: name for name in ("measured", "times", "answers")},
}
_SQL = re.compile(r"[()'|*/+<>=]|\bCASE\b", re.IGNORECASE)


def _value(column: str, columns: tuple[str, ...]) -> Any:
    if column in columns or not _SQL.search(column):
        return column
    return {"expression": column}


def _lacks_targets(error: DefinitionError) -> bool:
    """Whether nothing is wrong but that targets are mapped from nowhere."""
    return all(fault.value is None and "map" in fault.path for fault in error.faults)


def _short(fault: Fault) -> Fault:
    return Fault(fault.path.removeprefix("entities[0]."), fault.problem, fault.value, fault.allowed)


def absent_columns(
    mapping: Mapping[str, str], columns: Sequence[str], *, format: str
) -> dict[str, str]:
    """Target → column that the file lacks. Of JSON only the first rows are known, so that nothing is said of them."""
    if format in ("jsonl", "json"):
        return {}
    return {
        target: column
        for target, column in mapping.items()
        if column not in columns and not _SQL.search(column)
    }


def _hints(mapped: Mapping[str, Any], suggestion: Suggestion, told: Collection[str]) -> list[Fault]:
    """Columns that seem to be what is not mapped yet; but for what is told apart."""
    more = {t: c for t, c in suggestion.map.items() if t not in mapped and t not in told}
    if not more:
        return []
    options = " ".join(option_of(target, column) for target, column in more.items())
    return [Fault("suggestion", f"the columns look like {options}")]


def _people_apart(entity: EntityName, file: Path, mapping: Mapping[str, str]) -> list[Fault]:
    """Where other rows than customers were to bring what only customers have: names, street, birth date."""
    theirs = set(CustomersMap.model_fields) - set(target_maps()[entity].model_fields)
    found = {target: column for target, column in mapping.items() if target in theirs}
    if not found:
        return []
    options = " ".join(option_of(target, column) for target, column in found.items())
    told = f"{', '.join(found)}: customers have that. Leave it out here, and take the same file for them, too"
    return [Fault("suggestion", f"{told}: `aimwell collect customers {file} … {options}`")]


def _all_columns(columns: Sequence[str]) -> Fault:
    shown = ", ".join(f"'{name}'" for name in columns[:_COLUMNS_SHOWN])
    return Fault("columns", f"the file has {shown}{' …' if len(columns) > _COLUMNS_SHOWN else ''}")
