"""How sources stand: late, stale, shrunken, of other columns, failed, or well; schedules that collect them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aimwell.collect import collect, status
from aimwell.collect.columns import ColumnChange, change_of
from aimwell.collect.health import health_of, tell_alerts
from aimwell.collect.quality import quality
from aimwell.collect.scheduling import COLLECT, WATCH, sync_schedules
from aimwell.collect.tracking.flush import flush_inbox
from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.source import Source
from aimwell.errors import CollectError, ColumnsChangedError, DefinitionError, MappingError
from aimwell.history.jobs import collect_handlers
from aimwell.jobs.alerts import Alerts
from aimwell.jobs.service import open_jobs
from collecting import COLUMNS, NOW, ORDERS, Shop, source_of
from tracked import put

DAY = timedelta(days=1)
FIRST = NOW - DAY  # when the definition was applied


def applied(shop: Shop, at: datetime = FIRST, **settings: Any) -> Source:
    source = source_of(**settings)
    definitions.apply(shop.stores.control, [source], now=at, by="ann")
    return source


def lines(count: int, first: int = 0, day: str = "2026-05-31") -> str:
    rows = [f"{first + n},{day},c{n},mug,1,4.50" for n in range(count)]
    return "\n".join([COLUMNS, *rows]) + "\n"


def open_alerts(shop: Shop) -> dict[str, str]:
    return {
        one.key.removeprefix("source:shop:"): one.message
        for one in Alerts(shop.stores.control).all()
    }


def test_a_source_is_late_until_new_files_come_and_the_alert_goes_by_itself(
    shop_on_both: Shop,
) -> None:
    shop = shop_on_both
    source = applied(shop, freshness="26h")
    assert [one.part for one in tell_alerts(shop.stores, source, now=NOW)] == ["late"]
    assert "was never collected" in open_alerts(shop)["late"]
    shop.collect(lines(3), source)
    assert open_alerts(shop) == {}
    # The same files again are nothing new.
    assert shop.report(source=source, now=NOW + DAY).already_collected
    assert open_alerts(shop) == {}
    assert shop.report(source=source, now=NOW + 2 * DAY).already_collected
    assert (
        "came since 2026-06-01 12:00 UTC (48 hours ago); it should come every 26 hours"
        in (open_alerts(shop)["late"])
    )
    health = health_of(shop.stores, source, now=NOW + 2 * DAY)
    assert (health.last_outcome, health.age, health.age_max) == (
        "unchanged",
        2 * DAY,
        timedelta(hours=26),
    )
    shop.collect(lines(4), source, now=NOW + 3 * DAY)
    assert open_alerts(shop) == {}


def test_a_source_of_messages_is_late_where_none_come(shop: Shop) -> None:
    source = Source.model_validate({"name": "web", "tracking": {}, "freshness": "2h"})
    [late] = health_of(shop.stores, source, now=NOW).troubles
    assert "No message of 'web' ever came; some should come every 2 hours" in late.message
    put(shop.stores, {"type": "track", "userId": "ann", "event": "Seen", "messageId": "m"}, at=NOW)
    flush_inbox(shop.stores, now=NOW)
    well = health_of(shop.stores, source, now=NOW + timedelta(hours=1))
    assert (well.troubles, well.last_taken_at, well.age) == ((), NOW, timedelta(hours=1))
    [late] = health_of(shop.stores, source, now=NOW + timedelta(hours=3)).troubles
    assert "came since 2026-06-01 12:00 UTC (3 hours ago)" in late.message
    assert "late" in [one.part for one in health_of(shop.stores, other(source), now=NOW).troubles]


def other(source: Source) -> Source:
    return source.model_copy(update={"name": "app"})


def test_a_source_whose_rows_grow_old_is_stale_though_files_come(shop: Shop) -> None:
    source = applied(shop, freshness={"newest": "3d"})
    shop.collect(lines(2), source)
    shop.collect(lines(2, first=50), source, now=NOW + 9 * DAY)
    assert "newest row of 'shop' is of 2026-05-31" in open_alerts(shop)["stale"]
    shop.collect(lines(2, first=70, day="2026-06-09"), source, now=NOW + 9 * DAY)
    assert open_alerts(shop) == {}


def test_a_shrunken_source_is_told_beside_what_is_usual(shop: Shop) -> None:
    source = applied(shop, volume={"at_least_of_usual": 0.5, "at_most_of_usual": 3, "at_least": 2})
    for n, rows in enumerate((10, 12, 11)):
        shop.collect(lines(rows, first=100 * n), source, now=NOW + n * DAY)
    assert open_alerts(shop) == {}
    shop.collect(lines(4, first=400), source, now=NOW + 4 * DAY)
    assert "orders: 4 rows, at least 6 were expected" in open_alerts(shop)["volume"]
    shop.collect(lines(60, first=500), source, now=NOW + 5 * DAY)
    assert "orders: 60 rows, at most 32 were expected" in open_alerts(shop)["volume"]
    shop.collect(lines(12, first=700), source, now=NOW + 6 * DAY)
    assert open_alerts(shop) == {}


def test_two_files_of_one_kind_have_each_a_size_and_measures_of_their_own(shop: Shop) -> None:
    """The newest load of products is not the other file's of the same run."""
    kinds = [
        {"entity": "products", "from": "few", "map": {"sku": "sku"}},
        {"entity": "products", "from": "many", "map": {"sku": "sku"}},
    ]
    files = {"few": "few.csv", "many": "many.csv"}
    source = source_of(
        *kinds, files=files, volume={"at_least_of_usual": 0.5, "at_most_of_usual": 2}
    )
    definitions.apply(shop.stores.control, [source], now=FIRST, by="ann")
    for n in range(4):
        for name, rows in (("few", 4), ("many", 40)):
            text = "".join(f"{name}-{n}-{row}\n" for row in range(rows))
            shop.write(f"sku\n{text}", f"{name}.csv")
        collect(shop.stores, source, root=shop.folder, now=NOW + n * DAY)
    assert open_alerts(shop) == {}
    health = health_of(shop.stores, source, now=NOW + 4 * DAY)
    assert [(one.entity, one.rows) for one in health.volumes] == [
        ("products (few)", 4),
        ("products (many)", 40),
    ]
    assert [(one.what, len(one.loads)) for one in quality(shop.stores)] == [
        ("products (few)", 4),
        ("products (many)", 4),
    ]
    shop.write("sku\nlast-1\n", "few.csv")
    collect(shop.stores, source, root=shop.folder, now=NOW + 5 * DAY)
    assert "products (few): 1 rows, at least 2 were expected" in open_alerts(shop)["volume"]


