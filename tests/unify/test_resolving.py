"""The rule by which origins become people."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.unify.births import birth_of
from aimwell.unify.model import Bond, Facts, Link, Resolution, SetAside
from aimwell.unify.names import generation_of, name_keys
from aimwell.unify.policy import Policy
from aimwell.unify.resolving import resolve_links
from identity_graphs import NAMES, Graph, shared_by_too_many

POLICY = Policy()


def link(kind: str, value: str, origin: str, day: int = 1, source: str = "crm") -> Link:
    return Link(kind, value, origin, source, f"2026-01-{day:02} 00:00:00.000000")


def customer(number: int, *more: Link, shop: str = "") -> list[Link]:
    origin = f"c{number}{shop}"
    kind = f"customer_id:{shop}" if shop else "customer_id"
    return [link(kind, origin, origin, number), *more]


def people(found: Resolution) -> set[frozenset[str]]:
    groups: dict[str, set[str]] = {}
    for origin, profile in found.profiles.items():
        groups.setdefault(profile, set()).add(origin)
    return {frozenset(group) for group in groups.values() if len(group) > 1}


def resolved(
    links: list[Link], *, names: dict[str, str] | None = None, bonds: tuple[Bond, ...] = ()
) -> Resolution:
    facts = {o: Facts(name_keys(name, None, None)) for o, name in (names or {}).items()}
    too_many = shared_by_too_many(links, POLICY)
    return resolve_links(links, facts, bonds, POLICY, too_many=too_many)


def shared(kind: str, value: str, *origins: str) -> list[Link]:
    return [link(kind, value, origin, n + 1) for n, origin in enumerate(origins)]


def test_who_registered_twice_with_one_address_is_one_person_named_by_the_earliest() -> None:
    links = customer(2) + customer(1) + shared("email", "e", "c2", "c1")
    found = resolved(links)
    assert found.profiles == {"c1": "c1", "c2": "c1"}
    assert found.evidence == {"c1": ("email",)}


def test_a_family_that_shares_an_address_is_not_one_person() -> None:
    links = customer(1) + customer(2) + customer(3) + shared("email", "e", "c1", "c2", "c3", "news")
    found = resolved(links, names={"c1": "Ann", "c2": "Bob", "c3": "Mrs. Ann"})
    assert people(found) == {frozenset({"c1", "c3"})}, "the newsletter's reader may be any of them"
    assert found.set_aside == (SetAside("email", "e", "names_differ"),)


def test_one_name_missing_or_an_initial_is_no_difference() -> None:
    links = customer(1) + customer(2) + shared("email", "e", "c1", "c2")
    assert people(resolved(links, names={"c1": "Ann"})) == {frozenset({"c1", "c2"})}
    assert people(resolved(links, names={"c1": "Ann", "c2": "B."})) == {frozenset({"c1", "c2"})}


def test_systems_that_write_a_name_differently_are_joined_by_the_address() -> None:
    links = [*customer(1), *customer(2, shop="till"), *shared("email", "e", "c1", "c2till")]
    found = resolved(links, names={"c1": "Robert", "c2till": "Bob"})
    assert people(found) == {frozenset({"c1", "c2till"})}


def test_an_address_of_a_desk_joins_no_two_customers() -> None:
    links = customer(1) + customer(2) + shared("email", "info", "c1", "c2")
    role = {"c1": Facts(roles=frozenset({"info"}))}
    found = resolve_links(links, role, (), POLICY)
    assert people(found) == set()
    assert found.set_aside == (SetAside("email", "info", "role_address"),)
    alone = resolve_links(customer(1) + shared("email", "info", "c1", "news"), role, (), POLICY)
    assert people(alone) == {frozenset({"c1", "news"})}


def test_login_gives_the_browsers_history_to_the_person() -> None:
    links = customer(1) + shared("anonymous_id", "a", "c1", "anon")
    assert people(resolved(links)) == {frozenset({"c1", "anon"})}


def test_a_familys_tablet_gives_its_history_to_nobody() -> None:
    links = customer(1) + customer(2) + shared("anonymous_id", "a", "c1", "c2", "anon")
    found = resolved(links)
    assert people(found) == set()
    assert found.set_aside == (SetAside("anonymous_id", "a", "several_people"),)


def test_a_browsers_own_id_says_more_than_the_device() -> None:
    links = (
        customer(1)
        + customer(2)
        + shared("anonymous_id", "a", "c1", "anon1")
        + shared("anonymous_id", "b", "anon2")
        + shared("device_id", "d", "c1", "c2", "anon1", "anon2")
    )
    found = resolved(links)
    assert people(found) == {frozenset({"c1", "anon1"})}
    assert found.set_aside == (SetAside("device_id", "d", "several_people"),)


def test_browsers_of_two_people_are_not_bridged_by_a_device_that_led_to_both() -> None:
    links = (
        customer(1)
        + customer(2)
        + [link("device_id", "d", "app")]
        + shared("anonymous_id", "a", "c1", "app")
        + shared("anonymous_id", "b", "c2", "app")
        + shared("device_id", "d", "app", "c1")
    )
    assert people(resolved(links)) == set()


def test_two_accounts_that_are_one_by_their_address_share_their_browser() -> None:
    links = (
        customer(1)
        + customer(2)
        + shared("email", "e", "c1", "c2")
        + shared("anonymous_id", "a", "c1", "c2", "anon")
    )
    assert people(resolved(links)) == {frozenset({"c1", "c2", "anon"})}


def test_an_alias_joins_by_the_senders_word() -> None:
    links = customer(1) + customer(2) + shared("alias", "pair", "c1", "c2", "ghost")
    found = resolved(links, names={"c1": "Ann", "c2": "Bob"})
    assert people(found) == {frozenset({"c1", "c2", "ghost"})}


def test_a_person_has_no_more_customer_ids_than_the_limit() -> None:
    # Each alias by itself is within its limit; together they would melt twenty customers.
    links = [x for n in range(1, 21) for x in customer(n)]
    for n in range(1, 20):
        links += shared("alias", f"pair{n:02}", f"c{n}", f"c{n + 1}")
    found = resolved(links)
    assert max(len(group) for group in people(found)) <= POLICY.customer_ids_max
    assert {one.reason for one in found.set_aside} == {"customer_ids_max"}


def test_where_two_speak_against_each_other_the_trusted_source_comes_first() -> None:
    # The phone says that the reader is Ann, the other phone that it is Bob; the two are apart.
    links = [
        *customer(1),
        *customer(2),
        link("email", "reader", "reader"),
        *(link("phone", "p", who, source="web", day=1) for who in ("c1", "reader")),
        *(link("phone", "q", who, source="crm", day=9) for who in ("c2", "reader")),
    ]
    apart = (Bond(1, "apart", "person", frozenset({"c1"}), frozenset({"c2"})),)
    assert people(resolve_links(links, {}, apart, POLICY)) == {frozenset({"c1", "reader"})}
    trusting = replace(POLICY, trusted_sources=("crm",))
    assert people(resolve_links(links, {}, apart, trusting)) == {frozenset({"c2", "reader"})}


def test_a_decision_parts_and_joins_against_the_identifiers() -> None:
    links = customer(1) + customer(2) + customer(3) + shared("email", "e", "c1", "c2")
    apart = Bond(1, "apart", "person", frozenset({"c1"}), frozenset({"c2"}))
    together = Bond(2, "together", "person", frozenset({"c1", "c3"}))
    found = resolved(links, bonds=(apart, together), names={"c1": "Ann", "c3": "Bob"})
    assert people(found) == {frozenset({"c1", "c3"})}
    assert SetAside("email", "e", "decision") in found.set_aside


def test_likeness_never_comes_before_what_identifiers_say() -> None:
    links = customer(1) + customer(2) + customer(3) + shared("email", "e", "c1", "c2")
    apart = Bond(1, "apart", "person", frozenset({"c2"}), frozenset({"c3"}))
    alike = Bond(2, "together", "match", frozenset({"c1", "c3"}))
    found = resolved(links, bonds=(apart, alike))
    assert people(found) == {frozenset({"c1", "c2"})}
    assert SetAside("match", "2", "decision") in found.set_aside


@given(st.integers(0, 10**9))
def test_the_order_of_the_input_changes_nothing(seed: int) -> None:
    graph = Graph(seed)
    links = graph.links(graph.kinds)
    names = {o: name for o in graph.kinds if (name := graph.draw.choice(NAMES))}
    some = graph.draw.sample(sorted(graph.kinds), 4)
    bonds = (
        Bond(1, "apart", "person", frozenset(some[:1]), frozenset(some[1:2])),
        Bond(2, "together", "review", frozenset(some[2:])),
    )
    found = resolved(links, names=names, bonds=bonds)
    shuffled = list(links)
    random.Random(seed).shuffle(shuffled)  # noqa: S311
    again = resolved(shuffled, names=dict(reversed(names.items())), bonds=tuple(reversed(bonds)))
    assert again == found


@given(st.integers(0, 10**9))
def test_no_browser_or_device_ever_joins_two_who_are_known(seed: int) -> None:
    graph = Graph(seed)
    links = graph.links(graph.kinds)
    weak = {"anonymous_id", "device_id"}
    known = {o for o, kind in graph.kinds.items() if kind not in weak}
    whole = resolved(links).profiles
    without = resolved([x for x in links if x.kind not in weak or x.value.startswith("own")])
    for a in known:
        for b in known:
            assert (whole[a] == whole[b]) == (without.profiles[a] == without.profiles[b])


def born(day: str, name: str = "Robert", last: str = "Smith") -> Facts:
    birth, generation = birth_of(day), generation_of(name, last, None)
    return Facts(
        name_keys(name, last, None),
        births=frozenset([birth] if birth else ()),
        generations=frozenset([generation] if generation else ()),
    )


@pytest.mark.parametrize(
    ("father", "son", "reason"),
    [
        (born("1955-01-01"), born("1985-05-05", "Bob"), "births_differ"),
        (born("1955-01-01"), born("1955-01-01", "Bob"), None),
        (born("03/04/1955"), born("1955-03-04"), None),
        (born("1955-01-01"), born("1985-01-01"), None),
        (born("19550417"), born("18.06.1955"), "births_differ"),
        (born("1900-01-01"), born("1985-05-05"), None),
        (born(""), born("1985-05-05"), None),
        (born("", last="Smith Sr."), born("", "Robert", "Smith Jr"), "names_differ"),
        (born("", last="Smith Sr."), born(""), None),
    ],
)
def test_a_father_and_a_son_of_one_name_are_two_where_their_days_of_birth_or_names_say_so(
    father: Facts, son: Facts, reason: str | None
) -> None:
    """One part of a day that differs may be a slip; two are two people, who may still be joined by a person's word."""
    links = customer(1) + customer(2) + shared("email", "e", "c1", "c2")
    found = resolve_links(links, {"c1": father, "c2": son}, (), POLICY)
    assert bool(people(found)) is (reason is None)
    assert [one.reason for one in found.set_aside] == ([reason] if reason else [])
    told = Bond(1, "together", "person", frozenset({"c1", "c2"}))
    assert people(resolve_links(links, {"c1": father, "c2": son}, (told,), POLICY))
