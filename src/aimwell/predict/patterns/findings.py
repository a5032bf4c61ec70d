"""From counts by stratum to findings: what people had, what they did then, against others who are alike."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from aimwell.predict.patterns.found import Finding
from aimwell.predict.purchases import IntArray
from aimwell.stats.estimate import DEFAULT_CONFIDENCE
from aimwell.stats.intervals import wilson
from aimwell.stats.matched import MatchedRatios, matched_ratios
from aimwell.stats.multiplicity import benjamini_hochberg
from aimwell.stats.samples import FloatArray

__all__ = ["PEOPLE_MIN", "against_parts", "often_enough", "tabled", "written_findings"]

PEOPLE_MIN = 20  # who had the first
_HITS_MIN = 5  # who did the second after it

Way = TypeVar("Way", bound=Hashable)
Key = TypeVar("Key", bound=Hashable)
Pair = tuple[int, int]

_HALVES = 2
_LITTLE = 5.0  # cases to be expected in a half; below it a missing excess says nothing


def written_findings(
    named: Sequence[tuple[tuple[str, ...], str]],
    *,
    joint: IntArray,
    exposed: IntArray,
    cases: IntArray,
    totals: IntArray,
    half: IntArray,
    tests: int,
    against: FloatArray | None = None,
    confidence: float = DEFAULT_CONFIDENCE,
) -> tuple[Finding, ...]:
    """The findings with all their figures, the surest strong ones first: by the lower bound of the lift.

    Args:
        named: What was first and what then, one entry a finding.
        joint, exposed, cases, totals: Findings × strata: who had the first and did the second, who had the first, who did
            the second, and all.
        half: Of each stratum: 0 for the earlier time, 1 for the later.
        against: p-values that each finding has to beat besides, as those against simpler findings; the larger one counts.
        tests: How many pairs of first and second were asked for; those that are not given count too.
        confidence: Of the intervals.
    """
    if not named:
        return ()
    whole = matched_ratios(joint, exposed, cases, totals, confidence=confidence)
    halves = [
        matched_ratios(
            joint[:, half == which],
            exposed[:, half == which],
            cases[:, half == which],
            totals[:, half == which],
            confidence=confidence,
        )
        for which in range(_HALVES)
    ]
    p_value = whole.p_value if against is None else np.maximum(whole.p_value, against)
    adjusted = benjamini_hochberg(p_value.tolist(), tests=tests)
    held = _held(halves)
    counted, hits = exposed.sum(axis=1), joint.sum(axis=1)
    surest = np.where(np.isfinite(whole.lower), whole.lower, -1.0)
    found = []
    for row in np.argsort(-surest, kind="stable"):
        first, then = named[row]
        share = wilson(int(hits[row]), int(counted[row]), confidence=confidence)
        lift = whole.estimate(row)
        others = None
        if share.estimate is not None and lift.estimate:
            others = share.estimate / lift.estimate
        found.append(
            Finding(
                first=first,
                then=then,
                counted=int(counted[row]),
                cases=int(hits[row]),
                share=share,
                others_share=others,
                lift=lift,
                p_value=float(p_value[row]),
                adjusted_p_value=float(adjusted[row] or 0.0),
                lift_by_half=tuple(one.estimate(row) for one in halves),
                held=held[row],
            )
        )
    return tuple(found)


def often_enough(counts: Mapping[Way, Mapping[Key, Pair]]) -> dict[Way, Mapping[Key, Pair]]:
    """What enough people had (20) and enough of these did something after (5); each stratum counts (people, hits)."""
    return {
        way: found
        for way, found in counts.items()
        if sum(people for people, _ in found.values()) >= PEOPLE_MIN
        and sum(hits for _, hits in found.values()) >= _HITS_MIN
    }


def tabled(
    ways: Sequence[Way], keys: Sequence[Key], counts: Mapping[Way, Mapping[Key, Pair]], place: int
) -> IntArray:
    """Ways × strata: people (place 0) or hits (place 1); none where a stratum is not there."""
    columns = {key: number for number, key in enumerate(keys)}
    found = np.zeros((len(ways), len(keys)), np.int64)
    for row, way in enumerate(ways):
        for key, pair in counts[way].items():
            found[row, columns[key]] = pair[place]
    return found


def against_parts(
    ways: Sequence[tuple[str, ...]],
    joint: IntArray,
    exposed: IntArray,
    *,
    size: int,
    parts: Iterable[int],
) -> FloatArray:
    """p-values of each way of `size` parts against the same with one part less among those who had that; 0 for others.

    `parts`: The places of which one is left out in turn; the largest p-value counts. Every shorter way must be among `ways`.
    """
    rows = {way: row for row, way in enumerate(ways)}
    found = np.zeros(len(ways))
    longer = [row for row, way in enumerate(ways) if len(way) == size]
    for left_out in parts if longer else ():
        shorter = [rows[ways[row][:left_out] + ways[row][left_out + 1 :]] for row in longer]
        ratios = matched_ratios(joint[longer], exposed[longer], joint[shorter], exposed[shorter])
        found[longer] = np.maximum(found[longer], ratios.p_value)
    return found


def _held(halves: Sequence[MatchedRatios]) -> list[bool | None]:
    """Above 1 beyond noise in each half; None where that fails in a half that has too little to tell."""
    above = np.column_stack([one.lower > 1.0 for one in halves])
    refuted = np.column_stack(
        [(one.upper < 1.0) | (~(one.lower > 1.0) & (one.expected >= _LITTLE)) for one in halves]
    )
    both, one = np.all(above, axis=1), np.any(refuted, axis=1)
    return [True if yes else (False if no else None) for yes, no in zip(both, one, strict=True)]
