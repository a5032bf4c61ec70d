"""Values in one form, gaps filled by rule: what is made of them, what of it can be told afterwards."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from aimwell.collect.standard_countries import COUNTRY_CODES, country_code
from aimwell.collect.standards import is_lossy, standard
from aimwell.definitions.source_standards import Step
from aimwell.errors import DefinitionError
from aimwell.privacy.originals import read_originals
from aimwell.privacy.vault import keep_rows
from aimwell.store.schema import metadata
from aimwell.unify.service import unify
from aimwell.workspace.erasing import erase_person
from collecting import COLUMNS, NOW, ORDERS, Shop, source_of


@pytest.mark.parametrize(
    ("text", "steps", "made"),
    [
        ("  a \u00a0 b\t c ", ["spaces"], "a b c"),
        ("Cafe\u0301", ["unicode"], "Café"),
        ("ABC", ["lower"], "abc"),
        ("JEAN-LUC O'NEIL", ["title"], "Jean-Luc O'neil"),
        ("McDonald", ["title"], "McDonald"),
        ("Ja", ["yes_no"], "yes"),
        ("нет", ["yes_no"], "no"),
        ("perhaps", ["yes_no"], None),
        ("31.12.2025", ["date"], "2025-12-31"),
        ("5 March 2026", ["date"], "2026-03-05"),
        ("2026-03-05T10:00:00", ["date"], "2026-03-05"),
        ("03/04/2026", ["date"], None),
        ("euro", ["currency"], "EUR"),
        ("gbp", ["currency"], "GBP"),
        ("$", ["currency"], None),
        ("  vereinigtes  königreich", ["spaces", "country"], "GB"),
        ("Atlantis", ["country"], None),
    ],
)
def test_a_value_in_one_form(text: str, steps: list[Step], made: str | None) -> None:
    assert standard(text, steps) == ((made, True) if made is not None else (text, False))


def test_days_that_could_be_two_are_read_by_the_form_that_is_said() -> None:
    assert standard("03/04/2026", ["date"], ["%d/%m/%Y"]) == ("2026-04-03", True)


def test_countries_are_known_by_codes_names_in_many_languages_and_usual_spellings() -> None:
    written = "UK|gbr|U.S.A.|EIRE|Deutschland|Österreich|Côte d’Ivoire|日本|Россия|RSA|España|Czech Republic|EL"
    codes = "GB GB US IE DE AT CI JP RU ZA ES CZ GR"
    assert [country_code(one) for one in written.split("|")] == codes.split()
    assert all(country_code(code) == code for code in COUNTRY_CODES)
    assert country_code("Unspecified") is None
    assert country_code("x" * 500) is None


def test_what_is_lost_is_more_than_case_space_and_the_way_of_writing_characters() -> None:
    assert not is_lossy("Cafe\u0301  NOIR", "café noir")
    assert is_lossy("Holland", "NL")


CUSTOMERS: dict[str, Any] = {
    "entity": "customers",
    "map": {"customer_id": "id", "phone": "phone", "first_name": "first"},
    "traits": {"country": "land", "tier": "tier", "news": "news"},
}
PEOPLE = """id,phone,first,land,tier,news
a,020 7946 0958,ANN,United Kingdom,gold,yes
b,01 23 45 67 89,bob,FR,,Oui
c,020 7946 0959,Cat,Atlantis,,perhaps
d,,,,silver,
"""


def traits(shop: Shop) -> dict[tuple[str, str], str]:
    names = {shop.origin(one): one for one in "abcd"}
    rows = shop.rows("traits", "origin_id", "name", "value")
    return {(names[origin], name): value for origin, name, value in rows}


def test_people_are_brought_into_one_form_and_what_is_lost_is_kept(shop_on_both: Shop) -> None:
    shop = shop_on_both
    entity = {
        **CUSTOMERS,
        "standardise": {"first_name": "title", "traits.news": ["spaces", "yes_no"]},
        "fill": {"traits.tier": {"constant": "basic"}},
    }
    load = shop.collect(PEOPLE, source_of(entity))
    found = traits(shop)
    assert {who: value for (who, name), value in found.items() if name == "country"} == {
        "a": "GB",
        "b": "FR",
        "c": "Atlantis",
    }
    assert {who: value for (who, name), value in found.items() if name == "tier"} == {
        "a": "gold",
        "b": "basic",
        "c": "basic",
        "d": "silver",
    }
    assert found["b", "news"] == "yes"
    # Numbers without a prefix are of the country that stands beside them.
    vault = metadata.tables["vault_people"]
    with shop.stores.read_control() as connection:
        people = {row.customer_id: row for row in connection.execute(sa.select(vault))}
    assert {who: people[who].phone for who in "abcd"} == {
        "a": "+442079460958",
        "b": "+33123456789",
        "c": "+442079460959",
        "d": None,
    }
    assert [people[who].first_name for who in "abc"] == ["Ann", "Bob", "Cat"]
    # What personal fields were made of stays in the vault.
    columns = ("origin_id", "field", "value", "written", "how")
    names = {shop.origin(one): one for one in "abcd"}
    originals = shop.control_rows("vault_originals", *columns)
    assert sorted((names[row[0]], *row[1:]) for row in originals) == [
        ("a", "first_name", "Ann", "ANN", "title"),
        ("a", "phone", "+442079460958", "020 7946 0958", "phone:GB"),
        ("b", "first_name", "Bob", "bob", "title"),
        ("b", "phone", "+33123456789", "01 23 45 67 89", "phone:GB"),
        ("c", "phone", "+442079460959", "020 7946 0959", "phone:GB"),
    ]
    marks = shop.rows("trait_marks", "name", "how", "original")
    assert sorted(marks, key=str) == [
        ("country", "standard:country", "United Kingdom"),
        ("news", "standard:spaces+yes_no", "Oui"),
        ("tier", "filled:constant", None),
        ("tier", "filled:constant", None),
    ]
    assert (dict(load.filled), dict(load.standardised)) == (
        {"traits.tier": 2},
        {"traits.country": 1, "traits.news": 1},
    )
    assert "traits.country: 1 value not recognised (country), kept as they are" in load.warnings
    assert "traits.news: 1 value not recognised (spaces, yes_no), kept as they are" in load.warnings


def test_a_country_is_left_as_it_is_where_that_is_said(shop: Shop) -> None:
    load = shop.collect(PEOPLE, source_of({**CUSTOMERS, "standardise": {"traits.country": "keep"}}))
    assert traits(shop)["a", "country"] == "United Kingdom"
    assert (dict(load.standardised), load.warnings) == ({}, ())


def test_gaps_are_filled_from_other_columns_earlier_rows_and_medians(shop: Shop) -> None:
    entity = {
        **ORDERS,
        "map": {**ORDERS["map"], "unit_cost": "cost", "category": "category"},
        "properties": {"brand": "brand", "shelf": "shelf"},
        "fill": {
            "unit_cost": {"median_by": "category"},
            "category": {"last_known_by": "sku"},
            "properties.brand": {"from": "properties.shelf"},
            "quantity": {"constant": 1},
        },
    }
    load = shop.collect(
        f"{COLUMNS},cost,category,brand,shelf\n"
        "1,2026-01-05,ann,mug,2,4.50,1.00,cups,acme,A1\n"
        "2,2026-01-05,bob,jug,,4.50,2.00,cups,,B2\n"
        "3,2026-01-05,cat,cup,1,4.50,6.00,cups,acme,\n"
        "4,2026-01-05,dan,mug,1,4.50,,,,\n"
        "5,2026-01-05,eve,new,1,4.50,,cups,,\n",
        source_of(entity),
    )
    assert (load.rows_taken, load.quarantined) == (5, 0)
    rows = shop.rows(
        "order_lines", "order_id", "quantity", "unit_cost", "properties", order="order_id"
    )
    costs = [cost for _, _, cost, _ in rows]
    # The category of the fourth was filled as well, and medians are of what was said.
    assert costs == [1, 2, 6, None, 2]
    assert [quantity for _, quantity, _, _ in rows] == [2, 1, 1, 1, 1]
    properties = [json.loads(text) if text else None for _, _, _, text in rows]
    assert properties[0] == {"brand": "acme", "shelf": "A1"}
    assert properties[1] == {
        "brand": "B2",
        "shelf": "B2",
        "_filled": {"properties.brand": "from:properties.shelf", "quantity": "constant"},
    }
    assert properties[3] == {"_filled": {"category": "last_known"}}
    assert properties[4] == {"_filled": {"unit_cost": "median"}}
    assert dict(load.filled) == {
        "category": 1,
        "properties.brand": 1,
        "quantity": 1,
        "unit_cost": 1,
    }
    assert load.gaps == {"properties.brand": 2, "properties.shelf": 3, "unit_cost": 1}


@pytest.mark.parametrize(
    ("entity", "words"),
    [
        (
            {"standardise": {"traits.lnd": "country"}},
            "standardise names no mapped field: 'traits.lnd'",
        ),
        ({"standardise": {"phone": "lower"}}, "phone is an identifier"),
        ({"standardise": {"traits.country": "shorter"}}, "standardise"),
        (
            {"fill": {"traits.tier": {}}},
            "give one of constant, from, last_known_by, median_by or known_in",
        ),
        ({"fill": {"customer_id": {"constant": "x"}}}, "nothing may stand in for it"),
        (
            {"fill": {"traits.tier": {"from": "traits.x"}}},
            "looks at 'traits.x', which is not mapped",
        ),
        ({"fill": {"traits.tier": {"known_in": "orders.tier"}}}, "known_in"),
        ({"fill": {"traits.tier": {"known_in": "products.brand"}}}, "looks at 'sku', which is not"),
        ({"fill": {"traits.tier": {"from": "phone"}}}, "phone is personal"),
    ],
)
def test_forms_and_fillings_that_make_no_sense_are_refused(
    entity: dict[str, Any], words: str
) -> None:
    with pytest.raises(DefinitionError) as caught:
        source_of({**CUSTOMERS, **entity})
    assert words in str(caught.value)


def test_what_personal_fields_were_made_of_is_kept_by_form_the_newest_stands_and_goes_with_the_person(
    shop_on_both: Shop,
) -> None:
    shop = shop_on_both
    source = source_of(
        {"entity": "customers", "map": {"customer_id": "id", "phone": "p", "email": "e"}}
    )
    shop.collect(
        "id,p,e\na,020 7946 0958,Ann@Example.com\nb,+442079460959,bob@example.com\n", source
    )
    shop.collect("id,p,e\na,(020) 79460958,nonsense\n", source)
    with shop.stores.read_control() as connection:
        found = read_originals(connection, [shop.origin("a")])
        assert read_originals(connection, [shop.origin("b")]) == {}
    assert found == {
        ("email", "ann@example.com"): "Ann@Example.com",
        ("email", ""): "nonsense",
        ("phone", "+442079460958"): "(020) 79460958",
    }
    # A row in quarantine that spells the number so is hers too.
    keep_rows(
        shop.stores,
        pa.table({"row_hash": ["r"], "content": ['{"p": "(020) 79460958"}']}),
        source="shop",
        kept_at=NOW,
    )
    unify(shop.stores, now=NOW)
    erase_person(shop.stores, "a", now=NOW + timedelta(days=1), by="clerk")
    assert shop.control_rows("vault_originals", "written") == []
    assert shop.control_rows("vault_rows", "content") == []


def test_gaps_are_filled_from_what_was_known_before_and_the_rows_stay_what_they_are(
    shop: Shop,
) -> None:
    goods = source_of(
        {"entity": "products", "map": {"sku": "sku", "category": "kind", "unit_cost": "cost"}},
        name="goods",
    )
    people = source_of(
        {"entity": "customers", "map": {"customer_id": "id"}, "traits": {"tier": "tier"}},
        name="crm",
    )
    entity = {
        **ORDERS,
        "map": {**ORDERS["map"], "unit_cost": "cost"},
        "properties": {"tier": "tier", "kind": "category"},
        "fill": {
            "properties.kind": {"known_in": "products.category"},
            "unit_cost": {"known_in": "products.unit_cost"},
            "properties.tier": {"known_in": "traits.tier"},
        },
    }
    head, row = f"{COLUMNS},category,cost,tier\n", "1,2026-01-05,ann,mug,2,4.50,,,\n"
    shop.collect("sku,kind,cost\nmug,cups,1.25\njug,jugs,\n", goods, NOW)
    shop.collect("id,tier\nann,gold\nbob,\n", people, NOW)
    later = [NOW + timedelta(days=day) for day in range(1, 6)]
    text = f"{head}{row}2,2026-01-05,bob,jug,1,9,,,\n3,2026-01-05,ann,mug,1,4,own,7,basic\n"
    load = shop.collect(text, source_of(entity), later[0])
    assert dict(load.filled) == {"properties.kind": 2, "properties.tier": 1, "unit_cost": 1}
    found = shop.rows("order_lines", "order_id", "unit_cost", "properties", order="order_id")
    assert [cost for _, cost, _ in found] == [Decimal("1.25"), None, 7]
    kinds = [json.loads(properties)["kind"] for _, _, properties in found]
    assert kinds == ["cups", "jugs", "own"]
    assert json.loads(found[0][2]) == {
        "kind": "cups",
        "tier": "gold",
        "_filled": {
            "properties.kind": "products.category of goods",
            "unit_cost": "products.unit_cost of goods",
            "properties.tier": "traits.tier of crm",
        },
    }
    # The product is called otherwise now: the same row is the same row, and a new one has the new category.
    shop.collect("sku,kind,cost\nmug,mugs,1.25\n", goods, later[1])
    load = shop.collect(f"{head}{row}4,2026-01-06,ann,mug,1,4,,,\n", source_of(entity), later[2])
    assert (load.rows_taken, load.known, load.quarantined) == (1, 1, 0)
    newest = shop.rows("order_lines", "order_id", "properties", order="order_id")[-1][1]
    assert json.loads(newest)["kind"] == "mugs"
    # Nothing of somebody who was erased stands in for anybody's gap.
    unify(shop.stores, now=later[3])
    erase_person(shop.stores, "ann", now=later[3], by="clerk")
    load = shop.collect(f"{head}5,2026-01-07,ann,mug,1,4,,,\n", source_of(entity), later[4])
    assert dict(load.filled) == {"properties.kind": 1, "unit_cost": 1}
