"""Rows from quarantine as a raw table, as if they were read from the files in which they stood."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from aimwell.collect.correcting import Row
from aimwell.collect.desk import Desk
from aimwell.collect.files import InputFile
from aimwell.collect.json_paths import known_paths
from aimwell.collect.raw import FILE_SHIFT, RawPart, RawTable, form_of
from aimwell.collect.replay_source import format_of
from aimwell.definitions.kinds.source import Entity, Source

__all__ = ["file_of", "numbered", "place_of", "raw_of"]


def place_of(row: Row) -> tuple[str, str, int, str]:
    """Where a row stood, to sort by."""
    one = row.waiting
    return one.file or "", one.sha256 or "", one.line or 0, one.row_hash


def file_of(row: Row) -> tuple[str, str]:
    """The name and the hash of the file in which a row stood."""
    return row.waiting.file or "", row.waiting.sha256 or ""


def raw_of(
    desk: Desk, source: Source, entity: Entity, rows: Sequence[Row], inputs: Sequence[InputFile]
) -> RawTable:
    """The rows as a raw table, a part for each file in which they stood."""
    name = source.file_of(entity)
    is_json = format_of(source, entity) == "jsonl"
    bodies = [{"line": row.content} if is_json else json.loads(row.content) for row in rows]
    columns = tuple(dict.fromkeys(column for body in bodies for column in body))
    folder = desk.folder / "replay"
    folder.mkdir()
    parts: list[RawPart] = []
    for number, file in enumerate(inputs):
        chosen = [
            (row, body)
            for row, body in zip(rows, bodies, strict=True)
            if file_of(row) == (file.name, file.sha256)
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


def _bad(row: Row, is_json: bool) -> str | None:
    """The code of a line that is no JSON object."""
    if not is_json:
        return None
    try:
        return None if isinstance(json.loads(row.content), dict) else "not_an_object"
    except (ValueError, RecursionError):
        return "not_json"


def numbered(rows: Sequence[Row], inputs: Sequence[InputFile]) -> list[tuple[int, str, bool]]:
    """The rows by their number in the raw table."""
    found: list[tuple[int, str, bool]] = []
    seen: Counter[int] = Counter()
    numbers: Mapping[tuple[str, str], int] = {
        (file.name, file.sha256): number for number, file in enumerate(inputs)
    }
    for row in rows:
        file = numbers[file_of(row)]
        found.append(((file << FILE_SHIFT) + seen[file], row.waiting.row_hash, row.corrected))
        seen[file] += 1
    return found
