"""A person who asks to be forgotten is out of sight at once, and in the end out of every file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa

from aimwell.decide.stored import places
from aimwell.deliver.touches import flush_touches
from aimwell.errors import UnifyError
from aimwell.history.moment import open_moment
from aimwell.measure.service import measure
from aimwell.privacy.erasure import PEOPLE_TABLES, is_erased, receipts
from aimwell.privacy.suppression import address_hash, suppress
from aimwell.privacy.vault import keep_people, keep_rows
from aimwell.store.schema import metadata
from aimwell.store.sql import sql
from aimwell.store.stores import Stores
from aimwell.unify.service import unify
from aimwell.workspace.erasing import erase_person, purge_erased
from campaigns import NOW, executed, set_up
from shop import (
    RECEIVED_AT,
    add_orders,
    add_traits,
    day,
    make_stores,
    merge_people,
    origin,
)
from tracked import put, rows

LATER = RECEIVED_AT + timedelta(days=1)
"""When people are erased: after all that was received of them."""


@pytest.fixture
def stores(tmp_path: Path, control_url: str) -> Iterator[Stores]:
    made = make_stores(tmp_path, control_url)
    yield made
    made.close()


def orders_of(stores: Stores, who: str) -> list[str]:
    with open_moment(stores, as_of=day(3_650)) as moment:
        query = sql("SELECT order_id FROM orders WHERE profile_id = :who ORDER BY 1", who=who)
        return [row[0] for row in moment.session.rows(query)]


def all_orders(stores: Stores) -> list[str]:
    with open_moment(stores, as_of=day(3_650)) as moment:
        return [
            row[0] for row in moment.session.rows(sql("SELECT order_id FROM orders ORDER BY 1"))
        ]


def holds(folder: Path, text: str) -> list[str]:
    return sorted(
        path.name
        for path in folder.rglob("*")
        if path.is_file() and text.encode() in path.read_bytes()
    )


def add_two(stores: Stores) -> None:
    add_orders(
        stores,
        [
            {"customer": "ann", "order_id": "a-1", "ordered_at": day(3), "revenue": 20},
            {"customer": "bob", "order_id": "b-1", "ordered_at": day(4), "revenue": 10},
        ],
    )
    add_traits(stores, [{"customer": "ann", "name": "city", "value": "Leeds"}])


def test_every_control_table_that_names_people_says_what_an_erasure_does() -> None:
    naming = {
        table.name: {
            column.name
            for column in table.columns
            if "profile_id" in column.name or "origin" in column.name
        }
        for table in metadata.tables.values()
    }
    naming = {name: columns for name, columns in naming.items() if columns}
    assert {name: set(columns) for name, columns in PEOPLE_TABLES.items()} == naming


def test_who_is_erased_is_out_of_sight_at_once_and_nobody_else_is(stores: Stores) -> None:
    add_two(stores)
    unify(stores, now=NOW)
    erase_person(stores, "ann", now=LATER, by="clerk", reason="request 17")
    assert all_orders(stores) == ["b-1"]
    with pytest.raises(UnifyError, match="Nobody is known"):
        erase_person(stores, "ann", now=LATER, by="clerk")
    with stores.read_control() as connection:
        assert {
            r.profile_id for r in connection.execute(sa.select(metadata.tables["profiles"]))
        } == {origin(stores, "bob")}
    # Nobody comes back by unifying again.
    unify(stores, now=LATER)
    with stores.read_control() as connection:
        found = connection.execute(sa.select(metadata.tables["profiles"].c.profile_id)).scalars()
        assert set(found) == {origin(stores, "bob")}


def test_all_of_a_merged_person_goes(stores: Stores) -> None:
    add_two(stores)
    add_orders(
        stores, [{"customer": "ann2", "order_id": "a-2", "ordered_at": day(5), "revenue": 5}]
    )
    merge_people(stores, ["ann", "ann2"])
    erase_person(stores, "ann2", now=LATER, by="clerk")
    assert all_orders(stores) == ["b-1"]


def test_who_comes_again_is_a_new_person(stores: Stores) -> None:
    add_two(stores)
    erase_person(stores, "ann", now=RECEIVED_AT - timedelta(days=9), by="clerk")
    # RECEIVED_AT is later: these rows came after the erasure.
    assert orders_of(stores, origin(stores, "ann")) == ["a-1"]
    erase_person(stores, origin(stores, "bob"), now=LATER, by="clerk")
    assert all_orders(stores) == ["a-1"]


def test_what_the_vault_and_the_quarantine_hold_goes_and_suppression_stays(stores: Stores) -> None:
    add_two(stores)
    who = origin(stores, "ann")
    people = pa.table({"origin_id": [who], "email": ["ann@example.com"], "first_name": ["Ann"]})
    keep_people(stores, people, source="crm", set_at=NOW)
    rows = pa.table(
        {
            "row_hash": ["h1", "h2"],
            "content": ['{"mail": "ann@example.com"}', '{"mail": "bob@example.com"}'],
        }
    )
    keep_rows(stores, rows, source="crm", kept_at=NOW)
    hashed = address_hash(stores.identity_key, "email", "ann@example.com")
    with stores.control.begin() as connection:
        suppress(
            connection,
            channel="email",
            hashed=hashed,
            reason="unsubscribed",
            source="web",
            occurred_at=NOW,
        )
    stores.audit("reveal profile", actor="clerk", subject=who)
    receipt = erase_person(stores, "ann", now=LATER, by="clerk")
    assert receipt.rows["vault_people"] == 1
    assert receipt.rows["vault_rows"] == 1
    with stores.read_control() as connection:
        for name, table in metadata.tables.items():
            if name == "erased_origins":  # until it is out of the files
                continue
            for row in connection.execute(sa.select(table)):
                assert who not in str(row), name
                assert "ann@example.com" not in str(row), name
        kept = connection.execute(sa.select(metadata.tables["suppressions"])).all()
        assert [row.address_hash for row in kept] == [hashed]
        left = (
            connection.execute(sa.select(metadata.tables["vault_rows"].c.row_hash)).scalars().all()
        )
        assert left == ["h2"]


def test_a_purge_takes_them_out_of_every_file_and_leaves_a_receipt(stores: Stores) -> None:
    add_two(stores)
    lake = stores.root / "lake"
    who = origin(stores, "ann")
    receipt = erase_person(stores, "ann", now=LATER, by="clerk")
    assert [one.purged_at for one in receipts(stores)] == [None]
    ended = purge_erased(stores, now=LATER)
    assert [one.erasure_id for one in ended] == [receipt.erasure_id]
    with open_moment(stores, as_of=day(3_650)) as moment:
        everything = moment.session.table(sql("SELECT origin_id FROM raw_orders"))
        assert everything.column("origin_id").to_pylist() == [origin(stores, "bob")]
    # The log of a table says which ids lie between which, as long as it is not written anew.
    assert [name for name in holds(lake, who) if name.endswith(".parquet")] == []
    assert purge_erased(stores, now=LATER) == []
    with stores.read_control() as connection:
        assert connection.execute(sa.select(metadata.tables["erased_origins"])).all() == []


def test_a_purge_waits_for_versions_that_somebody_reads(stores: Stores) -> None:
    add_two(stores)
    stores.pin(stores.lake.pin("orders"), owner="plan:1", until=NOW + timedelta(days=36_500))
    erase_person(stores, "ann", now=LATER, by="clerk")
    assert purge_erased(stores, now=LATER) == []
    assert all_orders(stores) == ["b-1"]
    stores.unpin("plan:1")
    assert len(purge_erased(stores, now=LATER)) == 1


def test_of_a_campaign_places_stay_without_the_person_and_the_report_says_so(
    stores: Stores,
) -> None:
    set_up(stores, 30)
    plan = executed(stores)
    treated = places(stores.control, plan.plan_id, arms=("treatment",))
    gone, sent = treated[0].profile_id, treated[1].profile_id
    before = measure(stores, plan.plan_id, now=plan.starts_at + timedelta(days=2))
    erase_person(stores, gone, now=LATER, by="clerk")
    after = measure(stores, plan.plan_id, now=plan.starts_at + timedelta(days=2))
    assert after.treated.people == before.treated.people - 1
    assert after.erased == 1
    assert any("erased since" in caveat for caveat in after.caveats)
    ids = {p.profile_id for p in places(stores.control, plan.plan_id)}
    assert gone not in ids
    assert sent in ids
    assert sum(is_erased(one) for one in ids) == 1
    messages = metadata.tables["messages"]
    with stores.read_control() as connection:
        [row] = connection.execute(
            sa.select(messages).where(messages.c.profile_id.startswith("erased:"))
        ).all()
    assert (row.state, row.reason) == ("stopped", "erased")


def test_letters_of_trials_go_with_the_person(stores: Stores) -> None:
    from aimwell.deliver.service import run_sending

    set_up(stores, 5, spring={"holdout": 0.0})
    plan = executed(stores)
    run_sending(stores, plan.plan_id, clock=lambda: NOW)
    folder = stores.root / "outbox" / plan.plan_id
    assert len(list(folder.glob("*.eml"))) == 5
    gone = places(stores.control, plan.plan_id, arms=("treatment",))[0].profile_id
    erase_person(stores, gone, now=LATER, by="clerk")
    assert len(list(folder.glob("*.eml"))) == 4
    # What befell the letter is told of nobody.
    flush_touches(stores, now=LATER)
    with open_moment(stores, as_of=day(3_650)) as moment:
        told = {row[0] for row in moment.session.rows(sql("SELECT profile_id FROM touches"))}
    assert gone not in told
    assert not any(is_erased(one) for one in told)


def test_what_was_on_its_way_when_its_sender_was_erased_is_dropped_and_later_words_count(
    stores: Stores,
) -> None:
    add_two(stores)
    said = {"type": "track", "event": "Looked", "userId": "ann", "traits": {}}
    put(
        stores, {**said, "messageId": "before", "context": {"traits": {"email": "ann@example.com"}}}
    )
    erase_person(stores, "ann", now=RECEIVED_AT, by="clerk")
    put(stores, {**said, "messageId": "after"}, at=RECEIVED_AT + timedelta(hours=1))
    purge_erased(stores, now=LATER)
    [(who,)] = rows(stores, "events", "origin_id")
    assert who == origin(stores, "ann")
    assert rows(stores, "events", "event_id") == [("after",)]
    statements = metadata.tables["vault_statements"]
    with stores.read_control() as connection:
        found = connection.execute(sa.select(statements.c.value)).scalars().all()
    assert "ann@example.com" not in found
