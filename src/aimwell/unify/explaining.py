"""Why two identities are one person, or why not: the way of evidence from one to the other, by the rule itself.

It is worked out anew from identifiers and decisions, by the same code that joins people. Personal values are masked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import sqlalchemy as sa

from aimwell.errors import UnifyError
from aimwell.privacy.hashing import identifier_hash
from aimwell.privacy.masking import masked
from aimwell.store.listed import among
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from aimwell.unify.around import hanging_together
from aimwell.unify.decisions import Decision, decisions
from aimwell.unify.kinds import DECISION, MATCH, family, is_named, said
from aimwell.unify.model import Facts, Join, Link, Resolution
from aimwell.unify.policy import Policy
from aimwell.unify.resolving import Key, crowded, resolve_links
from aimwell.unify.vault_facts import facts_of

__all__ = ["Aside", "Explanation", "Step", "Told", "explain"]

_people = metadata.tables["vault_people"]
_candidates = metadata.tables["identity_candidates"]
_LOOKED_AT_MAX = 20_000
_WHY = {
    "too_many": "more people share it than may ({limit})",
    "names_differ": "first names differ, and both have an id of one kind",
    "births_differ": "days of birth differ, and both have an id of one kind",
    "role_address": "it is the address of a desk or machine",
    "several_people": "it leads to several people who are known",
    "customer_ids_max": "somebody would have more than {ids} customer ids of one shop",
    "decision": "a person has decided otherwise",
}


@dataclass(frozen=True)
class Told:
    """Who says that an origin bears an identifier: the source, and when it was seen first."""

    origin: str
    source: str
    first_seen: str


@dataclass(frozen=True)
class Step:
    """One step of the way: what joins `start` and `end`.

    Args:
        start: Origin.
        end: Origin.
        kind: Of the identifier, or 'decision', or 'match'.
        words: The same for people, with the masked value.
        value: The masked value, where the vault still has it.
        told: By whom, for both origins.
        decision: Number of the decision, where it is one.
        probability: Of likeness.
        weights: Field → its part of the likeness (log2 of the odds).
        note: What makes the step less sure than others, for a person to judge.
        also: Further identifiers that join the two, in words.
    """

    start: str
    end: str
    kind: str
    words: str
    value: str | None = None
    told: tuple[Told, ...] = ()
    decision: int | None = None
    probability: float | None = None
    weights: Mapping[str, float] | None = None
    note: str | None = None
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Aside:
    """Something that speaks for it and does not join them, and why."""

    kind: str
    words: str
    reason: str
    why: str
    shared: bool
    """Whether both bear it."""


@dataclass(frozen=True)
class Explanation:
    """Whether the two are one person; the way between them if they are, and what was set aside."""

    one_person: bool
    profile_a: str
    profile_b: str
    path: tuple[Step, ...]
    set_aside: tuple[Aside, ...]
    decisions: tuple[Decision, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def explain(stores: Stores, a: Collection[str], b: Collection[str]) -> Explanation:
    """Why the origins `a` and the origins `b` are one person, or are not.

    Raises:
        UnifyError: So many hang together with them that no way can be shown.
    """
    policy = Policy.of(stores.settings)
    with stores.read_control() as connection:
        around = hanging_together(connection, {*a, *b}, origins_max=_LOOKED_AT_MAX)
        if around is None:
            raise UnifyError(
                f"More than {_LOOKED_AT_MAX:,} identities hang together with these; limits are too wide to show a way. "
                "Lower the limits in [unify] of the settings."
            )
        names = ("kind", "value_hash", "origin_id", "source", "first_seen_at")
        links = [
            Link(*row) for row in zip(*(around.ids[n].to_pylist() for n in names), strict=True)
        ]
        if lost := sorted({*a, *b} - {link.origin for link in links}):
            raise UnifyError(f"Nobody has come under the identity {lost[0]}.")
        facts = facts_of(connection, around.origins, key=stores.identity_key)
        too_many = crowded([x for x in links if (x.kind, x.value) not in around.too_many], policy)
        too_many |= around.too_many
        found = resolve_links(links, facts, around.bonds, policy, too_many=too_many)
        words = _Words(stores, connection, links, facts)
        profiles = sorted(found.profiles[o] for o in a)[0], sorted(found.profiles[o] for o in b)[0]
        one = profiles[0] == profiles[1]
        path = _path(found.joins, a, b) if one else ()
        return Explanation(
            one,
            *profiles,
            tuple(words.step(*step, found.joins) for step in path),
            tuple(_aside(found, links, too_many, profiles, words, policy)),
            tuple(decisions(connection, origins={*a, *b})),
        )


def _path(
    joins: Sequence[Join], a: Collection[str], b: Collection[str]
) -> Sequence[tuple[str, str, Join]]:
    """The shortest way from one of `a` to one of `b`."""
    at: dict[str, list[Join]] = {}
    for join in joins:
        for origin in join.origins:
            at.setdefault(origin, []).append(join)
    came: dict[str, tuple[str, Join] | None] = dict.fromkeys(sorted(a))
    waiting = deque(came)
    goal = set(b)
    while waiting:
        here = waiting.popleft()
        if here in goal:
            steps = []
            while (last := came[here]) is not None:
                steps.append((last[0], here, last[1]))
                here = last[0]
            return steps[::-1]
        for join in at.get(here, ()):
            for origin in join.origins:
                if origin not in came:
                    came[origin] = (here, join)
                    waiting.append(origin)
    return ()


def _aside(
    found: Resolution,
    links: Iterable[Link],
    too_many: set[Key],
    profiles: tuple[str, str],
    words: _Words,
    policy: Policy,
) -> Iterable[Aside]:
    bearers: dict[Key, set[str]] = {}
    for link in links:
        bearers.setdefault((link.kind, link.value), set()).add(found.profiles[link.origin])
    reasons = {(one.kind, one.value): one.reason for one in found.set_aside}
    reasons |= dict.fromkeys(too_many, "too_many")
    wanted = set(profiles)
    for key, reason in sorted(reasons.items()):
        theirs = bearers.get(key, set()) & wanted
        if theirs:
            limits = {"limit": policy.limit(key[0]), "ids": policy.customer_ids_max}
            yield Aside(
                key[0],
                words.of(*key)[0],
                reason,
                _WHY[reason].format(**limits),
                shared=theirs == wanted and len(wanted) > 1,
            )


class _Words:
    """Identifiers in words, with values from the vault where it has them, masked."""

    def __init__(
        self,
        stores: Stores,
        connection: sa.Connection,
        links: Sequence[Link],
        facts: Mapping[str, Facts],
    ) -> None:
        self.key, self.connection, self.facts = stores.identity_key, connection, facts
        self.told: dict[tuple[str, str, str], Told] = {
            (x.kind, x.value, x.origin): Told(x.origin, x.source, x.first_seen[:19]) for x in links
        }

    def of(self, kind: str, value: str) -> tuple[str, str | None]:
        """An identifier in words, and its masked value."""
        shown = self._value(kind, value)
        return f"{said(kind)} {shown or f'(hash {value[:8]}…)'}", shown

    def _value(self, kind: str, value: str) -> str | None:
        name = family(kind)
        if name not in {"customer_id", "email", "phone"}:
            return None
        origins = sorted({o for k, v, o in self.told if (k, v) == (kind, value)})
        column = _people.c[name]
        rows = self.connection.execute(
            sa.select(column).where(among(_people.c.origin_id, origins), column.is_not(None))
        ).scalars()
        for text in rows:
            if identifier_hash(self.key, kind, text) == value:
                return masked(text)
        return None

    def step(self, start: str, end: str, join: Join, joins: Iterable[Join]) -> Step:
        """One step of the way, with all that is known of it, and what else of `joins` joins the two."""
        further = tuple(
            self.of(one.kind, one.value)[0]
            for one in joins
            if one != join
            and one.kind not in {DECISION, MATCH}
            and {start, end} <= set(one.origins)
        )
        return replace(self._by(start, end, join), also=further)

    def _by(self, start: str, end: str, join: Join) -> Step:
        if join.kind in {DECISION, MATCH}:
            return self._decided(start, end, join)
        words, value = self.of(join.kind, join.value)
        told = (self.told.get((join.kind, join.value, origin)) for origin in (start, end))
        note = self._note(start, end) if is_named(join.kind) else None
        return Step(
            start, end, join.kind, words, value, tuple(one for one in told if one), note=note
        )

    def _note(self, start: str, end: str) -> str | None:
        """That two who share what a household may share are not called the same."""
        one, other = (self._first_names(origin) for origin in (start, end))
        if one and other and one != other:
            return "The first names are not the same, but forms of one name."
        return None

    def _first_names(self, origin: str) -> set[str]:
        names = self.facts[origin].names if origin in self.facts else frozenset[str]()
        return {name for name in names if name.startswith("first ")}

    def _decided(self, start: str, end: str, join: Join) -> Step:
        number = int(join.value)
        (made,) = [
            one
            for one in decisions(self.connection, origins=join.origins)
            if one.decision_id == number
        ]
        row = self.connection.execute(
            sa.select(_candidates).where(_candidates.c.decision_id == number)
        ).one_or_none()
        how = {
            "person": f"decision {number} by {made.decided_by}",
            "review": f"likeness, accepted by {made.decided_by} (decision {number})",
            "match": f"likeness, above the limit (decision {number}, {made.decided_by})",
        }[made.via]
        return Step(
            start,
            end,
            join.kind,
            how,
            decision=number,
            probability=made.probability,
            weights=None if row is None else dict(row.fields),
        )
