"""Whether people buy for an occasion: orders before its days against those around, and the same laid elsewhere. Pure.

**Orders** are days on which a person bought. Each weekday is weighed by its usual share, so that closed days and weekends make
no occasion. **Expected** within a window (from `lead` days before the day to `after` days after it) is what the days on both sides
bring (four weeks each, or as long as the window where that is longer), other windows left out; so a growing shop, or a slow
season, makes no occasion either.

Where it is known which goods are bought for the occasion, orders with them are held against all orders of the day instead.

**Test.** If the calendar had nothing to do with the orders, its windows could as well lie elsewhere. So the orders are turned
through the whole of the time seen, day by day as on a ring, and each turn is measured in the same way: the p-value is the
share of turns (the true place among them) that look at least as strong. Orders that hang together in time hang together in
every turn, so bursts and seasons do not count as proof. Several lead times are tried; every turn may try them too, and the
strongest of each is compared. The interval of the ratio is by the spread of the turns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aimwell.stats.samples import FloatArray

__all__ = ["LEADS", "Group", "Rhythm", "measure", "window_mask"]

LEADS = (3, 7, 14, 21, 28, 42, 56, 84)
"""Lead times that are tried, in days."""

_BASE_DAYS = 28
_CLOSED = 8.0
_INSIDE_MIN = 0.34
"""A window of which less lies within the time seen is left out."""


@dataclass(frozen=True)
class Group:
    """People who share a calendar: `days` on which the occasion is (numbers of days, 0 the first seen; they may lie outside),
    and `orders` a day."""

    days: tuple[int, ...]
    orders: NDArray[np.int64]


@dataclass(frozen=True)
class Rhythm:
    """How orders go with an occasion.

    `lead` is the lead time that is strongest against its turns. `windows` were seen at least in part; `whole` from end to
    end. `observed` orders lie in them, `expected` would without the occasion. `half_before`: half of what came beyond that came by so
    many days before the day. `by_day`: days before → orders beyond the expected, a day of a window.
    """

    lead: int
    after: int
    windows: int
    whole: int
    observed: int
    expected: float
    ratio: float
    lower: float
    upper: float
    p_value: float
    turns: int
    half_before: int | None
    by_day: tuple[tuple[int, float], ...]


def window_mask(days: Sequence[int], length: int, lead: int, after: int) -> NDArray[np.bool_]:
    """Which of the days seen lie in a window."""
    mask = np.zeros(length, dtype=bool)
    for day in days:
        mask[max(day - lead, 0) : max(min(day + after + 1, length), 0)] = True
    return mask


def measure(
    groups: Sequence[Group],
    *,
    leads: Sequence[int],
    after: int,
    weekday: int,
    among: NDArray[np.int64] | None = None,
) -> Rhythm | None:
    """The rhythm of an occasion; None where no window lies in the time seen, or nothing was bought.

    Args:
        groups: All with the same number of days.
        leads: Lead times to try; one where it is given.
        after: Days after the day that belong to it.
        weekday: Weekday of day 0, to tell the days of a week apart.
        among: All orders a day, where those of the groups are only some of them (with certain goods): a day is then
            weighed by all its orders, and what counts is the share.
    """
    length = len(groups[0].orders) if groups else 0
    total = sum((group.orders for group in groups), start=np.zeros(length, dtype=np.int64))
    if not length or not total.sum():
        return None
    usual = _usual(total, weekday) if among is None else among / max(float(among.mean()), 1e-12)
    found = []
    for lead in leads:
        plan = _plan(groups, lead, after, usual)
        if plan is not None:
            found.append((lead, *plan))
    if not found:
        return None
    # A row for each lead, a column for each turn; column 0 is the true place.
    observed = np.stack([one[1] for one in found])
    expected = np.stack([one[2] for one in found])
    strength = (observed - expected) / np.sqrt(np.maximum(expected, 1.0))
    spread = np.maximum(strength.std(axis=1), 1e-9)
    middle = np.median(strength, axis=1)
    scaled = (strength - middle[:, None]) / spread[:, None]
    strongest = scaled.max(axis=0)
    best = int(np.argmax(scaled[:, 0]))
    lead, here, there = found[best][0], observed[best, 0], expected[best, 0]
    error = float(spread[best] / np.sqrt(max(there, 1.0)))
    ratio = float(here / max(there, 1e-9))
    by_day = _by_day(groups, max(leads), after, usual, there_lead=lead)
    bought = sum(
        int(group.orders[window_mask(group.days, length, lead, after)].sum()) for group in groups
    )
    return Rhythm(
        lead=lead,
        after=after,
        windows=found[best][3],
        whole=found[best][4],
        observed=bought,
        expected=bought / ratio if ratio > 0 else float(there),
        ratio=ratio,
        lower=max(ratio - 1.96 * error, 0.0),
        upper=ratio + 1.96 * error,
        p_value=float((strongest >= strongest[0] - 1e-12).mean()),
        turns=strength.shape[1],
        half_before=_half(by_day, lead),
        by_day=by_day,
    )


def _usual(orders: NDArray[np.int64], weekday: int) -> FloatArray:
    """The weight of each day by its weekday: 1 on average; 0 on weekdays on which nothing was ever bought, and on days
    without a single order where at least `_CLOSED` are usual: the shop was closed then."""
    days = (np.arange(len(orders)) + weekday) % 7
    open_ = np.ones(len(orders), dtype=bool)
    means = np.zeros(7)
    for _ in range(2):  # the usual without closed days tells more of them apart
        sums = np.bincount(days[open_], weights=orders[open_], minlength=7)
        means = sums / np.maximum(np.bincount(days[open_], minlength=7), 1)
        open_ = (orders > 0) | (means[days] < _CLOSED)
    return np.where(open_, means[days] / max(float(orders[open_].mean()), 1e-12), 0.0)


def _plan(
    groups: Sequence[Group], lead: int, after: int, usual: FloatArray
) -> tuple[FloatArray, FloatArray, int, int] | None:
    """Orders in the windows and expected ones for each turn, how many windows there are, and how many whole ones."""
    length = len(usual)
    observed, expected = np.zeros(length), np.zeros(length)
    windows, whole = set(), set()
    for group in groups:
        inside = window_mask(group.days, length, lead, after)
        # Turned orders keep their weekdays' weights: each order is weighed by the weekday on which it was.
        weighed = np.where(usual > 0, group.orders / np.maximum(usual, 1e-12), 0.0)
        open_ = (usual > 0).astype(np.float64)
        sums, opens = _turned(weighed), _turned(open_)
        for day in group.days:
            first, last = max(day - lead, 0), min(day + after + 1, length)
            if last - first < _INSIDE_MIN * (lead + after + 1):
                continue
            reach = max(_BASE_DAYS, lead + after + 1)
            around = [
                n
                for n in (*range(first - reach, first), *range(last, last + reach))
                if 0 <= n < length and not inside[n]
            ]
            if len(around) < reach // 2:
                continue
            base = sums(around) / np.maximum(opens(around), 1e-9)
            days = range(first, last)
            observed += sums(days)
            expected += base * opens(days)
            windows.add(day)
            if last - first == lead + after + 1:
                whole.add(day)
    return (observed, expected, len(windows), len(whole)) if windows else None


def _turned(values: FloatArray) -> Callable[[Sequence[int]], FloatArray]:
    """A function that sums days of every turn at once: by runs of days, from sums on the ring."""
    length = len(values)
    ring = np.concatenate([[0.0], np.cumsum(np.concatenate([values, values]))])
    turns = np.arange(length)

    def summed(days: Sequence[int]) -> FloatArray:
        found = np.zeros(length)
        for first, last in _runs(days):
            start = (first + turns) % length
            found += ring[start + last - first] - ring[start]
        return found

    return summed


def _runs(days: Sequence[int]) -> list[tuple[int, int]]:
    """Days in order as half-open runs."""
    runs: list[tuple[int, int]] = []
    for day in days:
        if runs and runs[-1][1] == day:
            runs[-1] = (runs[-1][0], day + 1)
        else:
            runs.append((day, day + 1))
    return runs


def _by_day(
    groups: Sequence[Group], lead: int, after: int, usual: FloatArray, *, there_lead: int
) -> tuple[tuple[int, float], ...]:
    """Days before the day (negative: after it) → orders beyond the expected, a window on average."""
    length = len(usual)
    beyond: dict[int, list[float]] = {}
    for group in groups:
        inside = window_mask(group.days, length, there_lead, after)
        for day in group.days:
            first, last = max(day - there_lead, 0), min(day + after + 1, length)
            reach = max(_BASE_DAYS, there_lead + after + 1)
            around = [
                n
                for n in (*range(first - reach, first), *range(last, last + reach))
                if 0 <= n < length and not inside[n]
            ]
            weight = float(usual[around].sum())
            if last <= first or not weight:
                continue
            base = float(group.orders[around].sum()) / weight
            for before in range(lead, -after - 1, -1):
                place = day - before
                if 0 <= place < length:
                    beyond.setdefault(before, []).append(
                        float(group.orders[place]) - base * float(usual[place])
                    )
    windows = max((len(one) for one in beyond.values()), default=1)
    return tuple(
        (before, sum(values) / min(len(values), windows))
        for before, values in sorted(beyond.items(), reverse=True)
    )


def _half(by_day: Sequence[tuple[int, float]], lead: int) -> int | None:
    """By how many days before the day half of what came beyond the expected had come; None where nothing did."""
    within = [(before, value) for before, value in by_day if before <= lead]
    total = sum(value for _before, value in within)
    if total <= 0:
        return None
    so_far = 0.0
    for before, value in within:
        so_far += value
        if so_far >= total / 2:
            return before
    return None
