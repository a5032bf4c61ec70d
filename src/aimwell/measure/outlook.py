"""What the campaigns of a period have in common, and what a next one of the kind may bring."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from aimwell.measure.earnings import Earned
from aimwell.measure.formatting import money, money_interval, percent
from aimwell.measure.wave_correlations import Known, correlation_table
from aimwell.stats.estimate import Estimate
from aimwell.stats.meta_analysis import Pooled, pool

__all__ = ["Outlook", "outlook_of"]


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """Random effects over campaigns whose windows are over, each campaign once, whatever the number of its waves.

    Attributes:
        campaigns: Those that are in it.
        relative: Of the relative lift of revenue (0.1 is ten per cent more).
        each: Of profit (of revenue where `unit` says so) per person contacted.
        expected: Campaign → what to expect of it per person next time: its own figure, drawn towards the mean as far as it is
            unsure; only where three campaigns tell how far they differ.
        sentence: What a reader should take from it.
    """

    campaigns: tuple[str, ...]
    relative: Pooled
    each: Pooled
    unit: str
    expected: Mapping[str, float]
    sentence: str


def outlook_of(rows: Sequence[Earned], known: Known, *, currency: str) -> Outlook:
    """Of the campaigns that count.

    Args:
        rows: One a plan.
        known: How the errors of waves go together.
        currency: Of money.
    """
    over: dict[str, list[Earned]] = {}
    for row in rows:
        if row.finished and row.people:
            over.setdefault(row.campaign, []).append(row)
    unit = "profit" if any(row.profit.defined for row in rows) else "revenue"
    relative = _by_campaign(over, known, lambda row: row.relative)
    each = _by_campaign(
        over,
        known,
        lambda row: (row.profit if unit == "profit" else row.revenue).times(1.0 / row.people),
    )
    moved, earned = (_pooled(found) for found in (relative, each))
    return Outlook(
        campaigns=tuple(each),
        relative=moved,
        each=earned,
        unit=unit,
        expected=_expected(each, earned),
        sentence=_sentence(moved, earned, unit, currency),
    )


def _pooled(found: Mapping[str, tuple[float, float]]) -> Pooled:
    return pool([one for one, _error in found.values()], [error for _one, error in found.values()])


def _by_campaign(
    over: Mapping[str, Sequence[Earned]], known: Known, read: Callable[[Earned], Estimate]
) -> dict[str, tuple[float, float]]:
    """Campaign → its effect and standard error; its waves pooled with the correlations of their errors."""
    found = {}
    for campaign, waves in over.items():
        told = [
            (row.plan_id, one.estimate, one.normal_error)
            for row in waves
            if (one := read(row)).estimate is not None and one.normal_error is not None
        ]
        if len(told) == 1:
            found[campaign] = told[0][1], told[0][2]
        elif told:
            plans, effects, errors = zip(*told, strict=True)
            pooled = pool(effects, errors, correlations=correlation_table(plans, known))
            assert pooled.mean.estimate is not None  # noqa: S101 - of two waves
            assert pooled.error is not None  # noqa: S101 - as above
            found[campaign] = pooled.mean.estimate, pooled.error
    return found


def _expected(each: Mapping[str, tuple[float, float]], pooled: Pooled) -> dict[str, float]:
    """The empirical Bayes estimate of each: its own and the mean, weighed by how sure they are (Morris 1983)."""
    mean, between = pooled.mean.estimate, pooled.between
    if mean is None or between is None or len(each) < 3:
        return {}
    found = {}
    for campaign, (one, error) in each.items():
        own = between / (between + error**2)
        found[campaign] = own * one + (1.0 - own) * mean
    return found


def _sentence(relative: Pooled, each: Pooled, unit: str, currency: str) -> str:
    if each.mean.estimate is None:
        return f"What campaigns have in common cannot be said: {each.mean.reason}."
    found = [
        f"Campaigns like these {each.count} bring {money(each.mean.estimate, currency, 2)} of {unit} for each person contacted on average "
        f"({money_interval(each.mean, currency)})."
    ]
    if relative.mean.lower is not None and relative.mean.upper is not None:
        found.append(
            f"They move revenue by {percent(100 * relative.mean.lower)} to {percent(100 * relative.mean.upper)}."
        )
    if each.next.defined:
        found.append(f"The next one may bring {money_interval(each.next, currency)} a person.")
    else:
        found.append(f"What the next one may bring cannot be said: {each.next.reason}.")
    same = each.homogeneity
    if same.p_value is not None and same.i_squared is not None:
        found.append(
            f"Campaigns differ by more than chance: {percent(100 * same.i_squared, 0)} of the spread is not chance, so it matters which one."
            if same.p_value <= 0.05
            else "That campaigns differ from each other cannot be told from chance."
        )
    return " ".join(found)
