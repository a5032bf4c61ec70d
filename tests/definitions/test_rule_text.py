"""Rules as short text: the same tree both ways, and words on what is wrong and where."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.segment import Segment
from aimwell.definitions.reading import render_yaml
from aimwell.definitions.rule_text import parse_rule, parse_value, write_rule
from aimwell.definitions.rules import LEAF_KINDS
from aimwell.errors import DefinitionError
from rule_strategies import RULES


def segment(rule: Any, **others: Any) -> Segment:
    found = check({"kind": "segment", "name": "some", "rule": rule, **others})
    assert isinstance(found, Segment)
    return found


def same(one: Any, other: Any) -> bool:
    """Equal with the types of numbers: 1, 1.0 and true are equal, but not the same."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (
            "orders.count(within: 90d) >= 2 and country in [GB, IE]",
            {
                "all": [
                    {"event": "Order Completed", "count": {"at_least": 2}, "within": "90d"},
                    {"trait": "country", "in": ["GB", "IE"]},
                ]
            },
        ),
        ("country == GB", {"trait": "country", "is": "GB"}),
        ("age between [18, 30]", {"trait": "age", "between": [18, 30]}),
        ('"member since" > 2020-01-01', {"trait": "member since", "above": "2020-01-01"}),
        ("email_ok missing", {"trait": "email_ok", "exists": False}),
        ("vip == true or not vip exists", None),
        ("trait(age, at_least: 18, below: 30.0)", {"trait": "age", "at_least": 18, "below": 30.0}),
        (
            '"Product Viewed".count(within: 14d) == 0',
            {"event": "Product Viewed", "count": {"exactly": 0}, "within": "14d"},
        ),
        (
            "returns.sum(revenue, where: {properties.a.b exists, coupon == X}) between [-5, 0]",
            {
                "event": "Order Refunded",
                "sum": {"of": "revenue", "between": [-5, 0]},
                "where": {"properties.a.b": {"exists": True}, "coupon": {"is": "X"}},
            },
        ),
        ("event(Login)", {"event": "Login"}),
        ("rfm(recency: [1, 2], groups: [lost])", {"rfm": {"recency": [1, 2], "groups": ["lost"]}}),
        ("segment(lapsing-high-value)", {"segment": "lapsing-high-value"}),
        (
            "sequence([{event: Login}, {not: {event: Logout}}], within: 1h)",
            {"sequence": [{"event": "Login"}, {"not": {"event": "Logout"}}], "within": "1h"},
        ),
        ("score(churn, as: decile) >= 9", {"score": "churn", "as": "decile", "at_least": 9}),
        ("(a == 1 and b == 2) and c == 3", None),
        ("a == 1 and (b == 2 or c == 3)", None),
        ("all(any(a == 1))", {"all": [{"any": [{"trait": "a", "is": 1}]}]}),
        ("not not a == -1.5e-07", {"not": {"not": {"trait": "a", "is": -1.5e-07}}}),
    ],
)
def test_text_is_the_rule_and_the_rule_is_the_text(text: str, rule: Any) -> None:
    found = parse_rule(text, LEAF_KINDS)
    if rule is not None:
        assert same(found, rule)
    assert write_rule(found, LEAF_KINDS) == text
    assert segment(text) == segment(found)


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("a != 1", "not a == 1"),
        ("orders.count() > 1", "orders.count() >= 2"),
        ("orders.count() < 3", "orders.count() <= 2"),
        ("a == 1\n  and (b == 'it\\'s \"7\"')", 'a == 1 and b == "it\'s \\"7\\""'),
        ("event('Login')", "event(Login)"),
        ("a == 1 or b == 2 and c == 3", "a == 1 or (b == 2 and c == 3)"),
    ],
)
def test_what_can_be_written_in_several_ways_is_the_same_rule(text: str, other: str) -> None:
    assert parse_rule(text, LEAF_KINDS) == parse_rule(other, LEAF_KINDS)


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(RULES)
def test_every_rule_survives_text_and_yaml(rule: Any) -> None:
    text = write_rule(rule, LEAF_KINDS)
    assert same(parse_rule(text, LEAF_KINDS), rule)
    by_text, by_tree = segment(text), segment(rule)
    assert repr(by_text) == repr(by_tree)
    assert by_text.document() == by_tree.document()
    assert same(parse_rule(by_tree.text(), LEAF_KINDS), by_tree.document()["rule"])


