"""The vault: of each field the value that was said last wins, in whatever order they come; what is not said stays."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path

import pyarrow as pa
import pytest

from aimwell.privacy.vault import keep_people, keep_rows, read_people, read_row
from aimwell.store.control import insert_missing
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from shop import make_stores

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def merge(stores: Stores, keeper: str, other: str) -> None:
    row = {"origin_id": other, "profile_id": keeper, "evidence": ["email"], "merged_at": NOW}
    with stores.control.begin() as connection:
        insert_missing(connection, metadata.tables["identity_overrides"], [row])


@pytest.fixture
def stores(tmp_path: Path, control_url: str) -> Stores:
    return make_stores(tmp_path, control_url)


def keep(stores: Stores, *rows: dict[str, str | None], at: datetime = NOW) -> None:
    assert keep_people(stores, pa.Table.from_pylist(list(rows)), source="crm", set_at=at) == len(
        rows
    )


def fields(stores: Stores, profile: str) -> dict[str, str]:
    with stores.read_control() as connection:
        found = read_people(connection, [profile])
    return dict(found[profile].fields) if profile in found else {}


def test_what_was_kept_is_read(stores: Stores) -> None:
    keep(
        stores,
        {"origin_id": "o1", "email": "a@example.com", "extra": json.dumps({"nickname": "Annie"})},
    )
    with stores.read_control() as connection:
        person = read_people(connection, ["o1"])["o1"]
    assert person.email == "a@example.com"
    assert person.phone is None
    assert person.extra == {"nickname": "Annie"}


def test_newer_values_win_and_older_ones_only_fill_gaps(stores: Stores) -> None:
    keep(stores, {"origin_id": "o1", "email": "new@example.com", "phone": None})
    keep(
        stores,
        {"origin_id": "o1", "email": "old@example.com", "phone": "+447700900123"},
        at=NOW - timedelta(days=1),
    )
    assert fields(stores, "o1") == {"email": "new@example.com", "phone": "+447700900123"}
    keep(
        stores,
        {"origin_id": "o1", "email": "newest@example.com", "phone": None},
        at=NOW + timedelta(days=1),
    )
    assert fields(stores, "o1") == {"email": "newest@example.com", "phone": "+447700900123"}


def test_the_order_in_which_words_come_does_not_matter(stores: Stores) -> None:
    words: list[tuple[int, dict[str, str]]] = [
        (1, {"email": "first@example.com", "last_name": "Old"}),
        (2, {"email": "second@example.com"}),
        (3, {"last_name": "New"}),
        (4, {"customer_id": "c"}),
    ]

    def told(origin: str, order: Iterable[tuple[int, dict[str, str]]]) -> dict[str, str]:
        for days, said in order:
            keep(stores, {"origin_id": origin, **said}, at=NOW + timedelta(days))
        return fields(stores, origin)

    found = [told(f"o{n}", order) for n, order in enumerate(permutations(words))]
    expected = {"email": "second@example.com", "last_name": "New", "customer_id": "c"}
    assert found == [expected] * 24


def test_of_a_merged_person_each_field_is_the_newest_word_of_any_origin(stores: Stores) -> None:
    keep(stores, {"origin_id": "o1", "email": "new@example.com", "phone": "+447700900123"})
    keep(stores, {"origin_id": "o1", "first_name": "Ann"}, at=NOW + timedelta(days=2))
    keep(stores, {"origin_id": "o2", "email": "newest@example.com"}, at=NOW + timedelta(days=1))
    keep(stores, {"origin_id": "o2", "phone": "+447700900124"}, at=NOW - timedelta(days=1))
    merge(stores, "o1", "o2")
    assert fields(stores, "o1") == {
        "email": "newest@example.com",
        "phone": "+447700900123",
        "first_name": "Ann",
    }


def test_a_merged_person_has_the_fields_of_all_origins(stores: Stores) -> None:
    keep(stores, {"origin_id": "o1", "email": "a@example.com", "first_name": None})
    keep(
        stores,
        {"origin_id": "o2", "email": "b@example.com", "first_name": "Ann"},
        at=NOW - timedelta(days=1),
    )
    merge(stores, "o1", "o2")
    assert fields(stores, "o1") == {"email": "a@example.com", "first_name": "Ann"}
    assert fields(stores, "o2") == {}


def test_many_people_are_read_in_pieces(stores: Stores) -> None:
    ids = [f"o{n}" for n in range(1203)]
    keep(stores, *[{"origin_id": i, "email": f"{i}@example.com"} for i in ids])
    with stores.read_control() as connection:
        found = read_people(connection, ids)
    assert {key: person.email for key, person in found.items()} == {
        i: f"{i}@example.com" for i in ids
    }


def test_a_quarantined_row_is_kept_once(stores: Stores) -> None:
    row = pa.table({"row_hash": ["h"], "content": ['{"a": 1}']})
    keep_rows(stores, row, source="crm", kept_at=NOW)
    keep_rows(stores, row, source="crm", kept_at=NOW)
    with stores.read_control() as connection:
        assert read_row(connection, "h") == '{"a": 1}'
        assert read_row(connection, "absent") is None


def test_further_fields_are_kept_one_by_one(stores: Stores) -> None:
    def said(**extra: str) -> dict[str, str | None]:
        return {"origin_id": "o1", "extra": json.dumps(extra) if extra else None}

    keep(stores, said(town="Bath", card="1"))
    keep(stores, said(town="York", pet="cat"), at=NOW + timedelta(days=1))
    keep(stores, said(town="Hull", hair="red"), at=NOW - timedelta(days=1))
    keep(stores, said(), at=NOW + timedelta(days=2))
    with stores.read_control() as connection:
        found = read_people(connection, ["o1"])["o1"].extra
    assert found == {"town": "York", "card": "1", "pet": "cat", "hair": "red"}
