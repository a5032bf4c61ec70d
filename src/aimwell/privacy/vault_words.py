"""The vault's further fields (`extra`): each with when it was said and by whom, so that of each the newest word stands.

`extra` is a JSON object of values by name; `extra_words` has for each name a list: the time in microseconds since 1970,
and the source.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pyarrow as pa
import sqlalchemy as sa

__all__ = ["Word", "laid_over", "words_in", "words_of"]

_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST: sa.ColumnClause[str] = sa.literal_column("'$[0]'")
_MICROSECOND = timedelta(microseconds=1)


class Word(NamedTuple):
    """What was said of a field: when, and which source said it."""

    value: str
    at: datetime
    source: str


def words_of(
    extra: Mapping[str, Any] | None, words: Mapping[str, Any] | None, *, at: datetime, source: str
) -> Iterator[tuple[str, Word]]:
    """The further fields of one row; of a name that no word tells of, `at` and `source` are taken."""
    for name, value in (extra or {}).items():
        said = (words or {}).get(name)
        if said is None:
            yield name, Word(value, at, source)
        else:
            yield name, Word(value, _BEGIN + said[0] * _MICROSECOND, said[1])


def words_in(extra: pa.ChunkedArray, times: pa.ChunkedArray, source: str) -> pa.Array:
    """`extra_words` of texts of `extra` all of which was said at one time a row."""
    found: list[str | None] = []
    for text, at in zip(extra.to_pylist(), times.to_pylist(), strict=True):
        if not text:
            found.append(None)
            continue
        said = [(at - _BEGIN) // _MICROSECOND, source]
        found.append(json.dumps(dict.fromkeys(json.loads(text), said)))
    return pa.array(found, pa.string())


def laid_over(old: Any, new: Any, *, is_sqlite: bool) -> dict[str, sa.ColumnElement[Any]]:
    """What `extra` and `extra_words` come to where a row (`old`) is told of anew: of each name the newer word stands.

    Args:
        old: Columns of the row.
        new: The same of what is told.
        is_sqlite: Which of the two databases it is.
    """
    lay = _on_sqlite if is_sqlite else _on_postgresql
    return {
        name: sa.case(
            (new[name].is_(None), old[name]),
            (old[name].is_(None), new[name]),
            else_=lay(old, new, name),
        )
        for name in ("extra", "extra_words")
    }


def _on_sqlite(old: Any, new: Any, name: str) -> sa.ColumnElement[Any]:
    """A null takes a name out of an object that is patched, so the stale ones are patched away first."""
    told, known = (
        sa.func.json_each(row.extra_words).table_valued("key", "value", name=called)
        for row, called in ((new, "told"), (old, "known"))
    )
    stale = (
        sa.select(sa.func.json_group_object(told.c.key, sa.null()))
        .where(
            told.c.key == known.c.key,
            sa.func.json_extract(known.c.value, _FIRST)
            > sa.func.json_extract(told.c.value, _FIRST),
        )
        .scalar_subquery()
    )
    return sa.func.json_patch(old[name], sa.func.json_patch(new[name], stale))


def _on_postgresql(old: Any, new: Any, name: str) -> sa.ColumnElement[Any]:
    told, known = (
        sa.func.jsonb_each(row.extra_words).table_valued("key", "value", name=called)
        for row, called in ((new, "told"), (old, "known"))
    )
    when = [
        sa.cast(one.c.value.op("->>")(sa.literal_column("0")), sa.BigInteger)
        for one in (known, told)
    ]
    stale = (
        sa.select(told.c.key).where(told.c.key == known.c.key, when[0] > when[1]).scalar_subquery()
    )
    names = sa.cast(sa.func.array(stale), sa.ARRAY(sa.Text))
    return sa.func.jsonb_concat(old[name], new[name].op("-")(names))
