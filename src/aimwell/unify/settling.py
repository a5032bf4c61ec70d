"""From identifiers to people, over columns: everybody at once, or all who hang together with some.

Most people are simple: all that hangs together is one person, and nothing speaks against it. They are found by
connected components over arrays. Only where something might speak against it (two customer ids of one shop with
different names, a browser that leads to two people, a decision) the rule of `resolving` looks at each identifier.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from aimwell.store.engine import Session
from aimwell.store.sql import sql
from aimwell.unify.components import components
from aimwell.unify.kinds import family, is_weak, names_a_person, rank
from aimwell.unify.model import Bond, Link, Resolution
from aimwell.unify.policy import Policy
from aimwell.unify.resolving import Key, resolve_links
from aimwell.unify.vault_facts import facts_of

__all__ = ["Settled", "settle"]

_TIME_LENGTH = len("2026-01-01 00:00:00.000000")
_WANTED = pa.schema([(n, pa.string()) for n in ("origin_id", "profile_id", "evidence")])
_ASIDE = pa.schema([(n, pa.string()) for n in ("kind", "value_hash", "reason")])

_LINKS = """
SELECT i.kind, i.value_hash, i.origin_id FROM ids AS i
SEMI JOIN (SELECT kind, value_hash FROM ids GROUP BY kind, value_hash HAVING count(*) > 1) AS s
ON s.kind = i.kind AND s.value_hash = i.value_hash
ANTI JOIN known_too_many AS n ON n.kind = i.kind AND n.value_hash = i.value_hash
"""
# An origin's own identifier is the first in the order of kinds that it bears.
_OWN = """
SELECT i.origin_id, min(k.place) AS own, min(i.first_seen_at) AS seen
FROM ids AS i JOIN kinds AS k ON k.kind = i.kind
SEMI JOIN (SELECT origin_id FROM links UNION SELECT origin_id FROM bound) AS l
ON l.origin_id = i.origin_id
GROUP BY i.origin_id
"""
_TOO_MANY = """
SELECT kind, value_hash FROM (
  SELECT l.kind, l.value_hash, o.own, count(*) AS people
  FROM links AS l JOIN own AS o ON o.origin_id = l.origin_id GROUP BY ALL
) AS c JOIN kinds AS k USING (kind) WHERE c.people > k.people_max
GROUP BY kind, value_hash
"""
_USED = """
SELECT l.origin_id, l.kind, l.value_hash FROM links AS l
ANTI JOIN too_many AS t ON t.kind = l.kind AND t.value_hash = l.value_hash
UNION ALL SELECT b.origin_id, 'decision', b.decision FROM bound AS b JOIN own AS o USING (origin_id)
"""
_NODES = """
SELECT o.origin_id, o.own, o.seen, row_number() OVER (ORDER BY o.origin_id) - 1 AS node
FROM own AS o SEMI JOIN used AS u ON u.origin_id = o.origin_id
"""
_EDGES = """
SELECT n.node, x.number, k.weak FROM used AS u
JOIN nodes AS n ON n.origin_id = u.origin_id
JOIN (
  SELECT kind, value_hash, row_number() OVER () - 1 AS number
  FROM (SELECT DISTINCT kind, value_hash FROM used) AS d
) AS x ON x.kind = u.kind AND x.value_hash = u.value_hash
JOIN kinds AS k ON k.kind = u.kind
"""
# How many of each own kind hang together; `persons` are those who do so by more than browsers and devices.
_PARTS = """
SELECT part, max(people) AS people, max(CASE WHEN customer THEN people ELSE 0 END) AS customer_ids,
       any_value(persons) AS persons, bool_or(bound) AS bound
