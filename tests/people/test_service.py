"""One person's page: everything that is known of them and of nobody else, masked unless it was revealed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from aimwell.collect.identities import keep_identifiers
from aimwell.collect.service import collect
from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.source import Source
from aimwell.definitions.service import apply
from aimwell.errors import UnifyError
from aimwell.history.current import bring_up_to_date
from aimwell.people.model import ProfilePage
from aimwell.people.service import profile_page
from aimwell.privacy.consent import record
from aimwell.privacy.hashing import identifier_hash
from aimwell.privacy.masking import masked
from aimwell.privacy.suppression import suppress
from aimwell.privacy.vault import keep_people
from aimwell.segment.membership.refreshing import refresh
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from aimwell.workspace.erasing import erase_person
from shop import (
    START,
    add_events,
    add_orders,
    add_people,
    add_touches,
    add_traits,
    append,
    day,
    make_stores,
    origin,
)

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SECRETS = ("ann@example.com", "Ann", "1 High Street", "+447700900123")


@pytest.fixture
def stores(tmp_path: Path, control_url: str) -> Stores:
    """On each database; may be changed."""
    return lived(make_stores(tmp_path, control_url))


@pytest.fixture(scope="module")
def read_only(tmp_path_factory: pytest.TempPathFactory) -> Stores:
    """The same once, for tests that only look."""
    return lived(make_stores(tmp_path_factory.mktemp("people")))


def lived(made: Stores) -> Stores:
    add_people(
        made,
        [
            {
                "customer": "ann",
                "email": SECRETS[0],
                "first_name": SECRETS[1],
                "street": SECRETS[2],
                "phone": SECRETS[3],
            },
            {"customer": "annie", "email": SECRETS[0]},
            {"customer": "bob", "email": "bob@example.com"},
        ],
    )
    sale = {"customer": "ann", "order_id": "1", "ordered_at": day(3), "revenue": 20}
    add_orders(made, [sale, {**sale, "customer": "bob", "order_id": "b1"}])
    view = {"customer": "annie", "event": "Product Viewed", "occurred_at": day(30), "sku": "mug"}
    add_events(made, [view, {**view, "customer": "bob"}])
    click = {"customer": "ann", "event": "Email Link Clicked", "occurred_at": day(20)}
    add_touches(made, [{**click, "campaign": "spring", "channel": "email"}])
    add_traits(
        made,
        [
            {"customer": "ann", "name": "country", "value": "GB", "set_at": day(1), "received_at": day(1)},
            {"customer": "annie", "name": "interests", "value": "tea", "set_at": day(2), "source": "web"},
        ],
    )  # fmt: skip
    add_traits(made, [{"customer": "ann", "name": "region", "value": "Leeds ", "set_at": day(1)}])
    outside = {"name": "area", "dimension": "region", "key": "LEEDS", "value": 1.0, "text": "rural"}
    append(
        made,
        "market",
        [
            {**outside, "set_at": day(1)},
            {**outside, "set_at": day(2), "text": "urban"},
            {**outside, "set_at": NOW, "text": "not yet"},
            {**outside, "name": "temperature", "value": 4.5, "text": None, "set_at": day(2)},
            {**outside, "key": "Skye", "set_at": day(2)},
            {**outside, "dimension": "sku", "set_at": day(2)},
        ],
    )
    used = {"name": "minutes", "amount": 120.0, "unit": "min", "occurred_at": day(4)}
    append(made, "usage", [{"origin_id": origin(made, "annie"), **used}])
    did = {"experiment": "trial", "name": "visit", "value": 1.0, "observed_at": day(5)}
    append(made, "outcomes", [{"origin_id": origin(made, "ann"), **did}])
    answer = {"survey": "s", "question": "nps", "number": 9.0, "answered_at": day(25)}
    append(made, "answers", [{"origin_id": origin(made, "ann"), **answer}])
    score = {"model": "buy", "version": 1, "score": 0.1, "as_of": day(40)}
    newer = {**score, "version": 2, "score": 0.3, "as_of": day(50)}
    append(made, "scores", [{"origin_id": origin(made, "ann"), **one} for one in (score, newer)])
    with made.control.begin() as connection:
        identify(connection, made, "phone", SECRETS[3], "ann")
    bring_up_to_date(made, now=NOW - timedelta(hours=1))
    return made


def identify(connection: sa.Connection, made: Stores, kind: str, value: str, who: str) -> None:
    connection.execute(
        sa.insert(metadata.tables["identifiers"]).values(
            kind=kind,
            value_hash=identifier_hash(made.identity_key, kind, value),
            origin_id=origin(made, who),
            source="pos",
            first_seen_at=day(1),
        )
    )


def page(stores: Stores, who: str = "ann", **more: Any) -> ProfilePage:
    return profile_page(stores, who, **{"now": NOW, "by": "tester", **more})


def audited(stores: Stores) -> list[Any]:
    log = metadata.tables["audit_log"]
    with stores.read_control() as connection:
        return list(connection.execute(sa.select(log).where(log.c.action == "reveal profile")))


def test_all_identities_of_a_person_are_on_one_page_and_nobody_elses(stores: Stores) -> None:
    found = page(stores)
    assert set(found.identity.origins) == {origin(stores, "ann"), origin(stores, "annie")}
    assert found.identity.joined_by == ("email",)
    assert found.identity.identifiers["customer_id"] == 2
    assert (found.orders, found.happenings) == (1, 10)
    assert [one.kind for one in found.timeline] == [
        "merge", "event", "answer", "message", "outcome", "usage", "order", "trait", "trait", "trait",
    ]  # fmt: skip
    assert {one.name: one.value for one in found.computed}["total_spend"] == 20.0
    assert [(one.model, one.version, one.score) for one in found.scores] == [("buy", 2, 0.3)]


@pytest.mark.parametrize("who", ["ann", "annie", SECRETS[0], SECRETS[3], "id", "merged id"])
def test_a_person_is_found_by_whatever_names_them(read_only: Stores, who: str) -> None:
    keeper, other = sorted([origin(read_only, "ann"), origin(read_only, "annie")])
    if keeper != page(read_only).profile_id:
        keeper, other = other, keeper
    assert page(read_only, {"id": keeper, "merged id": other}.get(who, who)).profile_id == keeper


def test_traits_bear_kind_source_age_and_confidence(read_only: Stores) -> None:
    country, _region, interests = page(read_only).traits
    assert (country.name, country.data, country.source) == ("country", "demographic", "test")
    assert country.recency == pytest.approx(0.5 ** ((NOW - day(1)).days / 730))
    assert (interests.data, interests.source, interests.since) == ("psychographic", "web", day(2))


def test_a_trait_that_a_rule_filled_says_so(tmp_path: Path) -> None:
    made = make_stores(tmp_path / "workspace")
    (tmp_path / "people.csv").write_text(
        "id,tier,day\nann,,2026-01-01\nbob,gold,2026-01-01\ncec,,\n"
    )
    entity = {
        "entity": "customers",
        "from": "people",
        "map": {"customer_id": "id", "set_at": "day"},
        "traits": {"tier": "tier"},
        "fill": {"traits.tier": {"constant": "basic"}},
    }
    source = check(
        {
            "kind": "source",
            "name": "crm",
            "files": {"people": "people.csv"},
            "entities": [entity],
        }
    )
    assert isinstance(source, Source)
    collect(made, source, root=tmp_path, now=NOW - timedelta(days=1))
    bring_up_to_date(made, now=NOW - timedelta(hours=1))
    found = {who: page(made, who).traits for who in ("ann", "bob", "cec")}
    assert {who: (one.value, one.filled) for who, (one,) in found.items()} == {
        "ann": ("basic", "constant"),
        "bob": ("gold", None),
        "cec": ("basic", "constant"),
    }
    made.close()


def test_outside_data_of_where_a_person_lives_are_on_the_page(read_only: Stores) -> None:
    found = page(read_only).surroundings
    assert [(one.name, one.key, one.value, one.since) for one in found] == [
        ("area", "LEEDS", "urban", day(2)),
        ("temperature", "LEEDS", "4.5", day(2)),
    ]
    assert 0 < found[0].recency < 1
    assert page(read_only, "bob").surroundings == ()


def test_what_is_undefined_says_why(read_only: Stores) -> None:
    figures = {one.name: one for one in page(read_only).computed}
    assert figures["gap_mean_days"].value is None
    assert figures["gap_mean_days"].missing == "fewer than two orders"
    assert figures["last_order_at"].value == day(3)


def test_personal_fields_are_masked_and_nothing_else_holds_them(read_only: Stores) -> None:
    found = page(read_only)
    assert {one.name for one in found.personal} == {"email", "first_name", "street", "phone"}
    text = str(found.to_dict())
    assert not [secret for secret in SECRETS if secret in text]
    said = {one.name: (one.source, one.since) for one in found.personal}
    assert said["first_name"] == said["street"] == ("test", START)
    fresh = {one.name: one.recency for one in found.personal}
    assert fresh["first_name"] is None
    assert fresh["email"] == pytest.approx(0.5 ** ((NOW - START).days / 730))
    assert audited(read_only) == []


def test_an_identifier_has_the_source_that_told_it_first(tmp_path: Path) -> None:
    stores = lived(make_stores(tmp_path))
    ids = [
        {
            "kind": kind,
            "value_hash": identifier_hash(stores.identity_key, kind, value),
            "origin_id": origin(stores, "ann"),
            "first_seen_at": START - timedelta(days=9),
        }
        for kind, value in (("email", SECRETS[0]), ("phone", "+447700900999"))
    ]
    keep_identifiers(stores, pa.Table.from_pylist(ids), source="crm")
    said = {one.name: (one.source, one.since) for one in page(stores).personal}
    assert said["email"] == ("crm", START - timedelta(days=9))
    assert said["phone"] == ("pos", day(1)), "crm told another number"
    assert said["street"] == ("test", START)


def test_a_field_has_the_source_and_the_time_of_the_word_that_stands(tmp_path: Path) -> None:
    stores = lived(make_stores(tmp_path))
    who = [origin(stores, "ann")]
    for source, days, street in (("crm", 2, "1 New Road"), ("till", -2, "9 Old Road")):
        told = pa.table({"origin_id": who, "street": [street], "extra": ['{"pass": "P"}']})
        keep_people(stores, told, source=source, set_at=START + timedelta(days=days))
    said = {one.name: (one.source, one.since) for one in page(stores).personal}
    assert said["street"] == said["pass"] == ("crm", START + timedelta(days=2))
    assert said["first_name"] == ("test", START)


def test_revealing_is_written_down_without_what_was_seen(stores: Stores) -> None:
    found = page(stores, reveal=True)
    assert {one.value for one in found.personal} == set(SECRETS)
    [line] = audited(stores)
    assert (line.actor, line.subject) == ("tester", found.profile_id)
    assert not [secret for secret in SECRETS if secret in str(tuple(line))]


def test_consent_is_shown_as_it_would_be_asked(stores: Stores) -> None:
    answer = {
        "origin_id": origin(stores, "annie"), "purpose": "marketing", "channel": "email",
        "state": "granted", "occurred_at": day(4), "basis": "opt_in", "source": "crm", "wording": "Yes",
    }  # fmt: skip
    record(stores, pa.Table.from_pylist([answer]))
    states = {one.channel: one for one in page(stores).permissions}
    assert (states["email"].state, states["email"].refusal) == ("granted", None)
    assert states["sms"].refusal == "no answer on consent is known"
    assert page(stores).consents[0].wording == "Yes"
    with stores.control.begin() as connection:
        suppress(
            connection,
            channel="email",
            hashed=identifier_hash(stores.identity_key, "email", SECRETS[0]),
            reason="bounced",
            source="mail",
            occurred_at=day(5),
        )
    blocked = {one.channel: one for one in page(stores).permissions}["email"]
    assert blocked.refusal is not None
    assert "suppressed" in blocked.refusal


def test_segments_are_those_of_the_last_refresh(stores: Stores) -> None:
    rule = {"trait": "country", "is": "GB"}
    apply(
        stores.control,
        [check({"kind": "segment", "name": "british", "rule": rule})],
        now=NOW,
        by="t",
    )
    refresh(stores, now=day(100))
    assert [one.segment for one in page(stores).segments] == ["british"]
    assert page(stores, "bob").segments == ()
    add_traits(stores, [{"customer": "ann", "name": "country", "value": "IE", "set_at": day(101)}])
    refresh(stores, now=day(110))
    assert page(stores).segments == ()
    assert [one.what for one in page(stores).timeline if one.kind == "segment"] == [
        "left british", "entered british",
    ]  # fmt: skip


def test_accounts_and_household_are_told(stores: Stores) -> None:
    assert (page(stores).identity.accounts, page(stores).identity.household) == ((), None)
    here = {"origin_id": origin(stores, "ann"), "role": "buyer", "set_at": day(1)}
    append(
        stores,
        "account_members",
        [
            {**here, "account_id": "acme", "state": "member"},
            {**here, "account_id": "old", "state": "member"},
            {**here, "account_id": "old", "state": "left", "set_at": day(2)},
        ],
    )
    with stores.control.begin() as connection:
        for who in (page(stores).profile_id, origin(stores, "bob")):
            connection.execute(
                sa.insert(metadata.tables["households"]).values(
                    profile_id=who,
                    address_hash="a",
                    name_hash="n",
                    has_name=True,
                    household_id="h",
                    updated_at=NOW,
                )
            )
    assert page(stores).identity.accounts == (("acme", "buyer"),)
    assert page(stores).identity.household == 2


def test_plans_and_messages_of_every_identity_are_there(stores: Stores) -> None:
    with stores.control.begin() as connection:
        connection.execute(
            sa.insert(metadata.tables["plans"]).values(
                plan_id="p1", campaign="spring", revision=1, state="sent", trial=False, as_of=day(10),
                document={}, lake_versions={}, summary={}, planned_at=day(10), planned_by="t",
            )
        )  # fmt: skip
        place = {"plan_id": "p1", "bucket": 1, "arm": "control", "probability": 0.1}
        for who in ("annie", "bob"):
            one = origin(stores, who)
            connection.execute(
                sa.insert(metadata.tables["plan_people"]).values(
                    **place, profile_id=one, origin_id=one
                )
            )
        connection.execute(
            sa.insert(metadata.tables["messages"]).values(
                message_id="m1", campaign="spring", plan_id="p1", step="main", profile_id=origin(stores, "ann"),
                occurrence="p1", channel="email", action="hello", state="stopped", reason="capped", due_at=day(11),
            )
        )  # fmt: skip
    found = page(stores)
    assert [(one.campaign, one.arm) for one in found.plans] == [("spring", "control")]
    assert [(one.message_id, one.state, one.reason) for one in found.messages] == [
        ("m1", "stopped", "capped")
    ]


def test_the_time_line_can_be_cut(read_only: Stores) -> None:
    short = page(read_only, limit=2)
    assert (len(short.timeline), short.happenings) == (2, 10)
    late = page(read_only, since=day(22))
    assert [one.kind for one in late.timeline] == ["merge", "event", "answer"]
    assert page(read_only, limit=0).timeline == ()
    early = page(read_only, now=day(22))
    assert [one.kind for one in early.timeline] == [
        "message",
        "outcome",
        "usage",
        "order",
        "trait",
        "trait",
        "trait",
    ]


def test_who_cannot_be_told_apart_or_is_gone_is_said_so(read_only: Stores) -> None:
    with pytest.raises(UnifyError, match="Nobody is known"):
        page(read_only, "nobody@example.com")
    with pytest.raises(UnifyError, match="cannot be negative"):
        page(read_only, limit=-1)


def test_who_was_erased_is_nobody(stores: Stores) -> None:
    gone = page(stores).profile_id
    erase_person(stores, "ann", now=NOW, by="t")
    for who in ("ann", "annie", gone, SECRETS[0]):
        with pytest.raises(UnifyError, match="Nobody is known"):
            page(stores, who)
    assert page(stores, "bob").orders == 1


def test_one_identifier_of_two_people_names_both(stores: Stores) -> None:
    with stores.control.begin() as connection:
        for who in ("ann", "bob"):
            identify(connection, stores, "loyalty_card", "77", who)
    with pytest.raises(UnifyError, match="names 2 people"):
        page(stores, "77")


@pytest.mark.parametrize(
    ("value", "shown"),
    [("ann@example.com", "a…@….com"), ("Ann", "A…"), ("x", "…"), ("@", "…@…"), ("", "…")],
)
def test_masks(value: str, shown: str) -> None:
    assert masked(value) == shown
