"""Queries that cut a text snapshot into rows of text."""

from __future__ import annotations

from sqlglot import exp

from aimwell.collect.raw import no_text, picked
from aimwell.collect.snapshot import TextSnapshot
from aimwell.store.sql import column, sql

__all__ = ["REJECTS", "SCANS", "csv_rows", "json_rows", "word_rows"]

REJECTS, SCANS = "rejects", "reject_scans"
"""Tables of the session in which the engine notes records that make no row."""

_NEVER = "\x01\x02\x03"  # a delimiter that no line holds
_FEED = "\\n"


def csv_rows(
    text: TextSnapshot,
    *,
    delimiter: str,
    header: bool,
    names: tuple[str, ...],
    columns: tuple[str, ...],
) -> exp.Query:
    """Records cut at the delimiter; those of another width become rejects."""
    fields = picked(names, columns, [column(f"f{number}") for number in range(len(names))])
    scan = _scan(text, header=header, delimiter=delimiter, quote='"', width=len(names))
    return exp.select(exp.alias_(no_text(), "bad"), *fields).from_(scan)


def word_rows(
    text: TextSnapshot, *, header: bool, names: tuple[str, ...], columns: tuple[str, ...]
) -> exp.Query:
    """Lines cut at white space. Blank lines stay as rows, so that rows and lines count alike."""
    words = exp.select(
        sql("regexp_split_to_array(trim(f0, :space), :gap) AS w", space=" \t", gap="\\s+")
    ).from_(_lines(text, header=header))
    bad = sql(
        """
        CASE WHEN w IS NULL OR trim(list_extract(w, 1)) = '' THEN 'blank' WHEN len(w) < :width THEN 'too_few_fields'
             WHEN len(w) > :width THEN 'too_many_fields' END
        """,
        width=len(names),
    )
    values = [sql("list_extract(w, :place)", place=number + 1) for number in range(len(names))]
    fields = picked(names, columns, values)
    return exp.select(exp.alias_(bad, "bad"), *fields).from_(words.subquery("words"))


def json_rows(text: TextSnapshot) -> exp.Query:
    """Lines as they are, with what is wrong with them as JSON."""
    bad = sql(
        """
        CASE WHEN f0 IS NULL OR trim(f0) = '' THEN 'blank'
             WHEN NOT json_valid(f0) THEN 'not_json'
             WHEN json_type(f0) <> 'OBJECT' THEN 'not_an_object' END
        """
    )
    lines = _lines(text, header=False)
    return exp.select(exp.alias_(bad, "bad"), sql("f0 AS c0")).from_(lines)


def _lines(text: TextSnapshot, *, header: bool) -> exp.Table:
    return _scan(text, header=header, delimiter=_NEVER, quote="", width=1)


def _scan(text: TextSnapshot, *, header: bool, delimiter: str, quote: str, width: int) -> exp.Table:
    scan = sql(
        """
        read_csv(:path, auto_detect = FALSE, header = :header, delim = :delimiter, quote = :quote,
                 escape = :quote, new_line = :feed, columns = :columns, store_rejects = TRUE,
                 rejects_table = :rejects, rejects_scan = :scans, strict_mode = TRUE)
        """,
        path=str(text.path),
        header=header,
        delimiter=delimiter,
        quote=quote,
        feed=_FEED,
        columns=_columns(width),
        rejects=REJECTS,
        scans=SCANS,
    )
    return exp.Table(this=scan)


def _columns(width: int) -> exp.Expr:
    """`f0`, `f1` …, all text."""
    return exp.Struct(
        expressions=[
            exp.PropertyEQ(
                this=exp.to_identifier(f"f{number}", quoted=True),
                expression=exp.Literal.string("VARCHAR"),
            )
            for number in range(width)
        ]
    )
