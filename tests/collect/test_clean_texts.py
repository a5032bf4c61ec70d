"""Texts lose what nobody sees and nobody meant, and nothing else."""

from __future__ import annotations

import unicodedata
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import exp

from aimwell.collect.clean_texts import clean
from aimwell.collect.unseen import clean_text
from aimwell.store.engine import DuckDBEngine
from aimwell.store.sql import column
from collecting import Shop, source_of

ZOE = unicodedata.normalize("NFD", "Zoë")
KEPT = [
    "👩\u200d🚀",  # joined to one picture
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "❤\ufe0f",
    "محمد",
    "عبد\u200cالله",  # a non-joiner within
    "אבי \u200fכהן",  # a mark of direction within
    "a\tb\nc",
    "plain",
    "Ангелина",
]


@pytest.mark.parametrize(
    ("text", "made"),
    [
        *((text, text) for text in KEPT),
        (ZOE, "Zoë"),
        ("\u200fعبد الله\u200f", "عبد الله"),
        ("\u202aAnn\u202c", "Ann"),
        ("A\u200bn\u00adn\ufeff", "Ann"),
        ("A\x07nn\x7f", "Ann"),
        ("\u200b \u200e", None),
    ],
)
def test_what_is_left_of_a_text(text: str, made: str | None) -> None:
    with DuckDBEngine().session() as session:
        session.bind("given", pa.table({"x": [text]}))
        assert session.rows(exp.select(clean(column("x"))).from_("given")) == [(made,)]
    assert (clean_text(text) or None) == made


@given(
    st.lists(
        st.text(st.sampled_from("aé e\u0301\u200b\u200d\u200e\u202a\t\n\r\x07\x85\xa0\ufeff👩")),
        max_size=30,
    )
)
def test_a_text_alone_is_cleaned_as_one_of_a_column(texts: list[str]) -> None:
    rows = [f"ß{text}" for text in texts] + [f"{text}ß" for text in texts]
    with DuckDBEngine().session() as session:
        session.bind("given", pa.table({"x": pa.array(rows, pa.string())}))
        cleaned = session.rows(exp.select(clean(column("x"))).from_("given"))
    assert [clean_text(text) or None for text in rows] == [one for (one,) in cleaned]


CUSTOMERS: dict[str, Any] = {
    "entity": "customers",
    "map": {"customer_id": "id", "email": "email", "first_name": "first"},
    "traits": {"city": "city", "motto": "motto"},
}
PEOPLE = f"""id,email,first,city,motto
\u200b7,\u200bann@shop.test,{ZOE},{unicodedata.normalize("NFD", "Köln")},{ZOE}
8,bob@shop.test,👩\u200d🚀,\u200e,plain
"""


def test_texts_are_composed_by_default_and_a_field_may_stay_as_it_is(shop: Shop) -> None:
    load = shop.collect(PEOPLE, source_of({**CUSTOMERS, "standardise": {"traits.motto": "keep"}}))
    assert (load.rows_taken, load.gaps) == (2, {"traits.city": 1})
    assert sorted(shop.control_rows("vault_people", "customer_id", "email", "first_name")) == [
        ("7", "ann@shop.test", "Zoë"),
        ("8", "bob@shop.test", "👩\u200d🚀"),
    ]
    assert {(name, value) for name, value in shop.rows("traits", "name", "value")} == {
        ("city", "Köln"),
        ("motto", ZOE),
        ("motto", "plain"),
    }
    # What personal texts looked like stays in the vault.
    assert sorted(shop.control_rows("vault_originals", "field", "value", "written", "how")) == [
        ("customer_id", "7", "\u200b7", "unicode"),
        ("email", "ann@shop.test", "\u200bann@shop.test", "email"),
        ("first_name", "Zoë", ZOE, "unicode"),
    ]


def test_an_id_may_stay_as_it_is_too(shop: Shop) -> None:
    entity = {**CUSTOMERS, "standardise": {"customer_id": "keep"}}
    shop.collect(PEOPLE, source_of(entity))
    ids = {id_ for (id_,) in shop.control_rows("vault_people", "customer_id")}
    assert ids == {"\u200b7", "8"}


def test_control_characters_of_a_file_in_ascii_go_too(shop: Shop) -> None:
    shop.collect("id,email,first,city,motto\n7,,An\x07n,Bath,\n", source_of(CUSTOMERS))
    assert shop.control_rows("vault_people", "first_name") == [("Ann",)]
