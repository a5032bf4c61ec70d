"""A file of customers that is sent again whole concerns those alone of whom it says something else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from aimwell.collect.loads import mark_unified, not_unified
from aimwell.collect.touching import touched_by
from aimwell.definitions.kinds.source import Source
from aimwell.store.control import insert_missing
from aimwell.store.schema import metadata
from aimwell.workspace.erasing import erase_person
from collecting import NOW, Shop, source_of

PEOPLE = {"a": ("Ann", "07700 900123", "gold"), "b": ("Bob", "", "silver"), "c": ("Cy", "", "gold")}


@pytest.fixture(autouse=True)
def somebody_is_known(shop: Shop) -> None:
    """Else everybody would be touched, as by the first load of all."""
    row = {"profile_id": "somebody", "first_seen_at": NOW, "last_seen_at": NOW}
    with shop.stores.control.begin() as connection:
        insert_missing(
            connection,
            metadata.tables["profiles"],
            [{**row, "updated_at": NOW, "traits": {}}],
        )


def crm(name: str = "crm", **more: Any) -> Source:
    entity = {
        "entity": "customers",
        "map": {"customer_id": "id", "first_name": "first", "phone": "tel", **more},
        "traits": {"tier": "tier"},
    }
    return source_of(entity, name=name)


def touched(shop: Shop, source: Source | None = None, **changed: Any) -> set[str]:
    """Customers of whom the file, with these changes, is news."""
    people = {who: values for who, values in {**PEOPLE, **changed}.items() if values}
    lines = [f"{who},{','.join(values)}" for who, values in people.items()]
    now = NOW + timedelta(hours=len(shop.control_rows("loads", "load_id")))
    content = "id,first,tel,tier\n" + "\n".join(lines) + "\n"
    [load] = shop.report(content, source or crm(), now).loads
    assert load.people == load.rows_taken == len(people), "the report tells of all"
    found = touched_by(shop.stores, waiting := not_unified(shop.stores))
    mark_unified(shop.stores, waiting)
    return set(people) if found is None else {who for who in people if shop.origin(who) in found}


def names(shop: Shop) -> dict[str, str]:
    rows = shop.control_rows("vault_people", "origin_id", "first_name")
    by_origin = dict(rows)
    return {who: by_origin[shop.origin(who)] for who in "abc" if shop.origin(who) in by_origin}


def test_only_who_is_said_otherwise_is_touched(shop: Shop) -> None:
    assert touched(shop) == {"a", "b", "c"}
    assert touched(shop, d=("Di", "", "gold")) == {"d"}
    assert touched(shop, b=("Rob", "", "silver")) == {"b"}
    assert names(shop)["b"] == "Rob"
    assert touched(shop, b=("Bob", "", "silver"), c=("Cy", "", "silver")) == {"b", "c"}, (
        "what was said before the last time is news again"
    )
    assert names(shop)["b"] == "Bob"
    assert touched(shop, a=("Ann", "+44 7700 900123", "gold")) == {"a", "c"}, "another spelling"
    assert touched(shop, a=("Ann", "+44 7700 900123", "gold"), b=None) == set()
    assert touched(shop, crm(full_name="first")) == {"a", "b", "c"}, "the mapping says more"


def test_who_repeats_does_not_undo_what_another_source_has_said_since(shop: Shop) -> None:
    touched(shop)
    assert touched(shop, crm("desk"), a=("Anna", "", "gold"), b=None, c=None) == {"a"}
    assert touched(shop, d=("Di", "", "gold")) == {"d"}
    assert names(shop)["a"] == "Anna"


def test_who_was_erased_comes_back_as_a_new_person(shop: Shop) -> None:
    touched(shop)
    erase_person(shop.stores, "a", now=NOW + timedelta(minutes=1), by="test")
    assert names(shop).keys() == {"b", "c"}
    assert touched(shop, d=("Di", "", "gold")) == {"a", "d"}
    assert names(shop)["a"] == "Ann"


def test_of_a_person_with_several_rows_all_of_them_count(shop: Shop) -> None:
    rows = "id,first,tel,tier\na,Ann,,gold\na,Anna,,gold\nb,Bob,,gold\n"
    shop.report(rows, crm())
    mark_unified(shop.stores, not_unified(shop.stores))
    shop.report(rows.replace("a,Ann,", "a,An,"), crm())
    assert touched_by(shop.stores, not_unified(shop.stores)) == {shop.origin("a")}
