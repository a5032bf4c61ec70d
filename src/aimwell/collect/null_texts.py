"""Texts in a file: trimmed, and those that only stand for a missing value."""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

from aimwell.store.sql import column, sql

__all__ = ["has_space", "is_null_text", "is_one_of", "trimmed", "without_nulls"]

_SPACE = " \t\n\r\u00a0\ufeff"
_MARK = "\x1f"


def trimmed(value: exp.Expr) -> exp.Expr:
    """A text without space around it."""
    return sql("trim(:value, :space)", value=value, space=_SPACE)


def has_space(value: exp.Expr, *, odd: bool) -> exp.Expr:
    """Whether a text begins or ends with what `trimmed` takes away.

    Args:
        value: The text.
        odd: There may be other space than plain spaces (tabs, line feeds, spaces that do not break).
    """
    if odd:
        return sql(":trimmed <> :value", trimmed=trimmed(value), value=value)
    return sql(":value < '!' OR ends_with(:value, ' ')", value=value)


def is_null_text(name: str, nulls: tuple[str, ...]) -> exp.Expr:
    """Whether a trimmed text stands for a missing value."""
    return sql(
        "CASE WHEN length(:x) <= :longest THEN :null END",
        x=column(name),
        longest=max(len(text) for text in ("", *nulls)),
        null=is_one_of(column(name), ("", *nulls)),
    )


def without_nulls(name: str, nulls: tuple[str, ...]) -> exp.Expr:
    """A trimmed text; null where it stands for a missing value."""
    return sql(
        "CASE WHEN :null THEN NULL ELSE :x END", x=column(name), null=is_null_text(name, nulls)
    )


def is_one_of(value: exp.Expr, texts: Iterable[str]) -> exp.Expr:
    """Whether `value` is among `texts`.

    Of a longer IN the engine makes a join, which is several times slower and cannot be left out where the
    result is not needed.
    """
    listed = _MARK.join(["", *dict.fromkeys(texts), ""])
    return sql(
        "contains(:listed, :mark || :value || :mark)", listed=listed, mark=_MARK, value=value
    )