_anything = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30
)


@given(_anything, _anything.filter(bool), st.floats(allow_nan=False, allow_infinity=False))
def test_whatever_somebody_types_survives(value: str, name: str, number: float) -> None:
    rule = {
        "any": [
            {"trait": name, "is": value},
            {"event": name, "count": {"at_least": 1}, "where": {name: {"in": [value, number]}}},
            {"trait": name, "in": [value, True, number, 10**26], "exists": True},
            {"bucket": {"salt": name, "to": 5}},
        ]
    }
    assert same(parse_rule(write_rule(rule, LEAF_KINDS), LEAF_KINDS), rule)


@given(st.text(st.sampled_from("ab12 \"'()[]{},:.=<>!$\\andornot\n"), max_size=40))
def test_nonsense_is_refused_with_its_place(text: str) -> None:
    try:
        parse_rule(text, LEAF_KINDS)
    except ValueError as error:
        told = str(error)
    else:
        return
    assert told.startswith("line ")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1, column 1: the text ends where a trait, an event or another leaf"),
        ("contry", "line 1, column 7: the text ends where one of =="),
        ("country = GB", "line 1, column 9: equality is written =="),
        ("rmf(recency: [1])", "column 1: there is no leaf 'rmf'. Did you mean 'rfm'?"),
        ("orders.cuont() > 1", "column 8: .* Did you mean 'count'?"),
        ("orders.count(3) > 1", "takes names with values only"),
        ("orders.count() is 1", "after a count comes a limit"),
        ("orders.sum(within: 3d) > 1", "sum.* needs a field first"),
        ("country in [GB", "column 15: the text ends where ',' or ']'"),
        ("(a == 1", r"column 8: the text ends where '\)' that closes the bracket"),
        ("a == 1 b == 2", "column 8: 'b' stands where"),
        ("a == 1 and\n  country == %", "line 2, column 14: '%' means nothing here"),
        ("a == 5x", "column 6: this is no number"),
        ('a == "abc', "column 6: a text begins here that has no end"),
        (r'a == "\q"', "column 6: a backslash stands before"),
        ("a == and", "'and' stands where a value"),
        ("rfm(recency: [1], recency: [2])", "`recency` is said twice"),
        ("feature(orders, exists: true) exists", "`exists` is said twice"),
        ("(" * 500 + "a == 1", "at most 40 levels"),
        ("a == " + "[" * 500, "at most 40 levels"),
    ],
)
def test_a_fault_in_a_text_is_told_with_line_and_column(text: str, words: str) -> None:
    with pytest.raises(DefinitionError, match=words):
        segment(text)


def test_a_fault_of_meaning_is_found_in_the_text_too() -> None:
    text = "country == GB\nand (orders.count(within: 3d, where: {revenu > 3}) >= 2 or feature(ordrs) > 1)"
    with pytest.raises(DefinitionError) as caught:
        segment(text)
    told = {fault.path: fault.problem for fault in caught.value.faults}
    assert told["rule.all[1].any[0].where.revenu"].startswith("line 2, column 39 of the rule: ")
    assert "Did you mean 'revenue'?" in told["rule.all[1].any[0].where.revenu"]
    assert "Did you mean 'orders'?" in told["rule.all[1].any[1].feature"]


def test_a_document_with_a_text_is_kept_as_the_tree() -> None:
    document = segment("country == GB and vip == true").document()
    assert document["rule"] == {
        "all": [{"trait": "country", "is": "GB"}, {"trait": "vip", "is": True}]
    }
    assert "trait: country" in render_yaml([document])


def test_a_value_by_itself_is_read_as_in_a_rule() -> None:
    assert parse_value("60") == 60
    assert parse_value("[GB, 7]") == ["GB", 7]
    with pytest.raises(ValueError, match="the end of the value"):
        parse_value("60 70")


def test_a_long_rule_is_broken_at_its_outermost_joins() -> None:
    rule = {"all": [{"trait": f"trait_{n}", "is": "a long value"} for n in range(4)]}
    text = write_rule(rule, LEAF_KINDS)
    assert text.splitlines()[1] == 'and trait_1 == "a long value"'
    assert parse_rule(text, LEAF_KINDS) == rule
