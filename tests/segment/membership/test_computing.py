"""Many segments in one session, of everybody and of a few people: the same members, and the same failures."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlglot import exp

from aimwell.definitions.catalogue import check
from aimwell.definitions.service import apply
from aimwell.errors import QueryError, StorageFullError
from aimwell.history.moment import open_moment
from aimwell.segment.membership.computing import compute
from aimwell.segment.membership.defined import defined
from aimwell.store.engine import DuckDBSession
from aimwell.store.sql import sql
from aimwell.store.stores import Stores
from shop import add_events, add_traits, day, make_stores, origin

RULES = {
    "loud": {"event": "Login", "count": {"at_least": 2}},
    "quiet": {"event": "Login", "count": {"at_most": 0}},
    "large": {"trait": "size", "above": 3},
    "large-or-loud": {"any": [{"segment": "large"}, {"segment": "loud"}]},
    # Of the lake's table `answers`, beside whatever the session makes for itself.
    "said": {"survey": "nps", "question": "why", "is": "cheap"},
}
SURVEY = {"kind": "survey", "name": "nps", "questions": {"why": {"type": "text"}}}


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    stores = make_stores(tmp_path)
    found = [check({"kind": "segment", "name": name, "rule": rule}) for name, rule in RULES.items()]
    apply(stores.control, [check(SURVEY), *found], now=day(0), by="test")
    add_events(
        stores,
        [{"customer": "ann", "event": "Login", "occurred_at": day(n)} for n in (1, 2)]
        + [{"customer": "bob", "event": "Login", "occurred_at": day(1)}],
    )
    add_traits(stores, [{"customer": "cleo", "name": "size", "value": "4", "set_at": day(1)}])
    return stores


def computed(stores: Stores, *, few: bool) -> tuple[dict[str, set[str]], dict[str, str]]:
    names = {origin(stores, name): name for name in ("ann", "bob", "cleo")}
    found = defined(stores)
    with open_moment(stores, as_of=day(3), people=set(names) if few else None) as moment:
        made = compute(moment, found.closures, found.revisions)
        rows = moment.session.rows(
            sql(
                """
                SELECT named.segment, numbered.profile_id FROM fresh
                JOIN named ON named.place = fresh.place JOIN numbered ON numbered.number = fresh.number
                """
            )
        )
    inside: dict[str, set[str]] = {name: set() for name in made.places}
    for segment, who in rows:
        inside[segment].add(names[who])
    return inside, dict(made.failures)


def breaking(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Whatever reads the trait `size` fails."""
    real = DuckDBSession.materialise

    def materialise(self: DuckDBSession, name: str, query: exp.Expr) -> None:
        if "'size'" in query.sql("duckdb"):
            raise error
        real(self, name, query)

    monkeypatch.setattr(DuckDBSession, "materialise", materialise)


@pytest.mark.parametrize("few", [False, True], ids=["everybody", "a few"])
def test_each_segment_has_those_of_whom_its_rule_is_true(stores: Stores, few: bool) -> None:
    inside, failures = computed(stores, few=few)
    assert inside == {
        "loud": {"ann"},
        "quiet": {"cleo"},
        "large": {"cleo"},
        "large-or-loud": {"ann", "cleo"},
        "said": set(),
    }
    assert failures == {}


@pytest.mark.parametrize("few", [False, True], ids=["everybody", "a few"])
def test_a_leaf_that_cannot_be_computed_fails_the_segments_that_have_it_and_no_others(
    stores: Stores, few: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaking(monkeypatch, QueryError("The engine gave up.\nIts own words."))
    inside, failures = computed(stores, few=few)
    assert inside == {"loud": {"ann"}, "quiet": {"cleo"}, "said": set()}
    assert failures == dict.fromkeys(("large", "large-or-loud"), "The engine gave up.")


@pytest.mark.parametrize("few", [False, True], ids=["everybody", "a few"])
def test_what_is_no_leafs_fault_ends_the_look(
    stores: Stores, few: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaking(monkeypatch, StorageFullError("There is no space left."))
    with pytest.raises(StorageFullError):
        computed(stores, few=few)
