"""What files say of people is as old as they say, in whatever order they come."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import permutations

import pytest

from aimwell.collect.model import DataReport
from aimwell.definitions.kinds.source import Source
from collecting import NOW, Shop, source_of

_PEOPLE = {
    "entity": "customers",
    "map": {"customer_id": "id", "email": "mail", "last_name": "name", "set_at": "at"},
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
    "new": "id,mail,name,at\na,new@example.com,,2026-01-09\n",
    "old": "id,mail,name,at\na,old@example.com,Old,2024-01-09\na,,Older,2023-01-09\n",
    "orders": "no,id,at,mail,sku,n,price\n1,a,2025-06-01,till@example.com,s,1,5\n2,a,2026-02-01,,s,1,5\n",
}


def collect(shop: Shop, name: str, now: datetime) -> DataReport:
    source: Source = source_of(_ORDERS if name == "orders" else _PEOPLE, name=name)
    return shop.report(FILES[name], source, now)


@pytest.mark.parametrize("order", list(permutations(FILES)), ids="-".join)
def test_the_newest_word_stands_in_whatever_order_files_come(
    shop: Shop, order: tuple[str, ...]
) -> None:
    for hours, name in enumerate(order):
        collect(shop, name, NOW + timedelta(hours=hours))
    [row] = shop.control_rows("vault_people", "email", "last_name", "email_at", "set_at")
    assert row[:2] == ("new@example.com", "Old")
    assert f"{row[2]:%Y-%m-%d}" == "2026-01-09"
    assert f"{row[3]:%Y-%m-%d}" == "2026-02-01"


def test_what_has_no_time_was_so_when_it_was_collected(shop: Shop) -> None:
    undated = {"entity": "customers", "map": {"customer_id": "id", "email": "mail"}}
    collect(shop, "new", NOW)
    shop.report("id,mail\na,now@example.com\n", source_of(undated, name="plain"), NOW)
    [row] = shop.control_rows("vault_people", "email", "email_at")
    assert row == ("now@example.com", NOW)
