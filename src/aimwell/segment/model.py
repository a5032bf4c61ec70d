"""What the stage *segment* tells: counts of a rule, and what a refresh changed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

__all__ = ["Explanation", "LeafCount", "SegmentCount"]


@dataclass(frozen=True)
class LeafCount:
    """People by one leaf of a rule.

    `alone` fulfil this leaf, whatever else the rule asks. `remaining` would be members if the rule ended after
    this leaf. `without` would be members if the rule did not have this leaf.
    """

    path: str
    words: str
    alone: int
    remaining: int
    without: int


@dataclass(frozen=True)
class Explanation:
    """How a rule comes to its members.

    `most_excluding` is the leaf without which the segment would grow most; None where no leaf keeps anybody out, and
    where the rule has but one leaf.
    `note` says what to know where the segment is empty. `warnings` name what was never collected, in leaves that
    nobody fulfils, and protected attributes that the segment stands in for. `visitors` of the members, and `known_visitors` of all, are browsers of which nothing but pages is known.
    """

    segment: str | None
    as_of: datetime
    words: str
    known: int
    members: int
    leaves: tuple[LeafCount, ...]
    most_excluding: LeafCount | None
    note: str | None
    warnings: tuple[str, ...] = ()
    visitors: int = 0
    known_visitors: int = 0

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "as_of": self.as_of.isoformat()}


@dataclass(frozen=True)
class SegmentCount:
    """One segment in a refresh: its members, and who came and went since the refresh before.

    With a `failure` it could not be computed: revision and members are those of the last time that it could.
    """

    segment: str
    revision: int
    members: int
    entered: int
    left: int
    failure: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)
