"""The current state of profiles: whole or for a few people, always the same; whence each value comes."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from aimwell.definitions.catalogue import check
from aimwell.definitions.service import apply
from aimwell.history.moment import open_moment
from aimwell.store.control import upsert
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from aimwell.unify.profiles import refresh_profiles
from shop import ALWAYS, append, day, make_stores, origin

NOW = datetime(2027, 1, 1, tzinfo=UTC)
PROFILES = metadata.tables["profiles"]
OVERRIDES = metadata.tables["identity_overrides"]
IDENTIFIERS = metadata.tables["identifiers"]
RULES = {
    "kind": "profile_rules",
    "name": "default",
    "trust": {"crm": 0.9, "web": 0.4},
    "traits": {"country": {"choose": "most_trusted"}, "colour": {"choose": "most_frequent"}},
}


@pytest.fixture
def stores(tmp_path: Path, control_url: str) -> Stores:
    return make_stores(tmp_path, control_url)


def said(
    stores: Stores, customer: str, name: str, value: str | None, **more: Any
) -> dict[str, Any]:
    return {
        "origin_id": origin(stores, customer),
        "name": name,
        "value": value,
        "set_at": day(1),
        "source": "crm",
        **more,
    }


def rows(stores: Stores) -> dict[str, dict[str, Any]]:
    with stores.read_control() as connection:
        found = connection.execute(sa.select(PROFILES)).mappings().all()
    return {row["profile_id"]: {k: v for k, v in row.items() if k != "updated_at"} for row in found}


def set_rules(stores: Stores, document: Any) -> None:
    apply(stores.control, [check(document)], now=NOW, by="test")


def test_each_value_bears_its_source_its_time_and_how_sure_it_is(stores: Stores) -> None:
    set_rules(stores, RULES)
    append(
        stores,
        "traits",
        [
            said(stores, "ann", "country", "GB"),
            said(stores, "ann", "country", "FR", source="web", set_at=day(9)),
            said(stores, "ann", "age", "30", set_at=ALWAYS, received_at=day(4)),
        ],
    )
    refresh_profiles(stores, now=NOW)
    [row] = rows(stores).values()
    assert row["traits"] == {"country": "GB", "age": "30"}
    assert row["provenance"] == {
        "age": ["crm", "2026-01-05T00:00:00.000000Z", 0.9],
        "country": ["crm", "2026-01-02T00:00:00.000000Z", 0.62],
    }
    assert datetime.fromisoformat(row["provenance"]["age"][1]) == day(4)


def test_what_holds_only_later_does_not_count_yet(stores: Stores) -> None:
    append(
        stores,
        "traits",
        [
            said(stores, "ann", "tier", "gold"),
            said(stores, "ann", "tier", "silver", set_at=day(20)),
        ],
    )
    refresh_profiles(stores, now=day(20))
    assert rows(stores)[origin(stores, "ann")]["traits"] == {"tier": "gold"}
    refresh_profiles(stores, now=day(21))
    assert rows(stores)[origin(stores, "ann")]["traits"] == {"tier": "silver"}


def test_names_and_values_with_quotes_and_signs_come_through(stores: Stores) -> None:
    odd = {'a "quoted" name': 'line\nend \\ "x"', "émoji": "🙂 שלום", "empty": ""}
    append(stores, "traits", [said(stores, "ann", name, value) for name, value in odd.items()])
    refresh_profiles(stores, now=NOW)
    [row] = rows(stores).values()
    assert row["traits"] == odd
    assert row["provenance"].keys() == odd.keys()


def test_changed_rules_change_what_the_next_run_gives(stores: Stores) -> None:
    append(
        stores,
        "traits",
        [
            said(stores, "ann", "country", "GB"),
            said(stores, "ann", "country", "FR", source="web", set_at=day(9)),
        ],
    )
    refresh_profiles(stores, now=NOW)
    assert [row["traits"] for row in rows(stores).values()] == [{"country": "FR"}]
    set_rules(stores, RULES)
    assert refresh_profiles(stores, now=NOW) == 1
    assert [row["traits"] for row in rows(stores).values()] == [{"country": "GB"}]


def test_the_state_is_what_a_look_at_the_same_moment_shows(stores: Stores, seed: int) -> None:
    set_rules(stores, RULES)
    draw = random.Random(seed)  # noqa: S311 - examples, not secrets
    append(stores, "traits", [_statement(stores, draw, n) for n in range(400)])
    for number in (20, 40, 80):
        refresh_profiles(stores, now=day(number))
        with open_moment(stores, as_of=day(number)) as moment:
            held: dict[str, dict[str, str]] = {}
            for profile, name, value in moment.session.rows(moment.latest_traits()):
                held.setdefault(profile, {})[name] = value
        state = {key: row["traits"] for key, row in rows(stores).items() if row["traits"]}
        assert state == held
        assert len(state) > 10


def test_refreshing_a_few_gives_what_refreshing_all_gives(stores: Stores, seed: int) -> None:
    set_rules(stores, RULES)
    draw = random.Random(seed)  # noqa: S311 - examples, not secrets
    customers = [f"c{n}" for n in range(24)]
    for step in range(6):
        touched = _something_happens(stores, draw, customers, step)
        others = {k: v for k, v in rows(stores).items() if k not in touched}
        refresh_profiles(stores, now=NOW, profiles=touched)
        few = rows(stores)
        assert {k: v for k, v in few.items() if k not in touched} == others
        assert refresh_profiles(stores, now=NOW) == 0
        assert rows(stores) == few
    assert len(few) > 10


def test_refreshing_nobody_does_nothing(stores: Stores) -> None:
    assert refresh_profiles(stores, now=NOW, profiles=[]) == 0
    assert refresh_profiles(stores, now=NOW, profiles=["f" * 24]) == 0


def _statement(stores: Stores, draw: random.Random, number: int) -> dict[str, Any]:
    return said(
        stores,
        f"c{draw.randrange(24)}",
        draw.choice(["country", "colour", "tier"]),
        draw.choice(["x", "y", "z", None]),
        source=draw.choice(["crm", "web", "pos"]),
        set_at=day(draw.randrange(60)) + timedelta(seconds=number),
    )


def _something_happens(
    stores: Stores, draw: random.Random, customers: list[str], step: int
) -> set[str]:
    """New rows, an identifier, a merge and a parting; returns every profile that this concerns, before and after."""
    touched: set[str] = set()
    facts = [_statement(stores, draw, step * 1000 + n) for n in range(8)]
    append(stores, "traits", facts)
    orders = [
        {
            "order_id": f"{step}-{n}",
            "origin_id": origin(stores, draw.choice(customers)),
            "kind": draw.choice(["sale", "sale", "return"]),
            "ordered_at": day(draw.randrange(60)),
            "revenue": 5,
            "quantity": 1,
            "lines": 1,
        }
        for n in range(4)
    ]
    append(stores, "orders", orders)
    named = origin(stores, draw.choice(customers))
    merging = draw.sample([origin(stores, one) for one in customers], 2)
    changed = {row["origin_id"] for row in [*facts, *orders]} | {named, *merging}
    with stores.control.begin() as connection:
        before = dict(
            connection.execute(sa.select(OVERRIDES.c.origin_id, OVERRIDES.c.profile_id)).all()
        )
        value = {"kind": "email", "value_hash": f"e{step}", "origin_id": named}
        upsert(
            connection,
            IDENTIFIERS,
            [{**value, "source": "crm", "first_seen_at": day(step)}],
            update=("first_seen_at",),
        )
        keeper, other = sorted(merging)
        if keeper not in before and other not in before.values():
            merge = {"origin_id": other, "profile_id": keeper, "evidence": ["email"]}
            upsert(connection, OVERRIDES, [{**merge, "merged_at": NOW}], update=("profile_id",))
        if step % 2 and before:
            parted = draw.choice(sorted(before))
            connection.execute(sa.delete(OVERRIDES).where(OVERRIDES.c.origin_id == parted))
            changed.add(parted)
        after = dict(
            connection.execute(sa.select(OVERRIDES.c.origin_id, OVERRIDES.c.profile_id)).all()
        )
    for who in changed:
        touched |= {who, before.get(who, who), after.get(who, who)}
    return touched
