"""Quarantined rows in a file that people correct: written with their reasons, and read back.

A table (CSV) for files of columns, JSON lines for JSON. Columns that begin with an underscore say what the row is;
`_row` must stay as it is, the others are there to be read. The file holds personal data: it is readable for its owner
alone.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aimwell.errors import CollectError, SourceFileError, nearest

__all__ = [
    "Correction",
    "Waiting",
    "cut_line",
    "read_corrections",
    "unknown_column",
    "write_waiting",
]

_MARKS = ("_row", "_entity", "_reason", "_field", "_what", "_file", "_line")
_TEXT = "_text"  # a line that could not be cut, or is no JSON
_CONTENT = "_content"  # a JSON object
_DELIMITERS = (",", ";", "\t", "|")
_FIELD_CHARACTERS_MAX = 1 << 24


@dataclass(frozen=True)
class Waiting:
    """One row that waits, with its content as the vault has it; `is_line`: its text is the whole line."""

    row_hash: str
    entity: str
    reason: str
    field: str | None
    detail: str | None
    file: str | None
    line: int | None
    sha256: str | None
    seq: int
    content: str
    is_line: bool

    @property
    def values(self) -> dict[str, str | None]:
        """Column → value; none of a row that could not be cut."""
        return {} if self.is_line else _object(self.content)

    @property
    def text(self) -> str | None:
        """The line, where it could not be cut."""
        return str(_object(self.content).get("line", "")) if self.is_line else None


def _object(content: str) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


@dataclass(frozen=True)
class Correction:
    """A row of the file: `values` by column, the `text` of a line, or the JSON `document`, as they stand there now."""

    row_hash: str
    place: int
    values: Mapping[str, str | None] | None = None
    text: str | None = None
    document: str | None = None


def write_waiting(path: Path, rows: Sequence[Waiting], *, as_json: bool) -> None:
    """Write the rows to a new file that only its owner may read.

    Args:
        path: The file; one that is there is refused.
        rows: What waits.
        as_json: The source's files are JSON lines.

    Raises:
        SourceFileError: There is such a file, or it has another ending than its content needs.
    """
    wanted = ".jsonl" if as_json else ".csv"
    if path.suffix.lower() != wanted:
        form = "JSON lines" if as_json else "a table"
        raise SourceFileError(
            f"The rows of this source are written as {form}: name a file that ends with {wanted}.",
            file=path.name,
        )
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise SourceFileError(
            f"'{path.name}' is there already, perhaps with corrections. Name another file.",
            file=path.name,
        ) from None
    except OSError as error:
        raise SourceFileError(
            f"'{path.name}' cannot be written: {error.strerror}.", file=path.name
        ) from error
    # With a mark that it is UTF-8, else spreadsheets take a table for something else.
    encoding = "utf-8" if as_json else "utf-8-sig"
    with open(handle, "w", encoding=encoding, newline="") as file:
        (_write_lines if as_json else _write_table)(file, rows)


def _marks(row: Waiting) -> dict[str, Any]:
    return {
        "_row": row.row_hash,
        "_entity": row.entity,
        "_reason": row.reason,
        "_field": row.field,
        "_what": row.detail,
        "_file": row.file,
        "_line": row.line,
    }


def _write_table(file: io.TextIOBase, rows: Sequence[Waiting]) -> None:
    columns = list(dict.fromkeys(name for row in rows for name in row.values))
    texts = [_TEXT] if any(row.is_line for row in rows) else []
    writer = csv.DictWriter(file, [*_MARKS, *texts, *columns], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        text = {_TEXT: row.text} if texts else {}
        writer.writerow({**_marks(row), **text, **row.values})


def _write_lines(file: io.TextIOBase, rows: Sequence[Waiting]) -> None:
    for row in rows:
        body: dict[str, Any]
        if row.is_line:
            body = {_TEXT: row.text}
        else:
            try:
                body = {_CONTENT: json.loads(row.content)}
            except (ValueError, RecursionError):
                body = {_TEXT: row.content}
        file.write(json.dumps({**_marks(row), **body}, ensure_ascii=False) + "\n")


def read_corrections(path: Path) -> list[Correction]:
    """What stands in a file that `write_waiting` wrote and a person corrected.

    Raises:
        SourceFileError: It cannot be read, or is no such file; says what is wrong and where.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SourceFileError(
            f"'{path.name}' is not UTF-8. Save it as CSV in UTF-8.", file=path.name
        ) from None
    except OSError as error:
        raise SourceFileError(
            f"'{path.name}' cannot be read: {error.strerror}.", file=path.name
        ) from error
    rows = _lines(path.name, text) if text.lstrip().startswith("{") else _table(path.name, text)
    found = list(rows) if text.strip() else []
    if not found:
        raise SourceFileError(
            f"'{path.name}' has no rows. Write one with: aimwell collect quarantine SOURCE --to FILE",
            file=path.name,
        )
    return found


