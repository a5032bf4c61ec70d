"""Which pairs are looked at: those that agree in one of several keys, and no key that half the firm shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from aimwell.store.engine import Session
from aimwell.store.sql import column, sql
from aimwell.unify.matching.fields import MatchField

__all__ = [
    "PAIRS_A_PERSON",
    "PAIRS_MAX",
    "Key",
    "bind_blocks",
    "keys_of",
    "pairs_a_key",
    "pairs_of",
]

PAIRS_A_PERSON = 60
"""So many pairs a person and key may be looked at on average; blocks too large for that are left out."""
PAIRS_MAX = 60_000_000
"""So many pairs may be looked at by all keys together; of a million people each key has a part of it."""
_SIZES = (10_000, 3_000, 1_000, 300, 100, 30, 10, 3)


@dataclass(frozen=True)
class Key:
    """A key is made of fields: (name, how many of its first letters count; None: all).

    `either_way`: its two fields may stand in each other's place, as names do that were typed into the wrong box.
    """

    parts: tuple[tuple[str, int | None], ...]
    either_way: bool = False

    @property
    def fields(self) -> frozenset[str]:
        """Names of its fields."""
        return frozenset(name for name, _ in self.parts)

    def expression(self) -> exp.Expr:
        """The key of a row; null where a part is."""
        made = [
            column(name) if letters is None else sql("left(:x, :n)", x=column(name), n=letters)
            for name, letters in self.parts
        ]
        if self.either_way:
            one, other = made
            made = [sql("least(:a, :b)", a=one, b=other), sql("greatest(:a, :b)", a=one, b=other)]
            # Unlike `||`, least and greatest pass over what is null.
            made[0] = sql(
                "CASE WHEN :a IS NOT NULL AND :b IS NOT NULL THEN :x END", a=one, b=other, x=made[0]
            )
        whole = made[0]
        for part in made[1:]:
            whole = sql(":a || '|' || :b", a=whole, b=part)
        return whole


_KEYS = (
    Key((("first_name", None), ("last_name", None))),
    Key((("first_name", 3), ("last_name", 3)), either_way=True),
    Key((("first_name", None), ("birth_date", 4))),
    Key((("last_name", None), ("birth_date", 4))),
    Key((("first_name", None), ("city", 4))),
    Key((("last_name", None), ("city", 4))),
    Key((("first_name", None), ("postcode", 3))),
    Key((("last_name", None), ("postcode", 3))),
    Key((("last_name", None),)),
    Key((("birth_date", None),)),
    Key((("postcode", None),)),
    Key((("street", None),)),
    Key((("email", None),)),
    Key((("phone", None),)),
)


def keys_of(fields: Sequence[MatchField]) -> tuple[Key, ...]:
    """The keys that these fields allow."""
    known = {field.name for field in fields}
    codes = tuple(Key(((field.name, None),)) for field in fields if field.kind == "code")
    return tuple(key for key in _KEYS if key.fields <= known) + codes


def pairs_of(session: Session, records: str, key: Key, *, block_max: int | None = None) -> int:
    """How many pairs of rows agree in a key, not counting blocks of more than `block_max` rows."""
    query = sql(
        """
        SELECT CAST(coalesce(sum(n * (n - 1) / 2), 0) AS bigint) FROM (
          SELECT count(*) AS n FROM :records WHERE :key IS NOT NULL GROUP BY :key
        ) AS blocks WHERE n <= :most
        """,
        records=exp.to_table(records),
        key=key.expression(),
        most=block_max if block_max is not None else 2**40,
    )
    [(pairs,)] = session.rows(query)
    return int(pairs)


def pairs_a_key(people: int, keys: int) -> int:
    """How many pairs one of some keys may make among so many people."""
    return min(PAIRS_A_PERSON * max(people, 1), PAIRS_MAX // max(keys, 1))


def bind_blocks(
    session: Session, records: str, keys: Sequence[Key], *, name: str, new: str | None = None
) -> tuple[str, ...]:
    """Make `name`: the rows of `records` with a column for each key, null where its block is too large.

    A value that very many people share (a default birthday, `unknown`) would make more pairs than all others together
    and tell nothing; people who are one are found by another key.

    Args:
        session: With `records`.
        records: The rows.
        keys: The keys.
        name: Of what is made.
        new: A table with the `unique_id` of who is new: blocks without any of them are left out too.

    Returns:
        Names of the columns.
    """
    [(people,)] = session.rows(sql("SELECT count(*) FROM :records", records=exp.to_table(records)))
    most = pairs_a_key(people, len(keys))
    columns, made = [], []
    for place, key in enumerate(keys):
        size = next(
            (s for s in _SIZES if pairs_of(session, records, key, block_max=s) <= most),
            None,
        )
        if size is None:
            continue
        block = f"block_{place}"
        made.append(exp.alias_(_block(key, size, new), block))
        columns.append(block)
    session.materialise(name, exp.select("*", *made).from_(records))
    return tuple(columns)


def _block(key: Key, size: int, new: str | None) -> exp.Expr:
    """The key of a row where its block is of this size at most, and somebody new is in it."""
    rows = exp.Window(this=sql("count(*)"), partition_by=[key.expression()])
    fits = sql(":rows <= :most", rows=rows, most=size)
    if new is not None:
        is_new = sql("unique_id IN (SELECT unique_id FROM :new)", new=exp.to_table(new))
        anybody = exp.Window(
            this=sql("bool_or(:is_new)", is_new=is_new), partition_by=[key.expression()]
        )
        fits = sql(":fits AND :anybody", fits=fits, anybody=anybody)
    return sql("CASE WHEN :fits THEN :key END", fits=fits, key=key.expression())
