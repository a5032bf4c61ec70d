"""`occasion`: for whom an occasion is soon, or was lately, and who buys for it."""

from __future__ import annotations

from aimwell.definitions.leaves.occasion import OccasionRule
from aimwell.segment.rules.phrases import percent, quoted, span
from aimwell.segment.rules.scope import People, Scope

__all__ = ["people", "words"]


def people(rule: OccasionRule, scope: Scope) -> People:
    """For whom it is, and who buys for it where that is asked."""
    return People(scope.occasion(rule))


def words(rule: OccasionRule) -> str:
    """As "whose occasion “mothers-day” is within the next 14 days"."""
    parts = []
    if rule.within is not None:
        parts.append(f"within the next {span(rule.within)}")
    if rule.past is not None:
        parts.append(f"was in the last {span(rule.past)}")
    when = " or ".join(parts) if parts else "is on (by its own lead time)"
    verb = "is " if rule.within is not None else ""
    buys = (
        f" (and who buy for it with a probability of at least {percent(rule.buys)})"
        if rule.buys is not None
        else ""
    )
    return f"whose occasion {quoted(rule.occasion)} {verb}{when}{buys}"
