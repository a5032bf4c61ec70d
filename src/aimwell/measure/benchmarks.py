"""Key figures of others, taken from a small CSV file with their source, and kept to compare with."""

from __future__ import annotations

import csv
import math
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

import sqlalchemy as sa

from aimwell.definitions.kinds.targets import PERCENTAGES, TargetKey
from aimwell.errors import MeasureError, nearest
from aimwell.measure.comparing import Benchmark
from aimwell.store.control import upsert
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = ["COLUMNS", "import_benchmarks", "kept_benchmarks"]

COLUMNS = ("kpi", "value", "low", "high", "source", "year", "channel")
"""Of the file. `kpi`, `value` and `source` must be there and filled; the others may be empty or missing."""

_KEYS: tuple[str, ...] = get_args(TargetKey)
_MOST = 10_000
_table = metadata.tables["kpi_benchmarks"]


def import_benchmarks(stores: Stores, path: Path, *, now: datetime) -> tuple[Benchmark, ...]:
    """Take the figures of a file: all of them, or none. A figure of the same source and channel replaces the one before.

    Raises:
        MeasureError: The file cannot be read, or says which line is wrong, and why.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            names = set(reader.fieldnames or ())
            rows = [row for _, row in zip(range(_MOST + 1), reader, strict=False)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise MeasureError(f"The file '{path.name}' cannot be read as CSV: {error}.") from error
    lacking = sorted({"kpi", "value", "source"} - names)
    if lacking or names - set(COLUMNS):
        raise MeasureError(
            f"The columns of '{path.name}' are {', '.join(sorted(names)) or 'none'}. Needed: kpi, value, source; allowed "
            "beside: low, high, year, channel."
        )
    if not 0 < len(rows) <= _MOST:
        raise MeasureError(
            f"'{path.name}' has {len(rows) or 'no'} lines; 1 to {_MOST:,} are taken."
        )
    found = tuple(_benchmark(row, number + 2, path.name) for number, row in enumerate(rows))
    kept = [
        {
            "key": one.key,
            "source": one.source,
            "channel": one.channel,
            "value": one.value,
            "low": one.low,
            "high": one.high,
            "year": one.year,
            "imported_at": now,
        }
        for one in {(one.key, one.source, one.channel): one for one in found}.values()
    ]
    with stores.control.begin() as connection:
        upsert(connection, _table, kept, update=("value", "low", "high", "year", "imported_at"))
    return found


def kept_benchmarks(stores: Stores) -> tuple[Benchmark, ...]:
    """All that were taken, by figure and source."""
    query = sa.select(_table).order_by(_table.c.key, _table.c.source, _table.c.channel)
    with stores.read_control() as connection:
        rows = connection.execute(query).all()
    return tuple(
        Benchmark(**{name: value for name, value in row._mapping.items() if name != "imported_at"})
        for row in rows
    )


def _benchmark(row: dict[str, Any], line: int, file: str) -> Benchmark:
    def wrong(what: str) -> MeasureError:
        return MeasureError(f"Line {line} of '{file}': {what}")

    key = (row.get("kpi") or "").strip()
    if key not in _KEYS:
        raise wrong(f"there is no key figure '{key}'. {nearest(key, _KEYS)}")
    source = (row.get("source") or "").strip()
    if not source:
        raise wrong("the source is missing. Say where the figure comes from.")

    def number(name: str) -> float | None:
        text = (row.get(name) or "").strip()
        if not text:
            return None
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise wrong(f"{name} is '{text}', which is no number. Write 5 for 5 %.")
        return value

    if None in row:
        raise wrong("it has more cells than the file has columns.")
    value, low, high, year = (number(name) for name in ("value", "low", "high", "year"))
    if value is None:
        raise wrong("the value is missing.")
    if (low is None) != (high is None):
        raise wrong("low and high come together or not at all.")
    if low is not None and high is not None and not low <= value <= high:
        raise wrong(f"{value:g} does not lie between low {low:g} and high {high:g}.")
    if key in PERCENTAGES:
        for one in (value, low, high):
            if one is not None and not 0 <= one <= 100:
                raise wrong(f"{one:g} is no percentage; write 5 for 5 %, and 100 at most.")
    if year is not None and not (year.is_integer() and 1900 <= year <= 2200):
        raise wrong(f"year is {year:g}; write it as 2025.")
    return Benchmark(
        key=key,
        source=source,
        channel=(row.get("channel") or "").strip(),
        value=value,
        low=low,
        high=high,
        year=None if year is None else int(year),
    )