def test_columns_that_went_came_or_look_otherwise_are_named(shop: Shop) -> None:
    source = applied(shop)
    shop.collect("order,day,customer,sku,qty,price,note\n1,2026-05-31,c,mug,1,4.50,12\n", source)
    assert open_alerts(shop) == {}
    shop.collect(
        "order,day,customer,sku,qty,price,colour,note\n2,2026-05-31,c,mug,1,4.50,red,blue\n", source
    )
    assert "(new: colour; other values: note (number, now text))" in open_alerts(shop)["columns"]
    with pytest.raises(MappingError) as caught:
        shop.collect(
            "order,day,customer,sku,amount,price,note\n3,2026-05-31,c,m,1,4.50,1\n", source
        )
    assert "quantity is mapped to 'qty', but orders.csv has no such column" in str(caught.value)
    assert "when it was collected before (gone: qty; new: amount)" in str(caught.value)
    assert "could not be collected on 2026-06-01 12:00 UTC" in open_alerts(shop)["failed"]
    # A definition that is changed and applied takes the columns as they are.
    mended = {**ORDERS, "map": {**ORDERS["map"], "quantity": "amount"}}
    source = source_of(mended)
    definitions.apply(shop.stores.control, [source], now=NOW + DAY, by="ann")
    shop.collect(source=source, now=NOW + 2 * DAY)
    assert open_alerts(shop) == {}


def test_a_source_may_refuse_other_columns(shop: Shop) -> None:
    source = applied(shop, columns_changed="refuse")
    shop.collect(lines(2), source)
    with pytest.raises(ColumnsChangedError, match=r"\(new: extra\), and it says `columns_changed"):
        shop.collect(lines(3).replace("price\n", "price,extra\n").replace("4.50", "4.50,1"), source)
    assert len(shop.rows("order_lines")) == 2
    assert {*open_alerts(shop)} == {"failed", "columns"}
    shop.collect(lines(3), source)
    assert open_alerts(shop) == {}


def test_expectations_of_whole_files_raise_an_alert(shop: Shop) -> None:
    source = source_of({**ORDERS, "expect": [{"rows": {"at_least": 3}}]})
    definitions.apply(shop.stores.control, [source], now=FIRST, by="ann")
    shop.collect(lines(2), source)
    assert "at least 3 rows; the files have 2" in open_alerts(shop)["expectations"]
    shop.collect(lines(3), source)
    assert open_alerts(shop) == {}


def test_what_is_collected_by_hand_alone_raises_no_alert(shop: Shop) -> None:
    with pytest.raises(CollectError):
        collect(shop.stores, source_of(), root=shop.folder, now=NOW)
    assert open_alerts(shop) == {}


def test_columns_of_several_files_are_compared_file_by_file() -> None:
    before = {"a": {"x": "number", "y": "empty"}, "b": {"z": "text"}}
    after = {"a": {"x": "text", "y": "time", "w": "text"}}
    assert change_of(before, after) == ColumnChange((), ("a.w",), (("a.x", "number", "text"),))
    assert not change_of(before, before).any


