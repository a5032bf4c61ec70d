"""Personal values of messages go to the vault, the rest to the lake; joined again they are the whole."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.collect.tracking.parting import BLANK, join_parts, part


def test_what_describes_a_person_is_told_by_its_name() -> None:
    traits = {
        "email": "ann@example.com",
        "firstName": "Ann",
        "name": "Ann Lee",
        "plan": "pro",
        "address": {"street": "High Street 1", "city": "Leeds", "postalCode": "LS1"},
        "age": 40,
    }
    lake, vault = part(traits, about="person")
    assert lake == {"plan": "pro", "age": 40}
    assert vault == {name: traits[name] for name in ("email", "firstName", "name", "address")}


def test_the_name_of_a_product_is_nobodys() -> None:
    properties = {
        "name": "Blue mug",
        "products": [{"name": "Mug", "sku": "1", "price": 5}],
        "comment": "nice",
        "email": "ann@example.com",
    }
    lake, vault = part(properties, about="deed")
    assert vault == {"email": "ann@example.com"}
    assert lake == {name: value for name, value in properties.items() if name != "email"}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("ann@example.com", BLANK),
        ("203.0.113.7", BLANK),
        ("2001:db8:85a3:0:0:8a2e:370:7334", BLANK),
        ("2026-03-01T11:00:00.000+00:00", "2026-03-01T11:00:00.000+00:00"),
        (
            "https://shop.example/x?mail=ann@example.com&b=1",
            f"https://shop.example/x?mail={BLANK}&b=1",
        ),
        ("https://shop.example/?mail=ann%40example.com", f"https://shop.example/?mail={BLANK}"),
        ("write to ann@example.com or bob@example.com", f"write to {BLANK} or {BLANK}"),
        ("https://shop.example/mugs?size=2", "https://shop.example/mugs?size=2"),
        ("version 1.2.3", "version 1.2.3"),
        ("mugs @ home", "mugs @ home"),
    ],
)
def test_personal_texts_are_found_wherever_they_stand(text: str, kept: str) -> None:
    lake, vault = part({"page": {"url": text}, "list": [1, text]}, about="deed")
    assert lake == {"page": {"url": kept}, "list": [1, kept]}
    assert vault == ({} if kept == text else {"page": {"url": text}, "list": [1, text]})


def test_what_the_source_says_is_not_personal_stays() -> None:
    whole = {"phone": "model X", "contact": "team@example.com"}
    assert part(whole, about="person", not_personal=frozenset({"phone", "contact"})) == (whole, {})
    whole = {"build": "1.2.3.4", "builds": ["1.2.3.4"]}
    assert part(whole, about="deed", not_personal=frozenset(whole)) == (whole, {})


def test_empty_values_tell_nothing_of_anybody() -> None:
    assert part({"email": None, "phone": ""}, about="person") == ({"email": None, "phone": ""}, {})


JSON = st.recursive(
    st.none()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["a@b.co", "x a@b.co y", "1.2.3.4"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["email", "name", "a", "b", "ip"]), inner, max_size=4)
    ),
    max_leaves=15,
)


@given(
    st.dictionaries(st.sampled_from(["email", "name", "a", "b", "ip"]), JSON),
    st.sampled_from(["person", "deed"]),
)
def test_nothing_is_lost_and_no_address_stays(whole: dict[str, Any], about: Any) -> None:
    lake, vault = part(whole, about=about)
    assert join_parts(lake, vault) == whole
    assert "a@b.co" not in json.dumps(lake)
    assert "1.2.3.4" not in json.dumps(lake)


def test_in_the_surroundings_traits_are_a_persons_and_a_device_is_called_after_its_owner() -> None:
    context = {
        "library": {"name": "analytics.js"},
        "traits": {"name": "Ann Lee", "plan": "pro"},
        "device": {"name": "Ann's phone", "model": "X"},
        "ip": "203.0.113.7",
    }
    lake, vault = part(context, about="surroundings")
    assert lake == {
        "library": {"name": "analytics.js"},
        "traits": {"plan": "pro"},
        "device": {"model": "X"},
    }
    assert join_parts(lake, vault) == context
