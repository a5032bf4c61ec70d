"""Sheets of Excel and OpenDocument files as rows of text, each cell as a person sees it.

A spreadsheet keeps every number as a binary fraction and forgets the zeros in front of it: 17850 is written as 17850,
never as 17850.0, and an id of more than 15 digits that was typed as a number has lost its last ones before we see it; it
is written as 1.23E+18, which the checks refuse as an id. Ids belong into cells of text.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from aimwell.collect.dialect import column_names
from aimwell.errors import SourceFileError, nearest

__all__ = ["Sheet", "cell_text", "open_sheet"]

_EXACT_MAX = 2**53
"""Whole numbers above it are not all different as binary fractions."""

_RANGES_SHOWN = 3
_CELLS_MAX = 20_000_000
"""A sheet is held in memory as a whole; a small file may claim to be an enormous one."""


@dataclass(frozen=True)
class Sheet:
    """One sheet: the names of its columns, and its rows below them.

    `first_row` is the number that the first of `rows` has in the spreadsheet. `notes` are for the person who reads the
    report.
    """

    names: tuple[str, ...]
    rows: Sequence[Sequence[str | None]]
    first_row: int
    notes: tuple[str, ...] = ()


def open_sheet(
    path: Path,
    *,
    name: str,
    sheet: str | None = None,
    header: bool = True,
    header_row: int = 1,
    columns: tuple[str, ...] = (),
    repeat_merged: bool = False,
) -> Sheet:
    """Read a sheet.

    Args:
        path: The file.
        name: What messages call it.
        sheet: Name of the sheet; None: the only one that can be seen.
        header: Whether `header_row` names the columns.
        header_row: Its number, from 1; without a header, the first row.
        columns: Names of the columns, where they are told.
        repeat_merged: Merged cells all have the value that is shown.

    Raises:
        SourceFileError: The file is damaged or encrypted, or has several sheets, or none of that name.
    """
    with _opened(path, name) as book:
        chosen = _chosen(book, sheet, name)
        found = _sheet(book, chosen, name)
        if found.total_height * found.total_width > _CELLS_MAX:
            raise SourceFileError(
                f"The sheet '{chosen}' of '{name}' spans {found.total_height:,} rows and {found.total_width:,} columns, "
                f"more than {_CELLS_MAX:,} cells. Delete what is empty, or export it as CSV.",
                file=name,
            )
        cells = [list(row) for row in found.to_python(skip_empty_area=False)]
        ranges = found.merged_cell_ranges or []
    body = header_row - 1 + int(header)
    if repeat_merged:
        _fill(cells, ranges)
    top = cells[header_row - 1] if header and len(cells) >= header_row else []
    if header and not any(_written(cell) for cell in top):
        raise SourceFileError(
            f"Row {header_row} of the sheet '{chosen}' in '{name}' is empty, so its columns have no names. Nothing was "
            "taken; say the `header_row`.",
            file=name,
        )
    names = columns or column_names([cell_text(cell) or "" for cell in top])
    rows = _rows(cells[body:], len(names))
    return Sheet(names, rows, body + 1, _notes(ranges, body, chosen, repeat_merged=repeat_merged))


@contextmanager
def _opened(path: Path, name: str) -> Iterator[CalamineWorkbook]:
    try:
        book = _workbook(path)
    except PasswordError as error:
        raise SourceFileError(
            f"'{name}' is encrypted with a password. Save it without one, or export the sheet as CSV. Nothing was taken.",
            file=name,
        ) from error
    except (CalamineError, OSError, ValueError) as error:
        raise SourceFileError(
            f"'{name}' is no whole spreadsheet (xlsx, xls, xlsb or ods). Nothing was taken; fetch it again, or say its "
            "`format`.",
            file=name,
        ) from error
    with book:
        yield book


def _workbook(path: Path) -> CalamineWorkbook:
    """By the end of its name, as only so a password is told from damage; else by what it holds."""
    try:
        return CalamineWorkbook.from_path(path)
    except PasswordError:
        raise
    except (CalamineError, ValueError):
        return CalamineWorkbook.from_filelike(io.BytesIO(path.read_bytes()))


def _chosen(book: CalamineWorkbook, sheet: str | None, name: str) -> str:
    """The sheet that is meant. Charts and hidden sheets are no choice, but a hidden one may be named."""
    every = [one.name for one in book.sheets_metadata if one.typ == SheetTypeEnum.WorkSheet]
    if sheet is not None:
        if sheet not in every:
            raise SourceFileError(
                f"'{name}' has no sheet '{sheet}'. {nearest(sheet, every)}", file=name
            )
        return sheet
    seen = [
        one.name
        for one in book.sheets_metadata
        if one.name in every and one.visible == SheetVisibleEnum.Visible
    ]
    if len(seen) != 1:
        told = ", ".join(f"'{one}'" for one in seen) or "none that can be seen"
        raise SourceFileError(
            f"'{name}' has {len(seen)} sheets: {told}. Say which one is meant by `sheet` (--sheet). Nothing was taken.",
            file=name,
        )
    return seen[0]


def _sheet(book: CalamineWorkbook, chosen: str, name: str) -> CalamineSheet:
    try:
        return book.get_sheet_by_name(chosen)
    except CalamineError as error:
        raise SourceFileError(
            f"The sheet '{chosen}' of '{name}' is damaged. Nothing was taken; fetch the file again.",
            file=name,
        ) from error


def _fill(
    cells: list[list[Any]], ranges: Sequence[tuple[tuple[int, int], tuple[int, int]]]
) -> None:
    for (top, left), (bottom, right) in ranges:
        if top >= len(cells) or left >= len(cells[top]):
            continue
        value = cells[top][left]
        for row in cells[top : bottom + 1]:
            row[left : right + 1] = [value] * (min(right + 1, len(row)) - left)


def _rows(cells: Sequence[Sequence[Any]], width: int) -> list[list[str | None]]:
    """Rows of text, as wide as there are columns; empty ones at the end are none."""
    rows = []
    for row in cells:
        texts = [cell_text(cell) for cell in row[:width]]
        rows.append(texts + [None] * (width - len(texts)))
    while rows and not any(rows[-1]):
        rows.pop()
    return rows


def _notes(
    ranges: Sequence[tuple[tuple[int, int], tuple[int, int]]],
    body: int,
    sheet: str,
    *,
    repeat_merged: bool,
) -> tuple[str, ...]:
    inside = [(start, end) for start, end in ranges if end[0] >= body]
    if not inside or repeat_merged:
        return ()
    shown = ", ".join(f"{_place(start)}:{_place(end)}" for start, end in inside[:_RANGES_SHOWN])
    more = f" and {len(inside) - _RANGES_SHOWN} more" if len(inside) > _RANGES_SHOWN else ""
    return (
        f"sheet '{sheet}': cells are merged ({shown}{more}); only the first of each has the value. If all of them mean "
        "it, say `merged: repeat`",
    )


def _place(cell: tuple[int, int]) -> str:
    """(row, column) from 0 as a spreadsheet calls it, as B7."""
    row, column = cell
    letters = ""
    while column >= 0:
        letters = chr(ord("A") + column % 26) + letters
        column = column // 26 - 1
    return f"{letters}{row + 1}"


def _written(cell: Any) -> bool:
    return cell_text(cell) is not None


def cell_text(value: Any) -> str | None:
    """A cell as text; None where it is empty."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _number_text(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    return str(value)


def _number_text(value: float) -> str:
    """A number with the 15 digits that spreadsheets show; a whole one without a point."""
    if value.is_integer():
        return str(int(value)) if abs(value) < _EXACT_MAX else f"{value:.14E}"
    return f"{Decimal(f'{value:.15g}'):f}"
