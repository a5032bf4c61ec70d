"""What sets a group apart from all other people: features and traits, ranked by effect, false findings bounded.

Where groups were formed from the same features, a small p-value says that a mean differs for certain, not that the
groups are real; whether they are is said by silhouette and stability when they are formed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import copysign, exp

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.special import gammaln

from aimwell.segment.attributes.preparation import FloatArray, fit_column
from aimwell.segment.clusters.names import trait_words
from aimwell.segment.personas.model import Difference
from aimwell.segment.personas.traits import TRAIT_COLUMN
from aimwell.stats.effects import cohens_d, standardised_share_difference
from aimwell.stats.intervals import newcombe, welch
from aimwell.stats.multiplicity import benjamini_hochberg

__all__ = ["differences"]

_EFFECT_MIN = 0.2
_EFFECT_APART = 10.0
_KNOWN_MIN = 20
_APART_MIN = 2


@dataclass(frozen=True)
class _Comparison:
    group: str
    found: Difference


def differences(
    features: pa.Table,
    names: Sequence[str],
    groups: npt.NDArray[np.str_],
    traits: pa.Table,
    *,
    top: int,
    false_share: float,
) -> Mapping[str, tuple[Difference, ...]]:
    """What sets each group apart, the largest effect first.

    Args:
        features: One row a person with the columns `names`.
        names: Features to compare.
        groups: The group of each row.
        traits: group, name, value, people; see `traits`.
        top: How many to give for a group.
        false_share: Share of false findings that is allowed among all that are reported.

    Returns:
        For each group only effects of at least 0.2 standard deviations whose adjusted p-value is at most
        `false_share`; people of whom a value is unknown are left out of its comparison.
    """
    compared = [
        *(one for name in names for one in _feature(name, features, groups)),
        *_traits(traits),
    ]
    adjusted = benjamini_hochberg([one.found.p_value for one in compared])
    result: dict[str, list[Difference]] = {group: [] for group in np.unique(groups).tolist()}
    for one, p_value in zip(compared, adjusted, strict=True):
        if p_value is not None and p_value <= false_share and abs(one.found.effect) >= _EFFECT_MIN:
            result[one.group].append(replace(one.found, p_value=p_value))
    for found in result.values():
        found.sort(key=lambda one: (-abs(one.effect), one.what, one.value or ""))
    return {group: tuple(found[:top]) for group, found in result.items()}


def _feature(name: str, features: pa.Table, groups: npt.NDArray[np.str_]) -> list[_Comparison]:
    column = features.column(name).cast(pa.float64()).to_numpy(zero_copy_only=False)
    known = ~np.isnan(column)
    values: FloatArray = np.asarray(column[known], dtype=np.float64)
    own_groups = groups[known]
    if len(values) < _KNOWN_MIN or np.ptp(values) == 0.0:
        return []
    straight = fit_column(name, values).apply(values)
    found = []
    for group in np.unique(own_groups).tolist():
        inside = own_groups == group
        measured = _apart(straight[inside], straight[~inside])
        if measured is None:
            continue
        effect, p_value = measured
        own, others = float(values[inside].mean()), float(values[~inside].mean())
        plain = name.removeprefix(TRAIT_COLUMN)
        words = trait_words(plain, high=effect > 0)
        beyond = np.sign(effect) * (values[inside] - np.median(values[~inside]))
        holds = float((beyond > 0).mean() + (beyond == 0).mean() / 2)
        found.append(
            _Comparison(
                group,
                Difference(
                    plain, None, words, own, others, effect, p_value, holds, int(inside.sum())
                ),
            )
        )
    return found


def _apart(own: FloatArray, others: FloatArray) -> tuple[float, float] | None:
    """Effect and p-value of a difference of means; None where neither can be told."""
    effect, p_value = cohens_d(own, others).value, welch(own, others).p_value
    if effect is not None and p_value is not None:
        return effect, p_value
    if len(own) < _APART_MIN or len(others) < _APART_MIN or own[0] == others[0]:
        return None
    # All of the group have one value, all others another: the chance that a random group of this size is just so.
    chance = exp(
        -(gammaln(len(own) + len(others) + 1) - gammaln(len(own) + 1) - gammaln(len(others) + 1))
    )
    return copysign(_EFFECT_APART, own[0] - others[0]), chance


def _traits(counts: pa.Table) -> list[_Comparison]:
    people: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    known: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in counts.to_pylist():
        people[row["name"], row["value"]][row["group"]] = row["people"]
        known[row["name"]][row["group"]] += row["people"]
    found = []
    for (name, value), by_group in people.items():
        everyone = sum(known[name].values())
        holders = sum(by_group.values())
        for group, size in known[name].items():
            own, rest = by_group.get(group, 0), everyone - size
            if not rest or everyone < _KNOWN_MIN:
                continue
            share, others = own / size, (holders - own) / rest
            # With half a person more on either side, a trait that parts groups wholly has an effect, too.
            effect = standardised_share_difference(
                (own + 0.5) / (size + 1.0), (holders - own + 0.5) / (rest + 1.0)
            ).value
            p_value = newcombe(
                treated_successes=own,
                treated_n=size,
                control_successes=holders - own,
                control_n=rest,
            ).p_value
            if effect is None or p_value is None:
                continue
            words = f"{name} {'is' if effect > 0 else 'seldom is'} {value}"
            holds = share if effect > 0 else 1.0 - share
            found.append(
                _Comparison(
                    group,
                    Difference(name, value, words, share, others, effect, p_value, holds, size),
                )
            )
    return found
