"""A wrong document is refused whole, and every fault is listed with what is allowed."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import pytest

from aimwell.definitions.catalogue import KINDS, check, json_schema
from aimwell.errors import DefinitionError

CAMPAIGN: dict[str, Any] = {
    "kind": "campaign",
    "name": "spring-winback",
    "audience": {"segment": "lapsing-high-value"},
    "goal": {"event": "Order Completed", "value": "margin", "window": "14d"},
    "actions": [
        {"offer": "ten-percent", "channel": "email", "template": "we-miss-you"},
        {"offer": "free-shipping", "channel": "sms", "template": "we-miss-you-sms"},
    ],
    "policy": {"maximise": "incremental_profit", "budget": 5000, "explore": 0.10},
    "holdout": 0.10,
    "schedule": {"at": "2026-12-01T09:00", "timezone": "recipient"},
}

EXAMPLES: dict[str, dict[str, Any]] = {
    "campaign": CAMPAIGN,
    "offer": {
        "kind": "offer",
        "name": "ten-percent",
        "benefit": {"percent": 10},
        "valid": {"start": "2026-11-01T00:00:00+00:00", "end": "2026-12-31T23:59:59+00:00"},
        "code": "SPRING",
    },
    "template": {
        "kind": "template",
        "name": "we-miss-you",
        "variants": [{"subject": "We miss you", "html": "<p>Hello</p>"}],
    },
    "channel": {
        "kind": "channel",
        "name": "email",
        "sender": {"address": "shop@example.com", "name": "The Shop"},
        "smtp": {"host": "localhost", "port": 2525, "tls": "none"},
        "dkim": {"domain": "example.com", "selector": "a", "private_key": {"env": "DKIM_KEY"}},
        "cost": 0.01,
    },
    "contact_policy": {
        "kind": "contact_policy",
        "name": "default",
        "caps": [{"count": 2, "days": 7}],
        "quiet_hours": {"start": "21:00", "end": "08:00"},
        "gap": "2d",
    },
}


def faults(document: Any) -> dict[str, str]:
    with pytest.raises(DefinitionError) as caught:
        check(document)
    return {fault.path: str(fault) for fault in caught.value.faults}


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_right_document_comes_back_as_it_was_meant(kind: str) -> None:
    definition = check(EXAMPLES[kind])
    stored = json.loads(json.dumps(definition.document()))
    assert check(stored) == definition
    assert (stored["kind"], stored["name"]) == (kind, EXAMPLES[kind]["name"])


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_schema_that_describes_its_fields(kind: str) -> None:
    schema = json_schema(kind)
    assert {"kind", "name", "description"} <= schema["properties"].keys()
    assert schema["additionalProperties"] is False


def _defaults(schema: Any) -> list[Any]:
    if isinstance(schema, list):
        return [found for part in schema for found in _defaults(part)]
    if not isinstance(schema, dict):
        return []
    own = [schema["default"]] if isinstance(schema.get("default"), str) else []
    return own + [found for part in schema.values() for found in _defaults(part)]


@pytest.mark.parametrize("kind", KINDS)
def test_defaults_stand_in_the_schema_as_one_writes_them(kind: str) -> None:
    written = _defaults(json_schema(kind))
    assert not [one for one in written if re.fullmatch(r"P[T0-9].*", one)]
    assert ("14d" in written) == (kind == "campaign")


def test_a_document_is_shown_with_what_was_written_and_nothing_else() -> None:
    for body in (
        {
            "kind": "campaign",
            "name": "spring",
            "audience": {"everyone": True},
            "goal": {"event": "Order Completed", "window": "2w"},
            "actions": [{"channel": "email", "template": "hello", "weight": 1.0}],
            "holdout": 0.1,
            "schedule": {"at": "2026-12-01T09:00", "timezone": "recipient"},
        },
        {
            "kind": "contact_policy",
            "name": "default",
            "caps": [{"count": 2, "days": 1}],
            "quiet_hours": {"start": "21:00", "end": "08:30:15"},
            "gap": "48h",
        },
        {
            "kind": "channel",
            "name": "email",
            "medium": "email",
            "sender": {"address": "hello@shop.example"},
            "sink": {"folder": "outbox"},
        },
    ):
        assert check(body).document() == body
        assert check(check(body).document()) == check(body)


def test_all_faults_are_listed_at_once() -> None:
    found = faults(
        {
            **CAMPAIGN,
            "holdout": 3,
            "goal": {"windw": "14d", "window": "soon"},
            "actions": [{"channel": "E Mail", "template": "x"}],
            "surprise": 1,
        }
    )
    assert found.keys() == {
        "holdout",
        "goal.windw",
        "goal.window",
        "actions[0].channel",
        "surprise",
    }
    assert "Did you mean 'window'?" in found["goal.windw"]
    assert "as '14d'" in found["goal.window"]


def test_faults_name_the_offending_value() -> None:
    assert "3" in faults({**CAMPAIGN, "holdout": 3})["holdout"]


def test_faults_are_told_in_words_and_not_in_those_of_a_program() -> None:
    found = faults(
        {**CAMPAIGN, "audience": "everyone", "actions": [{"channel": "E Mail", "template": "x"}]}
    )
    assert "fields are needed here" in found["audience"]
    assert "segment" in found["audience"]
    assert "lower-case letters" in found["actions[0].channel"]
    source = {
        "kind": "source",
        "name": "s",
        "files": {"f": "f.csv"},
        "currency": "gbp",
        "timezone": "Mars/Phobos",
    }
    found = faults({**source, "country": "uk", "entities": []})
    assert "three capital letters, as GBP" in found["currency"]
    assert "two capital letters, as GB" in found["country"]
    assert "Names are as Europe/London" in found["timezone"]
    assert "Africa" not in found["timezone"]
    told = " ".join(found.values())
    assert not any(word in told for word in ("pattern", "dictionary", "instance of"))


@pytest.mark.parametrize("document", [None, [], "text", 3, {}, {"kind": "campain", "name": "x"}])
def test_what_is_no_document_is_refused(document: Any) -> None:
    assert faults(document)


def test_an_unknown_kind_gets_the_nearest_name() -> None:
    assert "Did you mean 'campaign'?" in faults({"kind": "campain", "name": "x"})["kind"]
    with pytest.raises(DefinitionError, match="Did you mean 'offer'"):
        json_schema("ofer")


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("offer", {"benefit": {"percent": 10, "amount": 5}}),
        ("offer", {"valid": {"start": "2026-12-01T00:00:00Z", "end": "2026-11-01T00:00:00Z"}}),
        ("offer", {"valid": {"end": "2026-11-01T00:00:00"}}),
        ("template", {"variants": []}),
        ("template", {"variants": [{"subject": "x"}]}),
        ("template", {"variants": [{"html": "x"}]}),
        ("template", {"variants": [{"subject": "x", "html": "x"}, {"subject": "y", "html": "y"}]}),
        ("channel", {"sink": {}}),
        ("channel", {"sender": None}),
        ("channel", {"sender": {"address": "no address"}}),
        ("channel", {"dkim": {"domain": "e.com", "selector": "a", "private_key": "-----BEGIN"}}),
        ("channel", {"dkim": {"domain": "e.com", "selector": "a", "private_key": {}}}),
        ("campaign", {"audience": {}}),
        ("campaign", {"audience": {"segment": "a", "everyone": True}}),
        ("campaign", {"actions": []}),
        ("campaign", {"schedule": {"timezone": "Europe/Atlantis"}}),
        ("campaign", {"schedule": {"at": "2026-12-01T09:00+01:00"}}),
        ("campaign", {"name": "Spring Winback"}),
        ("campaign", {"goal": {"window": "0d"}}),
        ("campaign", {"goal": {"window": "999999w"}}),
        ("campaign", {"policy": {"budget": math.inf}}),
        ("campaign", {"targets": {"revenue": math.nan}}),
        ("campaign", {"targets": {"conversion_rate": 500}}),
        ("offer", {"cost_fixed": math.inf}),
        ("contact_policy", {"caps": [{"count": 0}]}),
        ("contact_policy", {"quiet_hours": {"start": "25:00", "end": "08:00"}}),
    ],
)
def test_documents_that_make_no_sense_are_refused(kind: str, change: dict[str, Any]) -> None:
    assert faults({**EXAMPLES[kind], **change})


def test_two_actions_cannot_share_a_name() -> None:
    twice = [CAMPAIGN["actions"][0]] * 2
    assert "same name" in " ".join(faults({**CAMPAIGN, "actions": twice}).values())
