"""Collecting order lines end to end: what reaches the lake, once, and what the report says."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from aimwell.collect import DataReport, collect, taking
from aimwell.collect.model import LoadReport
from aimwell.errors import MappingError, SnapshotGoneError
from aimwell.store.schema import metadata
from collecting import COLUMNS, NOW, ORDERS, Shop, source_of

LINES = f"""{COLUMNS}
1,2026-01-05 10:00,ann,mug,2,4.50
1,2026-01-05 10:00,ann,tea,1,3.25
2,2026-01-06 09:30,bob,mug,1,4.50
3,2026-01-07 12:00,,pen,10,0.40
"""


def test_order_lines_reach_the_lake_with_their_orders_and_people(shop_on_both: Shop) -> None:
    shop = shop_on_both
    load = shop.collect(LINES)
    assert (load.state, load.rows_read, load.rows_taken) == ("taken", 4, 4)
    assert (load.people, load.anonymous_lines, load.sales) == (2, 1, 3)
    ann, bob = shop.origin("ann"), shop.origin("bob")
    assert shop.rows("orders", "order_id", "origin_id", "kind", "revenue", "quantity", "lines") == [
        ("1", ann, "sale", Decimal("12.2500"), 3, 2),
        ("2", bob, "sale", Decimal("4.5000"), 1, 1),
        ("3", None, "sale", Decimal("4.0000"), 10, 1),
    ]
    assert shop.rows("order_lines", "order_id", "sku", "quantity", "unit_price", "revenue") == [
        ("1", "mug", 2, Decimal("4.5000"), Decimal("9.0000")),
        ("1", "tea", 1, Decimal("3.2500"), Decimal("3.2500")),
        ("2", "mug", 1, Decimal("4.5000"), Decimal("4.5000")),
        ("3", "pen", 10, Decimal("0.4000"), Decimal("4.0000")),
    ]
    with shop.stores.read_control() as connection:
        people = connection.execute(
            sa.select(metadata.tables["vault_people"].c.origin_id, sa.column("customer_id"))
        ).all()
        identifiers = connection.execute(sa.select(metadata.tables["identifiers"])).all()
    assert sorted(people) == sorted([(ann, "ann"), (bob, "bob")])
    found = {(row.kind, row.value_hash, row.origin_id, row.source) for row in identifiers}
    assert found == {("customer_id", o, o, "shop") for o in (ann, bob)}
    first_seen = {row.origin_id: row.first_seen_at for row in identifiers}
    assert first_seen[ann] == datetime(2026, 1, 5, 10, tzinfo=UTC)


def test_rows_say_where_they_came_from_and_when(shop: Shop) -> None:
    load = shop.collect(f"{COLUMNS}\n1,2026-01-05,ann,mug,2,4.50\n")
    row = shop.one("orders")
    assert (row["source"], row["load_id"], row["received_at"]) == ("shop", load.load_id, NOW)


def test_the_same_file_again_changes_nothing_and_says_so(shop_on_both: Shop) -> None:
    shop = shop_on_both
    first = shop.report(LINES)
    before = {table: shop.rows(table) for table in ("orders", "order_lines", "quarantine")}
    again = shop.report(LINES, now=NOW + timedelta(days=1))
    assert not first.already_collected
    assert again.already_collected
    assert again.loads[0].state == "already_collected"
    assert again.loads[0].collected_at == NOW
    assert again.loads[0].rows_taken == 4
    assert {table: shop.rows(table) for table in before} == before


def test_a_load_whose_snapshot_was_vacuumed_meanwhile_is_begun_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by an erasure that purges while the load reads what the lake has."""
    gone, take = [SnapshotGoneError("gone")], taking.take_staged

    def taken_once(*given: Any) -> Any:
        if gone:
            raise gone.pop()
        return take(*given)

    monkeypatch.setattr(taking, "take_staged", taken_once)
    assert shop.collect(f"{COLUMNS}\n1,2026-01-05,ann,mug,1,5\n").rows_taken == 1
    assert len(shop.rows("orders")) == 1
    assert [state for (state,) in shop.control_rows("loads", "state")] == ["done"]


def test_the_same_bytes_under_another_name_are_the_same_load(shop: Shop) -> None:
    shop.collect(LINES)
    shop.write(LINES, "copy.csv")
    assert shop.report(source=source_of(files="copy.csv")).already_collected


