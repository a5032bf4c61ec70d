"""The SQL that rules become, for review.

Each case has a file in `snapshots/`. Where the SQL should change, run the tests with AIMWELL_TEST_UPDATE=1, look at
the difference, and commit it.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlglot import exp

from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.profile_rules import ProfileRules
from aimwell.definitions.kinds.segment import Segment
from aimwell.errors import SegmentError
from aimwell.history.views import activity_of
from aimwell.segment.rfm import rfm_query
from aimwell.segment.rules.queries import compile_rule, leaves
from aimwell.segment.rules.scope import Scope
from aimwell.segment.service import members_query
from aimwell.unify.merging import held_trait

SNAPSHOTS = Path(__file__).parent / "snapshots"
AS_OF = datetime(2026, 3, 1, 12, tzinfo=UTC)

CASES: dict[str, Any] = {
    "design_example": {
        "all": [
            {"rfm": {"recency": [1, 2], "monetary": [4, 5]}},
            {
                "event": "Order Completed",
                "count": {"at_least": 2},
                "within": "365d",
                "where": {"revenue": {"above": 20}},
            },
            {"trait": "country", "in": ["GB", "IE"]},
            {"not": {"event": "Email Link Clicked", "within": "30d"}},
        ]
    },
    "trait_of_every_kind": {
        "any": [
            {"trait": "age", "between": [18, 30.5]},
            {"trait": "born", "below": "2000-01-01"},
            {"trait": "seen", "above": "2026-01-01T00:00+01:00"},
            {"trait": "vip", "is": True},
            {"trait": "size", "in": ["S", 38, False]},
            {"trait": "name", "exists": False},
        ]
    },
    "order_of_products": {
        "event": "Order Completed",
        "count": {"at_least": 1, "at_most": 5},
        "sum": {"of": "revenue", "at_least": 99.95},
        "between": ["2026-01-01", "2026-01-31"],
        "where": {
            "category": {"is": "Tea"},
            "sku": {"exists": True},
            "coupon": {"exists": False},
            "quantity": {"in": [1, 2]},
        },
    },
    "event_at_most": {
        "event": "Product Viewed",
        "count": {"at_most": 2},
        "sum": {"of": "properties.seconds", "below": 60},
        "within": "7d",
    },
    "event_first_and_last": {
        "event": "Login",
        "machines": True,
        "first": {"before": "90d"},
        "last": {"within": "30d", "before": "12h"},
    },
    "property_of_odd_name": {
        "event": "Login",
        "where": {"properties.a/b.~'c\"": {"is": "it's; DROP TABLE known --"}},
    },
    "rfm_groups_and_bucket": {
        "all": [
            {"rfm": {"groups": ["champions", "cant_lose_them"]}},
            {"bucket": {"salt": "spring", "from": 0, "to": 500}},
        ]
    },
    "segment_in_segment": {"not": {"any": [{"segment": "inner"}, {"trait": "a", "is": "x"}]}},
}


def segment(rule: Any, name: str = "some") -> Segment:
    found = check({"kind": "segment", "name": name, "rule": rule})
    assert isinstance(found, Segment)
    return found


def scope(**others: Any) -> Scope:
    held = {"events": ["Product Viewed", "Login"], "touches": ["Email Link Clicked", "Login"]}
    return Scope(
        AS_OF,
        "Europe/London",
        find=lambda name: segment(others[name], name),
        activity_of=lambda event: activity_of(event, held),
        latest_trait=lambda name: held_trait(ProfileRules(name="default"), name),
        feature=lambda name: exp.to_table(f"feature_{name}"),
        consents=lambda channel, purpose, _explicit: exp.to_table(f"consents_{channel}_{purpose}"),
        rfm=lambda: exp.to_table("rfm"),
        lifecycle=lambda _active, _lapsed: exp.to_table("lifecycle"),
        occasion=lambda leaf: exp.to_table(f"occasion_{leaf.occasion}"),
        members=lambda name: exp.to_table(f"members_{name}"),
    )


def compare(name: str, text: str) -> None:
    file = SNAPSHOTS / f"{name}.sql"
    if os.environ.get("AIMWELL_TEST_UPDATE"):
        SNAPSHOTS.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert file.exists(), f"{file.name} is missing; run with AIMWELL_TEST_UPDATE=1 and look at it"
    assert text == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CASES)
def test_a_rule_becomes_this_sql(name: str) -> None:
    inner = {"event": "Order Completed", "count": {"exactly": 0}}
    tree = compile_rule(segment(CASES[name]).rule, scope(inner=inner))
    compare(name, members_query(tree).sql("duckdb", pretty=True) + "\n")


def test_rfm_is_this_sql() -> None:
    compare("rfm", rfm_query(AS_OF).sql("duckdb", pretty=True) + "\n")


def test_there_is_no_snapshot_without_a_case() -> None:
    assert {file.stem for file in SNAPSHOTS.glob("*.sql")} == {*CASES, "rfm"}


def test_each_leaf_is_a_query_of_its_own() -> None:
    tree = compile_rule(segment(CASES["design_example"]).rule, scope())
    found = list(leaves(tree))
    assert [leaf.path for leaf in found] == [
        "rule.all[0]",
        "rule.all[1]",
        "rule.all[2]",
        "rule.all[3].not",
    ]
    text = members_query(tree).sql("duckdb")
    for leaf in found:
        assert leaf.query is not None
        assert leaf.query.sql("duckdb") in text


def test_segments_in_a_circle_are_refused_and_the_way_is_shown() -> None:
    others = {
        "a": {"not": {"segment": "b"}},
        "b": {"any": [{"segment": "c"}]},
        "c": {"segment": "a"},
    }
    with pytest.raises(SegmentError, match="a → b → c → a"):
        compile_rule(segment(others["a"]).rule, scope(**others), name="a")
    with pytest.raises(SegmentError, match="b → c → a → b"):
        compile_rule(segment({"segment": "b"}).rule, scope(**others), name="outside")


def test_the_same_segment_twice_is_no_circle() -> None:
    rule = {"all": [{"segment": "a"}, {"not": {"segment": "a"}}]}
    tree = compile_rule(segment(rule).rule, scope(a={"trait": "x", "is": 1}), name="b")
    assert len(list(leaves(tree))) == 2
