"""What is said on whether a division of people is real, and fair."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from aimwell.stats.association import Strength
from aimwell.stats.estimate import Estimate, Figure

__all__ = [
    "Aftermath",
    "Detectable",
    "GroupAfter",
    "Label",
    "Moves",
    "Proxy",
    "UnusedFeature",
    "Validity",
    "Verdict",
]


Verdict = Literal["names it", "proxy", "uneven", "fine", "unknown"]


@dataclass(frozen=True)
class GroupAfter:
    """What one group did in the horizon after it was formed: share who ordered, revenue a person."""

    group: str
    people: int
    buyers: int
    bought: Estimate
    revenue: Estimate


@dataclass(frozen=True)
class Aftermath:
    """What came after, which cannot have formed the groups.

    `bought` tests whether the share of buyers differs between groups (Cramér's V), `revenue` whether revenue does (ε²).
    `leads` is the share of resamples in which the group that bought most often did so again.
    """

    days: int
    groups: tuple[GroupAfter, ...]
    bought: Estimate
    revenue: Strength
    leader: str | None
    leads: float | None


@dataclass(frozen=True)
class UnusedFeature:
    """A feature or trait that did not form the groups: how much of it they explain; `p_value` is adjusted over all."""

    name: str
    strength: float
    p_value: float


@dataclass(frozen=True)
class Moves:
    """Where the people of an earlier moment are now. `stay` is the share in the same group (with its interval), `agreement` the
    adjusted Rand index; `counts` is (from, to) → people, of those in a group at both."""

    days: int
    stay: Estimate
    agreement: float | None
    counts: Mapping[tuple[str, str], int]


@dataclass(frozen=True)
class Detectable:
    """What a test in one group could show, at 80 % power and 5 % error.

    `half` and `tenth` are the smallest rises of the share of buyers that are detected where half of the group, or a tenth,
    is held out; `needed` the people in each of two equal arms to detect a rise by a tenth of the rate.
    """

    group: str
    people: int
    base_rate: float
    half: Figure
    tenth: Figure
    needed: float | None


@dataclass(frozen=True)
class Label:
    """One thing that is said of a group, and of how many of it that is true.

    `mixed`: fewer than two thirds, so the label would be a stereotype.
    """

    group: str
    words: str
    holds: Estimate
    mixed: bool


@dataclass(frozen=True)
class Proxy:
    """How far being in a group tells a protected attribute.

    `strength` is Cramér's V of in or out against the attribute's values, its p-value adjusted over all. `ratio` compares the
    value whose people are least often in the group (`least`) with the one whose people most often are (`most`).
    `verdict`: 'names it' (the group is made from the attribute), 'proxy' (V is at least 0.3 with 95 % confidence), 'uneven'
    (the ratio is below four fifths with 95 % confidence; both only where the p-value is at most 0.05), 'fine', or 'unknown' where too few are known.
    """

    group: str
    attribute: str
    strength: Estimate
    least: str | None
    most: str | None
    ratio: Estimate
    verdict: Verdict


@dataclass(frozen=True)
class Validity:
    """Whether a division is real, holds, can be tested, and stands in for nothing protected.

    `steady` is how alike the groups come out when a part of the people is left out; missing with the reason where they are
    set by rule. `warnings` say in words what is wrong.
    """

    by: str
    title: str
    people: int
    after: Aftermath | None
    unused: tuple[UnusedFeature, ...]
    used: tuple[str, ...]
    moves: Moves | None
    steady: Figure
    sizes: tuple[Detectable, ...]
    labels: tuple[Label, ...]
    proxies: tuple[Proxy, ...]
    warnings: tuple[str, ...]
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        body = asdict(self)
        if self.moves is not None:
            body["moves"]["counts"] = [
                {"from": before, "to": now, "people": people}
                for (before, now), people in self.moves.counts.items()
            ]
        return body
