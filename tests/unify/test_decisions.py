"""What people decide about who is one person holds, is explained, and is undone without a trace."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.segment import Segment
from aimwell.errors import UnifyError
from aimwell.history.current import bring_touched_up_to_date, bring_up_to_date
from aimwell.history.features import features
from aimwell.history.moment import open_moment
from aimwell.privacy.hashing import identifier_hash
from aimwell.segment.service import members
from aimwell.store.control import insert_missing
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from aimwell.unify.decisions import decisions, join, split, undo
from aimwell.unify.explaining import explain
from aimwell.unify.identity import merge_of
from aimwell.unify.lookup import find_origins, find_profile
from aimwell.workspace.erasing import erase_person
from databases import shortly_on
from identity_graphs import NOW, identities, name_people
from shop import (
    RECEIVED_AT,
    add_events,
    add_orders,
    add_people,
    add_traits,
    day,
    make_stores,
    origin,
)

CUSTOMERS = ("ann", "bob", "cec", "dan")
WRITTEN = {"updated_at", "computed_at"}


@pytest.fixture
def stores(tmp_path: Path, control_url: str) -> Stores:
    made = make_stores(tmp_path, control_url)
    for n, who in enumerate(CUSTOMERS):
        add_orders(
            made,
            [
                {
                    "customer": who,
                    "order_id": f"{who}{i}",
                    "ordered_at": day(n + 5 * i),
                    "revenue": 10 + n,
                }
                for i in range(n + 1)
            ],
        )
        add_traits(made, [{"customer": who, "name": "plan", "value": who, "set_at": day(n)}])
    add_events(made, [{"customer": "ann", "event": "Login", "occurred_at": day(3)}])
    bring_up_to_date(made, now=NOW)
    return made


def bear(stores: Stores, kind: str, value: str, *customers: str) -> set[str]:
    """Let customers share an identifier; returns their origins."""
    origins = {origin(stores, who) for who in customers}
    rows = [
        {
            "kind": kind,
            "value_hash": identifier_hash(stores.identity_key, kind, value),
            "origin_id": one,
            "source": "crm",
            "first_seen_at": NOW,
        }
        for one in sorted(origins)
    ]
    with stores.control.begin() as connection:
        insert_missing(connection, metadata.tables["identifiers"], rows)
    return origins


def answers(stores: Stores, living: Sequence[str] = CUSTOMERS) -> dict[str, Any]:
    """All that other stages read of people; `living` are those who were not erased."""
    profiles = metadata.tables["profiles"]
    with stores.read_control() as connection:
        state = {
            row.profile_id: {k: v for k, v in row._mapping.items() if k not in WRITTEN}
            for row in connection.execute(sa.select(profiles))
        }
    rule = {"event": "Order Completed", "count": {"at_least": 3}}
    segment = check({"kind": "segment", "name": "often", "rule": rule})
    assert isinstance(segment, Segment)
    with open_moment(stores, as_of=day(60)) as moment:
        lives = features(moment).sort_by("profile_id").to_pylist()
    return {
        "profiles": state,
        "features": lives,
        "members": members(stores, segment, as_of=day(60)).to_pylist(),
        "people": {who: find_profile(stores, who) for who in living},
    }


@shortly_on("postgresql")
def test_merge_then_split_restores_every_answer_and_undoing_the_split_the_merge(
    stores: Stores,
) -> None:
    merge_and_split(stores, ["dan", "ann", "cec", "bob"], one_by_one=True)


@pytest.mark.long
@settings(
    max_examples=25,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.sampled_from(CUSTOMERS), min_size=2, max_size=4, unique=True), st.booleans())
def test_whoever_merges_and_however_they_are_split(
    stores: Stores, shared_by: list[str], one_by_one: bool
) -> None:
    merge_and_split(stores, shared_by, one_by_one=one_by_one)


def merge_and_split(stores: Stores, shared_by: list[str], *, one_by_one: bool) -> None:
    apart = answers(stores)
    touched = bear(stores, "phone", "+447700900123", *shared_by)
    bring_touched_up_to_date(stores, touched, now=NOW)
    merged = answers(stores)
    assert merged != apart
    assert len({merged["people"][who] for who in shared_by}) == 1
    first, *others = [origin(stores, who) for who in shared_by]
    sides = [({first}, set(others))]
    if one_by_one:
        sides = [({one}, touched - {one}) for one in sorted(touched)[:-1]]
    else:
        sides += [({one}, set(others) - {one}) for one in others if len(others) > 1]
    made = [split(stores, a, b, by="tester", now=NOW) for a, b in sides]
    bring_touched_up_to_date(stores, touched, now=NOW)
    assert answers(stores) == apart
    bring_up_to_date(stores, now=NOW + timedelta(1))
    assert answers(stores) == apart, "no later run joins them again"
    for one in made:
        undo(stores, one.decision_id, by="tester", now=NOW)
    bring_touched_up_to_date(stores, touched, now=NOW)
    assert answers(stores) == merged
    # As it was, for another example.
    table = metadata.tables["identifiers"]
    with stores.control.begin() as connection:
        connection.execute(sa.delete(table).where(table.c.kind == "phone"))
    bring_up_to_date(stores, now=NOW)


@shortly_on("sqlite")
@pytest.mark.parametrize("erased", ["bob", pytest.param("dan", marks=pytest.mark.long)])
def test_an_erasure_between_merge_and_split_is_respected(stores: Stores, erased: str) -> None:
    """Whoever else is erased stays gone and the two come apart exactly; who is erased as one is gone as both."""
    touched = bear(stores, "phone", "+447700900123", "ann", "dan")
    erased_too = {"ann", "dan"} if erased == "dan" else {"bob"}
    living = [who for who in CUSTOMERS if who not in erased_too]
    gone = {origin(stores, who) for who in erased_too}
    before = answers(stores)
    bring_touched_up_to_date(stores, touched, now=NOW)
    later = RECEIVED_AT + timedelta(days=1)
    erase_person(stores, erased, now=later, by="clerk")
    ann, dan = origin(stores, "ann"), origin(stores, "dan")
    if erased == "dan":
        with pytest.raises(UnifyError, match="Nobody has come under"):
            split(stores, {ann}, {dan}, by="tester", now=later)
    else:
        split(stores, {ann}, {dan}, by="tester", now=later)
    bring_touched_up_to_date(stores, touched, now=later)
    expected = {
        "profiles": {key: one for key, one in before["profiles"].items() if key not in gone},
        "features": [row for row in before["features"] if row["profile_id"] not in gone],
        "members": [row for row in before["members"] if row["profile_id"] not in gone],
        "people": {who: before["people"][who] for who in living},
    }
    assert answers(stores, living) == expected
    bring_up_to_date(stores, now=later + timedelta(days=1))
    assert answers(stores, living) == expected, "no later run brings anybody back"
    for who in erased_too:
        with pytest.raises(UnifyError, match="Nobody is known"):
            find_profile(stores, who)


@shortly_on("postgresql")
def test_a_split_parts_only_those_who_are_named(stores: Stores) -> None:
    touched = bear(stores, "phone", "+447700900123", "ann", "bob", "cec")
    bring_touched_up_to_date(stores, touched, now=NOW)
    cec = origin(stores, "cec")
    split(stores, {cec}, touched - {cec}, by="tester", now=NOW, reason="a flatmate")
    bring_touched_up_to_date(stores, touched, now=NOW)
    assert find_profile(stores, "ann") == find_profile(stores, "bob") != find_profile(stores, "cec")
    with stores.read_control() as connection:
        assert merge_of(connection, cec).origins == (cec,)
        log = connection.execute(sa.select(metadata.tables["audit_log"])).all()
        (made,) = decisions(connection)
    assert [(row.action, row.actor) for row in log] == [("decide apart", "tester")]
    assert (made.reason, made.a) == ("a flatmate", (cec,))


@shortly_on("postgresql")
def test_people_are_joined_by_hand_and_come_apart_when_that_is_undone(stores: Stores) -> None:
    apart = identities(stores)
    ann, bob = origin(stores, "ann"), origin(stores, "bob")
    made = join(stores, {ann, bob}, by="tester", now=NOW)
    bring_touched_up_to_date(stores, made.origins, now=NOW)
    assert find_profile(stores, "ann") == find_profile(stores, "bob")
    found = explain(stores, {ann}, {bob})
    assert [(step.kind, step.decision) for step in found.path] == [("decision", made.decision_id)]
    undo(stores, made.decision_id, by="tester", now=NOW)
    bring_touched_up_to_date(stores, made.origins, now=NOW)
    assert identities(stores) == apart
    with pytest.raises(UnifyError, match="was undone on 2027-01-01 by tester already"):
        undo(stores, made.decision_id, by="tester", now=NOW)


def test_decisions_that_cannot_be_are_refused_with_what_to_do(stores: Stores) -> None:
    ann, bob = origin(stores, "ann"), origin(stores, "bob")
    with pytest.raises(UnifyError, match="stands on both sides"):
        split(stores, {ann}, {ann, bob}, by="tester", now=NOW)
    with pytest.raises(UnifyError, match="needs two sides"):
        split(stores, {ann}, set(), by="tester", now=NOW)
    with pytest.raises(UnifyError, match="one identity already"):
        join(stores, {ann}, by="tester", now=NOW)
    with pytest.raises(UnifyError, match="Nobody has come under the identity ghost"):
        join(stores, {ann, "ghost"}, by="tester", now=NOW)
    with pytest.raises(UnifyError, match="no decision 77"):
        undo(stores, 77, by="tester", now=NOW)
    split(stores, {ann}, {bob}, by="tester", now=NOW)
    with pytest.raises(UnifyError, match="Take it back first: aimwell unify undo 1"):
        join(stores, {ann, bob}, by="tester", now=NOW)


@shortly_on("sqlite")
def test_why_shows_the_way_with_sources_and_masked_values(stores: Stores) -> None:
    add_people(stores, [{"customer": "ann", "email": "ann@example.com"}])
    bear(stores, "email", "ann@example.com", "ann", "bob")
    bear(stores, "loyalty_card", "7701", "ann", "bob")
    touched = bear(stores, "phone", "+447700900123", "bob", "cec")
    bring_up_to_date(stores, now=NOW)
    found = explain(stores, find_origins(stores, "ann"), find_origins(stores, "cec"))
    ann, bob, cec = (origin(stores, who) for who in ("ann", "bob", "cec"))
    assert found.one_person
    assert [(step.start, step.end, step.kind) for step in found.path] == [
        (ann, bob, "email"),
        (bob, cec, "phone"),
    ]
    assert found.path[0].words == "e-mail address a…@….com"
    assert [len(step.also) for step in found.path] == [1, 0], "the card speaks for it too"
    assert found.path[0].also[0].startswith("loyalty card (hash ")
    assert {one.source for one in found.path[0].told} == {"crm", "test"}
    assert "ann@" not in str(found.to_dict())
    assert touched == {bob, cec}


@shortly_on("sqlite")
def test_why_says_that_first_names_are_forms_of_one(stores: Stores) -> None:
    bear(stores, "email", "home@example.com", "ann", "bob")
    ann, bob = origin(stores, "ann"), origin(stores, "bob")
    name_people(stores, {ann: "Robert", bob: "Bob"})
    bring_up_to_date(stores, now=NOW)
    found = explain(stores, {ann}, {bob})
    assert found.one_person
    assert found.path[0].note == "The first names are not the same, but forms of one name."


def test_other_days_of_birth_keep_two_apart_and_why_says_so(stores: Stores) -> None:
    add_people(
        stores,
        [
            {"customer": "ann", "first_name": "Robert", "birth_date": "1955-01-01"},
            {"customer": "bob", "first_name": "Bob", "birth_date": "1985-05-05"},
        ],
    )
    bear(stores, "email", "home@example.com", "ann", "bob")
    bring_up_to_date(stores, now=NOW)
    found = explain(stores, {origin(stores, "ann")}, {origin(stores, "bob")})
    assert not found.one_person
    assert found.set_aside[0].why == "days of birth differ, and both have an id of one kind"


def test_why_not_says_what_was_set_aside_and_for_what_reason(stores: Stores) -> None:
    bear(stores, "email", "home@example.com", "ann", "bob")
    ann, bob = origin(stores, "ann"), origin(stores, "bob")
    name_people(stores, {ann: "Ann", bob: "Bob"})
    bring_up_to_date(stores, now=NOW)
    found = explain(stores, {ann}, {bob})
    assert not found.one_person
    assert [(one.kind, one.reason, one.shared) for one in found.set_aside] == [
        ("email", "names_differ", True)
    ]
    assert "first names differ" in found.set_aside[0].why
