"""On which channel a group reacts, and how much of it buys on discount: shares with intervals, against all others."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pyarrow as pa
from scipy.special import ndtr, ndtri

from aimwell.segment.personas.model import ChannelUse, DiscountUse
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.multiplicity import benjamini_hochberg

__all__ = ["channel_use", "discount_use", "ratio_of_sums"]

_METHOD = "ratio of sums, each person as a cluster"
_Z = float(ndtri(0.5 + DEFAULT_CONFIDENCE / 2.0))
_BUYERS_MIN = 5


def ratio_of_sums(
    n: int, wholes: float, parts: float, squares: tuple[float, float, float]
) -> Estimate:
    """Σ part ÷ Σ whole over people, with an interval that takes all of a person's orders for one draw.

    Args:
        n: People.
        wholes, parts: The sums.
        squares: Σ whole², Σ whole × part, Σ part².

    Source: Cochran (1977), Sampling Techniques, section 2.11: the ratio estimator by linearisation.
    """
    if n < _BUYERS_MIN or wholes <= 0:
        return Estimate.missing(f"fewer than {_BUYERS_MIN} people bought anything", method=_METHOD)
    ratio = parts / wholes
    error = _error(n, wholes, ratio, squares)
    return Estimate(
        estimate=ratio,
        lower=max(ratio - _Z * error, 0.0),
        upper=min(ratio + _Z * error, 1.0),
        confidence=DEFAULT_CONFIDENCE,
        method=_METHOD,
    )


def discount_use(sums: pa.Table, groups: Sequence[str]) -> Mapping[str, DiscountUse | None]:
    """Share of each group's orders that bore a discount or a coupon; None where no order of anybody's did.

    Args:
        sums: See `discount_sums`.
        groups: All groups.
    """
    rows = {row["group"]: row for row in sums.to_pylist()}
    names = ("people", "orders", "reduced", "oo", "od", "dd", "discount", "gross")
    totals = {name: sum(float(row[name] or 0) for row in rows.values()) for name in names}
    if not totals["reduced"]:
        return dict.fromkeys(groups)
    found = {}
    for group in groups:
        own = {name: float(rows.get(group, {}).get(name) or 0) for name in names}
        rest = {name: totals[name] - own[name] for name in names}
        found[group] = _discounts(own, rest)
    adjusted = benjamini_hochberg([found[group].p_value for group in groups])
    return {
        group: replace(found[group], p_value=p_value)
        for group, p_value in zip(groups, adjusted, strict=True)
    }


def _discounts(own: Mapping[str, float], rest: Mapping[str, float]) -> DiscountUse:
    mine, theirs = _reduced(own), _reduced(rest)
    p_value = None
    if mine.estimate is not None and theirs.estimate is not None:
        errors = [
            _error(one["people"], one["orders"], one["reduced"] / one["orders"], _squares(one))
            for one in (own, rest)
        ]
        error = math.hypot(*errors)
        gap = mine.estimate - theirs.estimate
        p_value = 2.0 * float(ndtr(-abs(gap) / error)) if error > 0 else None
    before = own["gross"] + own["discount"]
    return DiscountUse(
        orders=mine,
        others=theirs.estimate,
        money=own["discount"] / before if before > 0 else None,
        p_value=p_value,
    )


def _reduced(sums: Mapping[str, float]) -> Estimate:
    return ratio_of_sums(int(sums["people"]), sums["orders"], sums["reduced"], _squares(sums))


def _squares(sums: Mapping[str, float]) -> tuple[float, float, float]:
    return sums["oo"], sums["od"], sums["dd"]


def _error(n: float, wholes: float, ratio: float, squares: tuple[float, float, float]) -> float:
    residual = squares[2] - 2 * ratio * squares[1] + ratio * ratio * squares[0]
    return math.sqrt(max(residual, 0.0) * n / (n - 1)) / wholes


def channel_use(counts: pa.Table, groups: Sequence[str]) -> Mapping[str, tuple[ChannelUse, ...]]:
    """Channels of each group by how many of the people reached there reacted (opened or clicked), the best first.

    Args:
        counts: group, channel, reached, reacted; see `channel_counts`.
        groups: All groups.
    """
    rows = counts.to_pylist()
    reached: dict[str, int] = defaultdict(int)
    reacted: dict[str, int] = defaultdict(int)
    for row in rows:
        reached[row["channel"]] += row["reached"]
        reacted[row["channel"]] += row["reacted"]
    found: dict[str, list[ChannelUse]] = {group: [] for group in groups}
    for row in rows:
        if not row["reached"]:
            continue
        channel = row["channel"]
        rest = reached[channel] - row["reached"]
        found[row["group"]].append(
            ChannelUse(
                channel=channel,
                reached=row["reached"],
                own=row["reacted"] / row["reached"],
                others=(reacted[channel] - row["reacted"]) / rest if rest else None,
            )
        )
    return {
        group: tuple(sorted(uses, key=lambda one: (-one.own, one.channel)))
        for group, uses in found.items()
    }
