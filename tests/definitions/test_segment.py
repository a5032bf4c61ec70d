"""The document `segment`: what it takes, what it refuses and where it says so, and that nothing is lost."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.definitions.catalogue import check, json_schema
from aimwell.definitions.circles import find_circle
from aimwell.definitions.kinds.segment import Segment
from aimwell.definitions.leaves.event import EventRule
from aimwell.definitions.leaves.rfm import RfmRule
from aimwell.definitions.leaves.trait import TraitRule
from aimwell.definitions.reading import read_documents, render_yaml
from aimwell.definitions.rule_reading import DEPTH_MAX, NODES_MAX
from aimwell.definitions.rules import All, Not, walk
from aimwell.definitions.service import apply, check_all, remove
from aimwell.errors import DefinitionError
from aimwell.store.control import Control
from aimwell.store.migrate import upgrade

NOW = datetime(2026, 3, 1, tzinfo=UTC)

LAPSING = """
kind: segment
name: lapsing-high-value
rule:
  all:
    - rfm: {recency: [1, 2], monetary: [4, 5]}
    - event: Order Completed
      count: {at_least: 2}
      within: 365d
      where: {revenue: {above: 20}}
    - trait: country
      in: [GB, IE, NO]
    - not: {event: Email Link Clicked, within: 30d}
