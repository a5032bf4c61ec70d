"""Rules in plain English."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.segment import Segment
from aimwell.definitions.rules import All, AnyOf, Not
from aimwell.segment.rules.leaves.rfm import group_words
from aimwell.segment.rules.phrases import share_words
from aimwell.segment.rules.words import describe
from rule_strategies import LEAVES, RULES


def say(rule: Any) -> str:
    found = check({"kind": "segment", "name": "some", "rule": rule})
    assert isinstance(found, Segment)
    return describe(found.rule)


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ({"event": "Order Completed"}, "People who ordered."),
        ({"not": {"event": "Order Completed"}}, "Everyone except people who ordered."),
        (
            {"event": "Order Completed", "count": {"exactly": 0}, "within": "365d"},
            "People who never ordered in the last 365 days.",
        ),
        (
            {"event": "Order Completed", "count": {"at_least": 2, "at_most": 5}, "within": "1d"},
            "People who ordered at least twice and at most 5 times in the last day.",
        ),
        (
            {"event": "Login", "count": {"at_most": 1}, "between": ["2026-01-01", "2026-01-31"]},
            "People who did “Login” at most once from 2026-01-01 to 2026-01-31.",
        ),
        (
            {"event": "Order Completed", "first": {"within": "36h"}, "last": {"before": "30d"}},
            "People who ordered for the first time in the last 36 hours "
            "for the last time more than 30 days ago.",
        ),
        (
            {"event": "Order Completed", "sum": {"of": "revenue", "at_least": 99.95}},
            "People who ordered with revenue at least 99.95 in all.",
        ),
        (
            {
                "event": "Email Opened",
                "where": {"campaign": {"is": "spring"}, "properties.a.b": {"exists": True}},
                "machines": True,
            },
            "People who opened an e-mail (counting only those with campaign spring and the property “a.b” "
            "that is known) (hits of machines counted, too).",
        ),
        (
            {"trait": "country", "in": ["GB", "New Zealand", "IE"]},
            "People whose country is GB, “New Zealand” or IE.",
        ),
        (
            {"trait": "age", "at_least": 18, "below": 30},
            "People whose age is below 30 and is at least 18.",
        ),
        ({"trait": "vip", "is": True}, "People whose vip is true."),
        ({"trait": "name", "exists": False}, "People whose name is not known."),
        (
            {"trait": "born", "between": ["1990-01-01", "1999-12-31"]},
            "People whose born is between 1990-01-01 and 1999-12-31.",
        ),
        (
            {"rfm": {"recency": [2, 1], "monetary": [5]}},
            "People whose recency is in quintile 1 or 2 and monetary value is in quintile 5 of 5.",
        ),
        (
            {"rfm": {"groups": ["champions", "cant_lose_them", "new"]}},
            "People who are among “champions”, “can't lose them” or “new”.",
        ),
        ({"segment": "lapsing"}, "People who are in the segment “lapsing”."),
        (
            {"bucket": {"salt": "x", "to": 500}},
            "People whose bucket by the salt “x” is 0 to 499 of 0 to 9999.",
        ),
        (
            {
                "all": [
                    {"trait": "country", "is": "GB"},
                    {"any": [{"segment": "a"}, {"segment": "b"}]},
                    {"not": {"all": [{"segment": "c"}, {"not": {"segment": "d"}}]}},
                ]
            },
            "People whose country is GB, and (who are in the segment “a”, or who are in the segment “b”), "
            "and not those (who are in the segment “c”, and not those who are in the segment “d”).",
        ),
    ],
)
def test_a_rule_is_said_in_one_sentence(rule: Any, sentence: str) -> None:
    assert say(rule) == sentence


def test_groups_are_named_as_people_say_them() -> None:
    assert group_words("about_to_sleep") == "about to sleep"
    assert group_words("cant_lose_them") == "can't lose them"


def normal(rule: Any) -> Any:
    """A rule without what makes no difference: groups of one, order and repetition of quintiles, ways to say never and one of one."""
    if isinstance(rule, All | AnyOf):
        parts = rule.all if isinstance(rule, All) else rule.any
        return normal(parts[0]) if len(parts) == 1 else (type(rule), *map(normal, parts))
    if isinstance(rule, Not):
        return (Not, normal(rule.not_))
    document = rule.model_dump(mode="json", by_alias=True, exclude_none=True)
    for name in ("recency", "frequency", "monetary"):
        if name in document.get("rfm", {}):
            document["rfm"][name] = sorted(set(document["rfm"][name]))
    if 0 in (document.get("count") or {}).values():
        count = rule.count
        if count is not None and not count.holds(1):
            document["count"] = {"exactly": 0}
    if document.get("as") == "value":
        del document["as"]
    return json.dumps(plain(document), sort_keys=True)


def plain(value: Any) -> Any:
    """One of one is that one."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    found = {key: plain(one) for key, one in value.items()}
    if len(found.get("in", ())) == 1 and "is" not in found:
        found["is"] = found.pop("in")[0]
    return found


@pytest.mark.parametrize(
    ("share", "words"),
    [(0.0, "0%"), (0.0014, "under 1%"), (0.005, "under 1%"), (0.0051, "1%"), (1.0, "100%")],
)
def test_a_little_share_is_not_called_none(share: float, words: str) -> None:
    assert share_words(share) == words


def test_two_rules_that_differ_have_two_sentences() -> None:
    """Hundreds of rules of a small world, in which near misses are many."""
    sentences: dict[str, Any] = {}

    @settings(max_examples=500, suppress_health_check=[HealthCheck.too_slow], database=None)
    @given(LEAVES | RULES)
    def say_it(rule: Any) -> None:
        found = check({"kind": "segment", "name": "some", "rule": rule})
        assert isinstance(found, Segment)
        sentence = describe(found.rule)
        assert sentence.strip(" .")
        form = normal(found.rule)
        assert sentences.setdefault(sentence, form) == form, sentence

    say_it()
    assert len(sentences) > 300


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"trait": "a", "is": 1}, {"trait": "a", "is": "1"}),
        ({"trait": "a", "is": True}, {"trait": "a", "is": "true"}),
        ({"trait": "a", "exists": True}, {"trait": "a", "is": "known"}),
        ({"trait": "a is b or c", "is": "d"}, {"trait": "a", "in": ["b or c is d"]}),
        ({"trait": "a", "in": ["x", "y"]}, {"trait": "a", "is": "x” or “y"}),
        ({"event": "A” in the last day"}, {"event": "A", "within": "1d"}),
        (
            {"event": "A", "where": {"revenue": {"above": 1}}},
            {"event": "A” (counting only those with revenue above 1)"},
        ),
    ],
)
def test_what_looks_alike_is_said_apart(one: Any, other: Any) -> None:
    assert say(one) != say(other)
