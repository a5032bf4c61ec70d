"""Only those concerned are looked at, and the result is that of looking at everybody."""

from __future__ import annotations

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from aimwell.unify import identity
from aimwell.unify.around import before_removal
from aimwell.unify.bonds import all_bonds
from aimwell.unify.identity import resolve, resolve_around
from aimwell.unify.model import Link
from aimwell.unify.policy import Policy
from aimwell.unify.resolving import resolve_links
from aimwell.unify.service import unify, unify_touched
from aimwell.unify.vault_facts import facts_of
from child import child
from identity_graphs import (
    NAMES,
    NOW,
    Graph,
    forget_everything,
    identify,
    identities,
    name_people,
    shared_by_too_many,
)
from shop import make_stores


def examples(number: int) -> settings:
    return settings(
        max_examples=number,
        # An example takes part of a second: shrinking would take minutes.
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )


@pytest.fixture
def stores(tmp_path: Path, control_url: str) -> Stores:
    return make_stores(tmp_path, control_url)


def everything(stores: Stores) -> list[Link]:
    table = metadata.tables["identifiers"]
    with stores.read_control() as connection:
        return [
            Link(
                row.kind,
                row.value_hash,
                row.origin_id,
                row.source,
                row.first_seen_at.strftime("%Y-%m-%d %H:%M:%S.%f"),
            )
            for row in connection.execute(sa.select(table))
        ]


def by_the_rule(stores: Stores) -> dict[str, object]:
    """All at once by the rule itself, with nothing found by arrays."""
    links, policy = everything(stores), Policy.of(stores.settings)
    with stores.read_control() as connection:
        facts = facts_of(connection, {x.origin for x in links}, key=stores.identity_key)
        bonds = all_bonds(connection)
    too_many = shared_by_too_many(links, policy)
    found = resolve_links(links, facts, bonds, policy, too_many=too_many)
    evidence = found.evidence
    aside = {(one.kind, one.value, one.reason) for one in found.set_aside}
    return {
        "overrides": {
            o: (profile, evidence[profile]) for o, profile in found.profiles.items() if o != profile
        },
        "set_aside": sorted(aside | {(*key, "too_many") for key in too_many}),
    }


def decide(stores: Stores, verdict: str, a: Sequence[str], b: Sequence[str] = ()) -> None:
    with stores.control.begin() as connection:
        number = connection.execute(
            sa.insert(metadata.tables["identity_decisions"])
            .values(verdict=verdict, via="person", decided_at=NOW, decided_by="tester")
            .returning(metadata.tables["identity_decisions"].c.decision_id)
        ).scalar_one()
        connection.execute(
            sa.insert(metadata.tables["identity_decision_origins"]),
            [
                {"decision_id": number, "origin_id": origin, "side": side}
                for side, origins in (("a", a), ("b", b))
                for origin in origins
            ],
        )


@examples(6)
@given(st.integers(0, 10**9))
def test_incremental_equals_full_and_both_equal_the_rule(stores: Stores, seed: int) -> None:
    compare(stores, seed)


@pytest.mark.long
@examples(150)
@given(st.integers(0, 10**9))
def test_incremental_equals_full_on_many_graphs(stores: Stores, seed: int) -> None:
    compare(stores, seed)


def compare(stores: Stores, seed: int) -> None:
    forget_everything(stores)
    graph = Graph(seed, origins=90, values=30)
    draw, everybody = graph.draw, sorted(graph.kinds)
    old, new = everybody[:70], everybody[70:]
    identify(stores, graph.links(old))
    name_people(stores, {o: draw.choice(NAMES) for o in everybody if o in old})
    resolve(stores, now=NOW)
    assert identities(stores) == by_the_rule(stores)
    # Newcomers, new identifiers of some, a decision, somebody who is erased.
    touched = set(new) | set(draw.sample(old, 6))
    identify(stores, graph.links(touched))
    name_people(stores, {o: draw.choice(NAMES) for o in touched})
    pair = draw.sample(old, 4)
    decide(stores, "apart", pair[:1], pair[1:2])
    decide(stores, "together", pair[2:])
    touched |= set(pair)
    erased = draw.sample(old, 2)
    table = metadata.tables["identifiers"]
    with stores.control.begin() as connection:
        touched |= before_removal(connection, erased)
        connection.execute(sa.delete(table).where(table.c.origin_id.in_(erased)))
    assert resolve_around(stores, touched, now=NOW) is not None
    around = identities(stores)
    assert around == by_the_rule(stores)
    again = resolve(stores, now=NOW + timedelta(1))
    assert (again.rows, identities(stores)) == (0, around)


