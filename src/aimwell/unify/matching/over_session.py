"""Splink over a session: it writes its queries for DuckDB, and the session runs them on whatever engine it has.

So every engine finds the same pairs with the same weights, and a model that was learned on one is read by another.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from splink.internals.database_api import AcceptableInputTableType, DatabaseAPI
from splink.internals.dialects import SplinkDialect
from splink.internals.input_column import InputColumn
from splink.internals.splink_dataframe import SplinkDataFrame
from sqlglot import exp

from aimwell.store.engine import Session
from aimwell.store.sql import identifier, sql

__all__ = ["SessionAPI"]


class SessionAPI(DatabaseAPI[exp.Expr]):
    """What Splink asks of a database, answered by a session. Tables to compare are given by their names there."""

    sql_dialect = SplinkDialect.from_string("duckdb")

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session

    def table_to_splink_dataframe(self, templated_name: str, physical_name: str) -> SplinkDataFrame:
        """The table of that name."""
        return _SessionTable(templated_name, physical_name, self)

    def table_exists_in_database(self, table_name: str) -> bool:
        """Whether Splink made it."""
        return table_name in self._created_tables

    def delete_table_from_database(self, name: str) -> None:
        """Forget it."""
        self.session.drop(name)

    def _setup_for_execute_sql(self, sql: str, physical_name: str) -> str:
        self.delete_table_from_database(physical_name)
        return sql

    def _execute_sql_against_backend(self, final_sql: str) -> exp.Expr:
        return sql(final_sql)

    def _cleanup_for_execute_sql(
        self, table: exp.Expr, templated_name: str, physical_name: str
    ) -> SplinkDataFrame:
        self.session.materialise(physical_name, table)
        return self.table_to_splink_dataframe(templated_name, physical_name)

    def _table_registration(self, input: AcceptableInputTableType, table_name: str) -> None:
        # What Splink has counted itself; all else is in the session before.
        self.session.bind(table_name, pa.Table.from_pylist(list(input)))


class _SessionTable(SplinkDataFrame):
    db_api: SessionAPI

    def _rows(self, limit: int | None = None) -> pa.Table:
        query = exp.select("*").from_(exp.Table(this=identifier(self.physical_name)))
        return self.db_api.session.table(query if limit is None else query.limit(limit))

    @property
    def columns(self) -> list[InputColumn]:
        return [
            InputColumn(name, sqlglot_dialect_str="duckdb") for name in self._rows(0).column_names
        ]

    def validate(self) -> None:
        """Its names are Splink's or ours."""

    def _drop_table_from_database(self, force_non_splink_table: bool = False) -> None:
        if self.created_by_splink or force_non_splink_table:
            self.db_api.delete_table_from_database(self.physical_name)

    def as_record_list(self, limit: int | None = None) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._rows(limit).to_pylist()
        return rows

    def as_dict(self, limit: int | None = None) -> dict[str, list[Any]]:
        columns: dict[str, list[Any]] = self._rows(limit).to_pydict()
        return columns

    def as_pyarrow_table(self, limit: int | None = None) -> pa.Table:
        return self._rows(limit)
