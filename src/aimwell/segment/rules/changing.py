"""How a person's answer to a leaf can change: by rows of their own, by time alone, by facts of all, by other people.

What only a person's own rows and time can change is kept up to date for the few whom that concerns. Each leaf declares
it; one that declares nothing counts as depending on others, and its segments wait for the next look at everybody.

Time alone changes an answer when a row's time crosses a boundary of the rule: with `within: 30d` a row does so when it
becomes 30 days old, and each row when its moment comes. So between two moments only those people can have changed who
have a row whose time, moved by the boundary's span, lies between the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from aimwell.definitions.leaves.acts import Acts, Measure
from aimwell.definitions.leaves.base import When
from aimwell.definitions.leaves.event import EventRule
from aimwell.definitions.leaves.event_fields import ORDER_EVENTS, PRODUCT_FIELDS, PROPERTY_PREFIX

__all__ = [
    "BY_OTHERS",
    "EVERY_FIELD",
    "NEVER",
    "Boundary",
    "Changes",
    "by_acts",
    "by_rows",
    "spans_of",
]

NOW = timedelta(0)
EVERY_FIELD = "*"


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
        fields: What is read of that which people did, beside what it was and when; EVERY_FIELD: any. What is not
            read can be left where it is, which makes gathering a few people's rows cheaper.
    """

    boundaries: frozenset[Boundary] = frozenset()
    shared: frozenset[str] = frozenset()
    clock: bool = False
    others: bool = False
    fields: frozenset[str] = frozenset()

    def __or__(self, other: Changes) -> Changes:
        return Changes(
            self.boundaries | other.boundaries,
            self.shared | other.shared,
            self.clock or other.clock,
            self.others or other.others,
            self.fields | other.fields,
        )

    @property
    def tables(self) -> frozenset[str]:
        """Tables of people's rows that are read."""
        return frozenset(one.table for one in self.boundaries)


NEVER = Changes()
"""An answer for good, as the bucket of a person."""

BY_OTHERS = Changes(others=True, fields=frozenset({EVERY_FIELD}))
"""The safe default."""

_DEEDS = frozenset({"events", "orders", "order_lines", "touches"})


def by_rows(
    table: str,
    time: str,
    spans: Iterable[timedelta | None] = (),
    *,
    only: tuple[str, str] | None = None,
    shared: Iterable[str] = (),
    fields: Iterable[str] | None = None,
) -> Changes:
    """A person's rows of one table, whose age is compared with these spans (None: is not). `fields`: see `Changes`."""
    if fields is None:
        fields = (EVERY_FIELD,) if table in _DEEDS else ()
    every = {NOW, *(span for span in spans if span is not None)}
    return Changes(
        frozenset(Boundary(table, time, span, only=only) for span in every),
        frozenset(shared),
        fields=frozenset(fields),
    )


def spans_of(*whens: When | None) -> list[timedelta | None]:
    """The spans of conditions on when something was."""
    return [span for when in whens if when is not None for span in (when.within, when.before)]


def by_acts(acts: Acts | Measure | EventRule, spans: Iterable[timedelta | None] = ()) -> Changes:
    """Events of one name, whose age is compared with these spans."""
    every, fields = list(spans), set(_fields(acts))
    if acts.event not in ORDER_EVENTS:
        only = ("event", acts.event)
        return by_rows("events", "occurred_at", every, only=only, fields=fields) | by_rows(
            "touches", "occurred_at", every, only=only, fields=fields
        )
    found = by_rows("orders", "ordered_at", every, fields=fields)
    if fields & set(PRODUCT_FIELDS):
        found |= by_rows("order_lines", "ordered_at", shared=["products"], fields=fields)
    return found


def _fields(acts: Acts | Measure | EventRule) -> Iterator[str]:
    """What is asked of the events, and what is added up."""
    sum_ = acts.sum.of if isinstance(acts, EventRule) and acts.sum is not None else None
    for field in (*(acts.where or ()), getattr(acts, "of", None), sum_):
        if field == "gross":
            yield from ("revenue", "discount")
        elif field is not None and field.startswith(PROPERTY_PREFIX):
            yield "properties"
        elif field not in (None, "count"):
            yield field
