"""The fields by which people are compared: how a text is made comparable, and what counts as nearly the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import splink.comparison_level_library as levels
import splink.comparison_library as library
from splink.internals.comparison_creator import ComparisonCreator
from splink.internals.comparison_level_creator import ComparisonLevelCreator
from sqlglot import exp

from aimwell.store.sql import sql

__all__ = ["FORMS", "KINDS", "FieldKind", "MatchField", "comparison", "standardised"]

FieldKind = Literal["name", "date", "street", "postcode", "place", "email", "phone", "code"]

KINDS: Mapping[str, FieldKind] = {
    "first_name": "name",
    "last_name": "name",
    "birth_date": "date",
    "street": "street",
    "postcode": "postcode",
    "city": "place",
    "region": "place",
    "email": "email",
    "phone": "phone",
}
"""The usual fields and their kinds; every other field is a code, as the number of a document or a card."""

FORMS = "first_name_forms"
"""Column of the records: the names that a first name may stand for, as Robert for Bob."""

_WORDS = """
nullif(trim(regexp_replace(strip_accents(lower(nfc_normalize(CAST(:x AS varchar)))), '[^\\p{L}\\p{N}]+', ' ', 'g')), '')
"""
_LETTERS = """
nullif(regexp_replace(strip_accents(lower(nfc_normalize(CAST(:x AS varchar)))), '[^\\p{L}\\p{N}]+', '', 'g'), '')
"""
_DAY = """
coalesce(
  strftime(try_strptime(trim(CAST(:x AS varchar)),
           ['%Y-%m-%d', '%Y%m%d', '%d.%m.%Y', '%d/%m/%Y', '%Y-%m-%d %H:%M:%S']), '%Y%m%d'),
  nullif(regexp_replace(CAST(:x AS varchar), '[^0-9]+', '', 'g'), '')
)
"""


@dataclass(frozen=True)
class MatchField:
    """One field of the people who are compared."""

    name: str
    kind: FieldKind

    @classmethod
    def called(cls, name: str) -> MatchField:
        """The field of this name, with the kind that its name tells."""
        return cls(name, KINDS.get(name, "code"))


def standardised(kind: FieldKind, value: exp.Expr) -> exp.Expr:
    """The value in the form in which it is compared: small letters, no accents, no punctuation; days as 19710624."""
    if kind == "date":
        return sql(_DAY, x=value)
    if kind in ("postcode", "phone", "code"):
        return sql(_LETTERS, x=value)
    if kind == "email":
        return sql("nullif(lower(trim(CAST(:x AS varchar))), '')", x=value)
    return sql(_WORDS, x=value)


def _one_name() -> ComparisonLevelCreator:
    """One may be a short form of the other, or both of the same name."""
    return levels.CustomLevel(
        f"list_has_any({FORMS}_l, {FORMS}_r)", label_for_charts="Forms of one name"
    )


def comparison(field: MatchField, *, swaps: bool = False) -> ComparisonCreator:
    """The levels of likeness of one field, the same in every workspace; how much each tells is learned.

    A rare value that agrees tells more than a common one; where that matters the weight follows the frequency.

    Args:
        field: The field.
        swaps: First and last name are both known, so that one may stand in the other's place.
    """
    name = field.name
    match field.kind:
        case "name":
            swapped = levels.ColumnsReversedLevel("first_name", "last_name", symmetrical=True)
            return library.CustomComparison(
                output_column_name=name,
                comparison_levels=[
                    levels.NullLevel(name),
                    levels.ExactMatchLevel(name, term_frequency_adjustments=True),
                    *([swapped] if swaps else []),
                    levels.JaroWinklerLevel(name, 0.92),
                    *([_one_name()] if name == "first_name" else []),
                    levels.JaroWinklerLevel(name, 0.8),
                    levels.ElseLevel(),
                ],
            )
        case "date":
            return library.DamerauLevenshteinAtThresholds(name, [1, 2])
        case "street":
            return library.JaroWinklerAtThresholds(name, [0.95, 0.85])
        case "postcode":
            return library.LevenshteinAtThresholds(name, [1]).configure(
                term_frequency_adjustments=True
            )
        case "place":
            return library.JaroWinklerAtThresholds(name, [0.9]).configure(
                term_frequency_adjustments=True
            )
        case "email":
            return library.EmailComparison(name)
        case "phone":
            return library.DamerauLevenshteinAtThresholds(name, [1])
        case "code":
            return library.DamerauLevenshteinAtThresholds(name, [1, 2])
