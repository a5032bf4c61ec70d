"""Records that make no row: cut wrongly, never closed, or no text in the file's encoding."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from aimwell.store.engine import Session
from aimwell.store.sql import identifier, sql

__all__ = ["REJECT_DETAILS", "Reject", "read_rejects"]

_REASONS = {
    "MISSING COLUMNS": "too_few_fields",
    "TOO MANY COLUMNS": "too_many_fields",
    "INVALID ENCODING": "bad_encoding",
    "UNQUOTED VALUE": "bad_quotes",
    "LINE SIZE OVER MAXIMUM": "too_long",
}

REJECT_DETAILS = {
    "too_few_fields": "the line has fewer fields than there are columns",
    "too_many_fields": "the line has more fields than there are columns; a field that holds the delimiter "
    "stands in double quotes",
    "bad_encoding": "the line holds bytes that are no text in the file's encoding; say `encoding`",
    "bad_quotes": "a double quote is not closed, or text follows the closing one; a quote inside is doubled",
    "too_long": "the line is longer than 2 million bytes",
    "not_json": "the line is no JSON",
    "not_an_object": "the line is JSON, but no object ({…})",
    "unreadable": "the line cannot be cut into fields",
}
"""Reason code → what is allowed."""


@dataclass(frozen=True)
class Reject:
    """One record: where it begins in the snapshot (bytes), how many line feeds it spans, its text."""

    offset: int
    feeds: int
    reason: str
    content: str


def read_rejects(session: Session, table: str) -> tuple[Reject, ...]:
    """The rejects that the engine noted in `table`, in order, each record once with its first error."""
    rows = session.rows(
        sql(
            """
            SELECT line_byte_position, arg_min(CAST(error_type AS varchar), byte_position), any_value(csv_line)
            FROM :rejects GROUP BY line_byte_position ORDER BY line_byte_position
            """,
            rejects=exp.Table(this=identifier(table)),
        )
    )
    return tuple(_reject(*row) for row in rows)


def _reject(position: int, error: str, content: str | None) -> Reject:
    text = content or ""
    body = text.lstrip("\n")  # the engine counts blank lines before a record to it
    return Reject(
        offset=position - 1 + len(text) - len(body),
        feeds=body.rstrip("\n").count("\n"),
        reason=_REASONS.get(error, "unreadable"),
        content=body,
    )
