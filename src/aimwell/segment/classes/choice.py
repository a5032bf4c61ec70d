"""How many latent classes there are, if any: by fit, by how surely people belong to them, by how far they come again.

For each number are told Schwarz's and Akaike's information criteria (lower is better), the entropy R² (how surely people
belong to their class; 1 is surely), the smallest class, and the stability: how far classes agree (adjusted Rand index)
when a fifth of the people is left out. A number is possible if it beats one class by Schwarz's criterion, is stable and has
no tiny class. Where the criterion turns, the number at its turn is chosen; where it falls and falls, as it does for many
people whose answers also hang together within classes, the smallest number that has nine tenths of what can be gained.

Sources: Schwarz (1978); Nylund, Asparouhov and Muthén (2007) for choosing by it; Ramaswamy et al. (1993) for the entropy.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from aimwell.segment.classes.latent_classes import AnswerSheet, ClassFit, fit_classes
from aimwell.segment.clusters.choosing import PEOPLE_MIN, SHARE_MIN, STABILITY_MIN
from aimwell.segment.clusters.shapes import IntArray
from aimwell.stats.resampling import stability

__all__ = ["ClassCandidate", "ClassCount", "choose_classes", "entropy_r2"]

_PEOPLE_MAX = 8_000
_STEADY = 3_000
_STEADY_COUNT = 5
_STARTS = 6
_ENOUGH = 0.9


@dataclass(frozen=True)
class ClassCandidate:
    """One number of classes; `problem` says why it is not possible, None where it is."""

    number: int
    bic: float
    aic: float
    entropy: float | None
    stability: float | None
    smallest_share: float
    problem: str | None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True)
class ClassCount:
    """The number chosen, or None with the reason, and all candidates."""

    number: int | None
    reason: str
    candidates: tuple[ClassCandidate, ...]


def choose_classes(
    sheet: AnswerSheet, *, seed: int, largest: int = 8, number: int | None = None
) -> ClassCount:
    """How many classes the answers speak for; with `number` that one is judged alone and kept."""
    if len(sheet) < PEOPLE_MIN or len(sheet.items) < 2:
        what = f"{len(sheet):,} people answered, {len(sheet.items)} questions vary"
        return ClassCount(None, f"There are no classes to find: {what}.", ())
    draw = np.random.default_rng(seed)
    if len(sheet) > _PEOPLE_MAX:
        sheet = sheet.take(np.sort(draw.choice(len(sheet), _PEOPLE_MAX, replace=False)))
    one = fit_classes(sheet, 1, seed=seed)
    alone = _bic(one, sheet)
    numbers = range(2, largest + 1) if number is None else [number]
    found = tuple(_judged(sheet, size, alone, seed) for size in numbers)
    first = ClassCandidate(1, alone, _aic(one, sheet), None, None, 1.0, None)
    candidates = (first, *found)
    if number is not None:
        only = found[0]
        against = "" if only.problem is None else f", though they are not evident: {only.problem}"
        return ClassCount(number, f"{number} classes, as asked{against}.", candidates)
    possible = [candidate for candidate in found if candidate.problem is None]
    if not possible:
        best = min(found, key=lambda candidate: candidate.bic)
        return ClassCount(
            None,
            f"These answers show no classes. The best try, {best.number} classes, is no good: {best.problem}.",
            candidates,
        )
    lowest = min(possible, key=lambda candidate: candidate.bic)
    turned = any(other.number > lowest.number and other.bic > lowest.bic for other in found)
    if turned:
        best, why = lowest, "where Schwarz's criterion is lowest"
    else:
        enough = alone - _ENOUGH * (alone - lowest.bic)
        best = next(candidate for candidate in possible if candidate.bic <= enough)
        why = "after which Schwarz's criterion falls but little"
    return ClassCount(
        best.number,
        f"{best.number} classes, {why}: entropy {best.entropy:.2f}, stability {best.stability:.2f}.",
        candidates,
    )


def entropy_r2(fit: ClassFit, sheet: AnswerSheet) -> float:
    """1 − the mean entropy of the memberships over that of no knowledge at all."""
    members = np.clip(fit.memberships(sheet), 1e-300, 1.0)
    mean = float(-(members * np.log(members)).sum(1).mean())
    return 1.0 - mean / float(np.log(fit.number))


def _judged(sheet: AnswerSheet, number: int, alone: float, seed: int) -> ClassCandidate:
    fit = fit_classes(sheet, number, seed=seed, starts=_STARTS)
    bic, smallest = _bic(fit, sheet), float(fit.shares.min())
    some = sheet.take(np.arange(min(len(sheet), _STEADY)))

    def group(positions: IntArray) -> IntArray:
        part = some.take(positions)
        found = fit_classes(part, number, seed=seed, starts=_STARTS)
        return np.asarray(found.memberships(part).argmax(1), dtype=np.int64)

    steady = stability(group, n=len(some), seed=seed, count=_STEADY_COUNT).value
    problem = None
    if bic >= alone:
        problem = "it fits no better than one class"
    elif steady is None or steady < STABILITY_MIN:
        problem = (
            f"classes change when a part of the people is left out (stability {steady or 0:.2f})"
        )
    elif smallest < SHARE_MIN:
        problem = f"its smallest class has {smallest:.1%} of the people"
    return ClassCandidate(
        number, bic, _aic(fit, sheet), entropy_r2(fit, sheet), steady, smallest, problem
    )


def _bic(fit: ClassFit, sheet: AnswerSheet) -> float:
    return -2.0 * fit.log_likelihood + fit.parameters(sheet.items) * float(np.log(len(sheet)))


def _aic(fit: ClassFit, sheet: AnswerSheet) -> float:
    return -2.0 * fit.log_likelihood + 2.0 * fit.parameters(sheet.items)