def test_of_an_overlapping_file_only_new_lines_are_taken(shop: Shop) -> None:
    shop.collect(LINES)
    more = LINES + "4,2026-01-08,ann,mug,1,4.50\n"
    load = shop.collect(more, now=NOW + timedelta(days=1))
    assert (load.rows_read, load.known, load.rows_taken, load.sales) == (5, 4, 1, 1)
    assert len(shop.rows("order_lines")) == 5
    assert [row[0] for row in shop.rows("orders", "order_id")] == ["1", "2", "3", "4"]


def test_an_overlapping_file_may_write_the_same_values_in_other_forms(shop: Shop) -> None:
    shop.collect(LINES)
    other = (
        "price;qty;sku;customer;day;order\r\n4.5000;2.0;mug;ann;05.01.2026 10:00;1\r\n"
        '"£3.25";1;tea;ann;2026-01-05T10:00:00Z;1\r\n'
    )
    load = shop.collect(other)
    assert (load.known, load.rows_taken, load.quarantined) == (2, 0, 0)


def test_a_late_line_of_a_known_order_is_an_addition(shop: Shop) -> None:
    shop.collect(LINES)
    load = shop.collect(f"{COLUMNS}\n1,2026-01-05 10:00,ann,cup,3,2.00\n")
    assert (load.sales, load.additions) == (0, 1)
    assert shop.rows("orders", "order_id", "kind", "revenue")[:2] == [
        ("1", "addition", Decimal("6.0000")),
        ("1", "sale", Decimal("12.2500")),
    ]


def test_equal_rows_of_one_file_are_duplicates_and_counted(shop: Shop) -> None:
    load = shop.collect(LINES + "1,2026-01-05 10:00,ann,mug,2,4.50\n" * 2)
    assert (load.rows_read, load.duplicates, load.rows_taken) == (6, 2, 4)
    assert len(shop.rows("order_lines")) == 4


def test_equal_rows_are_repeats_where_the_source_says_so(shop: Shop) -> None:
    content = f"{COLUMNS}\n" + "1,2026-01-05,ann,mug,1,4.50\n" * 3
    source = source_of({**ORDERS, "keep_repeats": True})
    load = shop.collect(content, source)
    assert (load.duplicates, load.rows_taken) == (0, 3)
    assert shop.one("orders")["revenue"] == Decimal("13.5000")
    more = shop.collect(content + "1,2026-01-05,ann,mug,1,4.50\n", source)
    assert (more.known, more.rows_taken) == (3, 1)


def test_numbered_lines_that_are_equal_but_for_their_number_are_different_lines(shop: Shop) -> None:
    numbered = {**ORDERS, "map": {**ORDERS["map"], "line": "line"}}
    content = f"{COLUMNS},line\n" + "".join(
        f"1,2026-01-05,ann,mug,1,4.50,{n}\n" for n in (1, 2, 3, 3)
    )
    load = shop.collect(content, source_of(numbered))
    assert (load.rows_taken, load.duplicates) == (3, 1)


def test_files_of_a_pattern_are_one_load(shop: Shop) -> None:
    shop.write(f"{COLUMNS}\n1,2026-01-05,ann,mug,1,4.50\n", "day-1.csv")
    shop.write(gzip.compress(f"{COLUMNS}\n2,2026-01-06,ann,mug,1,4.50\n".encode()), "day-2.csv.gz")
    shop.write("not this", "other.txt")
    load = shop.collect(source=source_of(files="day-*"))
    assert [file.name for file in load.files] == ["day-1.csv", "day-2.csv.gz"]
    assert load.rows_taken == 2


def test_a_column_that_only_some_files_have_is_null_in_the_others_and_told(shop: Shop) -> None:
    shop.write("order,day,qty,price\n1,2026-01-05,1,4.50\n", "day-1.csv")
    shop.write("day,order,qty,price,coupon,extra\n2026-01-06,2,1,4.50,SPRING,x\n", "day-2.csv")
    entity = {
        "entity": "orders",
        "map": {
            "order_id": "order",
            "ordered_at": "day",
            "quantity": "qty",
            "unit_price": "price",
            "coupon": "coupon",
        },
    }
    load = shop.collect(source=source_of(entity, files="day-*"))
    assert shop.rows("orders", "order_id", "coupon") == [("1", None), ("2", "SPRING")]
    assert load.warnings == ("coupon: the column 'coupon' is missing in day-1.csv",)


