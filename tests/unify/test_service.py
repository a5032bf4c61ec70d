"""From identifiers to people, on a workspace."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from aimwell.store.control import insert_missing
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from aimwell.unify.identity import merge_of, resolve
from aimwell.unify.service import unify
from shop import add_orders, add_traits, day, make_stores, origin

NOW = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.fixture
def stores(tmp_path: Path, control_url: str) -> Stores:
    return make_stores(tmp_path, control_url)


def identify(
    stores: Stores, *rows: tuple[str, str, str], days: Sequence[int] | None = None
) -> None:
    values = [
        {
            "kind": kind,
            "value_hash": value,
            "origin_id": who,
            "source": "crm",
            "first_seen_at": NOW + timedelta(days=(days or range(len(rows)))[n]),
        }
        for n, (kind, value, who) in enumerate(rows)
    ]
    with stores.control.begin() as connection:
        insert_missing(connection, metadata.tables["identifiers"], values)


def overrides(stores: Stores) -> dict[str, str]:
    with stores.read_control() as connection:
        rows = connection.execute(metadata.tables["identity_overrides"].select())
        return {row.origin_id: row.profile_id for row in rows}


def profiles(stores: Stores) -> dict[str, Any]:
    with stores.read_control() as connection:
        return {r.profile_id: r for r in connection.execute(metadata.tables["profiles"].select())}


def test_a_shared_email_makes_one_person_and_repeating_changes_nothing(stores: Stores) -> None:
    identify(stores, ("email", "e", "a"), ("email", "e", "b"), ("phone", "t", "c"))
    first = unify(stores, now=NOW)
    assert overrides(stores) == {"b": "a"}
    assert (first.origins, first.profiles, first.merged_profiles, first.overrides_changed) == (
        3,
        2,
        1,
        1,
    )
    again = unify(stores, now=NOW)
    assert (again.overrides_changed, again.profiles_changed) == (0, 0)
    with stores.read_control() as connection:
        assert merge_of(connection, "a").origins == ("a", "b")


def test_when_the_evidence_goes_the_people_are_apart_again(stores: Stores) -> None:
    identify(stores, ("email", "e", "a"), ("email", "e", "b"))
    unify(stores, now=NOW)
    table = metadata.tables["identifiers"]
    with stores.control.begin() as connection:
        connection.execute(sa.delete(table).where(table.c.origin_id == "b"))
        insert_missing(
            connection,
            table,
            [
                {
                    "kind": "email",
                    "value_hash": "other",
                    "origin_id": "b",
                    "source": "x",
                    "first_seen_at": NOW,
                }
            ],
        )
    unify(stores, now=NOW)
    assert overrides(stores) == {}
    assert profiles(stores).keys() == {"a", "b"}


def test_an_identifier_of_too_many_joins_nobody_and_is_reported(stores: Stores) -> None:
    most = stores.settings.email_people_max
    kiosk = [("email", "noreply", f"p{n}") for n in range(most + 1)]
    identify(stores, *kiosk)
    report = unify(stores, now=NOW)
    assert overrides(stores) == {}
    assert report.shared == {"email": 1}
    assert report.profiles == most + 1


def test_a_profile_sums_up_its_origins(stores: Stores) -> None:
    add_orders(
        stores,
        [
            {"customer": "ann", "order_id": "1", "ordered_at": day(3), "revenue": 10},
            {"customer": "annie", "order_id": "2", "ordered_at": day(9), "revenue": 20},
            {
                "customer": "annie",
                "order_id": "C2",
                "ordered_at": day(10),
                "revenue": -20,
                "kind": "return",
            },
        ],
    )
    add_traits(
        stores,
        [
            {"customer": "ann", "name": "country", "value": "GB", "set_at": day(1)},
            {"customer": "annie", "name": "country", "value": "IE", "set_at": day(5)},
            {"customer": "annie", "name": "timezone", "value": "Europe/Dublin", "set_at": day(5)},
            {"customer": "bob", "name": "timezone", "value": "Mars/Olympus", "set_at": day(5)},
            {"customer": "ann", "name": "favourite_shop", "value": "Leeds", "set_at": day(2)},
            {"customer": "ann", "name": "favourite_shop", "value": None, "set_at": day(6)},
        ],
    )
    ann, annie = origin(stores, "ann"), origin(stores, "annie")
    identify(stores, ("email", "e", ann), ("email", "e", annie), days=[-400, -399])
    unify(stores, now=NOW)
    found = profiles(stores)
    keeper = overrides(stores).get(ann, ann)
    row = found[keeper]
    assert row.orders == 2
    assert row.first_seen_at == day(1)
    assert row.last_seen_at == day(10)
    assert row.traits == {"country": "IE", "timezone": "Europe/Dublin"}
    assert row.timezone == "Europe/Dublin"
    assert found[origin(stores, "bob")].timezone is None
    assert len({ann, annie} & found.keys()) == 1


def test_two_runs_at_once_end_with_one_result(stores: Stores) -> None:
    identify(stores, *[("email", f"e{n // 2}", f"p{n}") for n in range(200)])
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _n: unify(stores, now=NOW), range(2)))
    assert len(overrides(stores)) == 100
    assert resolve(stores, now=NOW).rows == 0


def test_who_was_known_without_a_date_stays_known_since_then(stores: Stores) -> None:
    add_traits(
        stores, [{"customer": "ann", "name": "country", "value": "GB", "received_at": day(2)}]
    )
    unify(stores, now=NOW)
    assert profiles(stores)[origin(stores, "ann")].first_seen_at == day(2)
    add_orders(
        stores,
        [
            {
                "customer": "ann",
                "order_id": "1",
                "ordered_at": day(9),
                "received_at": day(9),
                "revenue": 10,
            }
        ],
    )
    unify(stores, now=NOW)
    assert profiles(stores)[origin(stores, "ann")].first_seen_at == day(2)
