"""Explanations: people after every leaf, and the leaf that keeps most out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.segment import Segment
from aimwell.segment.model import Explanation
from aimwell.segment.service import explain
from aimwell.store.stores import Stores
from shop import add_events, add_people, add_traits, day, make_stores


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """A hundred people, number n of them with the trait n, who logged in n % 10 times."""
    found = make_stores(tmp_path_factory.mktemp("explaining"))
    people = [f"person {n}" for n in range(100)]
    add_people(found, [{"customer": name, "first_seen_at": day(0)} for name in people])
    add_traits(
        found, [{"customer": name, "name": "n", "value": str(n)} for n, name in enumerate(people)]
    )
    add_events(
        found,
        [
            {"customer": name, "event": "Login", "occurred_at": day(1)}
            for n, name in enumerate(people)
            for _ in range(n % 10)
        ],
    )
    yield found
    found.close()


def told(stores: Stores, rule: Any) -> Explanation:
    segment = check({"kind": "segment", "name": "some", "rule": rule})
    assert isinstance(segment, Segment)
    return explain(stores, segment, as_of=day(9))


def counts(explanation: Explanation) -> list[tuple[str, int, int, int]]:
    return [(leaf.path, leaf.alone, leaf.remaining, leaf.without) for leaf in explanation.leaves]


def test_people_are_counted_after_every_leaf(stores: Stores) -> None:
    found = told(
        stores,
        {
            "all": [
                {"trait": "n", "below": 50},
                {"event": "Login", "count": {"at_least": 8}},
                {"not": {"trait": "n", "below": 10}},
            ]
        },
    )
    assert (found.segment, found.known, found.members) == ("some", 100, 8)
    assert counts(found) == [
        ("rule.all[0]", 50, 50, 18),
        ("rule.all[1]", 20, 10, 40),
        ("rule.all[2].not", 10, 8, 10),
    ]
    assert found.most_excluding is not None
    assert found.most_excluding.path == "rule.all[1]"
    assert found.note is None


def test_a_leaf_under_any_lets_people_in(stores: Stores) -> None:
    found = told(
        stores,
        {"any": [{"trait": "n", "below": 10}, {"trait": "n", "at_least": 95}]},
    )
    assert counts(found) == [("rule.any[0]", 10, 10, 5), ("rule.any[1]", 5, 15, 10)]
    assert found.most_excluding is None


def test_a_single_leaf_is_explained_too(stores: Stores) -> None:
    found = told(stores, {"not": {"trait": "n", "below": 10}})
    assert counts(found) == [("rule.not", 10, 90, 100)]
    assert found.words == "Everyone except people whose n is below 10."
    assert found.most_excluding is None  # there is no other leaf that would exclude less
    assert found.note is None
    empty = told(stores, {"trait": "n", "above": 500})
    assert counts(empty) == [("rule", 0, 0, 100)]
    assert empty.most_excluding is None
    assert empty.note == "Nobody fulfils this rule."


def test_nested_groups_are_followed_in_order(stores: Stores) -> None:
    found = told(
        stores,
        {
            "all": [
                {"any": [{"trait": "n", "below": 20}, {"trait": "n", "at_least": 90}]},
                {"not": {"all": [{"trait": "n", "above": 5}, {"event": "Login"}]}},
            ]
        },
    )
    # In the end: 0 to 5, 10, and 90 (who never logged in).
    assert found.members == 8
    assert counts(found) == [
        ("rule.all[0].any[0]", 20, 20, 1),
        ("rule.all[0].any[1]", 10, 30, 7),
        ("rule.all[1].not.all[0]", 94, 6, 3),
        ("rule.all[1].not.all[1]", 90, 8, 6),
    ]


def test_a_rule_that_cannot_hold_says_so(stores: Stores) -> None:
    found = told(stores, {"all": [{"trait": "n", "is": 1}, {"trait": "n", "is": 2}]})
    assert found.note == (
        "Nobody fulfils this rule. Without rule.all[0] (whose n is 1) there would be 1 people."
    )
    found = told(stores, {"any": [{"trait": "m", "is": 1}, {"trait": "m", "is": 2}]})
    assert found.note == (
        "Nobody fulfils this rule, and leaving out any one part of it changes nothing."
    )


def test_an_explanation_can_be_written_as_json(stores: Stores) -> None:
    found = told(stores, {"trait": "n", "below": 10})
    body = json.loads(json.dumps(found.to_dict()))
    assert body["members"] == 10
    assert body["leaves"][0]["path"] == "rule"
    assert body["as_of"] == "2026-01-10T00:00:00+00:00"
