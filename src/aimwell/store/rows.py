"""Checks of rows for a lake table before they are written, because the Delta writer casts silently."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from aimwell.errors import SchemaMismatchError
from aimwell.store.tables import LakeTable

__all__ = ["CheckedRows", "check_file", "check_table"]


def check_table(table: LakeTable, rows: pa.Table) -> pa.Table:
    """The rows with the columns in canonical order.

    Raises:
        SchemaMismatchError: A column is missing, unknown, twice, of another type, or null where it must not.
    """
    _compare(table, rows.schema)
    _refuse_nulls(table, rows)
    return rows.select(list(table.names)).cast(table.schema)


def check_file(table: LakeTable, file: Path, *, may_be_older: bool = False) -> None:
    """Check the rows of a Parquet file by what its footer says.

    `may_be_older`: it may lack columns that are not required, as one that was written before the table got them.

    Raises:
        SchemaMismatchError: As `check_table`.
    """
    with pq.ParquetFile(file) as opened:
        _compare(table, opened.schema_arrow, may_be_older=may_be_older)
        footer = opened.metadata
        for place, name in enumerate(opened.schema_arrow.names):
            if not next(c.required for c in table.columns if c.name == name):
                continue
            for group in range(footer.num_row_groups):
                told = footer.row_group(group).column(place).statistics
                if told is None or not told.has_null_count:
                    _refuse_nulls(table, opened.read())
                    return
                if told.null_count:
                    _refuse_nulls(table, opened.read_row_group(group))


class CheckedRows:
    """A stream of batches, each checked as it passes.

    The Delta library turns an error inside the stream into words of its own, so `error` keeps the original.
    """

    def __init__(self, table: LakeTable, batches: Iterable[pa.RecordBatch]) -> None:
        self._table, self._batches = table, batches
        self.error: BaseException | None = None

    def reader(self) -> pa.RecordBatchReader:
        """The stream, to be read once.

        Raises:
            SchemaMismatchError: The columns differ, where the stream tells them beforehand.
        """
        if isinstance(self._batches, pa.RecordBatchReader):
            _compare(self._table, self._batches.schema)
        return pa.RecordBatchReader.from_batches(self._table.schema, self._checked())

    def _checked(self) -> Iterator[pa.RecordBatch]:
        try:
            for batch in self._batches:
                _compare(self._table, batch.schema)
                _refuse_nulls(self._table, batch)
                yield batch.select(list(self._table.names)).cast(self._table.schema)
        except Exception as error:
            self.error = error
            raise


def _compare(table: LakeTable, schema: pa.Schema, *, may_be_older: bool = False) -> None:
    needed = [c.name for c in table.columns if c.required or not may_be_older]
    missing = [name for name in needed if name not in schema.names]
    extra = [name for name in schema.names if name not in table.names]
    twice = sorted({name for name in schema.names if schema.names.count(name) > 1})
    wrong = [
        f"{field.name} is {found}, not {field.type}"
        for field in table.schema
        if schema.names.count(field.name) == 1
        and (found := schema.field(field.name).type) != field.type
    ]
    if missing or extra or twice or wrong:
        parts = [
            f"missing: {', '.join(missing)}" if missing else "",
            f"unknown: {', '.join(extra)}" if extra else "",
            f"twice: {', '.join(twice)}" if twice else "",
            "; ".join(wrong),
        ]
        raise SchemaMismatchError(
            f"Rows for the table '{table.name}' do not fit: {'; '.join(p for p in parts if p)}. "
            f"Columns: {', '.join(table.names)}."
        )


def _refuse_nulls(table: LakeTable, rows: pa.Table | pa.RecordBatch) -> None:
    lacking = [c.name for c in table.columns if c.required and rows.column(c.name).null_count]
    if lacking:
        raise SchemaMismatchError(
            f"Rows for the table '{table.name}' lack a required value in: {', '.join(lacking)}."
        )
