"""What runs in Spark's Python processes: DuckDB over batches of Arrow.

Nothing else is imported here, because each of these processes has to begin with it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import duckdb
import pyarrow as pa

__all__ = ["ARGUMENTS", "BATCH", "python_function"]

BATCH = "batch"
ARGUMENTS = ("a", "b")


def python_function(query: str) -> Callable[..., pa.Array]:
    """The function as Spark's Python processes call it: arrays in, an array out."""

    def computed(*arrays: pa.Array) -> pa.Array:
        table = pa.table(dict(zip(ARGUMENTS, arrays, strict=False)))
        connection = _connection()
        connection.register(BATCH, table)
        try:
            result: Any = connection.sql(query).to_arrow_table().column("result")
        finally:
            connection.unregister(BATCH)
        return result.combine_chunks()

    return computed


@cache
def _connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:", config={"threads": 1})
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")
    return connection