FROM (
  SELECT l.part, n.own, any_value(k.customer) AS customer, any_value(p.persons) AS persons,
         CASE WHEN any_value(k.known) THEN count(*) ELSE 0 END AS people,
         any_value(b.part IS NOT NULL) AS bound
  FROM nodes AS n JOIN labels AS l USING (node) JOIN kinds AS k ON k.place = n.own
  JOIN (
    SELECT l.part, count(DISTINCT l.strong) FILTER (WHERE k.known) AS persons
    FROM nodes AS n JOIN labels AS l USING (node) JOIN kinds AS k ON k.place = n.own GROUP BY l.part
  ) AS p ON p.part = l.part
  LEFT JOIN (
    SELECT DISTINCT l.part FROM bound AS b JOIN nodes AS n USING (origin_id) JOIN labels AS l USING (node)
  ) AS b ON b.part = l.part
  GROUP BY l.part, n.own
) AS o GROUP BY part
"""
_TWICE = """
SELECT l.part, n.origin_id FROM parts AS p JOIN labels AS l USING (part) JOIN nodes AS n USING (node)
WHERE p.people > 1 AND p.persons <= 1 AND NOT p.bound AND p.customer_ids <= :customer_ids_max
"""
_DOUBTFUL = """
SELECT part FROM parts
WHERE persons > 1 OR bound OR customer_ids > :customer_ids_max
UNION SELECT part FROM unlike
"""
_DOUBTFUL_LINKS = """
SELECT l.part, i.kind, i.value_hash, i.origin_id, i.source, i.first_seen_at
FROM doubtful AS d JOIN labels AS l USING (part) JOIN nodes AS n USING (node)
JOIN ids AS i ON i.origin_id = n.origin_id ORDER BY l.part
"""
_DOUBTFUL_TOO_MANY = """
SELECT DISTINCT t.kind, t.value_hash
FROM (SELECT * FROM too_many UNION ALL SELECT * FROM known_too_many) AS t
JOIN ids AS i ON i.kind = t.kind AND i.value_hash = t.value_hash
JOIN nodes AS n ON n.origin_id = i.origin_id JOIN labels AS l USING (node) JOIN doubtful AS d USING (part)
"""
_SIMPLE = """
SELECT n.origin_id, p.profile_id, e.evidence FROM nodes AS n JOIN labels AS l USING (node)
JOIN (
  SELECT l.part, substr(min(n.seen || n.origin_id), :after) AS profile_id
  FROM nodes AS n JOIN labels AS l USING (node) ANTI JOIN doubtful AS d ON d.part = l.part GROUP BY l.part
) AS p ON p.part = l.part
JOIN (
  SELECT part, '[' || string_agg(json, ', ' ORDER BY kind) || ']' AS evidence FROM (
    SELECT DISTINCT l.part, k.kind, k.json
    FROM used AS u JOIN nodes AS n USING (origin_id) JOIN labels AS l USING (node)
    JOIN kinds AS k ON k.kind = u.kind
  ) AS k GROUP BY part
) AS e ON e.part = l.part
WHERE n.origin_id <> p.profile_id
"""


@dataclass(frozen=True)
class Settled:
    """What the control database should say of the origins that were looked at.

    Args:
        overrides: origin_id, profile_id, evidence (JSON text) of every origin that is not its own profile.
        set_aside: kind, value_hash, reason of identifiers that do not join all who share them.
    """

    overrides: pa.Table
    set_aside: pa.Table


def settle(
    session: Session,
    connection: sa.Connection,
    ids: pa.Table,
    bonds: Sequence[Bond],
    policy: Policy,
    *,
    key: bytes,
    too_many: Iterable[Key] = (),
) -> Settled:
    """The people of some origins.

    Args:
        session: Where it is computed.
        connection: Of the same transaction that gave `ids`, to look into the vault.
        ids: IDENTIFIER_COLUMNS of everybody, or of all origins that hang together with some.
        bonds: Decisions in force that name one of them.
        policy: Limits.
        key: Of the workspace's hashes.
        too_many: Identifiers of which `ids` does not hold all rows, because too many people share them.
    """
    session.bind("ids", ids)
    session.bind("kinds", _kinds(session, policy))
    session.bind("bound", _bound(bonds))
    session.bind("known_too_many", _keys(too_many))
    for name, query in (
        ("links", _LINKS),
        ("own", _OWN),
        ("too_many", _TOO_MANY),
        ("used", _USED),
        ("nodes", _NODES),
    ):
        session.materialise(name, sql(query))
    session.bind("labels", _labels(session))
    session.materialise("parts", sql(_PARTS))
    session.bind("unlike", _unlike(session, connection, policy, key))
    session.materialise("doubtful", sql(_DOUBTFUL, customer_ids_max=policy.customer_ids_max))
    resolutions = _resolved(session, connection, bonds, policy, key)
    overrides, aside = _told(resolutions)
    simple = session.table(sql(_SIMPLE, after=_TIME_LENGTH + 1)).cast(_WANTED)
    shared = session.table(sql("SELECT kind, value_hash, 'too_many' AS reason FROM too_many"))
    return Settled(
        pa.concat_tables([simple, overrides]), pa.concat_tables([shared.cast(_ASIDE), aside])
    )


def _kinds(session: Session, policy: Policy) -> pa.Table:
    found = [row[0] for row in session.rows(sql("SELECT DISTINCT kind FROM ids"))]
    kinds = sorted(found, key=lambda kind: (rank(kind), kind))
    limits = [policy.limit(kind) for kind in kinds]
    # A decision is among what joins, and nobody's own.
    return pa.table(
        {
            "kind": pa.array([*kinds, "decision"], pa.string()),
            "json": pa.array([json.dumps(k, ensure_ascii=False) for k in kinds] + ['"decision"']),
            "place": pa.array(range(len(kinds) + 1), pa.int64()),
            "weak": pa.array([*map(is_weak, kinds), False], pa.bool_()),
            "known": pa.array([*map(names_a_person, kinds), False], pa.bool_()),
            "customer": pa.array([*(family(k) == "customer_id" for k in kinds), False], pa.bool_()),
            "people_max": pa.array([*limits, None], pa.int64()),
        }
    )


def _bound(bonds: Sequence[Bond]) -> pa.Table:
    """Origins that a decision names. Of those who are apart each stands alone: that holds nobody together."""
    rows = [
        (origin, f"{bond.decision}" if bond.verdict == "together" else f"{bond.decision} {origin}")
        for bond in bonds
        for origin in sorted(bond.a | bond.b)
    ]
    return pa.table(
        {
            "origin_id": pa.array([row[0] for row in rows], pa.string()),
            "decision": pa.array([row[1] for row in rows], pa.string()),
        }
    )


def _keys(keys: Iterable[Key]) -> pa.Table:
    rows = sorted(keys)
    return pa.table(
        {
            "kind": pa.array([row[0] for row in rows], pa.string()),
            "value_hash": pa.array([row[1] for row in rows], pa.string()),
        }
    )


def _labels(session: Session) -> pa.Table:
    """Each node with the part in which all hangs together, and the one that holds without browsers and devices."""
    nodes = int(session.rows(sql("SELECT count(*) FROM nodes"))[0][0])
    edges = session.table(sql(_EDGES))
    bears, borne = edges["node"].to_numpy(), edges["number"].to_numpy()
    strong = ~edges["weak"].to_numpy()
    numbers = int(borne.max()) + 1 if len(borne) else 0
    return pa.table(
        {
            "node": np.arange(nodes),
            "part": components(nodes, numbers, bears, borne),
            "strong": components(nodes, numbers, bears[strong], borne[strong]),
        }
    )


def _unlike(session: Session, connection: sa.Connection, policy: Policy, key: bytes) -> pa.Table:
    """Parts with two of a kind whose names or days of birth differ, or an address of a role."""
    rows = session.table(sql(_TWICE, customer_ids_max=policy.customer_ids_max))
    facts = facts_of(connection, rows["origin_id"].to_pylist(), key=key) if rows.num_rows else {}
    first: dict[int, str] = {}
    others: dict[tuple[int, type], object] = {}
    unlike: set[int] = set()
    if facts:
        for part, origin in zip(*(rows[n].to_pylist() for n in rows.column_names), strict=True):
            fact = facts.get(origin)
            if fact is None:
                continue
            for name in fact.names:
                if name.startswith("first ") and first.setdefault(part, name) != name:
                    unlike.add(part)
            # Whether a difference is one the rule says; here all that is not the same is doubtful.
            for told in (fact.births, fact.generations):
                for one in told:
                    if others.setdefault((part, type(one)), one) != one:
                        unlike.add(part)
            if fact.roles:
                unlike.add(part)
    return pa.table({"part": pa.array(sorted(unlike), pa.int64())})


def _resolved(
    session: Session,
    connection: sa.Connection,
    bonds: Sequence[Bond],
    policy: Policy,
    key: bytes,
) -> list[Resolution]:
    """The doubtful parts, each by itself."""
    table = session.table(sql(_DOUBTFUL_LINKS))
    if not table.num_rows:
        return []
    too_many = {(row[0], row[1]) for row in session.rows(sql(_DOUBTFUL_TOO_MANY))}
    parts: dict[int, list[Link]] = {}
    numbers, *columns = (table[name].to_pylist() for name in table.column_names)
    for part, *values in zip(numbers, *columns, strict=True):
        parts.setdefault(part, []).append(Link(*values))
    facts = facts_of(connection, sorted(set(columns[2])), key=key)
    named: dict[str, list[Bond]] = {}
    for bond in bonds:
        for origin in bond.a | bond.b:
            named.setdefault(origin, []).append(bond)
    return [
        resolve_links(links, facts, _named(links, named), policy, too_many=too_many)
        for links in parts.values()
    ]


def _named(links: Sequence[Link], named: Mapping[str, list[Bond]]) -> list[Bond]:
    if not named:
        return []
    found = {bond.decision: bond for link in links for bond in named.get(link.origin, ())}
    return list(found.values())


def _told(resolutions: Iterable[Resolution]) -> tuple[pa.Table, pa.Table]:
    wanted: list[tuple[str, str, str]] = []
    aside: list[tuple[str, str, str]] = []
    for found in resolutions:
        evidence = {
            profile: json.dumps(list(kinds), ensure_ascii=False)
            for profile, kinds in found.evidence.items()
        }
        wanted += [
            (origin, profile, evidence[profile])
            for origin, profile in found.profiles.items()
            if origin != profile
        ]
        aside += [(one.kind, one.value, one.reason) for one in found.set_aside]
    return _rows(wanted, _WANTED), _rows(aside, _ASIDE)


def _rows(rows: Sequence[tuple[str, ...]], schema: pa.Schema) -> pa.Table:
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    return pa.table([pa.array(values, pa.string()) for values in columns], schema=schema)
