"""How a person's answer to a leaf can change: by rows of their own, by time alone, by facts of all, by other people.

What only a person's own rows and time can change is kept up to date for the few whom that concerns. Each leaf declares
it; one that declares nothing counts as depending on others, and its segments wait for the next look at everybody.

Time alone changes an answer when a row's time crosses a boundary of the rule: with `within: 30d` a row does so when it
becomes 30 days old, and each row when its moment comes. So between two moments only those people can have changed who
have a row whose time, moved by the boundary's span, lies between the two.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from aimwell.definitions.leaves.acts import Acts, Measure
from aimwell.definitions.leaves.base import When
from aimwell.definitions.leaves.event import EventRule
from aimwell.definitions.leaves.event_fields import ORDER_EVENTS, PRODUCT_FIELDS, PROPERTY_PREFIX

__all__ = ["BY_OTHERS", "NEVER", "Boundary", "Changes", "by_acts", "by_rows", "spans_of"]

NOW = timedelta(0)


@dataclass(frozen=True)
class Boundary:
    """Rows of a table that say something new when `time` + `span` (up to `slack` more) passes.

    `table` is one of the lake, or `profiles` or `consents` of the control database. `only` narrows it to the rows
    with this value in a column.
    """

    table: str
    time: str
    span: timedelta = NOW
    slack: timedelta = NOW
    only: tuple[str, str] | None = None


@dataclass(frozen=True)
class Changes:
    """What can change an answer.

    Args:
        boundaries: Rows of the person and when they count; the tables in it are the person's that are read.
        shared: Tables of facts that are nobody's: when one got rows, everybody must be looked at.
        clock: Time changes it in ways that no boundary says; seen at the next look at everybody.
        others: It depends on other people's rows.
        properties: The properties of what people did are read, too, or what stood around it; to leave them where they
            are makes reading a few people's rows cheaper.
    """

    boundaries: frozenset[Boundary] = frozenset()
    shared: frozenset[str] = frozenset()
    clock: bool = False
    others: bool = False
    properties: bool = False

    def __or__(self, other: Changes) -> Changes:
        return Changes(
            self.boundaries | other.boundaries,
            self.shared | other.shared,
            self.clock or other.clock,
            self.others or other.others,
            self.properties or other.properties,
        )

    @property
    def tables(self) -> frozenset[str]:
        """Tables of people's rows that are read."""
        return frozenset(one.table for one in self.boundaries)


NEVER = Changes()
"""An answer for good, as the bucket of a person."""

BY_OTHERS = Changes(others=True, properties=True)
"""The safe default."""

_WIDE = frozenset({"events", "orders", "touches"})
"""Tables whose rows have properties that leaves read."""


def by_rows(
    table: str,
    time: str,
    spans: Iterable[timedelta | None] = (),
    *,
    only: tuple[str, str] | None = None,
    shared: Iterable[str] = (),
    properties: bool = True,
) -> Changes:
    """A person's rows of one table, whose age is compared with these spans (None: is not)."""
    every = {NOW, *(span for span in spans if span is not None)}
    return Changes(
        frozenset(Boundary(table, time, span, only=only) for span in every),
        frozenset(shared),
        properties=properties and table in _WIDE,
    )


def spans_of(*whens: When | None) -> list[timedelta | None]:
    """The spans of conditions on when something was."""
    return [span for when in whens if when is not None for span in (when.within, when.before)]


def by_acts(acts: Acts | Measure | EventRule, spans: Iterable[timedelta | None] = ()) -> Changes:
    """Events of one name, whose age is compared with these spans."""
    every = list(spans)
    wide = PROPERTY_PREFIX in acts.model_dump_json()
    if acts.event not in ORDER_EVENTS:
        only = ("event", acts.event)
        return by_rows("events", "occurred_at", every, only=only, properties=wide) | by_rows(
            "touches", "occurred_at", every, only=only, properties=wide
        )
    found = by_rows("orders", "ordered_at", every, properties=wide)
    if set(acts.where or ()) & set(PRODUCT_FIELDS):
        found |= by_rows("order_lines", "ordered_at", shared=["products"])
    return found
