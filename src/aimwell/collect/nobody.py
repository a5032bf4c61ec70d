"""Ids, addresses and numbers that name nobody (`0`, `unknown`, `noreply@…`, 00000 000000): taken as missing values.

Taken for ids they would make one person of all who have none. What they are is said in `definitions.nobody`, and a
source may say otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import phonenumbers
import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from aimwell.collect.fields import TargetField
from aimwell.collect.identifying import identifiers_in
from aimwell.collect.null_texts import is_one_of
from aimwell.definitions.nobody import SIGNS, addresses_in, ids_in
from aimwell.store.engine import Session
from aimwell.store.sql import column, sql

__all__ = ["count_nobody", "no_address", "no_number", "unless_nobody", "words_of"]

_HANDLED_APART = ("email", "phone")
_FIRM = "account_id"
_EXAMPLES = {
    "customer_id": "0 or unknown",
    _FIRM: "0 or unknown",
    "email": "noreply@",
    "phone": "00000 000000",
}
_SEQUENCES = frozenset({"1234567890"})
# A glance that lets nearly every number through; the few that stay are looked at well.
_PERHAPS = "|".join([*(f"{digit}{{7}}" for digit in range(10)), "1234567890"])


def unless_nobody(value: exp.Expr, words: Sequence[str]) -> exp.Expr:
    """An id; null where it names nobody."""
    return sql("CASE WHEN :nobody THEN NULL ELSE :x END", nobody=_is_nobody(value, words), x=value)


def _is_nobody(x: exp.Expr, words: Sequence[str]) -> exp.Expr:
    """See `bare_id`: the engine's way to say it."""
    ids = ids_in(words)
    listed = sorted(ids - {"0", "-"})
    tests = [
        sql(
            "length(:x) <= :longest AND :among",
            x=x,
            longest=max((len(word) for word in listed), default=0),
            among=is_one_of(sql("lower(:x)", x=x), listed),
        )
    ]
    if "0" in ids:
        tests.append(
            sql(
                "trim(:x, :zeros) = '' AND contains(:x, '0')",
                x=x,
                zeros=SIGNS + "0",
            )
        )
    if "-" in ids:
        tests.append(sql("trim(:x, :signs) = ''", x=x, signs=SIGNS))
    return exp.paren(exp.or_(*tests))


def count_nobody(
    session: Session, fields: Sequence[TargetField], words: Sequence[str]
) -> dict[str, int]:
    """Field → rows of `texts` whose id names nobody; fields without any are left out."""
    mapped = [field.name for field in fields]
    ids = [name for name in identifiers_in(mapped) if name not in _HANDLED_APART]
    ids += [_FIRM] if _FIRM in mapped else []
    if not ids or not ids_in(words):
        return {}
    counts = [
        sql("count(*) FILTER (WHERE :test)", test=_is_nobody(column(name), words)) for name in ids
    ]
    [row] = session.rows(exp.select(*counts).from_("texts"))
    return {name: count for name, count in zip(ids, row, strict=True) if count}


def words_of(counts: Mapping[str, int]) -> list[str]:
    """What a person should know of them."""
    return [
        f"{name}: {rows:,} {'value names' if rows == 1 else 'values name'} nobody (as {_EXAMPLES.get(name, 'unknown')}) "
        "and so counted as missing; where such a value is somebody's, say `nobody` in the source"
        for name, rows in counts.items()
    ]


def no_address(addresses: pa.Array, words: Sequence[str]) -> pa.Array:
    """Which of these e-mail addresses in normal form are nobody's; null where there is none."""
    heads = addresses_in(words)
    if not heads:
        return pc.and_(pc.is_valid(addresses), pa.scalar(False))
    return pc.match_substring_regex(addresses, f"^({'|'.join(map(re.escape, heads))})")


def no_number(numbers: pa.Array, words: Sequence[str]) -> pa.Array:
    """Which of these telephone numbers in normal form are nobody's, as 00000 000000; null where there is none."""
    if not words:
        return pc.and_(pc.is_valid(numbers), pa.scalar(False))
    perhaps = pc.fill_null(pc.match_substring_regex(numbers, _PERHAPS), False)
    if not pc.any(perhaps, min_count=0).as_py():
        return perhaps
    return pa.array(
        [
            bool(odd) and _is_made_up(str(number))
            for odd, number in zip(perhaps.to_pylist(), numbers.to_pylist(), strict=True)
        ]
    )


def _is_made_up(number: str) -> bool:
    """Whether a number in E.164 is one digit again and again, or counts to ten."""
    digits = str(phonenumbers.parse(number).national_number)
    return len(set(digits)) == 1 or digits in _SEQUENCES