def test_a_schedule_is_made_changed_and_removed_with_its_definition(shop_on_both: Shop) -> None:
    shop = shop_on_both
    jobs = open_jobs(shop.stores)
    applied(shop, schedule="hourly", timezone="Europe/London")
    assert sync_schedules(shop.stores) == [f"{COLLECT}:shop", WATCH]
    one = jobs.schedules.get(f"{COLLECT}:shop")
    assert (one.cron, one.timezone, dict(one.payload)) == (
        "0 * * * *",
        "Europe/London",
        {"source": "shop"},
    )
    applied(shop, schedule={"every": "daily", "at": "06:30", "timezone": "Asia/Tokyo"})
    jobs.schedules.enable(f"{COLLECT}:shop", False)
    sync_schedules(shop.stores)
    one = jobs.schedules.get(f"{COLLECT}:shop")
    assert (one.cron, one.timezone, one.enabled) == ("30 6 * * *", "Asia/Tokyo", False)
    jobs.alerts.alert("source:shop:late", "late")
    definitions.remove(shop.stores.control, "source", "shop", now=NOW, by="ann")
    sync_schedules(shop.stores)
    assert jobs.schedules.all() == ()
    assert open_alerts(shop) == {}


def test_workers_collect_by_the_clock_and_watch_what_does_not_come(shop: Shop) -> None:
    applied(shop, schedule="daily", freshness="26h", folder=str(shop.folder))
    shop.write(lines(3))
    jobs = open_jobs(shop.stores)
    clock = [datetime(2026, 6, 1, 12, tzinfo=UTC)]
    worker = jobs.worker(collect_handlers(shop.stores, clock=lambda: clock[0]))
    id_ = jobs.queue.enqueue(COLLECT, {"source": "shop"})
    worker.run_until_idle()
    assert jobs.queue.get(id_).result == {"unchanged": False, "rows_taken": 3, "quarantined": 0}
    clock[0] += 2 * DAY
    jobs.queue.enqueue(WATCH, {})
    worker.run_until_idle()
    assert {*open_alerts(shop)} == {"late"}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"schedule": "often"}, "is no schedule"),
        ({"schedule": {"cron": "0 0 31 2 *"}}, "never fires"),
        ({"schedule": {"every": "hourly", "at": "06:30"}}, "`at` goes with"),
        ({"schedule": {"cron": "@daily", "timezone": "Europe/Lundon"}}, "no time zone is called"),
        ({"freshness": {}}, "say `arrives`, `newest` or both"),
        ({"freshness": "soon"}, "a duration is a positive whole number"),
        ({"volume": {"past": 5}}, "say at_least"),
        ({"volume": {"at_least": 5, "at_most": 1}}, "is above"),
        ({"columns_changed": "panic"}, "columns_changed"),
    ],
)
def test_a_schedule_or_limit_that_makes_no_sense_is_refused(
    settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(DefinitionError) as caught:
        source_of(**settings)
    assert words in str(caught.value)


def test_a_schedule_is_shown_as_it_was_written() -> None:
    for written in ("hourly", "30 2 * * mon", {"every": "daily", "at": "06:30"}):
        assert source_of(schedule=written).document()["schedule"] == written
    for fresh in ("26h", {"arrives": "26h", "newest": "2d"}):
        assert source_of(freshness=fresh).document()["freshness"] == fresh


def failures(shop: Shop) -> list[tuple[str, bool]]:
    """Of each load that failed: what it was of, and whether it was made good."""
    return [(one.entity, one.made_good) for one in status(shop.stores) if one.state == "failed"]


def test_a_failed_load_is_made_good_by_a_later_one_of_its_source(shop: Shop) -> None:
    source = applied(shop)
    with pytest.raises(CollectError):
        shop.collect("nothing,like,it\n1,2,3\n", source)
    assert failures(shop) == [("orders", False)]
    shop.collect(lines(3), source, now=NOW + DAY)
    assert failures(shop) == [("orders", True)]
    # The same wrong file once more is a new failure, whatever was taken between.
    with pytest.raises(CollectError):
        shop.collect("nothing,like,it\n1,2,3\n", source, now=NOW + 2 * DAY)
    assert failures(shop) == [("orders", False)]
    # It goes, and nothing else is new.
    later = datetime.now(UTC) + DAY
    assert shop.report(lines(3), source, now=later).already_collected
    assert failures(shop) == [("orders", True)]


def test_what_no_definition_names_is_made_good_by_its_own_file_alone(shop: Shop) -> None:
    source = source_of()
    with pytest.raises(CollectError):
        shop.collect("nothing,like,it\n1,2,3\n", source)
    other = source_of(files={"file": "other.csv"})
    shop.write(lines(3), "other.csv")
    collect(shop.stores, other, root=shop.folder, now=NOW + DAY)
    assert failures(shop) == [("orders", False)]
    shop.collect(lines(2, first=7), source, now=NOW + 2 * DAY)
    assert failures(shop) == [("orders", True)]
