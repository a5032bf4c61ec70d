"""Random identity graphs, and what a workspace says of them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from aimwell.privacy.vault import keep_people
from aimwell.store.control import SQLITE_TIME, insert_missing
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from aimwell.unify.kinds import rank
from aimwell.unify.model import Link
from aimwell.unify.policy import Policy

__all__ = [
    "NAMES",
    "NOW",
    "Graph",
    "forget_everything",
    "identify",
    "identities",
    "name_people",
    "shared_by_too_many",
]

NOW = datetime(2027, 1, 1, tzinfo=UTC)
NAMES = ("Ann", "Bob", None)

_identifiers = metadata.tables["identifiers"]
_TABLES = (
    "identity_set_aside",
    "identity_overrides",
    "identity_candidates",
    "identity_decision_origins",
    "identity_decisions",
    "identifiers",
    "vault_people",
)


class Graph:
    """Draws people who share this and that: customers of two shops, addresses, browsers, devices, aliases."""

    def __init__(self, seed: int, *, origins: int = 40, values: int = 14) -> None:
        self.draw = random.Random(seed)  # noqa: S311
        self.values = values
        self.kinds = {f"o{n:03}": self._own() for n in range(origins)}

    def _own(self) -> str:
        return self.draw.choice(
            ["customer_id", "customer_id", "customer_id:till", "email", "device_id"]
            + ["anonymous_id"] * 3
        )

    def links(self, origins: Iterable[str], *, own: bool = True) -> list[Link]:
        """Some identifiers of each origin, and its own one."""
        found = []
        for origin in origins:
            kind = self.kinds[origin]
            if own:
                found.append(self._link(kind, f"own {origin}", origin))
            weak = kind in {"device_id", "anonymous_id"}
            kinds = ["anonymous_id", "device_id", "alias"]
            kinds += [] if weak else ["email", "phone", "loyalty_card", "anonymous_id"]
            for _n in range(self.draw.choice([0, 1, 1, 2, 3])):
                other = self.draw.choice(kinds)
                if rank(other) > rank(kind):
                    # A few values are everybody's, most are shared by two or three.
                    few = 2 if self.draw.random() < 0.15 else self.values
                    found.append(self._link(other, f"v{self.draw.randrange(few)}", origin))
        return list({(x.kind, x.value, x.origin): x for x in found}.values())

    def _link(self, kind: str, value: str, origin: str) -> Link:
        seen = NOW - timedelta(days=self.draw.randrange(50))
        source = self.draw.choice(["crm", "web"])
        return Link(kind, value, origin, source, seen.strftime(SQLITE_TIME))


def shared_by_too_many(links: Sequence[Link], policy: Policy) -> set[tuple[str, str]]:
    """Counted by hand: identifiers that more ids of one kind share than may."""
    own = {
        o: min((rank(x.kind), x.kind) for x in links if x.origin == o)
        for o in {x.origin for x in links}
    }
    people: Counter[tuple[str, str, Any]] = Counter()
    for kind, value, origin in {(x.kind, x.value, x.origin) for x in links}:
        people[kind, value, own[origin]] += 1
    return {
        (kind, value)
        for (kind, value, _own), number in people.items()
        if (limit := policy.limit(kind)) is not None and number > limit
    }


def identify(stores: Stores, links: Iterable[Link]) -> None:
    """Put identifiers into the control database."""
    rows = [
        {
            "kind": x.kind,
            "value_hash": x.value,
            "origin_id": x.origin,
            "source": x.source,
            "first_seen_at": datetime.strptime(x.first_seen, SQLITE_TIME).replace(tzinfo=UTC),
        }
        for x in links
    ]
    with stores.control.begin() as connection:
        insert_missing(connection, _identifiers, rows)


def name_people(stores: Stores, names: dict[str, str | None]) -> None:
    """Put first names into the vault."""
    rows = pa.table(
        {
            "origin_id": pa.array(list(names), pa.string()),
            "first_name": pa.array(list(names.values()), pa.string()),
        }
    )
    keep_people(stores, rows, source="crm", set_at=NOW)


def identities(stores: Stores) -> dict[str, Any]:
    """All that unification says of who is who."""
    overrides, aside = metadata.tables["identity_overrides"], metadata.tables["identity_set_aside"]
    with stores.read_control() as connection:
        rows = connection.execute(
            sa.select(overrides.c.origin_id, overrides.c.profile_id, overrides.c.evidence)
        )
        found = {row.origin_id: (row.profile_id, tuple(row.evidence)) for row in rows}
        keys = connection.execute(sa.select(aside.c.kind, aside.c.value_hash, aside.c.reason))
        return {"overrides": found, "set_aside": sorted(tuple(row) for row in keys)}


def forget_everything(stores: Stores) -> None:
    """Empty the tables, to begin another example on the same database."""
    with stores.control.begin() as connection:
        for name in _TABLES:
            connection.execute(sa.delete(metadata.tables[name]))
