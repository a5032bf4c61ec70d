"""Pairs by likeness: merged, kept for a person, or neither; what a person says stands."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from aimwell.errors import UnifyError
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from aimwell.unify.decisions import undo
from aimwell.unify.explaining import explain
from aimwell.unify.model import Link
from aimwell.unify.review import Candidate, Proposed, accept, propose, refuse, waiting
from aimwell.unify.service import unify, unify_touched
from identity_graphs import NOW, identify, identities
from shop import make_stores

SEEN = "2026-01-0{} 00:00:00.000000"


@pytest.fixture
def stores(tmp_path: Path, control_url: str) -> Stores:
    made = make_stores(tmp_path, control_url)
    identify(
        made, [Link("customer_id", o, o, "crm", SEEN.format(n)) for n, o in enumerate("abcd", 1)]
    )
    unify(made, now=NOW)
    return made


def proposed(stores: Stores, *pairs: tuple[str, float], complete: bool = False) -> Proposed:
    found = propose(
        stores,
        [
            Candidate(pair[1], pair[0], p, {"postcode": 7.5, "first_name": -1.0}, 9.0)
            for pair, p in pairs
        ],
        model="people/1",
        now=NOW,
        complete=complete,
    )
    unify_touched(stores, found.origins, now=NOW)
    return found


def joined(stores: Stores) -> dict[str, str]:
    return {origin: found[0] for origin, found in identities(stores)["overrides"].items()}


def states(stores: Stores) -> dict[str, str]:
    table = metadata.tables["identity_candidates"]
    with stores.read_control() as connection:
        return {r.origin_a + r.origin_b: r.state for r in connection.execute(sa.select(table))}


def number(stores: Stores, pair: str) -> int:
    with stores.read_control() as connection:
        (found,) = [
            w.candidate_id
            for w in waiting(connection, state=None)
            if w.origin_a + w.origin_b == pair
        ]
        return found


def test_limits_merge_ask_or_let_be(stores: Stores) -> None:
    found = proposed(stores, ("ab", 0.995), ("ac", 0.7), ("bd", 0.2))
    assert (found.merged, found.review, found.below) == (1, 1, 1)
    assert joined(stores) == {"b": "a"}
    assert states(stores) == {"ab": "merged", "ac": "open"}
    (step,) = explain(stores, {"a"}, {"b"}).path
    assert (step.kind, step.probability) == ("match", 0.995)
    assert step.weights == {"postcode": 7.5, "first_name": -1.0}
    again = proposed(stores, ("ab", 0.995), ("ac", 0.7))
    assert again.origins == frozenset()
    assert unify(stores, now=NOW).overrides_changed == 0


def test_a_pair_that_is_accepted_is_one_person_until_that_is_undone(stores: Stores) -> None:
    proposed(stores, ("ab", 0.7))
    made = accept(stores, number(stores, "ab"), by="tester", now=NOW)
    unify_touched(stores, made.origins, now=NOW)
    assert joined(stores) == {"b": "a"}
    assert proposed(stores, ("ab", 0.1), complete=True).decided == 1
    assert joined(stores) == {"b": "a"}, "what the model says later counts for nothing"
    with pytest.raises(UnifyError, match="was accepted on 2027-01-01 by tester already"):
        refuse(stores, number(stores, "ab"), by="tester", now=NOW)
    undo(stores, made.decision_id, by="tester", now=NOW)
    unify_touched(stores, made.origins, now=NOW)
    assert (joined(stores), states(stores)) == ({}, {"ab": "open"})


def test_a_pair_that_is_refused_stays_apart_also_against_identifiers(stores: Stores) -> None:
    proposed(stores, ("ab", 0.7))
    refuse(stores, number(stores, "ab"), by="tester", now=NOW)
    identify(stores, [Link("email", "e", origin, "crm", SEEN.format(5)) for origin in "ab"])
    assert proposed(stores, ("ab", 0.999)).decided == 1
    unify_touched(stores, "ab", now=NOW)
    assert joined(stores) == {}


def test_what_the_model_no_longer_finds_comes_apart(stores: Stores) -> None:
    proposed(stores, ("ab", 0.995), ("cd", 0.7))
    found = proposed(stores, ("bc", 0.8), complete=True)
    assert (found.withdrawn, found.origins) == (2, frozenset("ab"))
    assert joined(stores) == {}
    assert states(stores) == {"ab": "withdrawn", "bc": "open", "cd": "withdrawn"}


def test_a_merge_that_a_person_took_back_is_not_done_again(stores: Stores) -> None:
    proposed(stores, ("ab", 0.995))
    with stores.read_control() as connection:
        (merged,) = waiting(connection, state="merged")
    assert merged.decision_id is not None
    undo(stores, merged.decision_id, by="tester", now=NOW)
    unify_touched(stores, "ab", now=NOW)
    assert proposed(stores, ("ab", 0.999)).review == 1
    assert joined(stores) == {}


def test_a_pair_that_is_not_there_is_told(stores: Stores) -> None:
    with pytest.raises(UnifyError, match="No pair 9 waits for review"):
        accept(stores, 9, by="tester", now=NOW)
