"""Days of birth as they stand in the vault, and whether two of them speak against one person.

They are read where two people might be one, and never leave the process.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection

__all__ = ["Birth", "birth_of", "births_differ"]

Birth = tuple[int, int, int]
"""Year, and the two numbers of day and month, the lower first: 03/04 and 04/03 are no difference between sources."""

_YEAR_FIRST = re.compile(r"(\d{4})[-/. ]?(\d{1,2})[-/. ]?(\d{1,2})(?!\d)")
_YEAR_LAST = re.compile(r"(?<!\d)(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{4})(?!\d)")
_FORMS_PUT_IN = {(1900, 1, 1), (1901, 1, 1), (1970, 1, 1)}
_YEARS = range(1900, 2100)
_PARTS_APART = 2


def birth_of(text: str | None) -> Birth | None:
    """The day that a text tells; None where it tells none, or one that forms put in where nobody said any."""
    if found := _YEAR_FIRST.match((text or "").strip()):
        year, one, other = map(int, found.groups())
    elif found := _YEAR_LAST.match((text or "").strip()):
        one, other, year = map(int, found.groups())
    else:
        return None
    low, high = sorted((one, other))
    birth = (year, low, high)
    possible = year in _YEARS and 1 <= low <= 12 and high <= 31
    return birth if possible and birth not in _FORMS_PUT_IN else None


def births_differ(some: Collection[Birth], others: Collection[Birth]) -> bool:
    """Whether both are told, and no two of them could be one day written with a slip: two of year, month and day differ."""
    return bool(some and others) and all(
        _parts_apart(one, other) >= _PARTS_APART for one in some for other in others
    )


def _parts_apart(one: Birth, other: Birth) -> int:
    of_year = Counter(one[1:]) - Counter(other[1:])
    return (one[0] != other[0]) + of_year.total()
