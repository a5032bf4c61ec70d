"""Customers, products and events; consent; files that are joined."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from aimwell.errors import DefinitionError, MappingError
from aimwell.privacy.consent import latest_consents, withdraw
from aimwell.privacy.vault import read_people
from aimwell.store.schema import metadata
from collecting import COLUMNS, NOW, ORDERS, Shop, source_of

CUSTOMERS: dict[str, Any] = {
    "entity": "customers",
    "map": {"customer_id": "id", "email": "email", "phone": "phone", "first_name": "name"},
    "traits": {"country": "country", "city": "city"},
}
PEOPLE = """id,email,phone,name,country,city
c1,Ann@Example.com,020 7946 0001,Ann,GB,London
c2,bob@example.com,,Bob,FR,
"""


def customers(**changes: Any) -> dict[str, Any]:
    return {**CUSTOMERS, **changes}


def consents(shop: Shop, channel: str = "email") -> dict[str, str]:
    with shop.stores.read_control() as connection:
        rows = connection.execute(latest_consents(purpose="marketing", channel=channel)).all()
    return {row[0]: row[1] for row in rows}


# --- customers --------------------------------------------------------------------------------------------


def test_customers_reach_vault_identifiers_and_traits(shop_on_both: Shop) -> None:
    shop = shop_on_both
    load = shop.collect(PEOPLE, source_of(CUSTOMERS))
    assert (load.rows_taken, load.people, load.statements) == (2, 2, 3)
    c1, c2 = shop.origin("c1"), shop.origin("c2")
    with shop.stores.read_control() as connection:
        people = read_people(connection, [c1, c2])
        identifiers = connection.execute(sa.select(metadata.tables["identifiers"])).all()
    assert dict(people[c1].fields) == {
        "customer_id": "c1",
        "email": "ann@example.com",
        "phone": "+442079460001",
        "first_name": "Ann",
    }
    assert people[c2].phone is None
    assert {(row.kind, row.value_hash, row.origin_id) for row in identifiers} == {
        ("customer_id", c1, c1),
        ("customer_id", c2, c2),
        ("email", shop.origin("ann@example.com", "email"), c1),
        ("email", shop.origin("bob@example.com", "email"), c2),
        ("phone", shop.origin("+442079460001", "phone"), c1),
    }
    assert shop.rows("traits", "origin_id", "name", "value") == sorted(
        [(c1, "country", "GB"), (c1, "city", "London"), (c2, "country", "FR")]
    )


def test_no_personal_value_reaches_the_lake(shop: Shop) -> None:
    shop.collect(
        PEOPLE + "c3,not-an-address,xyz,Cat,GB,Rome\n,nobody,,Dan,GB,Bath\n", source_of(CUSTOMERS)
    )
    for name in ("traits", "quarantine", "orders", "order_lines", "products", "events"):
        text = json.dumps(shop.rows(name), default=str)
        for secret in ("nn@", "ob@", "7946", "not-an-address", "nobody", "Ann", "Dan"):
            assert secret not in text, (name, secret)


def test_a_customer_whom_nothing_names_is_set_aside(shop: Shop) -> None:
    load = shop.collect(PEOPLE + ",not an address,12,Cat,GB,\n", source_of(CUSTOMERS))
    assert load.quarantined_by_reason == {"no_identifier": 1}
    assert shop.quarantined() == [(4, "customer_id", "no_identifier")]


def test_undated_traits_hold_from_always_and_changes_from_when_they_were_collected(
    shop: Shop,
) -> None:
    source = source_of(CUSTOMERS)
    shop.collect(PEOPLE, source)
    later = NOW + timedelta(days=7)
    load = shop.collect(PEOPLE.replace("London", "Leeds"), source, now=later)
    assert load.statements == 1
    found = shop.rows("traits", "value", "set_at", "name", order="set_at")
    assert [(v, t) for v, t, n in found if n == "city"] == [
        ("London", datetime(1970, 1, 1, tzinfo=UTC)),
        ("Leeds", later),
    ]


def test_dated_traits_hold_from_their_date(shop: Shop) -> None:
    entity = customers(map={"customer_id": "id", "set_at": "at"}, traits={"tier": "tier"})
    content = "id,at,tier\na,2026-01-01,gold\na,2026-02-01,gold\na,2026-03-01,silver\nb,,bronze\n"
    shop.collect(content, source_of(entity))
    always = datetime(1970, 1, 1, tzinfo=UTC)
    assert sorted(shop.rows("traits", "value", "set_at")) == [
        ("bronze", always),
        ("gold", datetime(2026, 1, 1, tzinfo=UTC)),
        ("silver", datetime(2026, 3, 1, tzinfo=UTC)),
    ]
    again = shop.collect(content + "a,2026-04-01,silver\na,2026-02-15,silver\n", source_of(entity))
    assert again.statements == 1


def test_of_several_undated_statements_the_most_frequent_counts_then_the_last(shop: Shop) -> None:
    entity = customers(map={"customer_id": "id"}, traits={"tier": "tier"})
    content = "id,tier,x\na,gold,1\na,silver,2\na,gold,3\nb,gold,1\nb,silver,2\n"
    shop.collect(content, source_of(entity))
    assert sorted(row[0] for row in shop.rows("traits", "value")) == ["gold", "silver"]


def test_newer_values_of_the_vault_win_and_missing_ones_change_nothing(shop: Shop) -> None:
    source = source_of(CUSTOMERS)
    shop.collect(PEOPLE, source)
    shop.collect(
        "id,email,phone,name,country,city\nc1,new@example.com,,Anna,GB,London\n",
        source,
        now=NOW + timedelta(days=1),
    )
    with shop.stores.read_control() as connection:
        person = read_people(connection, [shop.origin("c1")])[shop.origin("c1")]
    assert (person.email, person.phone, person.fields["first_name"]) == (
        "new@example.com",
        "+442079460001",
        "Anna",
    )


def test_further_personal_fields_go_to_the_vault_under_their_names(shop: Shop) -> None:
    entity = customers(vault={"nickname": "nick", "note": "comment"}, traits={})
    shop.collect(
        "id,email,phone,name,nick,comment\nc1,a@example.com,,Ann,Annie,likes tea\nc2,,,Bob,,\n",
        source_of(entity),
    )
    with shop.stores.read_control() as connection:
        people = read_people(connection, [shop.origin("c1"), shop.origin("c2")])
    assert dict(people[shop.origin("c1")].extra) == {"nickname": "Annie", "note": "likes tea"}
    assert dict(people[shop.origin("c2")].extra) == {}


@pytest.mark.parametrize(
    ("trait", "values", "kind"),
    [
        ("e-mail", ("x", "y"), "email"),
        ("contact", ("a@b.co", "c@d.org"), "email"),
        ("origin", ("10.0.0.1", "fe80::1:2:3"), "ip"),
        ("Last Name", ("x", "y"), "last_name"),
        ("comments", ("x", "y"), "free text"),
    ],
)
def test_personal_columns_are_refused_as_traits_unless_they_only_look_so(
    shop: Shop, trait: str, values: tuple[str, str], kind: str
) -> None:
    entity = customers(map={"customer_id": "id"}, traits={trait: "value"})
    content = f"id,value\nc1,{values[0]}\nc2,{values[1]}\n"
    with pytest.raises(MappingError, match=rf"looks like personal data \({kind}\)"):
        shop.collect(content, source_of(entity))
    assert shop.rows("traits") == []
    assert shop.collect(content, source_of({**entity, "not_personal": [trait]})).statements == 2


# --- consent ----------------------------------------------------------------------------------------------

OPT_IN = {"opt_in": {"email": "mail_ok", "sms": "sms_ok"}, "wording": "Send me news."}
ANSWERS = "id,mail_ok,sms_ok,at\nc1,yes,no,2026-01-05\nc2,FALSE,,2026-01-05\nc3,,1,2026-01-05\nc4,maybe,Y,2026-01-05\n"
NAMED = {"entity": "customers", "map": {"customer_id": "id"}}


def test_opt_in_columns_are_answers_and_silence_is_none(shop_on_both: Shop) -> None:
    shop = shop_on_both
    load = shop.collect(ANSWERS, source_of(NAMED, consent={**OPT_IN, "given_at": "at"}))
    assert consents(shop) == {shop.origin("c1"): "granted", shop.origin("c2"): "denied"}
    assert consents(shop, "sms") == {
        shop.origin("c1"): "denied",
        shop.origin("c3"): "granted",
        shop.origin("c4"): "granted",
    }
    assert load.consents == {
        "email granted": 1,
        "email denied": 1,
        "sms granted": 2,
        "sms denied": 1,
    }
    assert load.warnings == (
        "1 answers about consent are neither yes nor no; they count as no answer",
    )
    with shop.stores.read_control() as connection:
        rows = connection.execute(sa.select(metadata.tables["consents"])).all()
    assert {(r.basis, r.source, r.wording, r.purpose, r.occurred_at) for r in rows} == {
        ("opt_in", "shop", "Send me news.", "marketing", datetime(2026, 1, 5, tzinfo=UTC))
    }


def test_without_a_basis_nobody_may_be_contacted(shop: Shop) -> None:
    source = source_of(NAMED, consent="none")
    assert source.consent is None
    shop.collect(ANSWERS, source)
    assert consents(shop) == {}


def test_an_undated_yes_that_was_withdrawn_elsewhere_is_not_given_again(shop: Shop) -> None:
    source = source_of(NAMED, consent=OPT_IN)
    shop.collect(ANSWERS, source)
    with shop.stores.control.begin() as connection:
        withdraw(
            connection,
            shop.origin("c1"),
            purpose="marketing",
            channel="email",
            occurred_at=NOW + timedelta(days=1),
            source="unsubscribe",
        )
    load = shop.collect(ANSWERS + "c9,yes,,\n", source, now=NOW + timedelta(days=2))
    assert consents(shop)[shop.origin("c1")] == "revoked"
    assert load.consents == {"email granted": 1}


def test_an_undated_answer_that_changed_is_news(shop: Shop) -> None:
    source = source_of(NAMED, consent=OPT_IN)
    shop.collect("id,mail_ok,sms_ok\nc1,yes,\nc2,yes,\n", source)
    load = shop.collect("id,mail_ok,sms_ok\nc1,no,\nc2,yes,\n", source, now=NOW + timedelta(days=1))
    assert load.consents == {"email denied": 1}
    assert consents(shop) == {shop.origin("c1"): "denied", shop.origin("c2"): "granted"}


def test_a_soft_opt_in_is_of_buyers_from_their_first_purchase(shop: Shop) -> None:
    content = f"{COLUMNS}\n1,2026-01-05,ann,a,1,1\n2,2026-02-05,ann,a,1,1\n3,2026-01-05,bob,a,-1,1\n4,2026-01-05,,a,1,1\n"
    load = shop.collect(content, source_of(consent={"soft_opt_in": ["email"]}))
    assert load.consents == {"email granted": 1}
    with shop.stores.read_control() as connection:
        [row] = connection.execute(sa.select(metadata.tables["consents"])).all()
    assert (row.origin_id, row.basis, row.occurred_at) == (
        shop.origin("ann"),
        "soft_opt_in",
        datetime(2026, 1, 5, tzinfo=UTC),
    )


def test_buying_again_does_not_undo_a_withdrawal(shop: Shop) -> None:
    source = source_of(consent={"soft_opt_in": ["email"]})
    shop.collect(f"{COLUMNS}\n1,2026-01-05,ann,a,1,1\n", source)
    with shop.stores.control.begin() as connection:
        withdraw(
            connection,
            shop.origin("ann"),
            purpose="marketing",
            channel="email",
            occurred_at=datetime(2026, 2, 1, tzinfo=UTC),
            source="unsubscribe",
        )
    load = shop.collect(f"{COLUMNS}\n2,2026-03-05,ann,a,1,1\n", source)
    assert load.consents == {}
    assert consents(shop) == {shop.origin("ann"): "revoked"}


def test_a_consent_that_no_entity_can_give_is_refused() -> None:
    with pytest.raises(DefinitionError, match="columns of customers, which are not collected here"):
        source_of(consent={"opt_in": {"email": "x"}})
    with pytest.raises(DefinitionError, match="of buyers, but no orders are collected here"):
        source_of(NAMED, consent={"soft_opt_in": ["email"]})


# --- products ---------------------------------------------------------------------------------------------

PRODUCTS = {
    "entity": "products",
    "map": {"sku": "sku", "name": "name", "price": "price", "unit_cost": "cost"},
    "properties": {"size": "size"},
}


def test_products_hold_from_always_and_changes_from_when_they_were_collected(shop: Shop) -> None:
    content = "sku,name,price,cost,size\n001,Mug,4.50,1.20,L\n002,Tea,3,,\n"
    load = shop.collect(content, source_of(PRODUCTS))
    assert (load.rows_taken, load.statements) == (2, 2)
    always = datetime(1970, 1, 1, tzinfo=UTC)
    assert shop.rows("products", "sku", "name", "price", "unit_cost", "set_at", "properties") == [
        ("001", "Mug", Decimal("4.5000"), Decimal("1.2000"), always, '{"size":"L"}'),
        ("002", "Tea", Decimal("3.0000"), None, always, None),
    ]
    later = NOW + timedelta(days=1)
    more = shop.collect(
        content.replace("1.20", "1.30") + "003,Pen,1,,\n", source_of(PRODUCTS), now=later
    )
    assert more.statements == 2
    assert [row[0] for row in shop.rows("products", "set_at", order="set_at")] == [always] * 3 + [
        later
    ]


def test_a_product_without_a_code_or_with_a_negative_price_is_set_aside(shop: Shop) -> None:
    load = shop.collect(
        "sku,name,price,cost,size\n,Mug,4.50,1,\n2,Tea,-3,1,\n3,Pen,1,-1,\n4,Cup,1,1,\n",
        source_of(PRODUCTS),
    )
    assert load.quarantined_by_reason == {"missing": 1, "negative_price": 2}


# --- events -----------------------------------------------------------------------------------------------

EVENTS = {
    "entity": "events",
    "map": {
        "event": "event",
        "occurred_at": "ts",
        "customer_id": "user",
        "sku": "props.product id",
        "revenue": ["props", "value"],
    },
    "properties": {"page": "props.page"},
}


def test_events_come_from_nested_json_each_once(shop: Shop) -> None:
    rows = [
        {
            "event": "Product Viewed",
            "ts": "2026-01-05T10:00:00Z",
            "user": "ann",
            "props": {"product id": "mug", "page": "/a"},
        },
        {
            "event": "Product Viewed",
            "ts": "2026-01-05T10:00:00Z",
            "user": "ann",
            "props": {"product id": "mug", "page": "/a"},
        },
        {
            "event": "Cart Viewed",
            "ts": "2026-01-05T10:01:00Z",
            "user": 12345678901234567890,
            "props": {"value": 12.5},
        },
        {"event": "Lost", "ts": "2026-01-05T10:01:00Z", "user": None, "props": None},
    ]
    shop.write("".join(json.dumps(row) + "\n" for row in rows), "events.jsonl")
    source = source_of(EVENTS, files="events.jsonl", format="jsonl")
    load = shop.collect(source=source)
    assert (load.rows_taken, load.duplicates, load.quarantined_by_reason) == (
        2,
        1,
        {"no_identifier": 1},
    )
    assert shop.rows("events", "event", "origin_id", "sku", "revenue", "properties") == [
        ("Cart Viewed", shop.origin("12345678901234567890"), None, Decimal("12.5000"), None),
        ("Product Viewed", shop.origin("ann"), "mug", None, '{"page":"/a"}'),
    ]
    with (shop.folder / "events.jsonl").open("a") as file:
        file.write(json.dumps({**rows[0], "ts": "2026-01-06T10:00:00Z"}) + "\n")
    more = shop.collect(source=source)
    assert (more.known, more.rows_taken) == (2, 1)


def test_events_with_ids_are_told_apart_by_them(shop: Shop) -> None:
    entity = {
        "entity": "events",
        "map": {"event": "e", "occurred_at": "t", "customer_id": "c", "event_id": "id"},
    }
    load = shop.collect(
        "id,e,t,c\nx1,A,2026-01-05,ann\nx1,A,2026-01-05,ann\nx2,A,2026-01-05,ann\n",
        source_of(entity),
    )
    assert (load.rows_taken, load.duplicates) == (2, 1)
    assert [row[0] for row in shop.rows("events", "event_id")] == ["x1", "x2"]


# --- joins ------------------------------------------------------------------------------------------------

JOINED = {
    "entity": "orders",
    "from": "items",
    "join": [
        {"file": "heads", "on": "order", "required": True},
        {"file": "people", "on": {"heads.buyer": "id"}},
    ],
    "map": {
        "order_id": "order",
        "ordered_at": "heads.day",
        "customer_id": "people.person",
        "quantity": "qty",
        "unit_price": "price",
    },
    "where": "state <> 'cancelled'",
}


def test_files_are_joined_by_key_one_after_another(shop: Shop) -> None:
    shop.write("order,qty,price\n1,2,3\n1,1,4\n2,1,5\n3,1,6\n9,1,7\n", "items.csv")
    shop.write(
        '{"order":1,"day":"2026-01-05","buyer":"b1","state":"done"}\n{"order":" 2 ","day":"2026-01-06","buyer":"b2","state":"cancelled"}\n{"order":3,"day":"2026-01-07","buyer":"b9","state":"done"}\n{"order":3,"day":"2020-01-07","buyer":"b1","state":"done"}\n',
        "heads.jsonl",
    )
    shop.write("id,person\nb1,ann\nb2,bob\n", "people.csv")
    files = {
        "items": "items.csv",
        "heads": {"path": "heads.jsonl", "format": "jsonl"},
        "people": "people.csv",
    }
    load = shop.collect(source=source_of(JOINED, files=files))
    assert (load.rows_read, load.rows_taken, load.ignored, load.quarantined) == (5, 3, 2, 0)
    assert shop.rows("orders", "order_id", "origin_id", "revenue", "ordered_at") == [
        ("1", shop.origin("ann"), 10, datetime(2026, 1, 5, tzinfo=UTC)),
        ("3", None, 6, datetime(2026, 1, 7, tzinfo=UTC)),
    ]
    assert load.warnings == (
        "join heads: 1 further rows have a key that an earlier row has; the first one was used",
    )


def test_a_row_is_looked_up_among_some_rows_of_a_file_alone(shop: Shop) -> None:
    shop.write("who\nann\nbob\ncat\n", "people.csv")
    shop.write("person,what,wave\nann,red,1\nann,blue,2\nbob,green,2\n", "sent.csv")
    entity = {
        "entity": "assignments",
        "from": "people",
        "experiment": "second",
        "join": [{"file": "sent", "on": {"who": "person"}, "where": "wave = 2"}],
        "probabilities": {"blue": 0.3, "green": 0.3, "none": 0.4},
        "map": {
            "customer_id": "who",
            "arm": {"expression": "coalesce(what, 'none')"},
            "assigned_at": {"constant": "2026-01-02"},
        },
    }
    files = {"people": "people.csv", "sent": "sent.csv"}
    load = shop.collect(source=source_of(entity, files=files))
    assert load.warnings == ()
    assert shop.rows("assignments", "origin_id", "arm") == sorted(
        [(shop.origin("ann"), "blue"), (shop.origin("bob"), "green"), (shop.origin("cat"), "none")],
        key=str,
    )
    wrong = {**entity, "join": [{**entity["join"][0], "where": "waev = 2"}]}  # type: ignore[dict-item]
    with pytest.raises(MappingError, match=r"join sent where is mapped to 'waev'.*'wave'"):
        shop.collect(source=source_of(wrong, files=files))


def test_a_row_without_a_partner_in_a_required_join_is_set_aside(shop: Shop) -> None:
    shop.write("order,qty,price\n1,2,3\n9,1,7\n", "items.csv")
    shop.write("order,day,buyer\n1,2026-01-05,b1\n", "heads.csv")
    shop.write("id,person\nb1,ann\n", "people.csv")
    entity = {key: value for key, value in JOINED.items() if key != "where"}
    load = shop.collect(
        source=source_of(entity, files={n: f"{n}.csv" for n in ("items", "heads", "people")})
    )
    assert load.quarantined_by_reason == {"no_match": 1}


def test_a_key_that_is_not_there_is_told(shop: Shop) -> None:
    for name in ("items", "heads", "people"):
        shop.write("order,qty,price,day,buyer,id,state\n", f"{name}.csv")
    entity = {**JOINED, "join": [{"file": "heads", "on": {"order": "ordr"}}, JOINED["join"][1]]}
    with pytest.raises(
        MappingError, match=r"join heads is mapped to 'ordr', but heads\.csv has no such column"
    ):
        shop.collect(
            source=source_of(entity, files={n: f"{n}.csv" for n in ("items", "heads", "people")})
        )


def test_several_entities_may_come_from_one_file(shop: Shop) -> None:
    products = {"entity": "products", "map": {"sku": "sku", "price": "price"}}
    report = shop.report(f"{COLUMNS}\n1,2026-01-05,ann,mug,1,4.50\n", source_of(ORDERS, products))
    assert [load.entity for load in report.loads] == ["orders", "products"]
    assert shop.one("products")["price"] == Decimal("4.5")
