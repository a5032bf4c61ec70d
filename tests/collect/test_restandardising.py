"""Changed rules of form applied again to what was kept: as if it had come under them in the first place."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from aimwell.collect import loads
from aimwell.collect.restandardising import Restandardised, restandardise
from aimwell.collect.vault_forms import VaultForms
from aimwell.definitions import service as definitions
from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.source import Source
from aimwell.errors import CollectError
from aimwell.history.current import bring_collected_up_to_date
from aimwell.unify.lookup import find_profile
from aimwell.workspace.erasing import erase_person
from collecting import NOW, Shop, source_of
from workspaces import new_workspace

LATER = NOW + timedelta(days=1)
FILE = """id,mail,tel,first,town,land,tier
a,Ann@Example.com,07700 900123,ann  marie,BATH,UK,GOLD
b,,+44 7700 900123,Ann Marie,Bath,Deutschland,gold
c,cy@example.com,call me,cy,,Atlantis,
d,,,DAN,York,GB,silver
"""
MAPPING = {
    "map": {"customer_id": "id", "email": "mail", "phone": "tel", "first_name": "first"},
    "vault": {"town": "town"},
    "traits": {"country": "land", "tier": "tier"},
}
AS_IT_CAME: dict[str, Any] = {"traits.country": "keep"}
IN_FORM: dict[str, Any] = {
    "first_name": ["spaces", "title"],
    "vault.town": "title",
    "traits.tier": "lower",
}


def applied(shop: Shop, standardise: dict[str, Any], country: str = "US") -> Source:
    entity = {"entity": "customers", **MAPPING, "standardise": standardise}
    source = source_of(entity, files="people.csv", country=country)
    definitions.apply(shop.stores.control, [source], now=NOW, by="test")
    return source


def collected(shop: Shop, standardise: dict[str, Any], country: str = "US") -> Shop:
    shop.write(FILE, "people.csv")
    shop.report(source=applied(shop, standardise, country))
    return shop


def state(shop: Shop) -> dict[str, Any]:
    found: dict[str, Any] = {
        table: sorted(shop.control_rows(table, *columns), key=str)
        for table, columns in {
            "vault_people": ("origin_id", "email", "phone", "first_name", "extra"),
            "vault_originals": ("origin_id", "field", "value", "written"),
            "identifiers": ("kind", "value_hash", "origin_id", "first_seen_at"),
        }.items()
    }
    newest: dict[Any, Any] = {}
    for origin, name, value, received in sorted(
        shop.rows("traits", "origin_id", "name", "value", "received_at"), key=lambda row: row[3]
    ):
        newest[origin, name] = (value, received)[0]
    found["traits"] = newest
    return found


def again(shop: Shop, **settings: Any) -> Restandardised:
    return restandardise(shop.stores, "shop", now=LATER, **settings)


def test_changed_rules_give_what_they_would_have_given_and_can_be_changed_back(
    shop_on_both: Shop, tmp_path: Path
) -> None:
    shop = shop_on_both
    other = Shop(new_workspace(tmp_path / "other", identity_key=shop.stores.identity_key), tmp_path)
    collected(other, IN_FORM, country="GB")
    as_it_came = state(collected(shop, AS_IT_CAME))
    applied(shop, IN_FORM, country="GB")
    told = {
        "first_name": 3,
        "phone": 1,
        "town": 1,
        "traits.country": 2,
        "traits.tier": 1,
    }
    dry = again(shop, dry_run=True)
    assert (dry.changed, dry.lost, dry.people, dry.applied) == (told, {}, 4, False)
    assert state(shop) == as_it_came
    assert again(shop).changed == told
    assert state(shop) == state(other)
    bring_collected_up_to_date(shop.stores, now=LATER)
    assert find_profile(shop.stores, "07700 900123 ") == find_profile(shop.stores, "b")
    assert again(shop) == Restandardised("shop"), "nothing is left to be done"
    applied(shop, AS_IT_CAME)
    assert again(shop).lost == {"phone": 1}, "without a country the number cannot be read"
    back = state(shop)
    assert back.pop("traits")[shop.origin("a"), "country"] == "UK"
    assert back == {name: rows for name, rows in as_it_came.items() if name != "traits"}


class _KilledError(Exception):
    pass


def dies(*_: Any, **__: Any) -> None:
    raise _KilledError


def half(write: Callable[..., None]) -> Callable[..., None]:
    def written(*given: Any) -> None:
        write(*given)
        raise _KilledError

    return written


@pytest.mark.parametrize(
    ("where", "what", "how"),
    [
        pytest.param(loads, "begin_replay", dies, marks=pytest.mark.long),
        (VaultForms, "write", half(VaultForms.write)),
        (loads, "publish", dies),
    ],
)
def test_a_run_that_dies_leaves_all_or_nothing_and_the_next_one_ends_it(
    shop: Shop, where: Any, what: str, how: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    collected(shop, AS_IT_CAME)
    before = state(shop)
    applied(shop, IN_FORM, country="GB")
    with monkeypatch.context() as patched:
        patched.setattr(where, what, how)
        with pytest.raises(_KilledError):
            again(shop)
    if what != "publish":
        assert state(shop) == before
    again(shop)
    assert again(shop).changed == {}
    found = state(shop)
    assert sorted(row[3] for row in found["vault_people"]) == [
        "Ann Marie",
        "Ann Marie",
        "Cy",
        "Dan",
    ]
    assert found["traits"][shop.origin("a"), "country"] == "GB"
    assert len(shop.rows("traits", "name")) == len(before["traits"]) + 3, "each once"


def test_newer_words_of_others_stand_and_who_was_erased_stays_so(shop: Shop) -> None:
    collected(shop, AS_IT_CAME)
    crm = {"entity": "customers", "map": {"customer_id": "id", "first_name": "first"}}
    shop.write("id,first\na,Anna\n", "crm.csv")
    shop.report(source=source_of(crm, files="crm.csv", name="crm"))
    erase_person(shop.stores, "d", now=NOW, by="test")
    applied(shop, IN_FORM, country="GB")
    again(shop)
    names = {origin: first for origin, *_, first, _ in state(shop)["vault_people"]}
    assert names[shop.origin("a")] == "Anna"
    assert shop.origin("d") not in names


def test_two_entities_that_are_at_odds_and_a_source_of_messages_are_refused(shop: Shop) -> None:
    entity = {"entity": "customers", "map": {"customer_id": "id", "first_name": "f"}}
    source = source_of(entity, {**entity, "standardise": {"first_name": "title"}})
    definitions.apply(shop.stores.control, [source], now=NOW, by="test")
    with pytest.raises(CollectError, match="first_name into different forms"):
        restandardise(shop.stores, "shop", now=NOW)
    web = check({"kind": "source", "name": "web", "tracking": {}})
    definitions.apply(shop.stores.control, [web], now=NOW, by="test")
    with pytest.raises(CollectError, match="messages of tracking clients"):
        restandardise(shop.stores, "web", now=NOW)
