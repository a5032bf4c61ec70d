"""Columns of the lake as the engine casts them."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
from sqlglot import exp

from aimwell.collect.provenance import Provenance
from aimwell.store.sql import cast
from aimwell.store.tables import LAKE_TABLES, MONEY, TIME

__all__ = ["cast_to_lake", "lake_query"]

_NAMES: Mapping[pa.DataType, str] = {
    pa.string(): "varchar",
    pa.int64(): "bigint",
    pa.float64(): "double",
    pa.bool_(): "boolean",
    MONEY: "decimal(18, 4)",
    TIME: "timestamptz",
}


def cast_to_lake(table: str, name: str, value: exp.Expr | None) -> exp.Expr:
    """A value as the type of a column of the lake; None: missing."""
    kind = _NAMES[LAKE_TABLES[table].schema.field(name).type]
    return cast(value.copy() if value is not None else exp.null(), kind)


def lake_query(
    table: str, values: Mapping[str, exp.Expr], provenance: Provenance, source: str
) -> exp.Query:
    """All columns of a table of the lake, in order, over the rows of the view or table `source`."""
    origin = {one.alias: one for one in provenance.columns()}
    columns = [
        origin[name]
        if name in origin
        else exp.alias_(cast_to_lake(table, name, values.get(name)), name, quoted=True)
        for name in LAKE_TABLES[table].names
    ]
    return exp.select(*columns).from_(exp.to_table(source))