def test_another_limit_looks_at_everybody_again(stores: Stores) -> None:
    graph = Graph(1)
    identify(stores, graph.links(graph.kinds))
    assert resolve_around(stores, ["o001"], now=NOW) is None, "nobody was looked at yet"
    resolve(stores, now=NOW)
    assert resolve_around(stores, ["o001"], now=NOW) is not None
    other = stores.settings.model_copy(update={"email_people_max": 2})
    changed = Stores(**{**vars(stores), "settings": other})
    assert resolve_around(changed, ["o001"], now=NOW) is None
    resolve(changed, now=NOW)
    assert resolve_around(changed, ["o001"], now=NOW) is not None


def test_only_those_concerned_are_looked_at(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = [
        Link(kind, value, f"p{n}", "crm", f"2026-01-01 00:00:00.{n:06}")
        for n in range(100)
        for kind, value in (("customer_id", f"p{n}"), ("email", f"e{n // 2}"))
    ]
    identify(stores, pairs)
    resolve(stores, now=NOW)
    seen: list[int] = []
    real = identity.settle

    def counting(session, connection, ids, *rest, **named):  # type: ignore[no-untyped-def]
        seen.append(ids.num_rows)
        return real(session, connection, ids, *rest, **named)

    monkeypatch.setattr(identity, "settle", counting)
    identify(stores, [Link("phone", "t", who, "crm", pairs[0].first_seen) for who in ("p1", "p8")])
    changed = resolve_around(stores, ["p1", "p8"], now=NOW)
    assert changed is not None
    assert changed.profiles == {"p0", "p8"}
    assert seen == [10]


# argv: workspace, origins with commas between
TOUCHED = """
import sys
from datetime import datetime, UTC
from pathlib import Path
from aimwell.store.stores import open_stores
from aimwell.unify.service import unify_touched
stores = open_stores(Path(sys.argv[1]))
print("ready", flush=True)
input()
unify_touched(stores, sys.argv[2].split(","), now=datetime(2027, 1, 1, tzinfo=UTC))
print("done", flush=True)
"""


def test_killed_at_any_moment_the_next_run_makes_it_good(stores: Stores, seed: int) -> None:
    graph = Graph(seed, origins=90, values=30)
    everybody = sorted(graph.kinds)
    identify(stores, graph.links(everybody[:60]))
    unify(stores, now=NOW)
    draw = random.Random(seed)  # noqa: S311
    touched = everybody[60:]
    identify(stores, graph.links(touched))
    before = identities(stores)
    for _n in range(2):
        with child(TOUCHED, stores.root, ",".join(touched)) as process:
            assert process.line() == "ready"
            process.go()
            process.wait(draw.random() * 0.4)
            process.kill()
        assert identities(stores) in (before, by_the_rule(stores)), "all of it or nothing"
    unify_touched(stores, touched, now=NOW)
    assert identities(stores) == by_the_rule(stores)
    assert unify(stores, now=NOW).overrides_changed == 0


def test_two_at_once_end_with_the_result_of_a_full_run(stores: Stores) -> None:
    graph = Graph(5, origins=90, values=30)
    everybody = sorted(graph.kinds)
    identify(stores, graph.links(everybody[:50]))
    resolve(stores, now=NOW)
    halves = everybody[50:70], everybody[70:]
    identify(stores, graph.links(everybody[50:]))
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda half: unify_touched(stores, half, now=NOW), halves))
    assert identities(stores) == by_the_rule(stores)