"""

EVERYTHING: dict[str, Any] = {
    "any": [
        {"trait": "vip", "is": True},
        {"trait": "customer number", "is": 12345678901234567890},
        {"trait": "age", "above": 17.5, "below": 99},
        {"trait": "member since", "between": ["2020-01-01", "2020-12-31"]},
        {"trait": "name", "exists": False},
        {"trait": "points", "at_least": 0, "at_most": 10},
        {
            "event": "Order Completed",
            "count": {"at_least": 1, "at_most": 3},
            "sum": {"of": "properties.gift.value", "between": [1, 2.5]},
            "first": {"within": "52w", "before": "30d"},
            "last": {"before": "12h"},
            "between": ["2026-01-01T00:00+01:00", "2026-02-01T00:00+01:00"],
            "where": {"category": {"in": ["Tea", "7"]}, "properties.a.b": {"exists": True}},
        },
        {"event": "Email Opened", "count": {"exactly": 0}, "machines": True},
        {"rfm": {"groups": ["at_risk", "cant_lose_them"], "frequency": [5]}},
        {"segment": "other"},
        {"bucket": {"salt": 'it\'s "50%" – ünïcode', "from": 100, "to": 500}},
    ]
}


def segment(rule: Any, name: str = "some") -> Segment:
    found = check({"kind": "segment", "name": name, "rule": rule})
    assert isinstance(found, Segment)
    return found


def faults(rule: Any) -> dict[str, str]:
    with pytest.raises(DefinitionError) as caught:
        segment(rule)
    return {fault.path: fault.problem for fault in caught.value.faults}


def test_the_example_of_the_design_is_understood() -> None:
    (document,) = read_documents_of(LAPSING)
    rule = segment(document["rule"]).rule
    assert isinstance(rule, All)
    assert [type(part) for part in rule.all] == [RfmRule, EventRule, TraitRule, Not]
    event = rule.all[1]
    assert isinstance(event, EventRule)
    assert event.where is not None
    assert event.where["revenue"].above == 20
    trait = rule.all[2]
    assert isinstance(trait, TraitRule)
    assert trait.in_ == ("GB", "IE", "NO")


def read_documents_of(text: str) -> list[Any]:
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "documents.yaml"
        file.write_text(text, encoding="utf-8")
        return [document.body for document in read_documents([file])]


def test_a_document_comes_back_as_it_was_written() -> None:
    (document,) = read_documents_of(LAPSING)
    assert segment(document["rule"], "lapsing-high-value").document() == document


def test_every_part_survives_yaml_and_json() -> None:
    written = segment(EVERYTHING)
    by_yaml = read_documents_of(render_yaml([written.document()]))[0]
    by_json = json.loads(json.dumps(written.document()))
    assert check(by_yaml) == written
    assert check(by_json) == written
    assert written.document()["rule"] == EVERYTHING


_scalars = st.one_of(
    st.booleans(),
    st.integers(min_value=-(10**26), max_value=10**26),
    st.floats(allow_nan=False, allow_infinity=False, min_value=-1e26, max_value=1e26),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30),
)
_texts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=30
)
_leaves = st.one_of(
    st.fixed_dictionaries({"trait": _texts, "is": _scalars}),
    st.fixed_dictionaries({"trait": _texts, "in": st.lists(_scalars, min_size=1, max_size=4)}),
    st.fixed_dictionaries(
        {"event": _texts, "where": st.fixed_dictionaries({"revenue": st.just({"above": 1})})}
    ),
)
_rules = st.recursive(
    _leaves,
    lambda below: st.one_of(
        st.fixed_dictionaries({"all": st.lists(below, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"any": st.lists(below, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"not": below}),
    ),
    max_leaves=8,
)


@given(_rules)
def test_any_rule_survives_json_and_yaml_with_its_types(rule: Any) -> None:
    written = segment(rule)
    assert written.document()["rule"] == rule
    again = check(json.loads(json.dumps(written.document())))
    assert repr(again) == repr(written)  # 1, 1.0 and True are equal, but not the same


def test_every_fault_is_listed_at_its_path_with_the_nearest_name() -> None:
    found = faults(
        {
            "all": [
                {"evnt": "Order Completed"},
                {"event": "Order Completed", "cuont": {"at_least": 1}, "within": "5 moons"},
                {"any": [{"trait": "age"}, {"trait": "age", "is": 1, "event": "Login"}]},
                {"event": "Login", "count": {"atleast": 2}, "where": {"revenu": {"above": 3}}},
                {"not": {"rfm": {"recency": [6], "groups": ["lsot"]}}},
                {"bucket": {"salt": "x", "form": 0, "to": 5}},
                {"segment": "Bad Name"},
                "everybody",
            ]
        }
    )
    assert "Did you mean 'event'?" in found["rule.all[0]"]
    assert "Did you mean 'count'?" in found["rule.all[1].cuont"]
    assert "as '14d'" in found["rule.all[1].within"]
    assert "say what to compare with" in found["rule.all[2].any[0]"]
    assert "put them under `all` or `any`" in found["rule.all[2].any[1]"]
    assert "Did you mean 'at_least'?" in found["rule.all[3].count.atleast"]
    assert "Did you mean 'revenue'?" in found["rule.all[3].where.revenu"]
    assert "less than or equal to 5" in found["rule.all[4].not.rfm.recency[0]"]
    assert "rule.all[4].not.rfm.groups[0]" in found
    assert "Did you mean 'from'?" in found["rule.all[5].bucket.form"]
    assert "rule.all[6].segment" in found
    assert "a rule is a mapping with one of" in found["rule.all[7]"]
    assert len(found) == 12


def test_a_fault_names_its_line(tmp_path: Any) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(LAPSING.replace("above: 20", "abvoe: 20"), encoding="utf-8")
    with pytest.raises(DefinitionError, match=r"wrong\.yaml:10: rule\.all\[1\]\.where\.revenue"):
        check_all(read_documents([file]))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({}, "a rule is a mapping"),
        ({"all": []}, "at least 1 item"),
        ({"trait": "age", "above": "tomorrow"}, "a date as 2026-03-31"),
        ({"trait": "age", "above": "2026-01-01T00:00"}, "a time with its offset"),
        ({"trait": "age", "between": [3, 1]}, "must not be above the second"),
        ({"trait": "age", "between": [3, "2026-01-01"]}, "both dates"),
        ({"trait": "age", "is": float("nan")}, "finite"),
        ({"trait": "age", "is": 10**27}, "in quotes"),
        ({"trait": "age", "is": {}}, "write a text, a number"),
        ({"trait": "age", "exists": False, "is": 3}, "stands alone"),
        ({"trait": "a\x00b", "is": 3}, "NUL"),
        ({"trait": "age", "is": "\ud800"}, "lone surrogate"),
        ({"trait": "", "is": 3}, "at least 1 character"),
        ({"event": "A", "within": "3d", "between": ["2026-01-01", "2026-01-02"]}, "not both"),
        ({"event": "A", "between": ["2026-02-01", "2026-01-02"]}, "must not be after"),
        ({"event": "A", "count": {"exactly": 1, "at_least": 1}}, "stands alone"),
        ({"event": "A", "count": {"at_least": 3, "at_most": 2}}, "must not be above"),
        ({"event": "A", "count": {"at_least": -1}}, "greater than or equal to 0"),
        ({"event": "A", "sum": {"of": "sku", "above": 1}}, "revenue, quantity, discount"),
        ({"event": "A", "sum": {"of": "revenue"}}, "say a limit"),
        ({"event": "A", "last": {"within": "3d", "before": "5d"}}, "nothing lies between"),
        ({"event": "A", "where": {"coupon": {"is": "X"}}}, "no such field"),
        ({"event": "Order Completed", "where": {"campaign": {"is": "X"}}}, "no such field"),
        ({"event": "A", "where": {"properties..a": {"is": "X"}}}, "no such field"),
        ({"event": "A", "where": {}}, "at least 1 item"),
        ({"rfm": {}}, "say which"),
        ({"bucket": {"salt": "x", "from": 5, "to": 5}}, "must be above"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(rule: Any, words: str) -> None:
    assert words in " ".join(faults(rule).values())


def test_a_rule_that_nobody_can_have_meant_is_refused() -> None:
    deep: dict[str, Any] = {"trait": "a", "is": 1}
    for _ in range(DEPTH_MAX):
        deep = {"not": deep}
    assert f"at most {DEPTH_MAX} levels" in " ".join(faults(deep).values())
    wide = {"any": [{"trait": "a", "is": 1}] * NODES_MAX}
    assert f"at most {NODES_MAX} nodes" in " ".join(faults(wide).values())


def test_walk_gives_every_node_with_the_path_of_the_document() -> None:
    rule = segment({"all": [{"not": {"segment": "a"}}, {"any": [{"segment": "b"}]}]}).rule
    assert [path for path, _node in walk(rule)] == [
        "rule",
        "rule.all[0]",
        "rule.all[0].not",
        "rule.all[1]",
        "rule.all[1].any[0]",
    ]


def test_the_json_schema_names_every_rule() -> None:
    text = json.dumps(json_schema("segment"))
    for word in (
        "all",
        "any",
        "not",
        "trait",
        "event",
        "rfm",
        "segment",
        "bucket",
        "cant_lose_them",
    ):
        assert f'"{word}"' in text


def test_a_circle_of_segments_is_refused_when_applied(control_url: str) -> None:
    control = Control(control_url)
    upgrade(control)
    first = segment({"not": {"segment": "b"}}, "a")
    second = segment({"all": [{"segment": "c"}, {"trait": "x", "is": 1}]}, "b")
    third = segment({"trait": "x", "is": 1}, "c")
    apply(control, [first, second, third], now=NOW, by="test")
    with pytest.raises(DefinitionError, match="in a circle: c → a → b → c"):
        apply(control, [segment({"segment": "a"}, "c")], now=NOW, by="test")
    with pytest.raises(DefinitionError, match="in a circle: d → d"):
        apply(control, [segment({"segment": "d"}, "d")], now=NOW, by="test")
    with pytest.raises(DefinitionError, match=r"rule\.segment.*no segment of this name"):
        apply(control, [segment({"segment": "nobody"}, "e")], now=NOW, by="test")
    with pytest.raises(DefinitionError, match="in use"):
        remove(control, "segment", "c", now=NOW, by="test")
    control.close()


def test_a_way_round_is_found_only_where_there_is_one() -> None:
    a, b, c = ("segment", "a"), ("segment", "b"), ("segment", "c")
    assert find_circle({a: [b], b: [c]}, a) is None
    assert find_circle({a: [b], b: [c, a]}, a) == [a, b, a]
    assert find_circle({a: [b], b: [c], c: [b]}, a) is None
    assert find_circle({a: [b], b: [c], c: [b]}, b) == [b, c, b]
