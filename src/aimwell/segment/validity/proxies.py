"""Whether a group of people stands in for a protected attribute, as gender or age, or is uneven in it."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from aimwell.segment.validity.model import Proxy, Verdict
from aimwell.stats.association import independence, rate_ratio
from aimwell.stats.multiplicity import benjamini_hochberg

__all__ = ["Counts", "banded", "group_proxies", "number_of", "proxies"]

_PROXY_MIN = 0.3
_ALPHA = 0.05
_FOUR_FIFTHS = 0.8
_KNOWN_MIN = 30
_VALUE_MIN = 20
_OTHER = "other values"
_VALUES_MAX = 12

Labels = npt.NDArray[np.str_]
Counts = Mapping[str, tuple[int, int]]
"""Value of an attribute → people of a group who have it, people who have it."""


def number_of(value: str | None) -> float:
    """A text as a number; NaN where it is none."""
    try:
        return float(value) if value is not None else np.nan
    except ValueError:
        return np.nan


def banded(values: npt.NDArray[np.float64], bands: Sequence[float] | None) -> list[str | None]:
    """Numbers as bands; NaN as None.

    Args:
        values: One a person.
        bands: Where a new band begins; None: quarters of the people.
    """
    known = values[~np.isnan(values)]
    if bands is None:
        bands = sorted(set(np.quantile(known, [0.25, 0.5, 0.75]).tolist())) if len(known) else []
    names = [
        f"under {bands[0]:g}" if bands else "any",
        *(f"{low:g} to under {high:g}" for low, high in pairwise(bands)),
        *([f"{bands[-1]:g} and more"] if bands else []),
    ]
    return [
        None if np.isnan(value) else names[int(np.searchsorted(bands, value, side="right"))]
        for value in values
    ]


def proxies(
    groups: Labels,
    attributes: Mapping[str, Sequence[str | None]],
    *,
    built_from: Iterable[str],
    seed: int,
) -> tuple[Proxy, ...]:
    """Every group against every protected attribute.

    A single test of a division would hide a group of one gender among many mixed ones, so each is looked at. The four-fifths rule
    is that of the Uniform Guidelines on Employee Selection Procedures (1978), here with an interval, and only for
    values with at least 20 people.

    Args:
        groups: The group of each person.
        attributes: Attribute → its value for each person; None: unknown.
        built_from: What the groups are made from, traits as 'trait NAME'.
        seed: Of the resampling.
    """
    used = set(built_from)
    found = [
        _one(group, name, groups, values, seed)
        for name, values in attributes.items()
        for group in np.unique(groups).tolist()
    ]
    return _adjusted(found, used)


def group_proxies(group: str, tables: Mapping[str, Counts], *, seed: int) -> tuple[Proxy, ...]:
    """The same of a single group against all others, by counts.

    Args:
        group: Its name.
        tables: Attribute → counts by value.
        seed: Of the resampling.
    """
    found = [
        _counted(
            group, name, _commonest(table), sum(whole for _inside, whole in table.values()), seed
        )
        for name, table in tables.items()
    ]
    return _adjusted(found, frozenset())


def _adjusted(found: Sequence[Proxy], used: Container[str]) -> tuple[Proxy, ...]:
    adjusted = benjamini_hochberg([one.strength.p_value for one in found])
    return tuple(
        _judged(replace(one, strength=replace(one.strength, p_value=p_value)), built_from=used)
        for one, p_value in zip(found, adjusted, strict=True)
    )


def _one(group: str, name: str, groups: Labels, values: Sequence[str | None], seed: int) -> Proxy:
    held = [(own == group, value) for own, value in zip(groups, values, strict=True) if value]
    return _counted(group, name, _table(held), len(held), seed)


def _counted(group: str, name: str, table: Counts, people: int, seed: int) -> Proxy:
    counts = [[inside, whole - inside] for inside, whole in table.values()] or [[0, 0]]
    strength = independence(np.array(counts), seed=seed)
    enough = {value: counts for value, counts in table.items() if counts[1] >= _VALUE_MIN}
    ordered = sorted(enough, key=lambda value: (enough[value][0] / enough[value][1], value))
    least, most = (ordered[0], ordered[-1]) if len(ordered) > 1 else (None, None)
    nobody = (0, 0)
    ratio = rate_ratio(
        enough[least] if least is not None else nobody, enough[most] if most is not None else nobody
    )
    verdict: Verdict = "fine" if people >= _KNOWN_MIN else "unknown"
    return Proxy(group, name, strength, least, most, ratio, verdict)


def _judged(one: Proxy, *, built_from: Container[str]) -> Proxy:
    strength, ratio = one.strength, one.ratio
    if f"trait {one.attribute}" in built_from:
        return replace(one, verdict="names it")
    if one.verdict == "unknown" or strength.lower is None or strength.p_value is None:
        return replace(one, verdict="unknown")
    if strength.p_value > _ALPHA:
        return one
    if strength.lower >= _PROXY_MIN:
        return replace(one, verdict="proxy")
    if ratio.upper is not None and ratio.upper < _FOUR_FIFTHS:
        return replace(one, verdict="uneven")
    return one


def _table(held: Sequence[tuple[bool, str]]) -> dict[str, tuple[int, int]]:
    """Value → (people of the group, people), the rarest values together."""
    counts: dict[str, list[int]] = {}
    for inside, value in held:
        own = counts.setdefault(value, [0, 0])
        own[0] += inside
        own[1] += 1
    return _commonest({value: (inside, whole) for value, (inside, whole) in counts.items()})


def _commonest(counts: Counts) -> dict[str, tuple[int, int]]:
    ordered = sorted(counts, key=lambda value: (-counts[value][1], value))
    table = {value: counts[value] for value in ordered[:_VALUES_MAX]}
    rest = [counts[value] for value in ordered[_VALUES_MAX:]]
    if rest:
        table[_OTHER] = (sum(one[0] for one in rest), sum(one[1] for one in rest))
    return table
