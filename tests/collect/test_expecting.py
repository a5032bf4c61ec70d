"""Expectations: what rows should fulfil, who is kept aside and who is only counted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from aimwell.collect import quarantine
from aimwell.errors import DefinitionError
from aimwell.store.schema import metadata
from collecting import COLUMNS, NOW, ORDERS, Shop, source_of

RESULTS = metadata.tables["expectation_results"]
CUSTOMERS: dict[str, Any] = {
    "entity": "customers",
    "map": {"customer_id": "id", "email": "email"},
    "traits": {
        "tier": "tier",
        "age": "age",
        "domain": "domain",
        "starts": "starts",
        "ends": "ends",
    },
}
HEAD = "id,email,tier,age,domain,starts,ends\n"
PEOPLE = f"""{HEAD}a,a@example.com,gold,34,example.com,2026-01-01,2026-02-01
b,,gold,x,example.com,2026-03-01,2026-02-01
c,c@example.com,lead,210,,2026-01-01,
d,d@example.com,,,,,
"""


def people(*expect: dict[str, Any]) -> Any:
    return source_of({**CUSTOMERS, "expect": list(expect)})


TESTS: list[tuple[dict[str, Any], int]] = [
    ({"field": "email", "required": True}, 1),
    ({"field": "traits.tier", "in": ["gold", "silver"]}, 1),
    ({"field": "traits.age", "type": "whole"}, 1),
    ({"field": "traits.age", "at_least": 0, "at_most": 120}, 2),
    ({"field": "traits.age", "at_most": 300}, 1),
    ({"field": "traits.starts", "at_most": "2026-02-01"}, 1),
    ({"field": "traits.starts", "type": "date"}, 0),
    ({"field": "traits.starts", "type": "number"}, 3),
    ({"field": "traits.domain", "type": "country"}, 2),
    ({"field": "email", "type": "email"}, 0),
    ({"field": "traits.tier", "pattern": "[a-f]old|lead"}, 2),
    ({"field": "traits.tier", "pattern": "go.d|lead"}, 0),
    ({"field": "traits.domain", "length_at_most": 10}, 2),
    ({"field": "traits.tier", "unique": True}, 1),
    ({"unique": ["traits.tier", "traits.age"]}, 0),
    ({"check": "traits.domain IS NULL OR email IS NOT NULL"}, 1),
    ({"check": "traits.starts <= traits.ends"}, 1),
    ({"check": "CAST(traits.age AS INTEGER) < 100"}, 1),
]


def test_each_kind_of_expectation_finds_the_rows_that_do_not_fulfil_it(shop_on_both: Shop) -> None:
    tests = [{**test, "name": f"t{n}", "severity": "warn"} for n, (test, _) in enumerate(TESTS)]
    load = shop_on_both.collect(PEOPLE, people(*tests))
    assert [one.broken for one in load.expectations] == [broken for _, broken in TESTS]
    assert load.rows_taken == 4
    with shop_on_both.stores.read_control() as connection:
        kept = connection.execute(
            sa.select(RESULTS).where(RESULTS.c.broken > 0).order_by(RESULTS.c.place)
        ).all()
    assert [(row.name, row.broken) for row in kept] == [
        (f"t{n}", broken) for n, (_, broken) in enumerate(TESTS) if broken
    ]
    assert {row.load_id for row in kept} == {load.load_id}


def test_rows_that_do_not_fulfil_an_expectation_are_kept_aside(shop: Shop) -> None:
    load = shop.collect(PEOPLE, people({"field": "traits.age", "at_least": 0, "at_most": 120}))
    assert [line for line, *_ in shop.quarantined()] == [3, 4]
    [result] = load.expectations
    assert (result.rows, result.broken, result.severity) == (4, 2, "quarantine")
    assert load.rows_taken == 2


def test_a_warning_counts_rows_and_takes_them(shop: Shop) -> None:
    load = shop.collect(
        PEOPLE,
        people({"field": "traits.tier", "in": ["gold"], "severity": "warn", "name": "tiers"}),
    )
    assert (load.rows_taken, load.quarantined) == (4, 0)
    assert [(one.name, one.rows, one.broken) for one in load.expectations] == [("tiers", 4, 1)]
    assert load.warnings[-1] == (
        "traits.tier should be one of gold: 1 row of 4 not so, taken all the same (tiers)"
    )


def test_the_name_of_an_expectation_is_the_reason_in_quarantine(shop: Shop) -> None:
    shop.collect(
        PEOPLE, people({"name": "adult", "field": "traits.age", "at_least": 18, "at_most": 120})
    )
    assert quarantine(shop.stores).counts == {"shop": {"adult": 2}}
    details = {row.detail for row in quarantine(shop.stores).rows}
    assert details == {"traits.age should be 18.0 to 120.0"}


def test_equal_rows_are_duplicates_and_no_breach_of_uniqueness(shop: Shop) -> None:
    content = f"{HEAD}a,a@x.com,gold,1,,,\na,a@x.com,gold,1,,,\na,a@x.com,lead,1,,,\n"
    load = shop.collect(content, people({"field": "customer_id", "unique": True}))
    assert (load.rows_taken, load.duplicates, load.quarantined) == (1, 1, 1)
    assert shop.quarantined() == [(4, "customer_id", "not_unique")]


def test_a_row_that_is_not_taken_keeps_no_other_one_out(shop: Shop) -> None:
    content = f"{HEAD}a,a@x.com,tin,1,,,\na,a@x.com,gold,1,,,\n"
    load = shop.collect(
        content,
        people({"field": "customer_id", "unique": True}, {"field": "traits.tier", "in": ["gold"]}),
    )
    assert load.rows_taken == 1
    assert [(line, reason) for line, _, reason in shop.quarantined()] == [(2, "not_allowed")]


def test_more_tests_than_a_number_of_64_bits_holds(shop: Shop) -> None:
    many = [{"name": f"t{n}", "field": "traits.tier", "in": ["gold", "lead"]} for n in range(49)]
    orders = {
        **ORDERS,
        "map": {**ORDERS["map"], "tax": "tax", "discount": "off", "unit_cost": "cost"},
        "properties": {"tier": "tier"},
        "expect": [{**one, "field": "properties.tier"} for one in many]
        + [{"name": "last", "field": "sku", "pattern": "[a-z]+"}],
    }
    lines = "2,2026-01-06,bob,m9,1,4.50,0,0,1,gold\n3,2026-01-06,bob,mug,1,4.50,0,0,1,tin\n"
    load = shop.collect(
        f"{COLUMNS},tax,off,cost,tier\n1,2026-01-05,ann,mug,2,4.50,0,0,1,gold\n{lines}",
        source_of(orders),
    )
    assert (load.rows_taken, load.quarantined) == (1, 2)
    assert load.quarantined_by_reason == {"last": 1, "t0": 1}
    assert [one.broken for one in load.expectations] == [*([1] * 49), 1]


def test_a_reference_is_known_once_its_own_source_was_collected(shop: Shop) -> None:
    expect = [
        {"field": "sku", "exists_in": "products", "name": "sku-known"},
        {"field": "customer_id", "exists_in": "customers", "severity": "warn", "name": "who"},
    ]
    orders = source_of({**ORDERS, "expect": expect})
    lines = f"{COLUMNS}\n1,2026-01-05,ann,mug,2,4.50\n2,2026-01-06,bob,tea,1,4.50\n"
    products = {"entity": "products", "map": {"sku": "sku"}}
    shop.collect("sku\nmug\n", source_of(products, name="catalogue"))
    customers = {"entity": "customers", "map": {"customer_id": "id"}}
    shop.collect("id\nann\n", source_of(customers, name="people"))
    load = shop.collect(lines, orders)
    assert [(one.name, one.broken) for one in load.expectations] == [("sku-known", 1), ("who", 1)]
    assert shop.quarantined() == [(3, "sku", "sku-known")]
    # Having bought makes nobody known as a customer, and a line no product.
    again = shop.collect(lines.replace("tea", "mug") + "3,2026-01-07,bob,tea,1,4.50\n", orders)
    assert [(one.name, one.broken) for one in again.expectations] == [("sku-known", 1), ("who", 2)]


def test_whole_files_are_expected_to_be_fresh_and_of_some_size(shop: Shop) -> None:
    orders = {
        **ORDERS,
        "expect": [
            {"field": "ordered_at", "newest_within": "2d"},
            {"rows": {"at_least": 3}},
            {"rows": {"at_most": 3}, "name": "few"},
        ],
    }
    load = shop.collect(f"{COLUMNS}\n1,2026-05-29,ann,mug,2,4.50\n", source_of(orders))
    assert [(one.name, one.broken) for one in load.expectations] == [
        ("newest_within", 1),
        ("rows", 1),
        ("few", 0),
    ]
    assert load.warnings[-2:] == (
        "the newest ordered_at should not be older than 48 hours; the newest is 2026-05-29 00:00 UTC",
        "the files should have at least 3 rows; the files have 1",
    )
    fresh = shop.collect(
        f"{COLUMNS}\n2,{NOW - timedelta(hours=3):%Y-%m-%d %H:%M},ann,mug,2,4.50\n",
        source_of(orders),
    )
    assert fresh.expectations[0].broken == 0


@pytest.mark.parametrize(
    ("expectation", "words"),
    [
        (
            {"field": "emial", "required": True},
            "names no mapped field: 'emial'. Did you mean 'email'",
        ),
        ({"field": "email"}, "an expectation has one test, this one has 0"),
        ({"field": "email", "required": True, "pattern": "x"}, "this one has 2"),
        ({"required": True}, "`required` needs the `field`"),
        ({"field": "email", "rows": {"at_least": 1}}, "leave `field` out"),
        ({"rows": {"at_least": 1}, "severity": "quarantine"}, "it can only `warn`"),
        ({"rows": {"at_least": 5, "at_most": 1}}, "no file could fulfil it"),
        ({"field": "email", "pattern": "("}, "this pattern is wrong"),
        ({"field": "traits.tier", "exists_in": "customers"}, "customers are known by one of"),
        ({"field": "traits.age", "at_least": "soon"}, "a bound is a number or a day"),
        (
            {"field": "traits.age", "at_least": 1, "at_most": "2026-01-01"},
            "two numbers or two days",
        ),
        ({"check": "traits.nothing > 1"}, "names no mapped field: 'traits.nothing'"),
        ({"check": "(SELECT 1)"}, "is not allowed here"),
    ],
)
def test_an_expectation_that_makes_no_sense_is_refused(
    expectation: dict[str, Any], words: str
) -> None:
    with pytest.raises(DefinitionError) as caught:
        people(expectation)
    assert words in str(caught.value)
