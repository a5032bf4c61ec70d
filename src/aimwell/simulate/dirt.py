"""Faults put into order lines on purpose, in exact numbers, so that quarantine can be checked against truth."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aimwell.errors import SimulateError
from aimwell.simulate.orders import ORDER_SCHEMA
from aimwell.simulate.people import Ints
from aimwell.simulate.shop import Shop

__all__ = ["Soiler", "soil"]

_WRONG_DATES = ("2025-13-45 10:00:00", "0000-00-00", "32.01.2025", "yesterday")
_WRONG_QUANTITIES = ("three", "n/a", "1O", "two pieces")
_ABSURD = "99999999"


class Soiler:
    """Spreads the faults that a shop's spec asks for over its cells, taken in order.

    `schema` is that of the file of order lines: with faults to come, dates and quantities are text. `done`
    counts the lines that got each fault so far.
    """

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._owed = shop.spec.dirt.counts()
        self._soils = shop.spec.dirt.any()
        self.done = dict.fromkeys(self._owed, 0)
        self.schema = _as_text(ORDER_SCHEMA.empty_table()).schema if self._soils else ORDER_SCHEMA

    def soil(self, lines: pa.Table, cell: int) -> pa.Table:
        """The order lines of a cell with its share of the faults, and what cells before it could not take."""
        if not self._soils:
            return lines
        upto = self._shop.cell_people(cell).stop
        share = {
            fault: count * upto // self._shop.spec.people - self.done[fault]
            for fault, count in self._owed.items()
        }
        soiled, put = soil(self._shop.stream("dirt", cell=cell), lines, share)
        for fault, count in put.items():
            self.done[fault] += count
        return soiled

    def finish(self) -> None:
        """Refuse if some faults found no line.

        Raises:
            SimulateError: The shop has too few sales for the dirt that its spec asks for.
        """
        left = {
            fault: count - self.done[fault]
            for fault, count in self._owed.items()
            if count > self.done[fault]
        }
        if left:
            raise SimulateError(
                f"There are too few sales for the dirt asked for; left over: {left}. "
                "Ask for fewer faulty lines, or for more people."
            )


def _as_text(table: pa.Table) -> pa.Table:
    """The table with `ordered_at` and `quantity` as text, which is what files with faults in them hold."""
    for name in ("ordered_at", "quantity"):
        table = table.set_column(
            table.column_names.index(name), name, table[name].cast(pa.string())
        )
    return table


def soil(
    rng: np.random.Generator, lines: pa.Table, owed: Mapping[str, int]
) -> tuple[pa.Table, dict[str, int]]:
    """Put faults into a table of order lines (see `orders.ORDER_SCHEMA`).

    Args:
        rng: Decides which lines.
        lines: Right lines. Only sales are soiled, returns stay as they are.
        owed: How many lines should get each fault (the fields of `spec.Dirt`).

    Returns:
        The lines with `ordered_at` and `quantity` as text, and how many got each fault: as many as are owed
        as far as the sales reach, each line with one fault at most.
    """
    sales = np.flatnonzero(pc.greater(lines["quantity"], 0).to_numpy())
    chosen = rng.permutation(sales)
    rows: dict[str, Ints] = {}
    used = 0
    for fault, count in owed.items():
        rows[fault] = np.sort(chosen[used : used + count])
        used += rows[fault].size
    negated = pc.negate(lines["quantity"].take(rows["negative_quantities"])).cast(pa.string())
    wrong = {
        "mixed_dates": ("ordered_at", _other_forms(lines["ordered_at"].take(rows["mixed_dates"]))),
        "unreadable_dates": ("ordered_at", _cycle(_WRONG_DATES, rows["unreadable_dates"])),
        "text_quantities": ("quantity", _cycle(_WRONG_QUANTITIES, rows["text_quantities"])),
        "zero_quantities": ("quantity", _cycle(("0",), rows["zero_quantities"])),
        "negative_quantities": ("quantity", negated),
        "absurd_quantities": ("quantity", _cycle((_ABSURD,), rows["absurd_quantities"])),
    }
    table = _as_text(lines)
    for fault, (column, values) in wrong.items():
        table = _replace(table, column, rows[fault], values)
    order = np.sort(np.concatenate([np.arange(len(table)), rows["duplicate_lines"]]))
    return table.take(pa.array(order)), {
        fault: chosen_rows.size for fault, chosen_rows in rows.items()
    }


def _replace(table: pa.Table, name: str, rows: Ints, values: pa.Array) -> pa.Table:
    """The table with other values of one column in some rows, which are in order."""
    if not rows.size:
        return table
    mask = np.zeros(len(table), np.bool_)
    mask[rows] = True
    flat = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    column = pc.replace_with_mask(table[name].combine_chunks(), pa.array(mask), flat)
    return table.set_column(table.column_names.index(name), name, column)


def _cycle(words: tuple[str, ...], rows: Ints) -> pa.Array:
    return pa.array(words).take(pa.array(np.arange(rows.size) % len(words)))


def _other_forms(dates: pa.ChunkedArray) -> pa.Array:
    """By turns day first with dots and month first with slashes and a twelve-hour clock."""
    forms = ("%d.%m.%Y %H:%M", "%m/%d/%Y %I:%M %p")
    return pa.array(
        [date.strftime(forms[n % 2]) for n, date in enumerate(dates.to_pylist())], pa.string()
    )
