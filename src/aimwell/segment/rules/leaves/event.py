"""`event`: what somebody did, how often, how much, when. Its names are looked up by `unknown_names`."""

from __future__ import annotations

from collections.abc import Iterator

from aimwell.definitions.leaves.event import EventRule
from aimwell.segment.rules.changing import Changes, by_acts, spans_of
from aimwell.segment.rules.event_queries import event_people as people
from aimwell.segment.rules.phrases import (
    both,
    field_words,
    in_span,
    limited,
    machine_words,
    often,
    only_zero,
    verb,
    when,
    where_words,
)
from aimwell.segment.rules.scope import Asked

__all__ = ["acts", "changes", "people", "words"]


def words(rule: EventRule) -> str:
    """As "who ordered at least twice in the last 30 days"."""
    never = rule.count is not None and not rule.count.holds(1) and rule.count.holds(0)
    parts = ["who never" if never and only_zero(rule.count) else "who", verb(rule.event)]
    if rule.count is not None and not only_zero(rule.count):
        parts.append(often(rule.count))
    if rule.within is not None:
        parts.append(in_span(rule.within))
    if rule.between is not None:
        parts.append(f"from {rule.between[0]} to {rule.between[1]}")
    if rule.first is not None:
        parts.append(f"for the first time {when(rule.first)}")
    if rule.last is not None:
        parts.append(f"for the last time {when(rule.last)}")
    if rule.sum is not None:
        parts.append(f"with {field_words(rule.sum.of)} {both(limited(rule.sum))} in all")
    return f"{' '.join(parts)}{where_words(rule.where)}{machine_words(rule.machines)}"


def acts(rule: EventRule) -> Iterator[Asked]:
    """The event."""
    yield Asked(rule.event, rule.where, (rule.sum.of,) if rule.sum is not None else ())


def changes(rule: EventRule) -> Changes:
    """By such events, and as they grow old."""
    return by_acts(rule, [rule.within, *spans_of(rule.first, rule.last)])
