"""Which origins are one person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from aimwell.unify.components import merges
from aimwell.unify.model import Merge

START = datetime(2026, 1, 1, tzinfo=UTC)


def test_nobody_shares_nothing() -> None:
    assert merges([], {}) == []


def test_a_chain_of_shared_identifiers_is_one_person_named_by_the_earliest() -> None:
    links = [("email", "e1", "c"), ("email", "e1", "b"), ("phone", "t1", "b"), ("phone", "t1", "a")]
    seen = {"a": START + timedelta(2), "b": START, "c": START + timedelta(1)}
    assert merges(links, seen) == [Merge("b", ("a", "b", "c"), ("email", "phone"))]


LINKS = st.lists(
    st.tuples(
        st.sampled_from(["email", "phone"]), st.sampled_from("uvwxyz"), st.sampled_from("abcdefgh")
    ),
    max_size=25,
)


@given(LINKS, st.randoms())
def test_the_order_of_the_input_changes_nothing(links: list[tuple[str, str, str]], rng) -> None:  # type: ignore[no-untyped-def]
    seen = {origin: START + timedelta(ord(origin) % 3) for origin in "abcdefgh"}
    shuffled = list(links)
    rng.shuffle(shuffled)
    assert merges(links, seen) == merges(shuffled, seen)


@given(LINKS)
def test_who_shares_an_identifier_is_together_and_who_is_together_is_linked(
    links: list[tuple[str, str, str]],
) -> None:
    seen = dict.fromkeys("abcdefgh", START)
    profile = {o: m.profile_id for m in merges(links, seen) for o in m.origins}
    by_key: dict[tuple[str, str], set[str]] = {}
    for kind, value, origin in links:
        by_key.setdefault((kind, value), set()).add(origin)
    for group in by_key.values():
        assert len({profile.get(origin, origin) for origin in group}) == 1
    # Joining along the links one by one gives the same groups.
    parent = {o: o for o in seen}

    def top(origin: str) -> str:
        return origin if parent[origin] == origin else top(parent[origin])

    for group in by_key.values():
        first, *others = sorted(group)
        for other in others:
            parent[top(other)] = top(first)
    together = {frozenset(o for o in seen if top(o) == top(origin)) for origin in seen}
    assert {frozenset(m.origins) for m in merges(links, seen)} == {
        g for g in together if len(g) > 1
    }
