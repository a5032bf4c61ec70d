"""The parts of the answer to "are these groups real?", from plain arrays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from aimwell.segment.personas.model import Persona
from aimwell.segment.validity.model import (
    Aftermath,
    Detectable,
    GroupAfter,
    Label,
    Moves,
    UnusedFeature,
)
from aimwell.stats.association import epsilon_squared, independence
from aimwell.stats.estimate import Estimate, Figure
from aimwell.stats.intervals import wilson
from aimwell.stats.multiplicity import benjamini_hochberg
from aimwell.stats.power import proportion_sample_size, smallest_proportion_lift
from aimwell.stats.ranks import shared_ranks
from aimwell.stats.resampling import adjusted_rand_index

__all__ = ["aftermath", "detectable_lifts", "labels_hold", "moves", "unused_features"]

_RESAMPLES = 2_000
_ALIKE = 0.8
_KNOWN_MIN = 20
_LABELS = 3
_MOST = 2 / 3
_METHOD_MEAN = "mean with the normal interval"

Labels = npt.NDArray[np.str_]
Floats = npt.NDArray[np.float64]


def aftermath(
    groups: Labels, bought: Floats, revenue: Floats, *, days: int, seed: int
) -> Aftermath:
    """What each group did afterwards, and whether that differs between groups.

    Args:
        groups: The group of each person, formed before.
        bought: 1 or 0: whether the person ordered within the horizon.
        revenue: Theirs within the horizon.
        days: Of the horizon.
        seed: Of the resampling.
    """
    names = np.unique(groups).tolist()
    rows = []
    for name in names:
        inside = groups == name
        rows.append(
            GroupAfter(
                group=name,
                people=int(inside.sum()),
                buyers=int(bought[inside].sum()),
                bought=wilson(int(bought[inside].sum()), int(inside.sum())),
                revenue=_mean(revenue[inside]),
            )
        )
    rows.sort(key=lambda one: (-(one.bought.estimate or 0.0), one.group))
    table = np.array([[one.buyers, one.people - one.buyers] for one in rows])
    leader, leads = _leader(rows, seed)
    return Aftermath(
        days=days,
        groups=tuple(rows),
        bought=independence(table, seed=seed),
        revenue=epsilon_squared(revenue, groups),
        leader=leader,
        leads=leads,
    )


def _mean(values: Floats) -> Estimate:
    if len(values) < 2:
        return Estimate.missing("fewer than two people", method=_METHOD_MEAN)
    middle, error = float(values.mean()), float(values.std(ddof=1)) / len(values) ** 0.5
    return Estimate(
        estimate=middle,
        lower=middle - 1.96 * error,
        upper=middle + 1.96 * error,
        confidence=0.95,
        method=_METHOD_MEAN,
    )


def _leader(rows: Sequence[GroupAfter], seed: int) -> tuple[str | None, float | None]:
    if len(rows) < 2 or not any(one.buyers for one in rows):
        return None, None
    sizes = np.array([one.people for one in rows])
    rates = np.array([one.buyers for one in rows]) / sizes
    drawn = np.random.default_rng(seed).binomial(sizes, rates, size=(_RESAMPLES, len(rows))) / sizes
    return rows[0].group, float((drawn.argmax(axis=1) == 0).mean())


def unused_features(
    columns: Mapping[str, Floats], groups: Labels, built_from: frozenset[str]
) -> tuple[tuple[UnusedFeature, ...], tuple[str, ...]]:
    """Features that did not form the groups, the strongest first, and the names of those that did.

    A feature counts as used, too, where its ranks go together with those of a used one by 0.8 or more: it then says
    the same in other words.

    Args:
        columns: Feature or 'trait NAME' → a number for each person, NaN where unknown.
        groups: The group of each.
        built_from: What formed the groups.
    """
    used = [name for name in columns if name in built_from]
    kept: list[tuple[str, float, float]] = []
    for name, values in columns.items():
        if name in used:
            continue
        if any(_alike(values, columns[other]) for other in built_from if other in columns):
            used.append(name)
            continue
        known = ~np.isnan(values)
        if known.sum() < _KNOWN_MIN:
            continue
        found = epsilon_squared(values[known], groups[known])
        if found.value is not None and found.p_value is not None:
            kept.append((name, found.value, found.p_value))
    adjusted = benjamini_hochberg([p_value for _name, _value, p_value in kept])
    rows = [
        UnusedFeature(name, value, p_value)
        for (name, value, _raw), p_value in zip(kept, adjusted, strict=True)
        if p_value is not None
    ]
    rows.sort(key=lambda one: (-one.strength, one.name))
    return tuple(rows), tuple(used)


def _alike(first: Floats, second: Floats) -> bool:
    known = ~(np.isnan(first) | np.isnan(second))
    if known.sum() < _KNOWN_MIN:
        return False
    own, other = shared_ranks(first[known]), shared_ranks(second[known])
    if np.ptp(own) == 0 or np.ptp(other) == 0:
        return False
    return bool(abs(np.corrcoef(own, other)[0, 1]) >= _ALIKE)


def moves(before: Mapping[str, str], now: Mapping[str, str], *, days: int) -> Moves:
    """Where the people of an earlier moment are now; who is in no group at one of them is left out."""
    both = [(group, now[person]) for person, group in before.items() if person in now]
    counts = Counter(both)
    same = sum(people for (first, last), people in counts.items() if first == last)
    agreement = None
    if both:
        first, last = (np.array(column) for column in zip(*both, strict=True))
        agreement = adjusted_rand_index(first, last)
    return Moves(
        days=days,
        stay=wilson(same, len(both)),
        agreement=agreement,
        counts=dict(sorted(counts.items())),
    )


def detectable_lifts(after: Aftermath) -> tuple[Detectable, ...]:
    """What a test within each group could show, at the rate at which it bought."""
    return tuple(_size(one) for one in after.groups)


def _size(one: GroupAfter) -> Detectable:
    rate = one.bought.estimate or 0.0
    half = one.people // 2
    tenth = one.people // 10
    needed = None
    if rate > 0.0 and rate * 1.1 <= 1.0:
        needed = proportion_sample_size(treated_rate=rate * 1.1, control_rate=rate).treated
    return Detectable(
        group=one.group,
        people=one.people,
        base_rate=rate,
        half=_smallest(rate, one.people - half, half),
        tenth=_smallest(rate, one.people - tenth, tenth),
        needed=needed,
    )


def _smallest(rate: float, treated: int, control: int) -> Figure:
    return smallest_proportion_lift(rate, treated_n=treated, control_n=control)


def labels_hold(faces: Sequence[Persona]) -> tuple[Label, ...]:
    """Of the first things that are said of each group: of how many of its people they are true."""
    found = []
    for face in faces:
        for one in face.differences[:_LABELS]:
            holds = wilson(round(one.holds * one.known), one.known)
            found.append(Label(face.group, one.words, holds, one.holds < _MOST))
    return tuple(found)
