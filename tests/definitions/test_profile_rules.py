"""The rules of profiles: one document, kept as it was written, every fault of it listed."""

from __future__ import annotations

from typing import Any

import pytest

from aimwell.definitions.catalogue import check, json_schema
from aimwell.definitions.kinds.profile_rules import ProfileRules
from aimwell.errors import DefinitionError


def faults(**body: Any) -> dict[str, str]:
    with pytest.raises(DefinitionError) as caught:
        check({"kind": "profile_rules", "name": "default", **body})
    return {fault.path: fault.problem for fault in caught.value.faults}


def test_what_was_written_is_what_is_shown() -> None:
    body = {
        "kind": "profile_rules",
        "name": "default",
        "choose": "most_trusted",
        "trust": {"crm": 0.9},
        "traits": {"country": {"choose": "newest"}, "x": {"half_life": "2w", "data": "feedback"}},
        "half_lives": {"behavioural": "14d"},
    }
    assert check(body).document() == body
    assert "trust" in json_schema("profile_rules")["properties"]


def test_there_is_one_and_it_is_called_default() -> None:
    assert "name" in faults(name="mine")
    assert ProfileRules().choose == "newest"


def test_every_fault_is_told_at_its_place() -> None:
    found = faults(
        choose="loudest",
        trust={"crm": 3},
        traits={"country": {"chose": "newest", "half_life": "soon"}},
        half_lives={"moods": "3d"},
    )
    assert len(found) == 5
    assert {
        "choose",
        "trust.crm",
        "traits.country.chose",
        "traits.country.half_life",
    } < found.keys()
    assert "Did you mean 'choose'" in found["traits.country.chose"]
