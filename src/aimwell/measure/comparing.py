"""A campaign's key figures against its targets, against earlier campaigns and against figures of others.

Only figures that do not grow with the number of people are compared with other campaigns: rates, ratios, and the cost of one. A verdict needs
an interval: without one it says which is larger, and no more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from aimwell.definitions.kinds.targets import TargetKey
from aimwell.measure.model import Kpi, Unit
from aimwell.measure.shown import shown
from aimwell.measure.slices import FIGURES, Slice
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate

__all__ = [
    "LOWER_IS_BETTER",
    "Benchmark",
    "Compared",
    "Told",
    "compared",
    "figures_of",
    "with_targets",
]

Verdict = Literal["better", "worse", "cannot tell", "above", "below", "the same"]
LOWER_IS_BETTER = frozenset(
    {
        "acquisition_cost",
        "churn_rate",
        "unsubscribe_rate",
        "complaint_rate",
        "cost_per_incremental_order",
        "open_rate_machine",
        "click_rate_machine",
        "cost",
        "discount",
    }
)
"""Figures of which less is better."""

_SIZES = frozenset(
    {"orders", "revenue", "margin", "cost", "discount", "incremental_revenue", "incremental_profit"}
)
_METHOD = "difference of two independent figures (MOVER)"


@dataclass(frozen=True, kw_only=True)
class Told:
    """One key figure of a campaign."""

    key: str
    label: str
    unit: Unit
    formula: str
    value: float | None
    interval: Estimate | None
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """A figure of others: a usual value, its range where it is known, and who says so."""

    key: str
    source: str
    channel: str
    value: float
    low: float | None
    high: float | None
    year: int | None


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One key figure beside another.

    Attributes:
        told: Of the campaign.
        against: A target, earlier campaigns, or a benchmark.
        other: What it is held against, and `source` where that comes from.
        difference: The campaign's less the other, with its interval; None where either lacks one.
        verdict: By the interval; without one, which is larger.
    """

    told: Told
    against: Literal["target", "earlier", "benchmark"]
    other: float
    source: str
    difference: Estimate | None
    verdict: Verdict


def figures_of(document: Mapping[str, Any], made: Slice) -> dict[str, Told]:
    """Every key figure of a campaign by its key: those of its slice, and those that its report alone has."""
    found = {}
    for key, (label, unit, formula) in FIGURES.items():
        one = made.figure(key)
        found[key] = Told(
            key=key,
            label=label,
            unit=unit,
            formula=formula,
            value=one.value.value,
            interval=one.interval,
            reason=one.value.reason,
        )
    for kpi in document["kpis"]:
        if kpi["key"] not in found:
            found[kpi["key"]] = Told(
                key=kpi["key"],
                label=kpi["label"],
                unit=kpi["unit"],
                formula=kpi["formula"],
                value=kpi["value"]["value"],
                interval=None if kpi["interval"] is None else Estimate(**kpi["interval"]),
                reason=kpi["value"]["reason"],
            )
    return found


def compared(
    told: Mapping[str, Told],
    *,
    targets: Mapping[str, float],
    earlier: Sequence[tuple[str, Mapping[str, Told]]],
    benchmarks: Sequence[Benchmark],
) -> tuple[Compared, ...]:
    """Each figure against all that there is to hold it against, in the order of the figures.

    Args:
        told: The campaign's.
        targets: Key → value.
        earlier: What earlier campaigns are called, and their figures.
        benchmarks: Of others.
    """
    found = []
    for key, one in told.items():
        if one.value is None:
            continue
        if key in targets:
            found.append(_against(one, "target", targets[key], None, "the campaign's target"))
        if key not in _SIZES:
            for name, figures in earlier:
                other = figures.get(key)
                if other is not None and other.value is not None:
                    found.append(_against(one, "earlier", other.value, other.interval, name))
            found += [_benchmarked(one, other) for other in benchmarks if other.key == key]
    return tuple(found)


_TARGET_WORDS: Mapping[Verdict, str] = {
    "better": "it is beaten",
    "worse": "it is missed",
    "cannot tell": "whether it is reached cannot be told from chance",
    "above": "the figure is above it",
    "below": "the figure is below it",
    "the same": "the figure is the same",
}


def with_targets(
    kpis: Sequence[Kpi], targets: Mapping[TargetKey, float], *, currency: str
) -> tuple[Kpi, ...]:
    """The key figures of a report, with a note of the target where the campaign declares one."""
    found = []
    for kpi in kpis:
        target = next((value for key, value in targets.items() if key == kpi.key), None)
        if target is None or kpi.value.value is None:
            found.append(kpi)
            continue
        told = Told(
            key=kpi.key,
            label=kpi.label,
            unit=kpi.unit,
            formula=kpi.formula,
            value=kpi.value.value,
            interval=kpi.interval,
            reason=None,
        )
        words = _TARGET_WORDS[_against(told, "target", target, None, "target").verdict]
        note = f"The campaign's target is {shown(target, kpi.unit, currency)}: {words}."
        found.append(replace(kpi, notes=(*kpi.notes, note)))
    return tuple(found)


def _benchmarked(one: Told, other: Benchmark) -> Compared:
    interval = None
    if other.low is not None and other.high is not None:
        interval = Estimate(
            estimate=other.value,
            lower=other.low,
            upper=other.high,
            confidence=DEFAULT_CONFIDENCE,
            method="range as its source states it",
        )
    year = f" {other.year}" if other.year is not None else ""
    where = f", {other.channel}" if other.channel else ""
    return _against(one, "benchmark", other.value, interval, f"{other.source}{year}{where}")


def _against(
    one: Told,
    against: Literal["target", "earlier", "benchmark"],
    other: float,
    interval: Estimate | None,
    source: str,
) -> Compared:
    assert one.value is not None  # noqa: S101 - figures without one are not compared
    known = against == "target" or (against == "benchmark" and interval is None)
    difference = _difference(one.value, one.interval, other, interval, known=known)
    return Compared(
        told=one,
        against=against,
        other=other,
        source=source,
        difference=difference,
        verdict=_verdict(one, other, difference),
    )


def _difference(
    value: float, mine: Estimate | None, other: float, theirs: Estimate | None, *, known: bool
) -> Estimate | None:
    """The difference with its interval; a target, and a benchmark without a range, is taken for exactly known."""
    if mine is None or mine.lower is None or mine.upper is None:
        return None
    if theirs is None or theirs.lower is None or theirs.upper is None:
        if not known:
            return None
        below = above = 0.0
    else:
        below, above = other - theirs.lower, theirs.upper - other
    gap = value - other
    return Estimate(
        estimate=gap,
        lower=gap - math.hypot(max(value - mine.lower, 0.0), max(above, 0.0)),
        upper=gap + math.hypot(max(mine.upper - value, 0.0), max(below, 0.0)),
        confidence=mine.confidence,
        method=_METHOD,
    )


def _verdict(one: Told, other: float, difference: Estimate | None) -> Verdict:
    assert one.value is not None  # noqa: S101 - as above
    if difference is None or difference.lower is None or difference.upper is None:
        if one.value == other:
            return "the same"
        return "above" if one.value > other else "below"
    if difference.lower <= 0.0 <= difference.upper:
        return "cannot tell"
    more = difference.lower > 0.0
    return "better" if more != (one.key in LOWER_IS_BETTER) else "worse"
