"""What unification works on and reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from aimwell.unify.births import Birth

__all__ = [
    "Bond",
    "Facts",
    "Join",
    "Link",
    "Merge",
    "Reason",
    "Resolution",
    "SetAside",
    "UnifyReport",
]

Reason = Literal[
    "too_many",
    "names_differ",
    "births_differ",
    "role_address",
    "several_people",
    "customer_ids_max",
    "decision",
]
"""Why an identifier, or a part of those who share it, joined nobody."""


@dataclass(frozen=True, slots=True)
class Link:
    """An origin bears an identifier: one row of the control table `identifiers`."""

    kind: str
    value: str
    origin: str
    source: str
    first_seen: str
    """UTC as text that sorts by time."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the vault says of an origin, as far as it decides.

    Args:
        names: Keys of the name.
        roles: Hashes of role addresses.
        births: The day of birth.
        generations: 'senior', 'junior', 'third' …, where the name says so.
    """

    names: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    births: frozenset[Birth] = frozenset()
    generations: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Bond:
    """A decision in force: the origins of side `a` and side `b` are apart, or all of them are one person."""

    decision: int
    verdict: Literal["apart", "together"]
    by: Literal["person", "review", "match"]
    a: frozenset[str]
    b: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Join:
    """An identifier (or decision) that says of these origins that they are one person."""

    kind: str
    value: str
    origins: tuple[str, ...]


@dataclass(frozen=True, slots=True, order=True)
class SetAside:
    """An identifier that joins nobody, or not all who share it."""

    kind: str
    value: str
    reason: Reason


@dataclass(frozen=True)
class Resolution:
    """Origin → profile for every origin looked at, with what joined them and what did not."""

    profiles: Mapping[str, str] = field(default_factory=dict)
    joins: tuple[Join, ...] = ()
    set_aside: tuple[SetAside, ...] = ()

    @property
    def evidence(self) -> dict[str, tuple[str, ...]]:
        """Profile → kinds of what joined its origins."""
        kinds: dict[str, set[str]] = {}
        for join in self.joins:
            kinds.setdefault(self.profiles[join.origins[0]], set()).add(join.kind)
        return {profile: tuple(sorted(found)) for profile, found in kinds.items()}


@dataclass(frozen=True)
class Merge:
    """Origins that are one person, and the kinds of identifiers that say so."""

    profile_id: str
    origins: tuple[str, ...]
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class UnifyReport:
    """Counts after a run.

    Args:
        profiles: People: all who have a profile but mere visitors.
        prospects: Those of them who have not bought yet.
        visitors: Besides them: browsers and devices of which nothing is known but that they were shown pages.
        shared: Kind → identifiers that more people share than its limit allows; they join nobody.
        set_aside: Reason → identifiers that joined nobody, or not all who share them; `shared` among them.
    """

    origins: int
    profiles: int
    prospects: int
    merged_profiles: int
    overrides_changed: int
    profiles_changed: int
    shared: dict[str, int]
    set_aside: dict[str, int] = field(default_factory=dict)
    visitors: int = 0

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)
