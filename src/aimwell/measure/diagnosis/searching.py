"""Looks at every step in every place, keeps the false discovery rate of all of it, and folds together what has one cause."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import bdtr

from aimwell.measure.diagnosis.expecting import (
    FEWEST,
    Seen,
    apart,
    chance,
    log_odds,
    log_share,
    missed,
    of_estimate,
    share_of,
)
from aimwell.measure.diagnosis.journeys import Journeys
from aimwell.measure.diagnosis.model import EVERYONE, STEPS, Finding, Step
from aimwell.measure.people import BoolArray
from aimwell.stats.estimate import Estimate
from aimwell.stats.intervals import wilson
from aimwell.stats.multiplicity import benjamini_hochberg

__all__ = ["SURE", "Effects", "effect_findings", "search", "steps_of", "target_findings"]

SURE = 0.05
"""Corrected p-values up to this are findings."""

_STILL = 0.01
_METHOD = "log odds of earlier plans (from three on over the confidence distribution of how much plans differ)"
_AMONG = "log odds of all others"
_NOTHING = "there is no earlier plan with enough people to hold it against"

Effects = Mapping[str, Estimate]
"""Place → what sending added per person among all ('everyone'), or added there more than elsewhere."""


@dataclass(frozen=True)
class _Asked:
    """A comparison that can be made again without some people."""

    step: Step
    place: str


def steps_of(now: Journeys, earlier: Sequence[Journeys]) -> tuple[Finding, ...]:
    """Each recorded step of everyone beside earlier plans; `p_value` is 1 where there are none."""
    found = []
    for step in STEPS:
        done, of = now.count(step, _all(now))
        if not of:
            continue
        asked = _Asked(step, EVERYONE)
        both = _beside(now, earlier, asked)
        found.append(
            _told(now, asked, both)
            if both is not None
            else Finding(
                kind="earlier",
                step=step,
                place=EVERYONE,
                done=done,
                of=of,
                value=wilson(done, of),
                expected=Estimate.missing(_NOTHING, method=_METHOD),
                p_value=1.0,
            )
        )
    return tuple(found)


def search(
    now: Journeys, earlier: Sequence[Journeys], more: Sequence[Finding] = ()
) -> tuple[list[Finding], int]:
    """What falls short beyond noise, and how many comparisons were made.

    Args:
        now: The plan.
        earlier: Plans before it.
        more: Comparisons made elsewhere, of targets and effects, that are corrected together with these.
    """
    asked = [_Asked(step, place) for step in STEPS for place in (EVERYONE, *_distinct(now))]
    held = [(each, both) for each in asked if (both := _beside(now, earlier, each)) is not None]
    chances = [both.p_value for _, both in held]
    adjusted = benjamini_hochberg([*chances, *(one.p_value for one in more)])
    # What was to be expected takes longer to find than how unlikely the figure is, so it is asked of findings alone.
    sure = [
        replace(_told(now, each, both), p_adjusted=p)
        for (each, both), p in zip(held, adjusted, strict=False)
        if p is not None and p <= SURE
    ]
    sure += [
        replace(one, p_adjusted=p)
        for one, p in zip(more, adjusted[len(held) :], strict=True)
        if p is not None and p <= SURE
    ]
    return _folded(now, earlier, sure), len(adjusted)


def _folded(now: Journeys, earlier: Sequence[Journeys], sure: Sequence[Finding]) -> list[Finding]:
    """Findings that are gone once the people of another, of the same step or one before it, are left out belong to that one.

    Single places go before everyone: where the rest is as expected, the place is the cause. Of a later step too: where people are lost, those
    who are left are others.
    """
    names = list(STEPS)
    order: dict[str, int] = {step: place for place, step in enumerate(names)}
    kept: list[Finding] = []
    others = [one for one in sure if one.step not in STEPS]
    steps = [one for one in sure if one.step in STEPS]
    for one in sorted(steps, key=lambda each: (each.place == EVERYONE, *_rank(each))):
        place = order[one.step]
        causes = [n for n, each in enumerate(kept) if order[each.step] <= place]
        if causes:
            asked = _Asked(names[place], one.place)
            again = _beside(now, earlier, asked, without=[kept[n].place for n in causes])
            if again is None or again.p_value > _STILL:
                first = kept[causes[-1]]
                told = one.place if first.step == one.step else f"{one.step} of {one.place}"
                kept[causes[-1]] = replace(first, also=(*first.also, told))
                continue
        kept.append(one)
    # That a target is missed is told after what may be the cause.
    return sorted(
        [*kept, *others],
        key=lambda each: (each.kind == "target", each.p_adjusted, each.p_value, each.place),
    )


def _rank(one: Finding) -> tuple[int, float, str]:
    return list(STEPS).index(one.step), one.p_value, one.place  # type: ignore[arg-type]


@dataclass(frozen=True)
class _Beside:
    """A figure and those of earlier plans, each as log odds and as the log of the share; a place may do without earlier plans."""

    mine: tuple[Seen, Seen]
    before: tuple[tuple[Seen, Seen], ...]

    @property
    def p_value(self) -> float:
        """The larger of both scales."""
        return max(chance(self.mine[n], [one[n] for one in self.before]) for n in (0, 1))


def _beside(
    now: Journeys, earlier: Sequence[Journeys], asked: _Asked, without: Sequence[str] = ()
) -> _Beside | None:
    """A step in a place, or None where too few people took part or there is nothing to hold it against."""
    mine = _seen(now, asked, without)
    if mine is None:
        return None
    before = [one for one in (_seen(plan, asked, without) for plan in earlier) if one is not None]
    if asked.place == EVERYONE and not before:
        return None
    return _Beside(mine, tuple(before))


def _told(now: Journeys, asked: _Asked, both: _Beside) -> Finding:
    """The finding that it is, with what was to be expected."""
    part = _part(now, asked.place, ())
    done, of = now.count(asked.step, part)
    base = 0.0 if asked.place == EVERYONE else log_odds(*now.count(asked.step, ~part)).value
    ahead = missed(both.mine[0], [one[0] for one in both.before])
    expected = share_of(ahead.expected + base)
    return Finding(
        kind="earlier" if both.before else "elsewhere",
        step=asked.step,
        place=asked.place,
        done=done,
        of=of,
        value=wilson(done, of),
        expected=Estimate(
            estimate=expected,
            lower=share_of(ahead.lower + base),
            upper=share_of(ahead.upper + base),
            confidence=0.95,
            method=_METHOD if both.before else _AMONG,
        ),
        p_value=both.p_value,
        missing=max(expected * of - done, 0.0),
    )


def _seen(plan: Journeys, asked: _Asked, without: Sequence[str]) -> tuple[Seen, Seen] | None:
    """The log odds and the log of the share; of a place, those apart from all others."""
    part = _part(plan, asked.place, without)
    counts = plan.count(asked.step, part)
    if counts[1] < FEWEST:
        return None
    if asked.place == EVERYONE:
        return log_odds(*counts), log_share(*counts)
    rest = plan.count(asked.step, ~part & _part(plan, EVERYONE, without))
    if rest[1] < FEWEST:
        return None
    return (
        apart(log_odds(*counts), log_odds(*rest)),
        apart(log_share(*counts), log_share(*rest)),
    )


def _part(plan: Journeys, place: str, without: Sequence[str]) -> BoolArray:
    mine = _all(plan) if place == EVERYONE else plan.place(place)
    for one in without:
        if one != EVERYONE:
            mine = mine & ~plan.place(one)
    return mine


def _all(plan: Journeys) -> BoolArray:
    return np.ones(len(plan), dtype=np.bool_)


def _distinct(plan: Journeys) -> Iterator[str]:
    """Places, of those with the same people only the first."""
    seen: set[bytes] = set()
    for name, members in plan.places.items():
        key = np.packbits(members).tobytes()
        if key not in seen:
            seen.add(key)
            yield name


def target_findings(rows: Mapping[str, tuple[int, int, float]]) -> list[Finding]:
    """Shares that are held against a target (0-1): the exact binomial probability of so few.

    Args:
        rows: Target → how many did it, of how many, and the target.
    """
    return [
        Finding(
            kind="target",
            step=name,
            place=EVERYONE,
            done=done,
            of=of,
            value=wilson(done, of),
            expected=Estimate(
                estimate=target, lower=target, upper=target, confidence=0.95, method="the target"
            ),
            p_value=float(bdtr(done, of, target)),
            missing=max(target * of - done, 0.0),
        )
        for name, (done, of, target) in rows.items()
        if of >= FEWEST and 0.0 < target < 1.0
    ]


def effect_findings(now: Effects, earlier: Sequence[Effects]) -> list[Finding]:
    """What sending added per person, beside earlier plans; of a place by how much it added more than elsewhere."""
    found = []
    for place, value in now.items():
        mine = of_estimate(value)
        before = [
            seen
            for plan in earlier
            if place in plan and (seen := of_estimate(plan[place])) is not None
        ]
        if mine is None or (place == EVERYONE and not before):
            continue
        one = missed(mine, before)
        found.append(
            Finding(
                kind="effect",
                step="effect",
                place=place,
                done=0,
                of=0,
                value=value,
                expected=Estimate(
                    estimate=one.expected,
                    lower=one.lower,
                    upper=one.upper,
                    confidence=0.95,
                    method="effects of earlier plans" if before else "the effect on all others",
                ),
                p_value=one.p_value,
                missing=max(one.expected - mine.value, 0.0),
            )
        )
    return found
