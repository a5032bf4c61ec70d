"""Rules in plain English."""

from __future__ import annotations

from typing import Any

import pytest

from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.segment import Segment
from aimwell.segment.leaves.rfm import group_words
from aimwell.segment.words import describe


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
