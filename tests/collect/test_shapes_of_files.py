"""Files whose rows are told apart by nothing, JSON lists of keys and values, lists that are rows."""

from __future__ import annotations

import json

import pytest

from aimwell.errors import MappingError
from collecting import NOW, Shop, source_of

PEOPLE = {
    "entity": "customers",
    "map": {"customer_id": "row"},
    "traits": {"city": "city"},
}


def test_rows_without_an_id_are_told_apart_and_known_again(shop: Shop) -> None:
    source = source_of(PEOPLE, files={"people": {"path": "orders.csv", "row_key": "row"}})
    first = shop.collect("city,kids\nLeeds,1\nLeeds,1\nYork,0\n", source)
    assert first.people == 3
    origins = set(shop.rows("traits", "origin_id"))
    again = shop.collect("city,kids\nYork,0\nLeeds,1\nLeeds,1\nLeeds,1\n", source)
    assert again.people == 4
    assert set(shop.rows("traits", "origin_id")) > origins
    assert len(shop.rows("traits", "origin_id")) == 4


def test_a_row_key_may_not_hide_a_column(shop: Shop) -> None:
    source = source_of(PEOPLE, files={"people": {"path": "orders.csv", "row_key": "city"}})
    with pytest.raises(MappingError, match="has a column of that name"):
        shop.collect("city\nLeeds\n", source)


EVENTS = {
    "entity": "events",
    "map": {
        "event": "name",
        "occurred_at": "at",
        "customer_id": "who",
        "session_id": "params.session",
    },
    "properties": {"page": "params.page title", "price": "params.price"},
}


def test_lists_of_keys_and_values_are_objects(shop: Shop) -> None:
    line = {
        "name": "View",
        "at": "2026-01-01T10:00:00Z",
        "who": "ann",
        "params": [
            {"key": "session", "value": {"int_value": "171"}},
            {"key": "page title", "value": {"string_value": 'Say "hi", you', "int_value": None}},
            {"key": "price", "value": {"double_value": 4.5}},
        ],
    }
    bare = {"name": "View", "at": "2026-01-01T11:00:00Z", "who": "bob"}
    text = "\n".join([json.dumps(line), json.dumps(bare), "oops"])
    source = source_of(
        EVENTS, format="jsonl", files={"events": {"path": "orders.csv", "key_values": ["params"]}}
    )
    load = shop.collect(text, source)
    assert (load.rows_taken, load.quarantined) == (2, 1)
    found = shop.rows("events", "session_id", "properties")
    assert found[0][0] == "171"
    assert json.loads(found[0][1]) == {"page": 'Say "hi", you', "price": "4.5"}
    assert found[1] == (None, None)


def test_each_element_of_a_list_is_a_row(shop: Shop) -> None:
    lines = [
        {
            "id": 1,
            "day": "2026-01-01",
            "items": [{"sku": "a", "n": 2, "p": 3}, {"sku": "b", "n": 1, "p": 4}],
        },
        {"id": 2, "day": "2026-01-02", "items": []},
        {"id": 3, "day": "nonsense", "items": [{"sku": "a", "n": 1, "p": 3}]},
    ]
    orders = {
        "entity": "orders",
        "map": {
            "order_id": "id",
            "ordered_at": "day",
            "sku": "items.sku",
            "quantity": "items.n",
            "unit_price": "items.p",
        },
    }
    source = source_of(
        orders, format="jsonl", files={"orders": {"path": "orders.csv", "explode": "items"}}
    )
    load = shop.collect("\n".join(map(json.dumps, lines)), source, NOW)
    assert (load.rows_read, load.rows_taken) == (3, 2)
    found = shop.rows("order_lines", "order_id", "sku", "quantity", "revenue")
    assert [(o, s, float(q), float(r)) for o, s, q, r in found] == [
        ("1", "a", 2, 6),
        ("1", "b", 1, 4),
    ]
    assert shop.quarantined() == [(None, "ordered_at", "not_a_time")]


def test_two_lists_of_one_kind_in_a_source_do_not_disturb_each_other(shop: Shop) -> None:
    def suppressed(name: str, reason: str) -> dict[str, object]:
        return {"entity": "suppressions", "from": name, "map": {"email": "who"}, "reason": reason}

    source = source_of(
        suppressed("left", "unsubscribed"),
        suppressed("bounced", "bounced"),
        files={"left": "left.csv", "bounced": "bounced.csv"},
    )
    shop.write("who\nann@x.example\n", "left.csv")
    shop.write("who\nbob@x.example\n", "bounced.csv")
    assert [load.statements for load in shop.report(source=source).loads] == [1, 1]
    shop.write("who\nann@x.example\ncy@x.example\n", "left.csv")
    report = shop.report(source=source)
    assert [load.state for load in report.loads] == ["taken", "already_collected"]