def test_only_the_entity_whose_files_changed_is_collected_anew(shop: Shop) -> None:
    source = source_of(
        {**ORDERS, "from": "orders"},
        {"entity": "products", "from": "products", "map": {"sku": "sku", "name": "name"}},
        files={"orders": "orders.csv", "products": "products.csv"},
    )
    shop.write("sku,name\nmug,Mug\n", "products.csv")
    shop.report(LINES, source)
    shop.write("sku,name\nmug,Mug\npen,Pen\n", "products.csv")
    orders, products = shop.report(source=source).loads
    assert (orders.state, products.state) == ("already_collected", "taken")
    assert products.statements == 1


def test_times_are_read_in_the_zone_of_the_source(shop: Shop) -> None:
    shop.collect(
        f"{COLUMNS}\n1,2026-01-05 10:00,ann,mug,1,1\n2,2026-07-05 10:00,ann,mug,1,1\n"
        "3,2026-07-05T10:00:00+02:00,ann,mug,1,1\n",
        source_of(timezone="America/New_York"),
        now=datetime(2026, 12, 1, tzinfo=UTC),
    )
    assert [
        row[0].hour for row in shop.rows("orders", "ordered_at", "order_id", order="order_id")
    ] == [15, 14, 8]


def test_a_report_goes_through_json_and_back(shop: Shop) -> None:
    report = shop.report(LINES)
    plain = json.loads(json.dumps(report.to_dict()))
    assert plain["loads"][0]["rows_taken"] == 4
    assert LoadReport.from_dict(plain["loads"][0]) == report.loads[0]


def test_a_report_tells_dates_currencies_and_gaps(shop: Shop) -> None:
    load = shop.collect(LINES)
    assert load.first_at == datetime(2026, 1, 5, 10, tzinfo=UTC)
    assert load.last_at == datetime(2026, 1, 7, 12, tzinfo=UTC)
    assert load.currencies == ("GBP",)
    assert load.gaps == {"customer_id": 1}
    assert (load.files[0].rows, load.files[0].encoding, load.files[0].delimiter) == (
        4,
        "utf-8",
        ",",
    )


def test_rows_for_which_where_is_not_true_are_ignored_and_counted(shop: Shop) -> None:
    load = shop.collect(LINES, source_of({**ORDERS, "where": "customer = 'ann' AND qty > 1"}))
    assert (load.rows_read, load.ignored, load.rows_taken) == (4, 3, 1)


def test_a_file_with_a_header_only_has_no_rows_and_says_so(shop: Shop) -> None:
    load = shop.collect(f"{COLUMNS}\n")
    assert (load.rows_read, load.rows_taken, load.warnings) == (0, 0, ("the files have no rows",))
    assert shop.rows("orders") == []


def test_where_no_row_is_good_the_mapping_is_refused(shop: Shop) -> None:
    wrong = {**ORDERS, "map": {**ORDERS["map"], "quantity": "sku"}}
    content = f"{COLUMNS}\n" + "".join(f"{n},2026-01-05,ann,mug,1,4.50\n" for n in range(12))
    with pytest.raises(MappingError, match="Not one of 12 rows") as caught:
        shop.collect(content, source_of(wrong))
    assert caught.value.field == "quantity"
    assert "12 rows: quantity is no number" in str(caught.value)
    assert shop.rows("quarantine") == []
    assert shop.collect(content).rows_taken == 12


def test_progress_is_told(shop: Shop) -> None:
    shop.write(LINES)
    told: list[tuple[str, int, int | None]] = []
    report = collect(
        shop.stores,
        source_of(),
        root=shop.folder,
        now=NOW,
        progress=lambda *step: told.append(step),
    )
    assert isinstance(report, DataReport)
    assert [what for what, _, _ in told] == [
        "looking at files",
        "reading file",
        "checking orders",
        "taking orders",
        "keeping orders",
    ]
    assert told[0][1:] == (len(LINES), len(LINES))


def test_nothing_of_a_load_stays_outside_the_stores(shop: Shop) -> None:
    shop.collect(LINES)
    assert list(shop.stores.folder("staging").iterdir()) == []
    assert list(shop.stores.folder("collecting").iterdir()) == []
