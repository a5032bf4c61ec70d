"""Names that were never collected are named, with the nearest that there is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.segment import Segment
from aimwell.definitions.service import apply
from aimwell.segment.rules.unknown_names import rule_leaves
from aimwell.segment.service import explain, unknown
from aimwell.store.stores import Stores
from shop import add_events, add_orders, add_people, add_products, add_traits, day, make_stores


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    found = make_stores(tmp_path_factory.mktemp("unknown"))
    add_people(found, [{"customer": name, "first_seen_at": day(0)} for name in ("ann", "bob")])
    add_traits(found, [{"customer": "ann", "name": "country", "value": "France"}])
    add_products(found, [{"sku": "T1", "category": "Tea", "brand": "Leaf"}])
    add_orders(
        found,
        [{"customer": "ann", "order_id": "1", "ordered_at": day(1), "lines": [("T1", 1, 5)]}],
    )
    add_events(
        found,
        [
            {
                "customer": "bob",
                "event": "Product Viewed",
                "occurred_at": day(1),
                "sku": "A100",
                "properties": {"colour": "red", "size": {"shoe": 42}},
            }
        ],
    )
    yield found
    found.close()


def segment(rule: Any) -> Segment:
    made = check({"kind": "segment", "name": "some", "rule": rule})
    assert isinstance(made, Segment)
    return made


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (
            {"event": "Ordr Completed"},
            "No event 'Ordr Completed' was ever collected. Did you mean 'Order Completed'?",
        ),
        (
            {"event": "PRODUCT VIEWED", "count": {"at_most": 0}},
            "No event 'PRODUCT VIEWED' was ever collected. Did you mean 'Product Viewed'?",
        ),
        (
            {"trait": "contry", "is": "France"},
            "No trait 'contry' was ever collected. Did you mean 'country'?",
        ),
        ({"trait": "country", "is": "UK"}, "Nobody's trait 'country' is 'UK'. Known: France."),
        (
            {"event": "Product Viewed", "where": {"properties.color": {"is": "red"}}},
            "No event 'Product Viewed' has a property 'color'. Did you mean 'colour'?",
        ),
        (
            {"event": "Product Viewed", "where": {"properties.colour": {"is": "rod"}}},
            "No event 'Product Viewed' has properties.colour 'rod'. Did you mean 'red'?",
        ),
        (
            {"event": "Product Viewed", "where": {"sku": {"in": ["A10O"]}}},
            "No event 'Product Viewed' has sku 'A10O'. Did you mean 'A100'?",
        ),
        (
            {"event": "Order Completed", "where": {"category": {"is": "tea"}}},
            "No product has category 'tea'. Did you mean 'Tea'?",
        ),
        (
            {"event": "Order Completed", "where": {"sku": {"is": "T2"}}},
            "No product has sku 'T2'. Known: T1.",
        ),
        (
            {"event": "Product Viewed", "sum": {"of": "properties.pages", "above": 1}},
            "No event 'Product Viewed' has a property 'pages'. Known: colour, size.",
        ),
    ],
)
def test_what_was_never_collected_is_named(stores: Stores, rule: Any, told: str) -> None:
    assert explain(stores, segment(rule), as_of=day(9)).warnings == (told,)
    assert unknown(stores, segment(rule), as_of=day(9), values=True) == (told,)


@pytest.mark.parametrize(
    "rule",
    [
        {"event": "Order Completed"},
        {"event": "Email Opened"},
        {"event": "Order Completed", "where": {"category": {"is": "Tea"}, "revenue": {"above": 9}}},
        {"event": "Product Viewed", "where": {"properties.size.shoe": {"is": 41}}},
        {"trait": "country", "exists": False},
        {"bucket": {"salt": "x", "from": 0, "to": 1}},
        {"event": "Product Viewed", "within": "1h"},
    ],
)
def test_a_rule_of_known_names_that_nobody_fulfils_is_not_blamed(stores: Stores, rule: Any) -> None:
    assert explain(stores, segment(rule), as_of=day(9)).warnings == ()
    assert unknown(stores, segment(rule), as_of=day(9), values=True) == ()


def test_values_are_looked_up_only_where_a_leaf_has_nobody(stores: Stores) -> None:
    found = explain(
        stores,
        segment(
            {
                "all": [
                    {"trait": "country", "in": ["France", "Frankreich"]},
                    {"not": {"trait": "country", "is": "Spain"}},
                ]
            }
        ),
        as_of=day(9),
    )
    assert found.members == 1
    assert found.warnings == ("Nobody's trait 'country' is 'Spain'. Known: France.",)
    assert found.to_dict()["warnings"] == found.warnings


def test_nothing_is_said_before_anybody_is_known(stores: Stores) -> None:
    assert unknown(stores, segment({"event": "Nonsense"}), as_of=day(-9), values=True) == ()


def test_leaves_are_found_in_order_through_every_join() -> None:
    rule = segment(
        {
            "any": [
                {"not": {"all": [{"trait": "a", "is": 1}, {"event": "b"}]}},
                {"trait": "c", "is": 2},
            ]
        }
    ).rule
    found = [
        getattr(leaf, "trait", None) or getattr(leaf, "event", None) for leaf in rule_leaves(rule)
    ]
    assert found == ["a", "b", "c"]


def test_a_model_that_was_never_published_is_told_from_a_slip_of_the_pen(stores: Stores) -> None:
    wanted = {"kind": "model", "name": "habits", "type": "clusters"}
    apply(stores.control, [check(wanted)], now=day(0), by="test")
    told = "The model 'habits' has said nothing of anybody yet. Run: aimwell segment model habits --publish"
    for rule in ({"trait": "cluster:habits", "is": "x"}, {"score": "habits", "above": 0.5}):
        assert unknown(stores, segment(rule), as_of=day(10)) == (told,)
    (slip,) = unknown(stores, segment({"trait": "cluster:habit", "is": "x"}), as_of=day(10))
    assert slip.startswith("No trait 'cluster:habit' was ever collected.")
