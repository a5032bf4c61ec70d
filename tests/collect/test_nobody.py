"""Ids, addresses and numbers that name nobody make no person of all those who have none."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from aimwell.collect.nobody import no_address, no_number
from aimwell.definitions.nobody import NOBODY, bare_id, ids_in, is_nobody
from collecting import Shop, source_of

CUSTOMERS: dict[str, Any] = {
    "entity": "customers",
    "map": {"customer_id": "id", "email": "email", "phone": "phone", "loyalty_card": "card"},
}
HEAD = "id,email,phone,card\n"
NOBODY_IDS = [
    "0",
    "000",
    "NULL",
    "-",
    "--",
    "?",
    "unknown",
    "Guest",
    "undefined",
    "N/A",
    "n/a",
    "-1",
    "(not set)",
    "[object Object]",
]
ROWS = "".join(f"{one},a{n}@shop.test,,none\n" for n, one in enumerate(NOBODY_IDS))
ROWS += "00000000-0000-0000-0000-000000000000,z@shop.test,,0000\n"


@pytest.mark.parametrize("text", [*NOBODY_IDS, "00000000-0000-0000-0000-000000000000", "–"])
def test_what_names_nobody(text: str) -> None:
    assert is_nobody(text, ids_in(NOBODY))


@pytest.mark.parametrize("text", ["10", "a0", "guest1", "0x", "محمد", "💐1", "7", "null-7"])
def test_what_names_somebody(text: str) -> None:
    assert not is_nobody(text, ids_in(NOBODY))
    assert bare_id(text) == text.lower()


def test_people_without_an_id_are_told_apart_by_what_else_is_known(shop: Shop) -> None:
    load = shop.collect(HEAD + ROWS, source_of(CUSTOMERS))
    assert load.people == load.rows_taken == len(NOBODY_IDS) + 1
    kinds = {kind for (kind,) in shop.control_rows("identifiers", "kind")}
    assert kinds == {"email"}
    # NULL and N/A are missing by the word of `nulls`, and not counted again.
    told = f"customer_id: {len(NOBODY_IDS) - 1} values name nobody (as 0 or unknown) and so counted as missing; "
    assert any(one.startswith(told) for one in load.warnings), load.warnings
    assert load.gaps["customer_id"] == len(NOBODY_IDS) + 1


def test_one_whom_nothing_else_names_waits_in_quarantine(shop: Shop) -> None:
    load = shop.collect(
        HEAD + "0,,,\nunknown,noreply@shop.test,00000 000000,\n7,,,\n", source_of(CUSTOMERS)
    )
    assert (load.people, load.quarantined_by_reason) == (1, {"no_identifier": 2})
    assert any(one.startswith("email: 1 value names nobody (as noreply@)") for one in load.warnings)


def test_a_source_may_say_that_they_are_somebody(shop: Shop) -> None:
    load = shop.collect(
        HEAD + "0,,,\n1,noreply@shop.test,00000 000000,\n", source_of(CUSTOMERS, nobody=[])
    )
    assert (load.people, load.quarantined) == (2, 0)
    assert sorted(shop.control_rows("vault_people", "customer_id", "email", "phone")) == [
        ("0", None, None),
        ("1", "noreply@shop.test", "+440000000000"),
    ]


def test_a_source_may_name_others(shop: Shop) -> None:
    words = ["walk-in", "till@"]
    load = shop.collect(
        HEAD + "Walk-In,a@shop.test,,\n0,till@shop.test,,\n", source_of(CUSTOMERS, nobody=words)
    )
    assert load.people == 2
    assert sorted(shop.control_rows("vault_people", "customer_id", "email"), key=str) == [
        ("0", None),
        (None, "a@shop.test"),
    ]


def test_addresses_and_numbers_that_nobody_has() -> None:
    addresses = ["noreply@a.com", "test@test.com", "test@a.com", "ann@noreply.com", None]
    assert no_address(pa.array(addresses), NOBODY).to_pylist() == [True, True, False, False, None]
    numbers = ["+440000000000", "+441234567890", "+15555555555", "+442079460000", "+34700000001"]
    numbers += ["+498000000000", "+4989000000000"]
    assert no_number(pa.array(numbers), NOBODY).to_pylist() == [True] * 3 + [False] * 4


def test_the_id_of_a_firm_that_names_nobody_makes_no_firm_of_all_who_have_none(shop: Shop) -> None:
    people = {"entity": "customers", "map": {"customer_id": "id", "account_id": "firm"}}
    firms = {"entity": "accounts", "map": {"account_id": "firm", "name": "name"}}
    shop.write("id,firm,name\n1,0,\n2,unknown,\n3,acme,Acme\n4,N/A,\n", "orders.csv")
    load = shop.collect(source=source_of(people, name="people"))
    assert load.rows_taken == 4
    assert [firm for (firm,) in shop.rows("account_members", "account_id")] == ["acme"]
    assert any(one.startswith("account_id: 2 values name nobody") for one in load.warnings)
    load = shop.collect(source=source_of(firms, name="firms"))
    assert (load.rows_taken, load.quarantined_by_reason) == (1, {"missing": 1, "names_nobody": 2})
    assert [firm for (firm,) in shop.rows("accounts", "account_id")] == ["acme"]
