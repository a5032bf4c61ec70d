"""Texts without what nobody sees and nobody meant: characters put together in two ways, control characters, marks of no
width.

By default each text and id of a file is brought into Unicode's composed form (NFC), and loses control characters (but
tabs and line feeds), soft hyphens, spaces and joints of no width and, at its ends, marks of direction. What makes an
emoji or a Persian name what it is stays: joiners and non-joiners, variation selectors, marks of direction within.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pyarrow as pa
from sqlglot import exp

from aimwell.collect.fields import TargetField
from aimwell.collect.unseen import ENDS, UNSEEN
from aimwell.store.engine import Session
from aimwell.store.sql import column, sql

__all__ = ["CLEANED", "UNICODE", "bind_clean", "clean"]

CLEANED = "cleaned_fields"
"""Table of the session: `name` of the fields in which any text was changed."""

UNICODE = "unicode"
"""How a text was brought into its form where nothing but this was done."""

_KINDS = ("text", "id", "handle", "email", "phone")


def clean(text: exp.Expr) -> exp.Expr:
    """A text as it should be; null where nothing is left of it. ASCII without control characters is so already."""
    return sql(
        """
        CASE WHEN strlen(:x) = length(:x) AND NOT regexp_matches(:x, '[\\x00-\\x1f\\x7f]') THEN :x
             ELSE nullif(regexp_replace(regexp_replace(nfc_normalize(:x), :unseen, '', 'g'), :ends, '', 'g'), '') END
        """,
        x=text,
        unseen=UNSEEN,
        ends=ENDS,
    )


def bind_clean(
    session: Session, fields: Sequence[TargetField], kept: Collection[str], *, odd: bool
) -> tuple[str, ...]:
    """Bind `clean` of `given`; the fields in which anything was changed, which CLEANED has too.

    Args:
        session: With `given`.
        fields: The mapped fields.
        kept: Those that stay as they are.
        odd: There may be other characters than those of ASCII that are seen.
    """
    names = [field.name for field in fields if field.kind in _KINDS and field.name not in kept]
    changed: tuple[str, ...] = ()
    if names and odd:
        counts = [
            sql(
                "count(*) FILTER (WHERE :x IS DISTINCT FROM :clean)",
                x=column(name),
                clean=clean(column(name)),
            )
            for name in names
        ]
        [row] = session.rows(exp.select(*counts).from_("given"))
        changed = tuple(name for name, rows in zip(names, row, strict=True) if rows)
    session.bind(CLEANED, pa.table({"name": pa.array(changed, pa.string())}))
    columns = [
        exp.alias_(clean(column(field.name)), field.name, quoted=True)
        if field.name in changed
        else column(field.name)
        for field in fields
    ]
    session.bind("clean", exp.select("n", "unmatched", *columns).from_("given"))
    return changed
