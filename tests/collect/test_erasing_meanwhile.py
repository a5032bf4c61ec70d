"""Somebody is erased while files come in: nobody else's rows are lost, and of the erased nothing is half there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
from sqlglot import exp

from aimwell.collect import loads
from aimwell.collect import taking as taking_module
from aimwell.collect.people import Persons
from aimwell.collect.under_way import oldest_under_way
from aimwell.history.current import bring_up_to_date
from aimwell.privacy import erasure
from aimwell.privacy.erased import bind_erased, lock_for_erasing, not_erased
from aimwell.privacy.vault import keep_people
from aimwell.store.schema import metadata
from aimwell.store.sql import column
from aimwell.store.tables import LAKE_TABLES
from aimwell.workspace.erasing import erase_person, purge_erased
from collecting import COLUMNS, NOW, ORDERS, Shop, source_of
from databases import shortly_on

HOUR = timedelta(hours=1)
WITH_MAIL: dict[str, Any] = {**ORDERS, "map": {**ORDERS["map"], "email": "email"}}
ANN, BOB = (
    "1,2026-01-05,ann,mug,1,4,ann@example.com\n",
    "2,2026-01-05,bob,mug,1,4,bob@example.com\n",
)
ANN_AGAIN = "3,2026-01-06,ann,tea,1,2,ann@example.com\n"
HEADER = COLUMNS + ",email\n"


@pytest.fixture(autouse=True)
def _few_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """A purge writes each table anew; here two of them matter."""
    few = {name: LAKE_TABLES[name] for name in ("order_lines", "traits")}
    monkeypatch.setattr(erasure, "LAKE_TABLES", few)


def taken(shop: Shop, body: str, now: datetime) -> int:
    return shop.collect(HEADER + body, source_of(WITH_MAIL), now).rows_taken


def erase_ann(shop: Shop, now: datetime) -> None:
    ann = shop.origin("ann")
    erasure.erase(shop.stores, ann, [ann], now=now, by="clerk")


def seen(shop: Shop, table: str = "order_lines", name: str = "order_id") -> list[str]:
    """What readers see of the lake."""
    with shop.stores.engine.session() as session:
        bind_erased(shop.stores, session)
        session.bind("t", shop.stores.lake.pin(table).tables[table])
        rows = exp.select(column(name)).from_("t").where(not_erased("t"))
        return sorted(row[0] for row in session.rows(rows))


def in_vault(shop: Shop) -> list[str]:
    return sorted(row[0] for row in shop.control_rows("vault_people", "customer_id"))


def identified(shop: Shop) -> set[str]:
    return {row[0] for row in shop.control_rows("identifiers", "origin_id")}


@pytest.mark.parametrize("purged", [False, True])
def test_what_comes_again_after_an_erasure_is_new_before_a_purge_and_after(
    shop: Shop, purged: bool
) -> None:
    taken(shop, ANN + BOB, NOW)
    erase_ann(shop, NOW + HOUR)
    if purged:
        purge_erased(shop.stores, now=NOW + HOUR)
    assert seen(shop) == ["2"]
    assert taken(shop, ANN + BOB + ANN_AGAIN, NOW + 3 * HOUR) == 2
    assert seen(shop) == ["1", "2", "3"]
    assert in_vault(shop) == ["ann", "bob"]
    if not purged:
        purge_erased(shop.stores, now=NOW + 4 * HOUR)
        assert seen(shop) == ["1", "2", "3"]


def test_traits_of_who_comes_again_outlive_the_purge(shop: Shop) -> None:
    entity = {"entity": "customers", "map": {"customer_id": "id"}, "traits": {"city": "city"}}
    source = source_of(entity, files="people.csv")
    for hours, blank in ((0, ""), (2, "\n"), (4, "\n\n")):
        shop.write("id,city\nann,Leeds\nbob,York\n" + blank, "people.csv")
        shop.report(source=source, now=NOW + hours * HOUR)
        if not hours:
            erase_ann(shop, NOW + HOUR)
            assert seen(shop, "traits", "value") == ["York"]
    purge_erased(shop.stores, now=NOW + 5 * HOUR)
    assert seen(shop, "traits", "value") == ["Leeds", "York"]


def test_events_that_two_sources_number_alike_are_two(shop: Shop) -> None:
    entity = {
        "entity": "events",
        "map": {"event_id": "id", "event": "event", "occurred_at": "at", "customer_id": "who"},
    }
    shop.write("id,event,at,who\n1,Looked,2026-01-05,ann\n2,Looked,2026-01-05,bob\n", "events.csv")
    for name in ("web", "till"):
        report = shop.collect(source=source_of(entity, files="events.csv", name=name))
        assert (report.rows_taken, report.known) == (2, 0)
    assert len(shop.rows("events", "event_id")) == 4


def erased_when(
    monkeypatch: pytest.MonkeyPatch, place: object, name: str, erase: Callable[[], object]
) -> None:
    """Somebody else erases a person just before a function is called the first time."""
    real, left = getattr(place, name), [erase]

    def first(*arguments: Any, **named: Any) -> Any:
        if left:
            thread = threading.Thread(target=left.pop())
            thread.start()
            thread.join()
        return real(*arguments, **named)

    monkeypatch.setattr(place, name, first)


@pytest.mark.parametrize(
    ("place", "name"),
    [(Persons, "keep"), (taking_module, "set_aside"), (loads, "prepare"), (loads, "publish")],
    ids=["read", "worked out", "ready", "prepared"],
)
def test_who_is_erased_while_a_load_is_under_way_is_not_half_there(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, place: object, name: str
) -> None:
    taken(shop, ANN + BOB, NOW)

    def erase() -> None:
        erase_ann(shop, NOW + 3 * HOUR)
        # Whose load is under way is not forgotten.
        assert purge_erased(shop.stores, now=NOW + 3 * HOUR) == []

    with monkeypatch.context() as patch:
        erased_when(patch, place, name, erase)
        assert taken(shop, ANN_AGAIN + "4,2026-01-07,bob,tea,1,2,bob@example.com\n", NOW + 2 * HOUR)
    assert seen(shop) == ["2", "4"]
    assert in_vault(shop) == ["bob"]
    assert shop.origin("ann") not in identified(shop)
    assert len(purge_erased(shop.stores, now=NOW + 4 * HOUR)) == 1
    assert seen(shop) == ["2", "4"]
    assert shop.origin("ann") not in {row[0] for row in shop.rows("order_lines", "origin_id")}


def test_a_load_that_was_given_up_and_is_called_again_after_an_erasure_reads_of_a_new_person(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: object, **__: object) -> None:
        raise Killed

    taken(shop, ANN + BOB, NOW)
    with monkeypatch.context() as patch:
        patch.setattr(taking_module, "set_aside", killed)
        with pytest.raises(Killed):
            shop.collect(HEADER + ANN_AGAIN, source_of(WITH_MAIL), NOW + HOUR)
    erase_ann(shop, NOW + 2 * HOUR)
    # Nobody is at work on it, so nobody is waited for.
    assert oldest_under_way(shop.stores) is None
    assert taken(shop, ANN_AGAIN, NOW + 3 * HOUR) == 1
    assert seen(shop) == ["2", "3"]
    assert in_vault(shop) == ["ann", "bob"]


def test_a_prepared_load_that_nobody_ended_is_ended_by_the_purge(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken(shop, ANN + BOB, NOW)
    with monkeypatch.context() as patch:
        patch.setattr(loads, "publish", lambda *_: None)
        shop.collect(HEADER + ANN_AGAIN, source_of(WITH_MAIL), NOW + HOUR)
    erase_ann(shop, NOW + 2 * HOUR)
    assert len(purge_erased(shop.stores, now=NOW + 3 * HOUR)) == 1
    assert [row[0] for row in shop.rows("order_lines", "order_id")] == ["2"]


@shortly_on("postgresql")
def test_an_erasure_and_who_keeps_people_wait_for_each_other(shop_on_both: Shop) -> None:
    shop = shop_on_both
    origins = metadata.tables["erased_origins"]
    erasures = metadata.tables["erasures"]
    people = pa.table({"origin_id": [shop.origin("ann")], "email": ["new@example.com"]})
    keeper = threading.Thread(
        target=lambda: keep_people(shop.stores, people, source="crm", set_at=NOW, received_at=NOW)
    )
    with shop.stores.control.begin() as connection:
        lock_for_erasing(connection)
        keeper.start()
        keeper.join(0.2)
        assert keeper.is_alive()
        values = {"erasure_id": "e", "erased_at": NOW + HOUR}
        connection.execute(sa.insert(erasures).values(**values, erased_by="clerk", receipt={}))
        connection.execute(sa.insert(origins).values(origin_id=shop.origin("ann"), **values))
    keeper.join(30)
    assert in_vault(shop) == []


def waiting(shop: Shop) -> str:
    return " ".join(row[0] for row in shop.control_rows("vault_rows", "content"))


@pytest.mark.parametrize("received_after", [False, True], ids=["under way", "of later"])
def test_a_row_that_is_set_aside_after_an_erasure_does_not_name_the_erased(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, received_after: bool
) -> None:
    """Rows without a date are set aside: one of the erased, one that names them in a note, one of somebody else."""
    taken(shop, ANN + BOB, NOW)
    wrong = (
        "3,never,ann,mug,1,4, ANN@example.com\n",
        "4,never,carl,for <ann@example.com>,1,4,\n",
        "5,never,bob,mug,1,4,bob@example.com\n",
    )
    if received_after:
        erase_ann(shop, NOW + HOUR)
        taken(shop, "".join(wrong), NOW + 2 * HOUR)
        assert "ANN@example.com" in waiting(shop), "who comes again is a new person"
        return
    with monkeypatch.context() as patch:
        erased_when(patch, taking_module, "set_aside", lambda: erase_ann(shop, NOW + 3 * HOUR))
        taken(shop, "".join(wrong), NOW + 2 * HOUR)
    assert "ann@" not in waiting(shop).casefold()
    assert "bob@example.com" in waiting(shop)
    assert len(shop.control_rows("erased_values", "value_hash")) == 1
    purge_erased(shop.stores, now=NOW + 4 * HOUR)
    assert shop.control_rows("erased_values", "value_hash") == []


def test_who_was_collected_and_not_joined_yet_is_erased_with_the_person(shop: Shop) -> None:
    taken(shop, ANN + BOB, NOW)
    bring_up_to_date(shop.stores, now=NOW)
    again = ANN_AGAIN.replace(",ann,", ",ann-at-work,")
    taken(shop, again, NOW + HOUR)
    erase_person(shop.stores, "ann@example.com", now=NOW + 2 * HOUR, by="clerk")
    assert seen(shop) == ["2"]
    assert in_vault(shop) == ["bob"]
    assert [row[0] for row in shop.control_rows("profiles", "profile_id")] == [shop.origin("bob")]


def test_one_who_came_again_and_was_erased_again_ends_both_erasures(shop: Shop) -> None:
    taken(shop, ANN + BOB, NOW)
    erase_ann(shop, NOW + HOUR)
    taken(shop, ANN + BOB + ANN_AGAIN, NOW + 2 * HOUR)
    erase_ann(shop, NOW + 3 * HOUR)
    assert len(purge_erased(shop.stores, now=NOW + 4 * HOUR)) == 2
    assert seen(shop) == ["2"]
