"""Parameters of segments: what they are, where they stand, how they are given otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.segment import Segment
from aimwell.definitions.leaves.event import EventRule
from aimwell.definitions.leaves.trait import TraitRule
from aimwell.definitions.rules import All
from aimwell.errors import DefinitionError

DOCUMENT: dict[str, Any] = {
    "kind": "segment",
    "name": "regulars",
    "parameters": {
        "days": 30,
        "often": {"default": 2, "type": "number", "description": "Orders that make a regular."},
        "countries": ["GB", "IE"],
    },
    "rule": "orders.count(within: ${days}d) >= $often and country in $countries",
}


def segment(**others: Any) -> Segment:
    found = check({**DOCUMENT, **others})
    assert isinstance(found, Segment)
    return found


def asked(found: Segment) -> tuple[Any, Any, Any]:
    assert isinstance(found.rule, All)
    event, trait = found.rule.all
    assert isinstance(event, EventRule)
    assert isinstance(trait, TraitRule)
    assert event.count is not None
    assert event.within is not None
    return event.within.days, event.count.at_least, trait.in_


def test_parameters_stand_for_their_defaults_or_for_what_is_given() -> None:
    assert asked(segment()) == (30, 2, ("GB", "IE"))
    other = segment().with_parameters({"days": 60, "countries": ["FR"]})
    assert asked(other) == (60, 2, ("FR",))
    assert asked(other.with_parameters({"often": 5})) == (60, 5, ("FR",))


def test_the_document_keeps_the_names_of_its_parameters() -> None:
    document = segment().document()
    assert document["parameters"] == DOCUMENT["parameters"]
    assert document["rule"]["all"][0]["within"] == "${days}d"
    assert document["rule"]["all"][1] == {"trait": "country", "in": "$countries"}
    assert check(document) == segment()
    assert segment().text() == DOCUMENT["rule"]


def test_a_text_that_begins_with_the_sign_is_written_with_two() -> None:
    rule = segment(rule={"trait": "nick", "is": "$$days"}).rule
    assert isinstance(rule, TraitRule)
    assert rule.is_ == "$days"
    rule = segment(rule={"trait": "price", "is": "$10"}).rule
    assert isinstance(rule, TraitRule)
    assert rule.is_ == "$10"


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"rule": "a == $dys"}, "line 1, column 6 .*no parameter 'dys'. Did you mean 'days'"),
        ({"rule": {"trait": "a", "is": "$x"}, "parameters": {}}, "None is known yet"),
        ({"parameters": {"days": {"default": "x", "type": "number"}}}, "'x' is no number"),
        ({"parameters": {"days": {"default": [[1]]}}}, "parameters.days"),
        ({"parameters": {"days": "soon", "often": 2, "countries": ["GB"]}}, "a duration is a"),
        ({"parameters": {"Days": 3}}, "not a valid name"),
    ],
)
def test_wrong_parameters_are_refused_in_words(document: Any, words: str) -> None:
    with pytest.raises(DefinitionError, match=words):
        segment(**document)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"dys": 3}, "no parameter 'dys'. Did you mean 'days'"),
        ({"days": "x"}, "'days' must be a number, as 30, not 'x'"),
        ({"days": True}, "must be a number"),
        ({"days": -3}, "a duration is a positive whole number"),
        ({"countries": "GB"}, r"must be a list, as \[GB, IE\]"),
    ],
)
def test_what_is_given_must_fit(given: Any, words: str) -> None:
    with pytest.raises(DefinitionError, match=words):
        segment().with_parameters(given)
