"""A rule as a plain English sentence."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, assert_never

from aimwell.definitions.conditions import Condition, CountCondition, NumberCondition
from aimwell.definitions.rules import (
    All,
    AnyOf,
    BucketRule,
    EventRule,
    Leaf,
    Not,
    RfmRule,
    Rule,
    SegmentRule,
    TraitRule,
    When,
    property_keys,
)

__all__ = ["OWN_EVENTS", "describe", "describe_leaf", "group_words"]

_VERBS = {
    "Order Completed": "ordered",
    "Order Refunded": "returned an order",
    "Email Sent": "were sent an e-mail",
    "Email Opened": "opened an e-mail",
    "Email Link Clicked": "clicked a link in an e-mail",
}
OWN_EVENTS = frozenset({*_VERBS, "Email Bounced", "Unsubscribed"})
"""Events that Aimwell makes itself; that none is there yet is no slip of the pen."""

_LIMITS = {
    "above": "above",
    "below": "below",
    "at_least": "at least",
    "at_most": "at most",
}
_GROUPS = {"cant_lose_them": "can't lose them"}


def describe(rule: Rule) -> str:
    """The rule as one sentence, as "People who ordered in the last 30 days."."""
    if isinstance(rule, Not):
        return f"Everyone except people {_inside(rule.not_)}."
    return f"People {_phrase(rule)}."


def describe_leaf(rule: Leaf) -> str:
    """What one leaf asks, as "who ordered in the last 30 days"."""
    if isinstance(rule, TraitRule):
        return _trait(rule)
    if isinstance(rule, EventRule):
        return _event(rule)
    if isinstance(rule, RfmRule):
        return _rfm(rule)
    if isinstance(rule, SegmentRule):
        return f"who are in the segment {_quoted(rule.segment)}"
    if isinstance(rule, BucketRule):
        first, last = rule.bucket.from_, rule.bucket.to - 1
        return f"whose bucket by the salt {_quoted(rule.bucket.salt)} is {first} to {last} of 0 to 9999"
    assert_never(rule)


def group_words(group: str) -> str:
    """An RFM group as people say it."""
    return _GROUPS.get(group, group.replace("_", " "))


def _phrase(rule: Rule) -> str:
    if isinstance(rule, All):
        return ", and ".join(_inside(part) for part in rule.all)
    if isinstance(rule, AnyOf):
        return ", or ".join(_inside(part) for part in rule.any)
    if isinstance(rule, Not):
        return f"not those {_inside(rule.not_)}"
    return describe_leaf(rule)


def _inside(rule: Rule) -> str:
    """The phrase as a part of a larger one; brackets show where a group of several begins and ends."""
    parts = rule.all if isinstance(rule, All) else rule.any if isinstance(rule, AnyOf) else ()
    return f"({_phrase(rule)})" if len(parts) > 1 else _phrase(rule)


def _trait(rule: TraitRule) -> str:
    return f"whose {rule.trait} {_and(_compared(rule, 'is'))}"


def _event(rule: EventRule) -> str:
    verb = _VERBS.get(rule.event, f"did {_quoted(rule.event)}")
    never = rule.count is not None and not rule.count.holds(1) and rule.count.holds(0)
    words = ["who never" if never and _only_zero(rule.count) else "who", verb]
    if rule.count is not None and not _only_zero(rule.count):
        words.append(_often(rule.count))
    if rule.within is not None:
        words.append(f"in the last {_span(rule.within)}")
    if rule.between is not None:
        words.append(f"from {rule.between[0]} to {rule.between[1]}")
    if rule.first is not None:
        words.append(f"for the first time {_when(rule.first)}")
    if rule.last is not None:
        words.append(f"for the last time {_when(rule.last)}")
    if rule.sum is not None:
        words.append(f"with {_field(rule.sum.of)} {_and(_limits(rule.sum))} in all")
    text = " ".join(words)
    if rule.where is not None:
        tests = [f"{_field(name)} {_and(_compared(test, ''))}" for name, test in rule.where.items()]
        text += f" (counting only those with {_and(tests)})"
    return f"{text} (hits of machines counted, too)" if rule.machines else text


def _only_zero(count: CountCondition | None) -> bool:
    return count is not None and (count.exactly == 0 or count.at_most == 0)


def _often(count: CountCondition) -> str:
    if count.exactly is not None:
        return f"exactly {_times(count.exactly)}"
    parts = []
    if count.at_least is not None:
        parts.append(f"at least {_times(count.at_least)}")
    if count.at_most is not None:
        parts.append(f"at most {_times(count.at_most)}")
    return _and(parts)


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number:,} times")


def _when(when: When) -> str:
    parts = []
    if when.within is not None:
        parts.append(f"in the last {_span(when.within)}")
    if when.before is not None:
        parts.append(f"more than {_span(when.before)} ago")
    return _and(parts)


def _span(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds % size == 0:
            number = seconds // size
            return unit if number == 1 else f"{number:,} {unit}s"
    return f"{seconds:,} seconds"


def _rfm(rule: RfmRule) -> str:
    names = {"recency": "recency", "frequency": "frequency", "monetary": "monetary value"}
    parts = [
        f"{words} is in quintile {_or(map(str, sorted(set(getattr(rule.rfm, name)))))}"
        for name, words in names.items()
        if getattr(rule.rfm, name) is not None
    ]
    text = f"whose {_and(parts)} of 5" if parts else ""
    if rule.rfm.groups is not None:
        groups = f"who are among {_or(_quoted(group_words(group)) for group in rule.rfm.groups)}"
        return f"{text} and {groups}" if text else groups
    return text


def _compared(condition: Condition, verb: str) -> list[str]:
    """The comparisons after a name; `verb` is "is" where the sentence needs one."""
    lead = f"{verb} " if verb else ""
    parts = []
    if condition.is_ is not None:
        parts.append(f"{lead}{_value(condition.is_)}")
    if condition.in_ is not None:
        parts.append(f"{lead}{_or(_value(one) for one in condition.in_)}")
    parts.extend(f"{lead}{limit}" for limit in _limits(condition))
    if condition.exists is not None:
        parts.append(f"{verb or 'that is'} {'known' if condition.exists else 'not known'}")
    return parts


def _limits(condition: Condition | NumberCondition) -> list[str]:
    parts = [
        f"{words} {_value(getattr(condition, name))}"
        for name, words in _LIMITS.items()
        if getattr(condition, name) is not None
    ]
    if condition.between is not None:
        parts.append(f"between {_value(condition.between[0])} and {_value(condition.between[1])}")
    return parts


def _field(name: str) -> str:
    keys = property_keys(name)
    return name.replace("_", " ") if keys is None else f"the property {_quoted('.'.join(keys))}"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value)
    return value if value.replace("-", "").isalnum() else _quoted(value)


def _quoted(text: str) -> str:
    return f"“{text}”"


def _and(parts: Iterable[str]) -> str:
    return " and ".join(parts)


def _or(parts: Iterable[str]) -> str:
    *most, last = parts
    return f"{', '.join(most)} or {last}" if most else last
