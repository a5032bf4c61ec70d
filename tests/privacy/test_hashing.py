"""Keyed hashes of identifiers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from sqlglot import exp

from aimwell.privacy.hashing import identifier_hash, identifier_hash_sql
from aimwell.store.engine import DuckDBEngine
from aimwell.store.sql import sql

KEY = bytes(range(32))


def test_kind_value_and_key_all_matter() -> None:
    hashes = {
        identifier_hash(KEY, "email", "a@example.com"),
        identifier_hash(KEY, "phone", "a@example.com"),
        identifier_hash(KEY, "email", "b@example.com"),
        identifier_hash(bytes(32), "email", "a@example.com"),
    }
    assert len(hashes) == 4
    assert all(len(h) == 24 for h in hashes)


@given(
    st.lists(
        st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=20),
        max_size=5,
    )
)
def test_the_engine_computes_the_same(values: list[str]) -> None:
    with DuckDBEngine(threads=1).session() as session:
        for value in values:
            tree = exp.select(identifier_hash_sql(KEY, "customer_id", exp.convert(value)))
            assert session.rows(tree) == [(identifier_hash(KEY, "customer_id", value),)]
        null = exp.select(identifier_hash_sql(KEY, "email", sql("CAST(NULL AS varchar)")))
        assert session.rows(null) == [(None,)]