def _not_ours(name: str) -> SourceFileError:
    return SourceFileError(
        f"'{name}' is no file of quarantined rows: it has no column '_row'. Write one with: aimwell collect "
        "quarantine SOURCE --to FILE; correct its values and leave '_row' as it is.",
        file=name,
    )


def _lines(name: str, text: str) -> Iterator[Correction]:
    # Texts may hold what else is taken for the end of a line, as U+2028.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            json.dumps(row, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise SourceFileError(
                f"Line {number} of '{name}' has half a character (\\ud800 to \\udfff). Write it whole.",
                file=name,
            ) from None
        except RecursionError:
            raise SourceFileError(
                f"Line {number} of '{name}' is nested too deeply.", file=name
            ) from None
        except ValueError:
            raise SourceFileError(f"Line {number} of '{name}' is no JSON.", file=name) from None
        if not isinstance(row, dict) or not isinstance(row.get("_row"), str):
            raise _not_ours(name)
        unknown = [key for key in row if key not in (*_MARKS, _TEXT, _CONTENT)]
        if unknown:
            raise SourceFileError(
                f"Line {number} of '{name}' has the key '{unknown[0]}'. What is to be taken stands in '_content'.",
                file=name,
            )
        if _CONTENT in row:
            if not isinstance(row[_CONTENT], dict):
                raise SourceFileError(
                    f"Line {number} of '{name}': '_content' must be an object.", file=name
                )
            document = json.dumps(row[_CONTENT], ensure_ascii=False)
            yield Correction(row["_row"], number, document=document)
        else:
            yield Correction(row["_row"], number, text=str(row.get(_TEXT) or ""))


def _table(name: str, text: str) -> Iterator[Correction]:
    first = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    csv.field_size_limit(_FIELD_CHARACTERS_MAX)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        names = [column.strip() for column in next(reader, [])]
        if "_row" not in names:
            raise _not_ours(name)
        if len(set(names)) < len(names):
            raise SourceFileError(f"Two columns of '{name}' have the same name.", file=name)
        for values in reader:
            if not any(value.strip() for value in values):
                continue
            if len(values) != len(names):
                raise SourceFileError(
                    f"Line {reader.line_num} of '{name}' has {len(values)} fields, and there are {len(names)} "
                    "columns. A field that holds the delimiter stands in double quotes.",
                    file=name,
                )
            row = dict(zip(names, values, strict=True))
            body = {k: v or None for k, v in row.items() if k not in (*_MARKS, _TEXT)}
            yield Correction(
                row["_row"].strip(), reader.line_num, values=body, text=row.get(_TEXT) or None
            )
    except csv.Error as error:
        raise SourceFileError(
            f"'{name}' cannot be read near line {reader.line_num}: {error}.", file=name
        ) from error


def cut_line(
    text: str, columns: Sequence[str], delimiter: str | None
) -> dict[str, str | None] | None:
    """A corrected line cut into the columns; None where it does not fit them."""
    for one in [delimiter] if delimiter else _DELIMITERS:
        try:
            rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=one, strict=True))
        except csv.Error:
            continue
        if len(rows) == 1 and len(rows[0]) == len(columns):
            return {name: value or None for name, value in zip(columns, rows[0], strict=True)}
    return None


def unknown_column(name: str, known: Sequence[str], *, file: str) -> CollectError:
    """Told where a file of corrections has a column that the source's files have not."""
    return SourceFileError(
        f"'{file}' has the column '{name}', which the rows in quarantine do not have. {nearest(name, list(known))}",
        file=file,
    )
