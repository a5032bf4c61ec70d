"""Turning a randomisation test into an interval: every hypothesis that the test does not reject.

A hypothesis says what each person would have done untreated: `base − s × slope`, person by person, for one number s
(see `randomisation`). For one division into arms, the difference of the arms' means is then linear in s and its variance
quadratic, so a few sums serve every s, and a bound is found by search without drawing again.

Sources: Garthwaite (1996), Confidence intervals from randomization tests, for the inversion; Janssen (1997) and Wu and
Ding (2021) for the studentised statistic, which keeps its level also where only the mean effect is nil; Phipson and
Smyth (2010) for (1 + count) / (1 + divisions).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from aimwell.stats.samples import FloatArray
from aimwell.stats.splits import split_sums

__all__ = ["Hypothesis", "Reference", "references"]

# Statistics nearer to each other than this (in standard errors) are one and the same, summed in another order.
_TIE = 1e-9
# A variance below this share of its terms is nothing but their rounding.
_ROUNDING = 1e-12
_TOLERANCE = 1e-12
# The search doubles its distance from the estimate, in blocks, up to 2 ** 41 standard errors.
_OCTAVES = tuple(range(first, first + 9) for first in range(-3, 40, 9))
# Then one round in parts, as a guard against a test that rejects and accepts again, and halving to 1e-7 of the bracket.
_PARTS, _HALVINGS = 16, 20


@dataclass(frozen=True)
class Hypothesis:
    """A family of hypotheses, one for each s: untreated, every person would have had `base − s × slope`.

    Attributes:
        base, slope: One number a person, people of the drawn arm first.
    """

    base: FloatArray
    slope: FloatArray


@dataclass(frozen=True)
class _Curve:
    """The difference of means, `d0 + d1 s`, and its variance, `v0 + v1 s + v2 s²`, for one or many divisions."""

    d0: FloatArray
    d1: FloatArray
    v0: FloatArray
    v1: FloatArray
    v2: FloatArray

    def at(self, s: FloatArray) -> tuple[FloatArray, FloatArray]:
        difference = self.d0 + s * self.d1
        variance = self.v0 + s * (self.v1 + s * self.v2)
        size = self.v0 + s * s * self.v2
        return difference, np.where(variance > _ROUNDING * size, variance, 0.0)


@dataclass(frozen=True)
class Reference:
    """The statistic that was seen and those of other divisions, for every hypothesis of one family.

    Attributes:
        origin: The s at which the seen difference vanishes: the estimate.
    """

    origin: float
    _seen: _Curve
    _others: _Curve
    _complete: bool

    def p_value(self, s: float) -> float:
        """Two-sided: twice the smaller tail."""
        offset = np.array([s - self.origin])
        return min(1.0, 2.0 * min(float(self._tail(offset, side)[0]) for side in (-1, 1)))

    def bound(
        self, side: Literal[-1, 1], *, share: float, null: float = 0.0, limit: float | None = None
    ) -> float | None:
        """The outermost s on one side of the estimate that its one-sided test at level `share` does not reject.

        Args:
            side: −1 for the lower bound, 1 for the upper.
            share: Level of the one-sided test.
            null: Where "no effect" lies; kept inside whenever its own test does not reject.
            limit: Where the family ends on this side; None where it does not.

        Returns:
            None when nothing is rejected on this side, up to the limit.
        """

        def accepted(distances: FloatArray) -> np.ndarray:
            return self._tail(side * distances, side) > share + _TOLERANCE

        farthest = np.inf if limit is None else side * (limit - self.origin)
        bracket = self._bracket(accepted, farthest)
        if bracket is None:
            return None
        distance = _refined(accepted, *bracket)
        to_null = side * (null - self.origin)
        if to_null > distance and accepted(np.array([to_null]))[0]:
            distance = to_null
        return self.origin + side * distance

    def _bracket(
        self, accepted: Callable[[FloatArray], np.ndarray], farthest: float
    ) -> tuple[float, float] | None:
        """An accepted distance and a rejected one beyond it, with nothing seen accepted farther out."""
        last = 0.0
        for octaves in _OCTAVES:
            distances = np.minimum(self._scale * np.exp2(octaves), farthest)
            kept = np.flatnonzero(accepted(distances))
            if len(kept):
                last = float(distances[kept[-1]])
            if len(kept) and kept[-1] == len(distances) - 1:
                if last >= farthest:
                    return None
                continue
            return last, float(distances[kept[-1] + 1 if len(kept) else 0])
        return None

    def _tail(self, offsets: FloatArray, side: int) -> FloatArray:
        """For each hypothesis, the share of divisions at least as far out as the seen one.

        For the lower bound these are the high statistics: a hypothesis below the estimate makes the seen difference
        look high. Differences are multiplied by the other's standard error, so none is divided by zero.
        """
        column = offsets[:, None]
        seen, seen_variance = self._seen.at(column)
        other, other_variance = self._others.at(column)
        seen_error, other_error = np.sqrt(seen_variance), np.sqrt(other_variance)
        theirs, ours = -side * other * seen_error, -side * seen * other_error
        slack = _TIE * (seen_error * other_error + np.abs(ours))
        count = (theirs >= ours - slack).sum(axis=1)
        if self._complete:
            return np.asarray(count / other.shape[1], dtype=np.float64)
        return np.asarray((1 + count) / (1 + other.shape[1]), dtype=np.float64)

    @cached_property
    def _scale(self) -> float:
        return float(np.sqrt(self._seen.v0[0]) / abs(self._seen.d1[0]))


def _refined(accepted: Callable[[FloatArray], np.ndarray], inside: float, outside: float) -> float:
    """The outer edge of the accepted distances between one that is and one that is not."""
    steps = np.linspace(inside, outside, _PARTS + 1)
    kept = np.flatnonzero(accepted(steps[1:-1]))
    last = int(kept[-1]) + 1 if len(kept) else 0
    inside, outside = float(steps[last]), float(steps[last + 1])
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2.0
        if accepted(np.array([middle]))[0]:
            inside = middle
        else:
            outside = middle
    return outside


def references(
    hypotheses: Sequence[Hypothesis],
    *,
    drawn: int,
    drawn_is_treated: bool,
    divisions: int,
    seed: int,
) -> list[Reference | None]:
    """The reference of each family, all on the same random divisions.

    A family is None where the seen difference does not depend on s, or does not vary: nothing can be inverted there.

    Args:
        hypotheses: People of the drawn arm first, in an order that does not depend on how rows arrived.
        drawn: People in the drawn arm; take the smaller one, it is quicker.
        drawn_is_treated: Whether the drawn arm is the treated one.
        divisions: How many to draw; all there are, where these are fewer.
        seed: Of the divisions.
    """
    centred = [_centred(family, drawn) for family in hypotheses]
    ready = [pair for pair in centred if pair is not None]
    if not ready:
        return [None] * len(hypotheses)
    columns = np.column_stack([_terms(family) for _, family in ready])
    splits = split_sums(columns, drawn=drawn, divisions=divisions, seed=seed)
    seen, whole = columns[:drawn].sum(axis=0)[None, :], columns.sum(axis=0)
    sign = 1.0 if drawn_is_treated else -1.0
    found: list[Reference | None] = []
    position = 0
    for pair in centred:
        if pair is None:
            found.append(None)
            continue
        part = slice(position, position + 5)
        position += 5
        curves = [
            _curve(sums[:, part], whole[part], (drawn, len(columns) - drawn), sign)
            for sums in (seen, splits.sums)
        ]
        usable = curves[0].v0[0] > 0.0 and curves[0].d1[0] != 0.0
        found.append(Reference(pair[0], curves[0], curves[1], splits.complete) if usable else None)
    return found


def _centred(family: Hypothesis, drawn: int) -> tuple[float, Hypothesis] | None:
    """The s at which the seen difference vanishes, and the family counted from there.

    Counting from there keeps the digits, however large the effect is beside the spread.
    """
    base_gap = family.base[:drawn].mean() - family.base[drawn:].mean()
    slope_gap = family.slope[:drawn].mean() - family.slope[drawn:].mean()
    if abs(slope_gap) <= _ROUNDING * float(np.abs(family.slope).max(initial=0.0)):
        return None
    origin = float(base_gap / slope_gap)
    base = family.base - origin * family.slope
    spread = float(np.ptp(base[:drawn])) + float(np.ptp(base[drawn:]))
    if spread <= _ROUNDING * float(np.abs(family.base).max()):
        return None
    return origin, Hypothesis(base, family.slope)


def _terms(family: Hypothesis) -> FloatArray:
    a, b = family.base, family.slope
    return np.column_stack([a, b, a * a, a * b, b * b])


def _curve(sums: FloatArray, whole: FloatArray, sizes: tuple[int, int], sign: float) -> _Curve:
    rest = whole - sums
    d0, d1, v0, v1, v2 = (
        sign * (sums[:, 0] / sizes[0] - rest[:, 0] / sizes[1]),
        -sign * (sums[:, 1] / sizes[0] - rest[:, 1] / sizes[1]),
        np.zeros(len(sums)),
        np.zeros(len(sums)),
        np.zeros(len(sums)),
    )
    for part, n in ((sums, sizes[0]), (rest, sizes[1])):
        free = n * (n - 1)
        v0 += _positive(part[:, 2] - part[:, 0] ** 2 / n, part[:, 2]) / free
        v1 -= 2.0 * (part[:, 3] - part[:, 0] * part[:, 1] / n) / free
        v2 += _positive(part[:, 4] - part[:, 1] ** 2 / n, part[:, 4]) / free
    return _Curve(d0, d1, v0, v1, v2)


def _positive(value: FloatArray, size: FloatArray) -> FloatArray:
    return np.where(value > _ROUNDING * size, value, 0.0)
