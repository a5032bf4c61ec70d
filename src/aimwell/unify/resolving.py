"""The rule by which origins become people. Pure: the same links give the same people, in whatever order they come.

1. What a person has decided comes first, then alias and identifiers of persons by kind, trust in the source and age.
   Each joins all who share it, unless some of them must not be one: then it joins those who can be told to be the same,
   and whoever could belong to several of them stays apart.
2. Then likeness, as the matcher found it.
3. Then browsers, then devices: what is known of nobody joins the one person to whom it leads. Where it leads to several
   it goes to none, and they never join two who are known.

docs/decisions/0007-one-person.md says why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import combinations

from aimwell.unify.births import births_differ
from aimwell.unify.kinds import DECISION, MATCH, family, is_named, is_weak, names_a_person, rank
from aimwell.unify.model import Bond, Facts, Join, Link, Reason, Resolution, SetAside
from aimwell.unify.policy import Policy

__all__ = ["Key", "crowded", "resolve_links"]

_FIRST = (
    "alias",
    "customer_id",
    "external_id",
    "loyalty_card",
    "email",
    "phone",
    "handle",
)
_TIERS = ("anonymous_id", "device_id")
_NOBODY = Facts()

Key = tuple[str, str]


class _Cluster:
    """Origins that are one person so far."""

    __slots__ = (
        *("apart", "births", "earliest", "generations", "known", "names", "origins", "own"),
        "unsure",
    )

    def __init__(
        self, origin: str, own: str, seen: str, facts: Facts, apart: Iterable[str]
    ) -> None:
        self.origins = {origin}
        self.known = names_a_person(own)
        self.own = {own: 1} if self.known else {}
        self.names, self.births = set(facts.names), set(facts.births)
        self.generations = set(facts.generations)
        self.apart = set(apart)
        self.earliest = (seen, origin)
        self.unsure = False

    def take(self, other: _Cluster) -> None:
        self.origins |= other.origins
        self.names |= other.names
        self.births |= other.births
        self.generations |= other.generations
        self.apart |= other.apart
        self.known |= other.known
        self.earliest = min(self.earliest, other.earliest)
        for kind, number in other.own.items():
            self.own[kind] = self.own.get(kind, 0) + number


def resolve_links(
    links: Iterable[Link],
    facts: Mapping[str, Facts],
    bonds: Sequence[Bond],
    policy: Policy,
    *,
    too_many: frozenset[Key] | set[Key] = frozenset(),
) -> Resolution:
    """The people of some origins.

    Args:
        links: All identifiers of these origins. Origins outside that share one of them are not seen, so the caller
            brings everybody who hangs together.
        facts: What the vault says; origins that are not in it have no name.
        bonds: Decisions in force.
        policy: Limits.
        too_many: Identifiers that more people share than the limit allows; they join nobody.
    """
    return _Work(links, facts, bonds, policy, too_many).result()


def crowded(links: Iterable[Link], policy: Policy) -> set[Key]:
    """Identifiers that more people share than their kind allows; `links` hold all who share them."""
    links = list(links)
    own: dict[str, tuple[int, str]] = {}
    for link in links:
        mine = (rank(link.kind), link.kind)
        own[link.origin] = min(own.get(link.origin, mine), mine)
    people = Counter((link.kind, link.value, own[link.origin]) for link in links)
    return {
        (kind, value)
        for (kind, value, _own), number in people.items()
        if (limit := policy.limit(kind)) is not None and number > limit
    }


class _Work:
    def __init__(
        self,
        links: Iterable[Link],
        facts: Mapping[str, Facts],
        bonds: Sequence[Bond],
        policy: Policy,
        too_many: frozenset[Key] | set[Key],
    ) -> None:
        self.facts, self.policy = facts, policy
        self.joins: list[Join] = []
        self.set_aside: set[SetAside] = set()
        own: dict[str, tuple[int, str]] = {}
        seen: dict[str, str] = {}
        self.bearers: dict[Key, list[str]] = {}
        self.order: dict[Key, tuple[int, str]] = {}
        for link in links:
            mine = (rank(link.kind), link.kind)
            own[link.origin] = min(own.get(link.origin, mine), mine)
            seen[link.origin] = min(seen.get(link.origin, link.first_seen), link.first_seen)
            key = (link.kind, link.value)
            if key not in too_many:
                self.bearers.setdefault(key, []).append(link.origin)
                place = (policy.trust(link.source), link.first_seen)
                self.order[key] = min(self.order.get(key, place), place)
        apart = _apart(bonds, own.keys())
        self.of = {
            origin: _Cluster(
                origin, kind, seen[origin], facts.get(origin, _NOBODY), apart.get(origin, ())
            )
            for origin, (_rank, kind) in own.items()
        }
        self.bonds = sorted(
            (b for b in bonds if b.verdict == "together"), key=lambda bond: bond.decision
        )

    def result(self) -> Resolution:
        self._decided(DECISION, ("person", "review"))
        self._shared()
        self._decided(MATCH, ("match",))
        for tier in _TIERS:
            self._led(tier)
        return Resolution(
            {origin: cluster.earliest[1] for origin, cluster in self.of.items()},
            tuple(sorted(self.joins, key=lambda join: (join.kind, join.value, join.origins))),
            tuple(sorted(self.set_aside)),
        )

    # --- joining ---------------------------------------------------------------------------------------

    def _clusters(self, origins: Iterable[str]) -> list[_Cluster]:
        """The clusters of some origins, each once, the earliest first."""
        found = {id(cluster): cluster for cluster in (self.of[origin] for origin in origins)}
        return sorted(found.values(), key=lambda cluster: cluster.earliest)

    def _unite(self, clusters: Sequence[_Cluster]) -> None:
        biggest = max(clusters, key=lambda cluster: len(cluster.origins))
        for cluster in clusters:
            if cluster is not biggest:
                biggest.take(cluster)
                for origin in cluster.origins:
                    self.of[origin] = biggest

    def _join(self, kind: str, value: str, origins: Iterable[str]) -> None:
        bearers = tuple(sorted(set(origins)))
        if len(bearers) > 1:
            self.joins.append(Join(kind, value, bearers))

    def _aside(self, key: Key, reason: Reason) -> None:
        self.set_aside.add(SetAside(*key, reason))

    def _fault(self, group: Sequence[_Cluster], *, word: bool = False) -> Reason | None:
        """Why these clusters cannot be one, whatever speaks for it; `word`: a person has said that they are."""
        if any(not a.apart.isdisjoint(b.origins) for a, b in combinations(group, 2)):
            return "decision"
        ids: dict[str, int] = {}
        for cluster in group:
            for kind, number in cluster.own.items():
                ids[kind] = ids.get(kind, 0) + number
        most = max((n for kind, n in ids.items() if family(kind) == "customer_id"), default=0)
        return "customer_ids_max" if most > self.policy.customer_ids_max and not word else None

    # --- 1 and 2: decisions, identifiers of persons, likeness ----------------------------------------------

    def _decided(self, kind: str, by: tuple[str, ...]) -> None:
        for bond in self.bonds:
            origins = sorted(origin for origin in bond.a if origin in self.of)
            if bond.by in by and len(origins) > 1:
                key = (kind, str(bond.decision))
                clusters = self._clusters(origins)
                groups = self._groups(key, clusters, _conflict)
                self._join_groups(key, origins, groups)

    def _shared(self) -> None:
        shared = [key for key, origins in self.bearers.items() if len(origins) > 1]
        strong = [key for key in shared if not is_weak(key[0])]
        for key in sorted(strong, key=lambda key: (_place(key[0]), *self.order[key], key)):
            origins = self.bearers[key]
            clusters = self._clusters(origins)
            conflict = partial(_conflict, role=self._is_role(key), named=is_named(key[0]))
            self._join_groups(key, origins, self._groups(key, clusters, conflict))

    def _is_role(self, key: Key) -> bool:
        kind, value = key
        facts = (self.facts.get(origin, _NOBODY) for origin in self.bearers[key])
        return kind == "email" and any(value in fact.roles for fact in facts)

    def _join_groups(
        self,
        key: Key,
        origins: Sequence[str],
        groups: Sequence[Sequence[_Cluster]],
    ) -> None:
        """Make one of each group of those who share something."""
        for group in groups:
            if len(group) > 1:
                if fault := self._fault(group, word=key[0] == DECISION):
                    self._aside(key, fault)
                    continue
                self._unite(group)
            mine = self.of[next(iter(group[0].origins))]
            self._join(*key, [origin for origin in origins if self.of[origin] is mine])

    def _groups(
        self,
        key: Key,
        clusters: Sequence[_Cluster],
        conflict: Callable[[_Cluster, _Cluster], Reason | None],
    ) -> list[list[_Cluster]]:
        """Who of those that share something may be one by it."""
        conflicts: dict[tuple[int, int], Reason] = {}
        for (i, a), (j, b) in combinations(enumerate(clusters), 2):
            if reason := conflict(a, b):
                conflicts[i, j] = reason
        if not conflicts:
            return [list(clusters)]
        for reason in conflicts.values():
            self._aside(key, reason)
        # Those in dispute are grouped by whom they may be; whoever is in no dispute might be any of them.
        disputed = sorted({place for pair in conflicts for place in pair})
        top = {place: place for place in disputed}
        for i, j in combinations(disputed, 2):
            if (i, j) not in conflicts:
                _merge(top, i, j)
        groups: dict[int, list[int]] = {}
        for place in disputed:
            groups.setdefault(_find(top, place), []).append(place)
        found: list[list[_Cluster]] = []
        for group in groups.values():
            whole = all(pair not in conflicts for pair in combinations(group, 2))
            found += [[clusters[p] for p in group]] if whole else [[clusters[p]] for p in group]
        sure = set(disputed)
        return found + [[c] for place, c in enumerate(clusters) if place not in sure]

    # --- 3: browsers and devices ---------------------------------------------------------------------------

    def _led(self, tier: str) -> None:
        """What is known of nobody joins the one person to whom identifiers of this kind lead."""
        keys = sorted(
            key
            for key, origins in self.bearers.items()
            if family(key[0]) == tier and len(origins) > 1
        )
        top: dict[int, int] = {}
        for number, key in enumerate(keys):
            top[-1 - number] = -1 - number
            for cluster in self._clusters(self.bearers[key]):
                if not cluster.known:
                    top.setdefault(id(cluster), id(cluster))
                    _merge(top, -1 - number, id(cluster))
        parts: dict[int, list[Key]] = {}
        for number, key in enumerate(keys):
            parts.setdefault(_find(top, -1 - number), []).append(key)
        for part in parts.values():
            self._lead(part)

    def _lead(self, keys: Sequence[Key]) -> None:
        group = self._clusters(origin for key in keys for origin in self.bearers[key])
        if len(group) > 1:
            several = sum(cluster.known for cluster in group) > 1
            reason: Reason | None = "several_people"
            if not several and not any(cluster.unsure for cluster in group):
                reason = self._fault(group)
            if reason is not None:
                for cluster in group:
                    cluster.unsure |= not cluster.known
                for key in keys:
                    if len(self._clusters(self.bearers[key])) > 1:
                        self._aside(key, reason)
                    else:
                        self._join(*key, self.bearers[key])
                return
            self._unite(group)
        for key in keys:
            self._join(*key, self.bearers[key])


def _place(kind: str) -> int:
    name = family(kind)
    return _FIRST.index(name) if name in _FIRST else len(_FIRST)


def _conflict(
    a: _Cluster, b: _Cluster, *, role: bool = False, named: bool = False
) -> Reason | None:
    """Why what the two share cannot say that they are one.

    Args:
        a: One of them.
        b: The other.
        role: They share an address of a desk.
        named: They share what several people of one household may give.
    """
    if not a.apart.isdisjoint(b.origins):
        return "decision"
    if (role or named) and not a.own.keys().isdisjoint(b.own):
        if role:
            return "role_address"
        if _none_in_common(a.names, b.names) or _none_in_common(a.generations, b.generations):
            return "names_differ"
        if births_differ(a.births, b.births):
            return "births_differ"
    return None


def _none_in_common(some: set[str], others: set[str]) -> bool:
    return bool(some and others) and some.isdisjoint(others)


def _apart(bonds: Sequence[Bond], known: Iterable[str]) -> dict[str, set[str]]:
    """Origin → origins that a person has said it is not one with."""
    here = set(known)
    found: dict[str, set[str]] = {}
    for bond in bonds:
        if bond.verdict == "apart":
            for one, others in ((bond.a, bond.b), (bond.b, bond.a)):
                for origin in one & here:
                    found.setdefault(origin, set()).update(others & here)
    return found


def _find(top: dict[int, int], place: int) -> int:
    while top[place] != place:
        top[place] = top[top[place]]
        place = top[place]
    return place


def _merge(top: dict[int, int], a: int, b: int) -> None:
    top[_find(top, a)] = _find(top, b)
