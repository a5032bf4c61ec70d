"""Matching in a workspace: people collected from a file, joined by likeness, parted again by a person's word."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from aimwell.errors import TooFewPairsError
from aimwell.history.upkeep import MATCH, upkeep_handlers
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from aimwell.unify.identity import merge_of
from aimwell.unify.matching.service import match
from aimwell.unify.review import refuse, waiting
from aimwell.unify.service import unify, unify_touched
from databases import shortly_on
from registered_twice import crowd, known
from shop import make_stores, origin

NOW = datetime(2027, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


@pytest.fixture
def stores(tmp_path: Path, control_url: str) -> Iterator[Stores]:
    made = make_stores(tmp_path, control_url)
    yield made
    made.close()


def together(stores: Stores, one: str, other: str) -> bool:
    ids = {origin(stores, one), origin(stores, other)}
    with stores.read_control() as connection:
        return any(ids <= set(merge_of(connection, who).origins) for who in ids)


@shortly_on("postgresql")
def test_people_are_joined_once_and_a_second_run_changes_nothing(stores: Stores) -> None:
    crowd(stores, now=NOW)
    found = match(stores, now=NOW, by="ann")
    assert (found.learned, found.compared, found.new) == (True, 140, 140)
    assert found.merged == 40
    assert all(together(stores, f"a{n}", f"b{n}") for n in range(40))
    assert not together(stores, "a50", "a51")
    again = match(stores, now=LATER, by="ann")
    assert (again.learned, again.new, again.merged, again.withdrawn) == (False, 0, 0, 0)
    # A new model compares everybody as they were before, and finds the same.
    anew = match(stores, now=LATER, by="ann", learn=True)
    assert (anew.model, anew.compared, anew.withdrawn) == (2, 140, 0)
    assert all(together(stores, f"a{n}", f"b{n}") for n in range(40))


@shortly_on("sqlite")
def test_who_is_new_is_compared_with_everybody_and_the_others_are_not_again(stores: Stores) -> None:
    crowd(stores, now=NOW)
    match(stores, now=NOW, by="ann")
    known(stores, {"c60": 60, "c500": 500}, at=LATER)
    unify_touched(stores, [origin(stores, "c60"), origin(stores, "c500")], now=LATER)
    by_the_clock = upkeep_handlers(stores, clock=lambda: LATER)[MATCH]
    context: Any = None
    assert by_the_clock(context, {}) == {"new": 2, "merged": 1, "review": 0}
    assert together(stores, "a60", "c60")


@shortly_on("postgresql")
def test_what_a_person_refused_is_not_joined_again(stores: Stores) -> None:
    crowd(stores, now=NOW)
    match(stores, now=NOW, by="ann")
    pair = {origin(stores, "a3"), origin(stores, "b3")}
    with stores.read_control() as connection:
        [one] = [
            row
            for row in connection.execute(sa.select(metadata.tables["identity_candidates"]))
            if {row.origin_a, row.origin_b} == pair
        ]
        assert waiting(connection, limit=500) == []
    made = refuse(stores, one.candidate_id, by="ann", now=LATER, reason="twins")
    unify_touched(stores, made.origins, now=LATER)
    assert not together(stores, "a3", "b3")
    found = match(stores, now=LATER, by="ann", learn=True)
    assert found.decided == 1
    assert not together(stores, "a3", "b3")
    assert together(stores, "a4", "b4")


def test_without_enough_to_learn_from_nobody_is_joined(stores: Stores) -> None:
    known(stores, {"a": 1, "b": 1, "c": 2}, at=NOW)
    unify(stores, now=NOW)
    with pytest.raises(TooFewPairsError, match="identifiers join as always"):
        match(stores, now=NOW, by="ann")
    assert not together(stores, "a", "b")
