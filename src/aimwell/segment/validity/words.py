"""What the figures of validity mean, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from aimwell.segment.rules.leaves.rfm import group_words
from aimwell.segment.validity.model import Aftermath, Label, Moves, Proxy, UnusedFeature
from aimwell.stats.estimate import Figure

__all__ = ["proxy_words", "sentence", "warnings"]

_ALPHA = 0.05
_LEADS_MIN = 0.8
_STAY_MIN = 0.5
_STEADY_MIN = 0.8


def sentence(after: Aftermath | None, moved: Moves | None, unused: Sequence[UnusedFeature]) -> str:
    """The answer in short."""
    real = [one for one in unused if one.p_value <= _ALPHA]
    if after is not None:
        strength, p_value = after.bought.estimate, after.bought.p_value
        if strength is None or p_value is None:
            text = f"Whether these groups tell what comes cannot be said: {after.bought.reason}."
        elif p_value <= _ALPHA:
            best, worst = after.groups[0], after.groups[-1]
            text = (
                f"These groups tell what comes: in the {after.days} days after they were formed "
                f"{best.bought.estimate:.0%} of “{group_words(best.group)}” bought and {worst.bought.estimate:.0%} of "
                f"“{group_words(worst.group)}” (Cramér's V {strength:.2f}, {after.bought.lower:.2f} to "
                f"{after.bought.upper:.2f})."
            )
        elif after.revenue.p_value is not None and after.revenue.p_value <= _ALPHA:
            text = (
                f"In the {after.days} days after they were formed as many bought in every group, as far as can be told "
                f"(p = {p_value:.2f}), but not for as much: they explain {after.revenue.value or 0.0:.1%} of the spread of revenue."
            )
        else:
            text = (
                f"There is nothing here: in the {after.days} days after they were formed, these groups bought alike, as far "
                f"as can be told (p = {p_value:.2f})."
            )
    else:
        text = "What came after cannot be looked at."
    if moved is not None and moved.stay.estimate is not None:
        text += (
            f" {moved.stay.estimate:.0%} ({moved.stay.lower:.0%} to {moved.stay.upper:.0%}) of their people are in the "
            f"same group {moved.days} days later."
        )
    if real:
        text += f" They differ in {len(real)} of {len(unused)} figures that did not form them."
    elif unused:
        text += f" In none of {len(unused)} figures that did not form them do they differ more than by chance."
    return text


def warnings(
    *,
    after: Aftermath | None,
    moved: Moves | None,
    steady: Figure,
    labels: Sequence[Label],
    proxies: Sequence[Proxy],
    unseen: Sequence[str],
    no_past: str | None,
    note: str | None,
) -> tuple[str, ...]:
    """What is wrong, or to be known, one sentence each; empty where nothing is."""
    found = [note] if note else []
    if no_past is not None:
        found.append(f"There is no past to judge by: {no_past}")
    if after is not None and after.leads is not None and after.leads < _LEADS_MIN and after.leader:
        found.append(
            f"Which group buys most often is not certain: “{group_words(after.leader)}” leads in {after.leads:.0%} of resamples."
        )
    if moved is not None and moved.stay.upper is not None and moved.stay.upper < _STAY_MIN:
        found.append(
            f"Most people change groups within {moved.days} days: look the group up again before each use."
        )
    if steady.value is not None and steady.value < _STEADY_MIN:
        found.append(
            f"The groups change when a part of the people is left out (adjusted Rand index {steady.value:.2f})."
        )
    for group in dict.fromkeys(one.group for one in labels if one.mixed):
        mixed = [one for one in labels if one.mixed and one.group == group]
        said = ", ".join(f"“{one.words}” is true of {one.holds.estimate:.0%}" for one in mixed)
        found.append(f"“{group_words(group)}” is too mixed for what is said of it: {said}.")
    found += [text for one in proxies if (text := proxy_words(one)) is not None]
    if unseen:
        found.append(
            f"Not looked at, as no consent is declared for it in privacy_rules: {', '.join(unseen)}."
        )
    return tuple(found)


def proxy_words(one: Proxy) -> str | None:
    """A sentence on a group that stands in for something protected; None where it does not."""
    group = group_words(one.group)
    if one.verdict == "names it":
        return f"“{group}” is made from {one.attribute}, a protected attribute."
    if one.verdict == "proxy":
        return (
            f"“{group}” is a proxy for {one.attribute}: knowing who is in it tells much of it (Cramér's V "
            f"{one.strength.estimate:.2f}, {one.strength.lower:.2f} to {one.strength.upper:.2f})."
        )
    if one.verdict == "uneven" and one.ratio.estimate is not None:
        return (
            f"“{group}” is uneven in {one.attribute}: people with “{one.least}” are in it {one.ratio.estimate:.2f} times as often "
            f"as those with “{one.most}” ({one.ratio.lower:.2f} to {one.ratio.upper:.2f}; under four fifths)."
        )
    return None
