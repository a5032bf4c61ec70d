"""What a leaf is compiled for, and what it gives: the people who fulfil it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlglot import exp

from aimwell.definitions.conditions import Condition
from aimwell.definitions.kinds.privacy_rules import PrivacyRules
from aimwell.definitions.kinds.segment import Segment
from aimwell.definitions.leaves.occasion import OccasionRule
from aimwell.errors import SegmentError

__all__ = ["Asked", "Named", "People", "Scope", "ago", "ahead_of"]


@dataclass(frozen=True)
class Scope:
    """What a rule is compiled for: the moment, the firm's time zone, how to find other segments, and what to read.

    Each function gives a relation or query of the cut session, and makes it ready where that is needed:
    `activity_of` an event's rows, `latest_trait` a trait's values (profile_id, value), `feature` a feature's
    (profile_id, value), `consents` the answers for a channel and a purpose, explicit ones alone or all (profile_id, state),
    `rfm` quintiles, `lifecycle` stages (profile_id, stage, marketing) by the limits of being active and lapsed, or by the shop's
    own, `occasion` the people (profile_id) of an occasion, `members` those of another segment. `privacy` says which data need a
    consent.
    """

    as_of: datetime
    timezone: str
    find: Callable[[str], Segment]
    activity_of: Callable[[str], exp.Expr]
    latest_trait: Callable[[str], exp.Expr]
    feature: Callable[[str], exp.Expr]
    consents: Callable[[str, str, bool], exp.Expr]
    rfm: Callable[[], exp.Expr]
    lifecycle: Callable[[timedelta | None, timedelta | None], exp.Expr]
    occasion: Callable[[OccasionRule], exp.Expr]
    members: Callable[[str], exp.Expr]
    privacy: PrivacyRules = field(default_factory=PrivacyRules)


@dataclass(frozen=True)
class People:
    """The people in `query` (column `profile_id`, not distinct), or with `inverted` everybody who is not in it.

    A leaf that holds for those who did nothing at all ("at most twice") is asked the other way round: not in the set of
    those who break it.
    """

    query: exp.Expr
    inverted: bool = False


@dataclass(frozen=True)
class Named:
    """A name in a leaf that data should have: `value` in a column of a table, as it was ever collected.

    `told` is what is said where it is not there, with `{}` for the name. `only` narrows the rows to those with these
    values. A name that is compared with and not asked for (`compared`) is looked up only where that is wanted.
    """

    value: str
    table: str
    column: str
    told: str
    only: tuple[tuple[str, str], ...] = ()
    compared: bool = False


@dataclass(frozen=True)
class Asked:
    """An event that a leaf asks for, conditions on its fields, and fields that are summed."""

    event: str
    where: Mapping[str, Condition] | None = None
    summed: tuple[str, ...] = ()


def ago(as_of: datetime, span: timedelta) -> datetime:
    """The moment so long before. Raises SegmentError where that lies before the calendar."""
    try:
        return as_of - span
    except OverflowError:
        raise SegmentError(
            f"{span.days} days before {as_of:%Y-%m-%d} lie before the calendar; give a shorter span."
        ) from None


def ahead_of(as_of: datetime, span: timedelta) -> datetime:
    """The moment so long after. Raises SegmentError where that lies after the calendar."""
    try:
        return as_of + span
    except OverflowError:
        raise SegmentError(
            f"{span.days} days after {as_of:%Y-%m-%d} lie after the calendar; give a shorter span."
        ) from None
