"""Yes-or-no questions about people, each a rule: by these micro-segments are told apart, and are segments like any other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor, log10
from typing import Any

import numpy as np
import numpy.typing as npt

from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.segment import Segment
from aimwell.errors import SegmentError
from aimwell.history.catalogue import FEATURES
from aimwell.history.moment import Moment
from aimwell.segment.attributes.known_columns import KnownColumns
from aimwell.segment.divisions import divide
from aimwell.segment.personas.traits import TRAIT_COLUMN
from aimwell.segment.service import compiled, members_query

__all__ = ["Question", "limit_rule", "number_questions", "segment_questions", "text_questions"]

_ALWAYS = {one.name for one in FEATURES if one.undefined == "never"}
_CUTS = 15
_SHARE_MIN = 0.005
_DIGITS = 3


@dataclass(frozen=True, eq=False)
class Question:
    """One question: the rule of those who say yes, and who does; `no` is the rule of all others, where it is said more plainly
    than by `not`.

    Of a number `column` is its name and `limit` where yes begins; a number that is not known is a no.
    """

    rule: Mapping[str, Any]
    yes: npt.NDArray[np.bool_]
    no: Mapping[str, Any] | None = None
    column: str | None = None
    limit: float | None = None

    @property
    def otherwise(self) -> Mapping[str, Any]:
        """The rule of those who say no."""
        return self.no if self.no is not None else {"not": dict(self.rule)}


def number_questions(known: KnownColumns) -> list[Question]:
    """Is it at least so much? At up to fifteen round numbers that part people evenly."""
    found = []
    for name, values in known.numbers.items():
        there = values[~np.isnan(values)]
        if len(there) < 2 or np.ptp(there) == 0:
            continue
        cuts = np.quantile(there, np.linspace(0, 1, _CUTS + 2)[1:-1])
        for limit in sorted({_rounded(float(one)) for one in cuts}):
            with np.errstate(invalid="ignore"):
                yes = values >= limit
            # Of whom a number may be unknown, it is not "below" either.
            no = limit_rule(name, None, limit) if name in _ALWAYS else None
            found.append(Question(limit_rule(name, limit, None), yes, no, name, limit))
    return found


def limit_rule(column: str, lowest: float | None, below: float | None) -> dict[str, Any]:
    """The rule of those whose number lies from `lowest` on and under `below`."""
    limits = {
        key: value for key, value in (("at_least", lowest), ("below", below)) if value is not None
    }
    if column.startswith(TRAIT_COLUMN):
        return {"trait": column.removeprefix(TRAIT_COLUMN), **limits}
    return {"feature": column, **limits}


def _rounded(value: float) -> float:
    """Three digits that count: nobody writes 17.2483."""
    if value == 0:
        return 0.0
    found = round(value, _DIGITS - 1 - floor(log10(abs(value))))
    return int(found) if found == int(found) else found


def text_questions(known: KnownColumns) -> list[Question]:
    """Is the trait this value? For every value of at least one in two hundred people."""
    found = []
    for name, values in known.texts.items():
        counts = Counter(value for value in values if value is not None)
        two = len(counts) == 2 and sum(counts.values()) == len(values)
        for value, people in sorted(counts.items())[-1 if two else 0 :]:
            if _SHARE_MIN * len(values) <= people < len(values):
                yes = np.array([one == value for one in values], dtype=bool)
                other = min(counts) if two else None
                no = {"trait": name, "is": other} if other is not None else None
                found.append(Question({"trait": name, "is": value}, yes, no))
    return found


def segment_questions(
    moment: Moment, known: KnownColumns, crossed: Sequence[str]
) -> list[Question]:
    """Is the person in this group? For divisions that are crossed: `rfm`, `lifecycle`, `clusters:NAME`, `segments:A,B`.

    Raises:
        SegmentError: There is no such division.
    """
    found = []
    place = {person: number for number, person in enumerate(known.people)}
    for by in crossed:
        form, _, rest = by.partition(":")
        groups: dict[str, list[str]] = {}
        if form == "segments":
            for name in [one.strip() for one in rest.split(",") if one.strip()]:
                groups[name] = _members(moment, name)
        else:
            table = (
                divide(moment, by, visitors=True).groups.select(["profile_id", "group"]).to_pydict()
            )
            for person, group in zip(table["profile_id"], table["group"], strict=True):
                groups.setdefault(group, []).append(person)
        for group, people in sorted(groups.items()):
            yes = np.zeros(len(place), dtype=bool)
            yes[[place[one] for one in people if one in place]] = True
            if yes.any() and not yes.all():
                found.append(Question(_group_rule(form, rest, group), yes))
    return found


def _members(moment: Moment, name: str) -> list[str]:
    rule = definitions.find(moment.stores.control, Segment, name).rule
    table = moment.session.table(members_query(compiled(moment, rule, name=name)))
    people: list[str] = table.column("profile_id").to_pylist()
    return people


def _group_rule(form: str, rest: str, group: str) -> dict[str, Any]:
    rules: dict[str, dict[str, Any]] = {
        "rfm": {"rfm": {"groups": [group]}},
        "lifecycle": {"lifecycle": [group]},
        "clusters": {"trait": f"cluster:{rest}", "is": group},
        "trait": {"trait": rest, "is": group},
        "segments": {"segment": group},
    }
    if form not in rules:
        raise SegmentError(f"Groups of '{form}' cannot be crossed.")
    return rules[form]
