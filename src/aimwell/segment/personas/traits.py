"""Traits of the people of a division: which there are, which are numbers, and how each group is made up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sqlglot import exp

from aimwell.definitions.data_kinds import usual_kind
from aimwell.history.moment import Moment
from aimwell.privacy.special import privacy_rules
from aimwell.segment.personas.model import TraitNumbers, TraitShare
from aimwell.store.sql import sql

__all__ = ["TRAIT_COLUMN", "Traits", "demographics", "read_traits"]

TRAIT_COLUMN = "trait "
"""What the name of a column begins with that holds a trait's numbers."""

_VALUES_MAX = 50
_NUMBERS_MIN = 8
_SHOWN_SHARES = 4

# Ids and days are no facts of a person to compare; what Aimwell wrote itself is no news.
_KINDS = """
    SELECT t.name, count(*) AS people, count(DISTINCT t.value) AS different,
           count(TRY_CAST(t.value AS decimal(38, 10))) AS numbers,
           count(*) FILTER (WHERE t.value LIKE '%.%') AS fractions
    FROM :traits AS t JOIN grouped AS g ON g.profile_id = t.profile_id
    WHERE NOT t.name LIKE '%:%' GROUP BY t.name ORDER BY t.name
    """

_COUNTS = """
    SELECT g."group" AS "group", t.name, t.value, count(*) AS people
    FROM :traits AS t JOIN grouped AS g ON g.profile_id = t.profile_id
    WHERE t.name IN :names
    GROUP BY g."group", t.name, t.value ORDER BY t.name, t.value, "group"
    """


@dataclass(frozen=True)
class Traits:
    """Traits of the people in `grouped`.

    `counts`: one row a group, trait and value: group, name, value, people; of traits with few values. `numbers`: one row a
    person as asked for, a column of doubles for each trait that is a number (its name after `TRAIT_COLUMN`). `left_out`:
    traits of special categories, which are never looked at unasked.
    """

    counts: pa.Table
    numbers: Mapping[str, npt.NDArray[np.float64]]
    left_out: tuple[str, ...]


def read_traits(moment: Moment, people: Sequence[str], *, without: str | None = None) -> Traits:
    """What holds of each trait at the moment.

    Args:
        moment: The cut session, with `grouped` bound.
        people: The order in which `numbers` has them.
        without: A trait that is not looked at.
    """
    privacy = privacy_rules(moment.stores.control)
    traits = exp.Subquery(this=moment.latest_traits())
    kinds = moment.session.rows(sql(_KINDS, traits=traits))
    special = tuple(row[0] for row in kinds if privacy.is_special(row[0]))
    few, numeric = [], []
    for name, held, different, numbers, fractions in kinds:
        if name in special or name == without or different < 2:
            continue
        looks_like_id = not fractions and held >= _VALUES_MAX and different >= 0.95 * held
        if different > _NUMBERS_MIN and numbers >= 0.95 * held and not looks_like_id:
            numeric.append(name)
        elif different <= _VALUES_MAX:
            few.append(name)
    counts = moment.session.table(sql(_COUNTS, traits=traits.copy(), names=[*few, ""]))
    return Traits(counts, {name: _numbers(moment, name, people) for name in numeric}, special)


def _numbers(moment: Moment, name: str, people: Sequence[str]) -> npt.NDArray[np.float64]:
    rows = moment.session.table(
        sql(
            """
            SELECT t.profile_id, CAST(TRY_CAST(t.value AS decimal(38, 10)) AS double) AS value
            FROM :trait AS t JOIN grouped AS g ON g.profile_id = t.profile_id
            """,
            trait=exp.Subquery(this=moment.latest_trait(name)),
        )
    )
    place = dict(zip(rows.column(0).to_pylist(), rows.column(1).to_pylist(), strict=True))
    return np.array([place.get(one, np.nan) for one in people], dtype=np.float64)


def demographics(
    traits: Traits, groups: npt.NDArray[np.str_]
) -> Mapping[str, tuple[tuple[TraitShare, ...], tuple[TraitNumbers, ...]]]:
    """How each group is made up: the commonest values of every demographic trait, and medians of numbers.

    Args:
        traits: As `read_traits` gives them.
        groups: The group of each person of `traits.numbers`.
    """
    people: dict[str, dict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    for row in traits.counts.to_pylist():
        if usual_kind(row["name"]) == "demographic":
            people[row["name"]][row["group"]][row["value"]] = row["people"]
    found: dict[str, tuple[tuple[TraitShare, ...], tuple[TraitNumbers, ...]]] = {}
    for group in np.unique(groups).tolist():
        shares = [one for name, known in people.items() for one in _shares(name, group, known)]
        inside = groups == group
        numbers = [
            one
            for name, values in traits.numbers.items()
            if usual_kind(name) == "demographic"
            for one in _summary(name, values[inside], values[~inside])
        ]
        found[group] = tuple(shares), tuple(numbers)
    return found


def _shares(name: str, group: str, known: Mapping[str, Mapping[str, int]]) -> list[TraitShare]:
    own = known.get(group, {})
    size = sum(own.values())
    rest: dict[str, int] = defaultdict(int)
    for other, values in known.items():
        if other != group:
            for value, count in values.items():
                rest[value] += count
    others = sum(rest.values())
    commonest = sorted(own.items(), key=lambda item: (-item[1], item[0]))[:_SHOWN_SHARES]
    return [
        TraitShare(name, value, count, count / size, rest[value] / others if others else None)
        for value, count in commonest
    ]


def _summary(
    name: str, own: npt.NDArray[np.float64], others: npt.NDArray[np.float64]
) -> list[TraitNumbers]:
    own, others = own[~np.isnan(own)], others[~np.isnan(others)]
    if not len(own):
        return []
    low, middle, high = np.quantile(own, [0.25, 0.5, 0.75]).tolist()
    rest = float(np.median(others)) if len(others) else None
    return [TraitNumbers(name, len(own), low, middle, high, rest)]
