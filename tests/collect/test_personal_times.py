"""What files say of people is as old as they say, in whatever order they come."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from itertools import permutations

import pyarrow as pa
import pytest

from aimwell.collect.model import DataReport
from aimwell.definitions.kinds.source import Source
from aimwell.privacy.vault import keep_people, read_people
from collecting import NOW, Shop, source_of
from databases import shortly_on

_PEOPLE = {
    "entity": "customers",
    "map": {"customer_id": "id", "email": "mail", "last_name": "name", "set_at": "at"},
    "vault": {"passport": "pass", "nickname": "nick"},
}
_ORDERS = {
    "entity": "orders",
    "map": {
        "order_id": "no",
        "customer_id": "id",
        "ordered_at": "at",
        "email": "mail",
        "sku": "sku",
        "quantity": "n",
        "unit_price": "price",
    },
}
FILES = {
    "new": "id,mail,name,at,pass,nick\na,new@example.com,,2026-01-09,,Nick\n",
    "old": "id,mail,name,at,pass,nick\na,old@example.com,Old,2024-01-09,,Nix\na,,Older,2023-01-09,P2,N0\n",
    "orders": "no,id,at,mail,sku,n,price\n1,a,2025-06-01,till@example.com,s,1,5\n2,a,2026-02-01,,s,1,5\n",
}


def collect(shop: Shop, name: str, now: datetime) -> DataReport:
    source: Source = source_of(_ORDERS if name == "orders" else _PEOPLE, name=name)
    return shop.report(FILES[name], source, now)


# In the short run each file comes first once.
ORDERS = [
    pytest.param(order, id="-".join(order), marks=[pytest.mark.long] if place % 2 else [])
    for place, order in enumerate(permutations(FILES))
]


@pytest.mark.parametrize("order", ORDERS)
def test_the_newest_word_stands_in_whatever_order_files_come(
    shop: Shop, order: tuple[str, ...]
) -> None:
    for hours, name in enumerate(order):
        collect(shop, name, NOW + timedelta(hours=hours))
    [row] = shop.control_rows("vault_people", "email", "last_name", "email_at", "set_at")
    assert row[:2] == ("new@example.com", "Old")
    assert f"{row[2]:%Y-%m-%d}" == "2026-01-09"
    assert f"{row[3]:%Y-%m-%d}" == "2026-02-01"
    with shop.stores.read_control() as connection:
        person = read_people(connection, [shop.origin("a")])[shop.origin("a")]
    assert person.extra == {"passport": "P2", "nickname": "Nick"}
    said = {name: (word.source, f"{word.at:%Y-%m-%d}") for name, word in person.said.items()}
    assert said["email"] == ("new", "2026-01-09")
    assert said["last_name"] == ("old", "2024-01-09")
    assert said["passport"] == ("old", "2023-01-09")
    assert said["nickname"] == ("new", "2026-01-09")


@shortly_on("postgresql")
def test_of_further_fields_each_keeps_its_own_time(shop_on_both: Shop) -> None:
    shop = shop_on_both
    who = shop.origin("a")
    days = [NOW + timedelta(days=n) for n in range(3)]
    rows = [
        (days[1], {"passport": "P1", "card": "C1"}),
        (days[2], {"card": "C2"}),
        (days[0], {"passport": "P0", "nickname": "N0"}),
        (days[2], {}),
    ]
    for (at, extra), source in zip(rows, ("one", "two", "three", "four"), strict=True):
        text = json.dumps(extra) if extra else None
        people = pa.table({"origin_id": [who], "extra": pa.array([text], pa.string())})
        keep_people(shop.stores, people, source=source, set_at=at)
    with shop.stores.read_control() as connection:
        [person] = read_people(connection, [who]).values()
    assert person.extra == {"passport": "P1", "card": "C2", "nickname": "N0"}
    assert {name: (word.at, word.source) for name, word in person.said.items()} == {
        "passport": (days[1], "one"),
        "card": (days[2], "two"),
        "nickname": (days[0], "three"),
    }


def test_what_has_no_time_was_so_when_it_was_collected(shop: Shop) -> None:
    undated = {"entity": "customers", "map": {"customer_id": "id", "email": "mail"}}
    collect(shop, "new", NOW)
    shop.report("id,mail\na,now@example.com\n", source_of(undated, name="plain"), NOW)
    [row] = shop.control_rows("vault_people", "email", "email_at")
    assert row == ("now@example.com", NOW)
