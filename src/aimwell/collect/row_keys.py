"""A key for rows that no column tells apart: a hash of all of the row, and its number among equal rows.

The same rows have the same keys in whatever order a file gives them, so that a file read again tells of the same
people; a row of which anything changed is another one.
"""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from aimwell.collect.desk import Desk
from aimwell.collect.raw import FILE_SHIFT, RawTable
from aimwell.errors import MappingError
from aimwell.store.sql import column, sql

__all__ = ["add_row_keys"]

_MARK = "\x1f"


def add_row_keys(desk: Desk, table: RawTable, name: str) -> RawTable:
    """The table with a further column `name`.

    Raises:
        MappingError: The file has a column of that name.
    """
    if name in table.columns:
        raise MappingError(
            f"`row_key: {name}`: the file has a column of that name. Choose another one.",
            field="row_key",
        )
    texts: list[exp.Expr] = []
    for number in range(len(table.columns)):
        texts += [sql("coalesce(:x, '')", x=column(f"c{number}")), exp.Literal.string(_MARK)]
    body = sql("md5(:whole)", whole=exp.Anonymous(this="concat", expressions=texts))
    numbered = sql(
        """
        SELECT n, body || '-' || CAST(row_number() OVER (PARTITION BY body ORDER BY n) AS varchar) AS row_key
        FROM (SELECT n, :body AS body FROM :rows AS r WHERE bad IS NULL) AS bodies
        """,
        body=body,
        rows=exp.paren(table.scan),
    )
    desk.session.materialise("row_keys", numbered)
    added = f"c{len(table.columns)}"
    for number, part in enumerate(table.parts):
        mine = exp.Table(
            this=sql("read_parquet(:file, file_row_number = TRUE)", file=str(part.parquet))
        )
        rows = (
            exp.select(
                *(
                    column(name, "r")
                    for name in ("bad", *(f"c{n}" for n in range(len(table.columns))))
                ),
                exp.alias_(column("row_key", "k"), added, quoted=True),
            )
            .from_(exp.alias_(mine, "r", table=True))
            .join(
                exp.to_table("row_keys").as_("k"),
                on=sql("k.n = r.file_row_number + :first", first=number << FILE_SHIFT),
                join_type="left",
            )
            .order_by("file_row_number")
        )
        spare = part.parquet.with_suffix(".keyed")
        desk.write_rows(rows, spare)
        spare.replace(part.parquet)
    parts = tuple(replace(part, names=(*part.names, name)) for part in table.parts)
    return replace(table, columns=(*table.columns, name), parts=parts)
