"""Parts of sentences that several leaves share: comparisons, limits, spans of time, values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from aimwell.definitions.conditions import Condition, CountCondition, OptionalLimits
from aimwell.definitions.leaves.base import When
from aimwell.definitions.leaves.event_fields import property_keys

__all__ = [
    "OWN_EVENTS",
    "acts_words",
    "both",
    "compared",
    "either",
    "field_words",
    "in_span",
    "limited",
    "machine_words",
    "often",
    "only_zero",
    "people_words",
    "percent",
    "quoted",
    "share_words",
    "span",
    "value_words",
    "verb",
    "when",
    "where_words",
]

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


def verb(event: str) -> str:
    """What people did, as "ordered"."""
    return _VERBS.get(event, f"did {quoted(event)}")


def acts_words(event: str, where: Mapping[str, Condition] | None, machines: bool | None) -> str:
    """What people did, with the conditions on it."""
    return f"{verb(event)}{where_words(where)}{machine_words(machines)}"


def where_words(where: Mapping[str, Condition] | None) -> str:
    """Conditions on events, in brackets; nothing where there are none."""
    if where is None:
        return ""
    tests = [f"{field_words(name)} {both(compared(test, ''))}" for name, test in where.items()]
    return f" (counting only those with {both(tests)})"


def machine_words(machines: bool | None) -> str:
    """Whether machines count, in brackets."""
    return " (hits of machines counted, too)" if machines else ""


def only_zero(count: CountCondition | None) -> bool:
    """Whether it asks for never."""
    return count is not None and (count.exactly == 0 or count.at_most == 0)


def often(count: CountCondition) -> str:
    """How often, as "at least twice"."""
    if count.exactly is not None:
        return f"exactly {_times(count.exactly)}"
    parts = []
    if count.at_least is not None:
        parts.append(f"at least {_times(count.at_least)}")
    if count.at_most is not None:
        parts.append(f"at most {_times(count.at_most)}")
    return both(parts)


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number:,} times")


def when(wanted: When) -> str:
    """How long ago, as "in the last 30 days and more than 10 days ago"."""
    parts = []
    if wanted.within is not None:
        parts.append(in_span(wanted.within))
    if wanted.before is not None:
        parts.append(f"more than {span(wanted.before)} ago")
    return both(parts)


def in_span(within: timedelta | None) -> str:
    """ "in the last 30 days"; nothing where there is no limit."""
    return "" if within is None else f"in the last {span(within)}"


def span(time: timedelta, *, one: str = "") -> str:
    """A span of time, as "30 days"; `one` stands before a single unit, as in "1 day"."""
    seconds = int(time.total_seconds())
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds % size == 0:
            number = seconds // size
            return f"{one}{unit}" if number == 1 else f"{number:,} {unit}s"
    return f"{seconds:,} seconds"


def compared(condition: Condition, verb: str) -> list[str]:
    """The comparisons after a name; `verb` is "is" where the sentence needs one."""
    lead = f"{verb} " if verb else ""
    parts = []
    if condition.is_ is not None:
        parts.append(f"{lead}{value_words(condition.is_)}")
    if condition.in_ is not None:
        parts.append(f"{lead}{either(value_words(one) for one in condition.in_)}")
    parts.extend(f"{lead}{limit}" for limit in limited(condition))
    if condition.exists is not None:
        parts.append(f"{verb or 'that is'} {'known' if condition.exists else 'not known'}")
    return parts


def limited(condition: Condition | OptionalLimits) -> list[str]:
    """The limits, as "at least 3"."""
    parts = [
        f"{words} {_bound(getattr(condition, name))}"
        for name, words in _LIMITS.items()
        if getattr(condition, name) is not None
    ]
    if condition.between is not None:
        low, high = map(_bound, condition.between)
        parts.append(f"between {low} and {high}")
    return parts


def field_words(name: str) -> str:
    """A field as people say it."""
    keys = property_keys(name)
    if keys is not None:
        return f"the property {quoted('.'.join(keys))}"
    return name.replace("_", " ") if name.isidentifier() else quoted(name)


def value_words(value: Any) -> str:
    """A value to compare with; a text that could be taken for something else stands between quotation marks."""
    if not isinstance(value, str):
        return _bound(value)
    plain = value.replace("-", "").isalnum() and value[0].isalpha()
    return (
        value if plain and value.lower() not in ("true", "false", "known", "not") else quoted(value)
    )


def _bound(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


def percent(share: float) -> str:
    """A share in words, as "10 %"."""
    return f"{share * 100:.10g} %"


def people_words(number: int) -> str:
    """How many people, as "1 person" or "4,372 people"."""
    return "1 person" if number == 1 else f"{number:,} people"


def share_words(share: float) -> str:
    """A share rounded to whole percents, as "12%"; one that is little but not nothing is "under 1%"."""
    words = f"{share:.0%}"
    return "under 1%" if share > 0 and words == "0%" else words


def quoted(text: str) -> str:
    """Between quotation marks; one inside is doubled, so that the text ends where it seems to."""
    return f"“{text.replace('”', '””')}”"


def both(parts: Iterable[str]) -> str:
    """Parts that all hold."""
    return " and ".join(parts)


def either(parts: Iterable[str]) -> str:
    """Parts of which one holds."""
    *most, last = parts
    return f"{', '.join(most)} or {last}" if most else last
