"""What the campaigns of a period have in common, and what a next one of the kind may bring.

Under three campaigns hardly anything is known of how far campaigns differ, and the interval of a mean of campaigns *like these* (Hartung and Knapp)
is honest and of no use. What *these* brought is a question that they answer: what they earned together over the people whom they contacted, each
with its own effect (fixed effects in the plural). That comes first then, and the page names which of the two it tells.

Sources: Rice, Higgins and Lumley (2018), A re-evaluation of fixed effect(s) meta-analysis; Bender and others (2018), Methods for evidence synthesis in
the case of very few studies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from aimwell.measure.earnings import Earned
from aimwell.measure.formatting import money, money_interval, percent
from aimwell.measure.wave_correlations import Known, campaign_effects, correlation_table
from aimwell.stats.estimate import Estimate
from aimwell.stats.log_ratios import as_changes, log_ratio
from aimwell.stats.meta_analysis import Pooled, pool
from aimwell.stats.next_effect import FEWEST_CAMPAIGNS
from aimwell.stats.together import together

__all__ = ["Outlook", "outlook_of"]

_THESE = "sum of these campaigns over the people whom they contacted (fixed effects): {method}"


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """Random effects over campaigns whose windows are over, each campaign once, whatever the number of its waves.

    Attributes:
        campaigns: Those that are in it.
        relative: Of the relative lift of revenue (0.1 is ten per cent more), pooled as logarithms of ratios; of the campaigns whose own lift has
            bounds above −100 %.
        each: Of profit (of revenue where `unit` says so) per person contacted.
        these: The same, of these campaigns alone: what they earned together over the people contacted.
        expected: Campaign → what to expect of it per person next time: its own figure, drawn towards the mean as far as it is
            unsure; only where three campaigns tell how far they differ.
        sentence: What a reader should take from it.
    """

    campaigns: tuple[str, ...]
    relative: Pooled
    each: Pooled
    these: Estimate
    unit: str
    expected: Mapping[str, float]
    sentence: str

    @property
    def few(self) -> bool:
        """Whether there are so few campaigns that what these brought is told, and not what campaigns like these bring."""
        return 2 <= self.each.count < FEWEST_CAMPAIGNS

    @property
    def shown(self) -> Estimate:
        """The mean that is told first."""
        return self.these if self.few else self.each.mean

    @property
    def how(self) -> str:
        """How the mean that is told first was found, as the start of a sentence."""
        return f"{'By the' if self.few else 'Mean by'} {self.shown.method}"


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
    relative = _by_campaign(over, known, lambda row: log_ratio(row.relative))
    each = _by_campaign(
        over, known, lambda row: _effect(_amount(row, unit).times(1.0 / row.people))
    )
    moved, earned = as_changes(_pooled(relative)), _pooled(each)
    these = _these([row for waves in over.values() for row in waves], known, unit)
    return Outlook(
        campaigns=tuple(each),
        relative=moved,
        each=earned,
        these=these,
        unit=unit,
        expected=_expected(each, earned),
        sentence=_sentence(moved, earned, these, unit, currency),
    )


def _amount(row: Earned, unit: str) -> Estimate:
    return row.profit if unit == "profit" else row.revenue


def _effect(one: Estimate) -> tuple[float, float] | None:
    if one.estimate is None or one.normal_error is None:
        return None
    return one.estimate, one.normal_error


def _pooled(found: Mapping[str, tuple[float, float]]) -> Pooled:
    return pool([one for one, _error in found.values()], [error for _one, error in found.values()])


def _these(rows: Sequence[Earned], known: Known, unit: str) -> Estimate:
    """What these campaigns earned together, per person whom they contacted."""
    told = [row for row in rows if _amount(row, unit).defined]
    table = correlation_table([row.plan_id for row in told], known)
    whole = together([_amount(row, unit) for row in told], correlations=table)
    people = max(1, sum(row.people for row in told))
    return replace(whole.times(1.0 / people), method=_THESE.format(method=whole.method))


def _by_campaign(
    over: Mapping[str, Sequence[Earned]],
    known: Known,
    read: Callable[[Earned], tuple[float, float] | None],
) -> dict[str, tuple[float, float]]:
    """Campaign → its effect and standard error; its waves pooled with the correlations of their errors."""
    return campaign_effects(
        {
            campaign: [(row.plan_id, *one) for row in waves if (one := read(row)) is not None]
            for campaign, waves in over.items()
        },
        known,
    )


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


def _sentence(relative: Pooled, each: Pooled, these: Estimate, unit: str, currency: str) -> str:
    if each.mean.estimate is None:
        return f"What campaigns have in common cannot be said: {each.mean.reason}."
    found = [_mean_words(each, these, unit, currency), _relative_words(relative, each.count)]
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


def _mean_words(each: Pooled, these: Estimate, unit: str, currency: str) -> str:
    mean = each.mean.estimate
    assert mean is not None  # noqa: S101 - of two campaigns
    per = f"of {unit} for each person contacted"
    if each.count >= FEWEST_CAMPAIGNS:
        return (
            f"Campaigns like these {each.count} bring {money(mean, currency, 2)} {per} on average "
            f"({money_interval(each.mean, currency)})."
        )
    assert these.estimate is not None  # noqa: S101 - as above
    return (
        f"These {each.count} campaigns brought {money(these.estimate, currency, 2)} {per} ({money_interval(these, currency)}). What campaigns "
        f"like them bring on average cannot be told from so few: it may be {money_interval(each.mean, currency)} (Hartung and Knapp)."
    )


def _relative_words(relative: Pooled, campaigns: int) -> str:
    mean = relative.mean
    if mean.lower is None or mean.upper is None:
        return f"By what share they move revenue cannot be told: {mean.reason}."
    of = (
        ""
        if relative.count == campaigns
        else f" (of {relative.count} of them; of the others the share has no bounds)"
    )
    return f"They move revenue by {percent(100 * mean.lower)} to {percent(100 * mean.upper)}{of}."
