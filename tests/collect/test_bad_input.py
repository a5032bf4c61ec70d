"""Input that is wrong in some way: a clear error or a reason in quarantine, and never a lost row."""

from __future__ import annotations

import gzip
import json
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from aimwell.collect import collect, quarantine
from aimwell.collect import reading as reading_module
from aimwell.collect.files import InputFile
from aimwell.errors import (
    CollectError,
    DefinitionError,
    FileChangedError,
    MappingError,
    SourceFileError,
)
from aimwell.store.stores import create_stores
from collecting import COLUMNS, NOW, ORDERS, Shop, source_of

GOOD = "1,2026-01-05 10:00,ann,mug,2,4.50\n"


def lines(*rows: str) -> str:
    return "\n".join([COLUMNS, *rows]) + "\n"


# --- the mapping ------------------------------------------------------------------------------------------


def test_columns_that_are_not_there_are_all_named_with_the_nearest(shop: Shop) -> None:
    wrong = {
        **ORDERS,
        "map": {**ORDERS["map"], "quantity": "quantiti", "unit_price": {"expression": "prise * 2"}},
        "where": "skus <> 'x'",
    }
    with pytest.raises(MappingError) as caught:
        shop.collect(
            "order,day,customer,sku,quantity,price\n1,2026-01-05,ann,mug,2,4.50\n", source_of(wrong)
        )
    told = str(caught.value)
    assert (
        "quantity is mapped to 'quantiti', but orders.csv has no such column. Did you mean 'quantity'?"
        in told
    )
    assert (
        "unit_price is mapped to 'prise', but orders.csv has no such column. Did you mean 'price'?"
        in told
    )
    assert (
        "where is mapped to 'skus', but orders.csv has no such column. Did you mean 'sku'?" in told
    )
    assert caught.value.field == "quantity"
    assert shop.rows("orders") == []


def test_a_required_target_that_is_not_mapped_is_refused_with_the_document() -> None:
    with pytest.raises(DefinitionError) as caught:
        source_of({"entity": "orders", "map": {"order_id": "order", "quantity": "qty"}})
    assert "entities[0].map.ordered_at: this field is required" in str(caught.value)


def test_rows_that_lack_a_required_value_are_set_aside(shop: Shop) -> None:
    content = lines(
        "1,,ann,mug,1,4.50",
        ",2026-01-05,ann,mug,1,4.50",
        "3,2026-01-05,ann,mug,,4.50",
        "4,2026-01-05,ann,mug,1,NULL",
        "5,2026-01-05,ann,mug,1,4.50",
    )
    load = shop.collect(content)
    assert load.rows_taken == 1
    assert load.quarantined_by_reason == {"missing": 4}
    assert shop.quarantined() == [
        (2, "ordered_at", "missing"),
        (3, "order_id", "missing"),
        (4, "quantity", "missing"),
        (5, "unit_price", "missing"),
    ]


def test_an_unknown_time_zone_is_refused_with_the_nearest() -> None:
    with pytest.raises(DefinitionError, match="Did you mean 'Europe/London'") as caught:
        source_of(timezone="Europe/Lundon")
    assert caught.value.faults[0].path == "timezone"


def test_a_currency_that_there_is_not_is_refused() -> None:
    with pytest.raises(DefinitionError, match="no currency has this ISO 4217 code") as caught:
        source_of(currency="QQQ")
    assert caught.value.faults[0].path == "currency"


# --- values -----------------------------------------------------------------------------------------------


def test_text_in_a_number_goes_to_quarantine_with_line_reason_and_what_is_allowed(
    shop: Shop,
) -> None:
    load = shop.collect(
        lines(
            "1,2026-01-05,ann,mug,three,4.50",
            GOOD.strip(),
            "2,2026-01-05,ann,mug,1O,4.50",
            "3,2026-01-05,ann,mug,2 pieces,4.50",
            "4,2026-01-05,ann,mug,1,free",
        )
    )
    assert load.quarantined_by_reason == {"not_a_number": 4}
    assert shop.quarantined() == [
        (2, "quantity", "not_a_number"),
        (4, "quantity", "not_a_number"),
        (5, "quantity", "not_a_number"),
        (6, "unit_price", "not_a_number"),
    ]
    details = {row[0] for row in shop.rows("quarantine", "detail")}
    assert details == {
        "quantity is no number below 100 trillion, as 12 or 12.50",
        "unit_price is no number below 100 trillion, as 12 or 12.50",
    }
    found = quarantine(shop.stores, reveal=True)
    assert found.counts == {"shop": {"not_a_number": 4}}
    assert '"qty":"three"' in str(found.rows[0].content)


def test_all_that_is_wrong_with_a_row_is_told(shop: Shop) -> None:
    shop.collect(lines("1,yesterday,ann,mug,three,4.50", GOOD.strip()))
    [(field, reason, detail)] = shop.rows("quarantine", "field", "reason", "detail")
    assert (field, reason) == ("ordered_at", "not_a_time")
    assert "ordered_at is no time" in detail
    assert "quantity is no number" in detail


def test_numbers_are_read_as_people_write_them(shop: Shop) -> None:
    rows = [
        '1,2026-01-05,ann,a,1,"1,234.50"',
        "2,2026-01-05,ann,a,1,£12.50",
        "3,2026-01-05,ann,a,1,12.5 GBP",
        "4,2026-01-05,ann,a,1,1e2",
        "5,2026-01-05,ann,a, 2 ,+3",
        "6,2026-01-05,ann,a,1,0.33335",
        "7,2026-01-05,ann,a,1,'5",
    ]
    load = shop.collect(lines(*rows))
    assert load.quarantined_by_reason == {"not_a_number": 1}
    prices = [
        row[1] for row in shop.rows("order_lines", "order_id", "unit_price", order="order_id")
    ]
    assert prices == [Decimal(p) for p in ("1234.5", "12.5", "12.5", "100", "3", "0.3334")]


def test_a_decimal_comma_is_told_by_the_column(shop: Shop) -> None:
    load = shop.collect(
        "order;day;customer;sku;qty;price\n1;2026-01-05;ann;a;1;1.234,50\n2;2026-01-05;ann;a;1;12,5\n3;2026-01-05;ann;a;1;7\n4;2026-01-05;ann;a;1;1.234\n"
    )
    assert load.rows_taken == 4
    prices = [
        row[1] for row in shop.rows("order_lines", "order_id", "unit_price", order="order_id")
    ]
    assert prices == [Decimal("1234.5"), Decimal("12.5"), 7, 1234]


def test_three_forms_of_dates_in_one_column_are_each_read_where_they_are_clear(shop: Shop) -> None:
    rows = [
        "1,2026-01-05 10:00,ann,a,1,1",
        "2,31.01.2026 10:00,ann,a,1,1",
        "3,02/14/2026 01:30 PM,ann,a,1,1",
        "4,yesterday,ann,a,1,1",
        "5,2026-13-45,ann,a,1,1",
        "6,03/04/2026 09:00 AM,ann,a,1,1",
    ]
    load = shop.collect(lines(*rows))
    assert load.quarantined_by_reason == {"not_a_time": 2}
    times = [row[1] for row in shop.rows("orders", "order_id", "ordered_at", order="order_id")]
    assert times == [
        datetime(2026, 1, 5, 10, tzinfo=UTC),
        datetime(2026, 1, 31, 10, tzinfo=UTC),
        datetime(2026, 2, 14, 13, 30, tzinfo=UTC),
        datetime(2026, 3, 4, 9, tzinfo=UTC),
    ]


def test_where_day_and_month_may_be_either_the_evidence_decides_for_the_column(shop: Shop) -> None:
    shop.collect(lines("1,03/04/2026,ann,a,1,1", "2,25/12/2025,ann,a,1,1"))
    assert shop.rows("orders", "ordered_at", order="ordered_at")[1] == (
        datetime(2026, 4, 3, tzinfo=UTC),
    )


def test_where_nothing_tells_day_from_month_the_form_is_asked_for(shop: Shop) -> None:
    content = lines("1,03/04/2026,ann,a,1,1", "2,05/05/2026,ann,a,1,1")
    with pytest.raises(
        MappingError, match=r"1 dates that could be day first or month first"
    ) as caught:
        shop.collect(content)
    assert caught.value.field == "ordered_at"
    assert shop.collect(content, source_of(dates=["%m/%d/%Y"])).rows_taken == 2


def test_where_both_orders_stand_in_a_column_only_clear_dates_are_taken(shop: Shop) -> None:
    load = shop.collect(
        lines(
            "1,25/12/2025,ann,a,1,1",
            "2,12/25/2025,ann,a,1,1",
            "3,03/04/2026,ann,a,1,1",
            "4,02/02/2026,ann,a,1,1",
        )
    )
    assert load.quarantined_by_reason == {"ambiguous_date": 1}
    assert [row[0] for row in shop.rows("orders", "order_id")] == ["1", "2", "4"]


def test_years_of_two_digits_are_asked_about(shop: Shop) -> None:
    content = lines("1,25.12.25,ann,a,1,1")
    with pytest.raises(MappingError, match="two digits"):
        shop.collect(content)
    shop.collect(content, source_of(dates=["%d.%m.%y"]))
    assert shop.one("orders")["ordered_at"] == datetime(2025, 12, 25, tzinfo=UTC)


def test_a_clock_of_twelve_hours_is_not_taken_for_one_of_twenty_four(shop: Shop) -> None:
    shop.collect(lines("1,2026-01-05 10:00 PM,ann,a,1,1"))
    assert shop.one("orders")["ordered_at"] == datetime(2026, 1, 5, 22, tzinfo=UTC)


def test_times_far_away_are_mistakes(shop: Shop) -> None:
    load = shop.collect(
        lines(
            "1,0001-01-01,ann,a,1,1",
            "2,2026-06-03,ann,a,1,1",
            "3,9999-12-31,ann,a,1,1",
            "4,2026-06-02,ann,a,1,1",
        )
    )
    assert load.quarantined_by_reason == {"time_out_of_range": 3}
    assert [row[0] for row in shop.rows("orders", "order_id")] == ["4"]
    again = shop.collect(lines("5,2026-06-03,ann,a,1,1"), now=NOW + timedelta(days=2))
    assert again.rows_taken == 1


def test_zero_negative_and_absurd_quantities(shop: Shop) -> None:
    kind = {"expression": "CASE WHEN \"order\" LIKE 'C%' THEN 'return' ELSE 'sale' END"}
    entity = {**ORDERS, "map": {**ORDERS["map"], "kind": kind}}
    rows = [
        "1,2026-01-05,ann,a,0,1",
        "2,2026-01-05,ann,a,-3,1",
        "3,2026-01-05,ann,a,99999999,1",
        "4,2026-01-05,ann,a,-99999999,1",
        "C5,2026-01-06,ann,a,-2,1",
        "C6,2026-01-06,ann,a,2,1",
        "7,2026-01-05,ann,a,1000000,1",
        "8,2026-01-05,ann,a,1,-4",
        "9,2026-01-05,ann,a,1,99999999999",
    ]
    load = shop.collect(lines(*rows), source_of(entity))
    assert load.quarantined_by_reason == {
        "negative_price": 1,
        "negative_quantity": 1,
        "price_out_of_range": 1,
        "quantity_out_of_range": 2,
        "zero_quantity": 1,
    }
    assert shop.rows("orders", "order_id", "kind", "quantity") == [
        ("7", "sale", 1_000_000),
        ("C5", "return", -2),
        ("C6", "return", -2),
    ]


def test_without_a_kind_a_negative_quantity_is_a_return(shop: Shop) -> None:
    load = shop.collect(lines("1,2026-01-05,ann,a,3,2", "1,2026-01-09,ann,a,-1,2"))
    assert (load.sales, load.returns, load.return_lines) == (1, 1, 1)
    assert shop.rows("orders", "kind", "revenue", "ordered_at") == [
        ("return", -2, datetime(2026, 1, 9, tzinfo=UTC)),
        ("sale", 6, datetime(2026, 1, 5, tzinfo=UTC)),
    ]


def test_ids_of_nineteen_digits_and_leading_zeros_survive(shop: Shop) -> None:
    shop.collect(lines("0001234567890123456789,2026-01-05,9223372036854775808,00042,1,1"))
    row = shop.one("order_lines")
    assert (row["order_id"], row["sku"]) == ("0001234567890123456789", "00042")
    assert row["origin_id"] == shop.origin("9223372036854775808")


def test_ids_that_a_spreadsheet_wrote_as_decimals_are_mended_where_the_whole_column_is_so(
    shop: Shop,
) -> None:
    load = shop.collect(
        lines("1,2026-01-05,17850.0,a,1,1", "2,2026-01-05,,a,1,1", "3,2026-01-05,12.0,1.0.0,1,1")
    )
    assert shop.rows("orders", "origin_id") == sorted(
        [(shop.origin("17850"),), (None,), (shop.origin("12"),)], key=str
    )
    assert load.warnings == ("customer_id: ids are written as 17850.0; they were taken as 17850",)


def test_ids_that_a_spreadsheet_has_rounded_are_refused(shop: Shop) -> None:
    load = shop.collect(lines("1,2026-01-05,1.23457E+18,a,1,1", "2,2026-01-05,12E5,a,1,1"))
    assert load.quarantined_by_reason == {"id_shortened": 1}
    assert shop.quarantined() == [(2, "customer_id", "id_shortened")]


def test_an_unknown_word_for_the_kind_of_a_row(shop: Shop) -> None:
    entity = {**ORDERS, "map": {**ORDERS["map"], "kind": "sku"}}
    load = shop.collect(
        lines("1,2026-01-05,ann,Refunded,1,1", "2,2026-01-05,ann,mug,1,1"), source_of(entity)
    )
    assert load.quarantined_by_reason == {"unknown_kind": 1}
    assert load.returns == 1


# --- the file ---------------------------------------------------------------------------------------------


def test_a_missing_file_names_the_nearest(shop: Shop) -> None:
    shop.write("x", "ordes.csv")
    with pytest.raises(
        SourceFileError, match=r"no file 'orders.csv' in .* Did you mean 'ordes.csv'"
    ):
        shop.collect()
    with pytest.raises(SourceFileError, match=r"No file fits 'day-\*.csv'"):
        shop.collect(source=source_of(files="day-*.csv"))


def test_an_empty_file_is_refused(shop: Shop) -> None:
    with pytest.raises(SourceFileError, match=r"'orders\.csv' is empty") as caught:
        shop.collect("")
    assert caught.value.file == "orders.csv"


@pytest.mark.parametrize("cut", [1, 9, 200, 5_000])
def test_a_truncated_gzip_is_refused_whole(shop: Shop, cut: int) -> None:
    rows = [
        f"{n},2026-01-05,c{n},sku-{n * 7919 % 1000},{n % 7 + 1},{n % 50}.25" for n in range(5_000)
    ]
    packed = gzip.compress(lines(*rows).encode())
    with pytest.raises(SourceFileError, match="ends in the middle"):
        shop.collect(packed[:-cut])
    assert shop.rows("order_lines") == []
    assert shop.collect(packed).rows_taken == 5_000


def test_a_damaged_gzip_is_refused_by_its_checksum(shop: Shop) -> None:
    packed = bytearray(
        gzip.compress(lines(*[f"{n},2026-01-05,ann,a,1,{n % 10}" for n in range(2_000)]).encode())
    )
    packed[len(packed) // 2] ^= 0xFF
    with pytest.raises(SourceFileError, match="is damaged"):
        shop.collect(bytes(packed))


def test_a_byte_order_mark_is_no_part_of_the_first_name(shop: Shop) -> None:
    load = shop.collect(b"\xef\xbb\xbf" + lines(GOOD.strip()).encode())
    assert load.rows_taken == 1
    utf16 = shop.collect(lines("2,2026-01-05,ann,mug,1,1").encode("utf-16"))
    assert (utf16.rows_taken, utf16.files[0].encoding) == (1, "utf-16")


def test_latin_1_is_told_by_the_bytes_and_reported(shop: Shop) -> None:
    content = lines("1,2026-01-05,ann,café,1,1", "2,2026-01-05,ann,Größe,1,1")
    load = shop.collect(content.encode("latin-1"))
    assert shop.rows("order_lines", "sku") == [("Größe",), ("café",)]
    assert load.files[0].encoding == "cp1252"
    assert "orders.csv is not UTF-8; it was read as Windows-1252" in load.warnings[0]
    assert shop.collect(content, now=NOW).known == 2


def test_a_few_wrong_bytes_in_utf_8_set_only_their_lines_aside(shop: Shop) -> None:
    rows = [f"{n},2026-01-05,ann,café {n},1,1" for n in range(20)]
    content = (
        lines(*rows).encode() + b"98,2026-01-05,ann,caf\xe9,1,1\n99,2026-01-05,ann,tea\x00,1,1\n"
    )
    load = shop.collect(content)
    assert (load.rows_taken, load.quarantined_by_reason) == (20, {"bad_encoding": 2})
    assert shop.quarantined() == [(22, None, "bad_encoding"), (23, None, "bad_encoding")]


def test_ragged_lines_are_set_aside_with_their_line_numbers(shop: Shop) -> None:
    content = (
        f'{COLUMNS}\n1,2026-01-05,ann,"a\nb",1,1\n\n2,2026-01-05,ann,mug\n3,2026-01-05,ann,mug,1,1,more,still\n'
        '4,2026-01-05,ann,"say ""hi""",1,1\n5,2026-01-05,ann,"x"y,1,1\n6,2026-01-05,ann,mug,no,1\n'
    )
    load = shop.collect(content)
    assert (load.rows_read, load.rows_taken) == (6, 2)
    assert shop.quarantined() == [
        (5, None, "too_few_fields"),
        (6, None, "too_many_fields"),
        (8, None, "bad_quotes"),
        (9, "quantity", "not_a_number"),
    ]
    assert sorted(row[0] for row in shop.rows("order_lines", "sku")) == ["a\nb", 'say "hi"']


def test_line_ends_of_all_systems_may_mix(shop: Shop) -> None:
    content = f"{COLUMNS}\r\n1,2026-01-05,ann,a,1,1\n2,2026-01-05,ann,a,1,1\r3,2026-01-05,ann,a,x,1\r\n4,2026-01-05,ann,a,1,1"
    load = shop.collect(content)
    assert (load.rows_taken, load.quarantined) == (3, 1)
    assert shop.quarantined() == [(4, "quantity", "not_a_number")]


def test_a_file_that_is_no_csv_at_all_is_refused(shop: Shop) -> None:
    with pytest.raises(
        SourceFileError, match=r"ZIP archive \(or spreadsheet\) 'orders.csv' is damaged"
    ):
        shop.collect(b"PK\x03\x04 and so on")
    with pytest.raises(SourceFileError, match="is no text"):
        shop.collect(lines(GOOD.strip()).encode("utf-16-le"))
    with pytest.raises(SourceFileError, match="a Parquet file; say `format: parquet`"):
        shop.collect(b"PAR1 and so on")


def test_json_that_is_no_json_lines_is_refused_and_bad_lines_are_set_aside(shop: Shop) -> None:
    entity = {"entity": "events", "map": {"event": "e", "occurred_at": "t", "customer_id": "c"}}
    source = source_of(entity, files={"file": "events.jsonl"}, format="jsonl")
    shop.write('[{"e": "x", "t": "2026-01-05", "c": "ann"}]', "events.jsonl")
    with pytest.raises(SourceFileError, match="one JSON list"):
        shop.collect(source=source)
    shop.write(
        '{"e":"x","t":"2026-01-05","c":"ann"}\n\nnot json\n[1]\n{"e":"y","t":"2026-01-05"}\n"x"\n',
        "events.jsonl",
    )
    load = shop.collect(source=source)
    assert (load.rows_read, load.rows_taken) == (5, 1)
    assert shop.quarantined() == [
        (3, None, "not_json"),
        (4, None, "not_an_object"),
        (5, "customer_id", "no_identifier"),
        (6, None, "not_an_object"),
    ]


@pytest.mark.parametrize("depth", [127, 500, 3_000])
def test_a_line_that_is_nested_without_end_does_not_stop_the_others(shop: Shop, depth: int) -> None:
    """The engine gives up at a depth of 128."""
    good = '{{"order": {{"no": "{0}"}}, "at": "2026-01-0{0}", "sum": {0}}}'
    deep = '{"a": ' * depth + "1" + "}" * depth
    items = json.dumps(
        {"order": {"no": "4"}, "at": "2026-01-04", "sum": 4, "items": [{"n": 1}] * 300}
    )
    shop.write("\n".join([good.format(1), deep, good.format(2), items]) + "\n", "orders.jsonl")
    mapped = {"order_id": ["order", "no"], "ordered_at": "at", "line_total": "sum"}
    source = source_of(
        {"entity": "orders", "map": mapped}, files={"file": "orders.jsonl"}, format="jsonl"
    )
    load = shop.collect(source=source)
    assert (load.rows_read, load.rows_taken) == (4, 3)
    assert load.quarantined_by_reason == {"missing": 1}


def test_a_broken_parquet_file_is_refused(shop: Shop) -> None:
    shop.write(b"PAR1 and so on, but no end", "orders.parquet")
    with pytest.raises(SourceFileError, match="not a whole Parquet file"):
        shop.collect(source=source_of(files="orders.parquet", format="parquet"))


def test_a_file_that_is_replaced_while_it_is_read_is_refused_and_taken_the_next_time(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.write(lines(*[f"{n},2026-01-05,ann,a,1,1" for n in range(100)]))
    real = reading_module.snapshot_text

    def replaced_meanwhile(source: Path, *arguments: object, **named: object) -> object:
        # Between the hash and the read, as an export that writes its file anew does it.
        spare = source.with_suffix(".new")
        spare.write_text(lines(*[f"{n},2026-01-06,bob,b,2,2" for n in range(100)]))
        spare.replace(source)
        return real(source, *arguments, **named)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(reading_module, "snapshot_text", replaced_meanwhile)
        with pytest.raises(FileChangedError, match="changed while it was read") as caught:
            shop.collect()
    assert caught.value.retryable
    assert shop.rows("order_lines") == []
    assert shop.collect().rows_taken == 100


def test_a_file_that_grows_while_it_is_read_is_never_taken_half(shop: Shop) -> None:
    """A writer appends all the time; each collect sees a whole version or refuses."""
    path = shop.write(lines(*[f"{n},2026-01-05,ann,a,1,1" for n in range(20_000)]))
    stop = threading.Event()

    def grow() -> None:
        number = 20_000
        while not stop.wait(0.0005):
            with path.open("a") as file:
                file.write(
                    "".join(f"{n},2026-01-05,ann,a,1,1\n" for n in range(number, number + 50))
                )
            number += 50

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        for _ in range(3):
            try:
                shop.collect()
            except FileChangedError:
                continue
    finally:
        stop.set()
        writer.join()
    final = shop.collect()
    taken = sorted(int(row[0]) for row in shop.rows("order_lines", "order_id"))
    assert taken == list(range(final.rows_read))


@pytest.mark.parametrize(
    "folder", ["with spaces", "accents é ü", "hash # and +", "quote ' here", 'double " quote']
)
def test_workspaces_and_files_may_have_difficult_names(tmp_path: Path, folder: str) -> None:
    stores = create_stores(tmp_path / folder / "work", currency="GBP")
    shop = Shop(stores, tmp_path / folder / "files")
    shop.write(lines(GOOD.strip(), "2,2026-01-05,ann,mug,no,1"), f"{folder}.csv")
    load = shop.collect(source=source_of(files=f"{folder}.csv"))
    assert (load.rows_taken, load.quarantined) == (1, 1)
    stores.close()


def test_a_definition_cannot_reach_outside_its_folder() -> None:
    for path in ("/etc/passwd", "../secret.csv", "a/../../b.csv"):
        with pytest.raises(DefinitionError, match="stays inside it"):
            source_of(files=path)


def test_an_error_leaves_nothing_behind_and_the_next_load_is_well(shop: Shop) -> None:
    with pytest.raises(CollectError):
        shop.collect("")
    assert list(shop.stores.folder("staging").iterdir()) == []
    assert list(shop.stores.folder("collecting").iterdir()) == []
    shop.write(lines(GOOD.strip()))
    assert collect(shop.stores, source_of(), root=shop.folder, now=NOW).loads[0].rows_taken == 1


def test_the_hash_of_a_file_is_what_tells_it_apart(shop: Shop) -> None:
    shop.write("abc")
    from aimwell.collect.files import open_input

    found = open_input("orders.csv", shop.folder / "orders.csv")
    assert found == InputFile(
        shop.folder / "orders.csv",
        "orders.csv",
        3,
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    )


def test_a_refusal_says_what_of_the_source_was_taken_before_it(shop: Shop) -> None:
    customers = {"entity": "customers", "map": {"customer_id": "customer"}}
    shop.write(lines(*(f"{n},2026-01-05 10:00,c{n},mug,2,dear" for n in range(200))))
    with pytest.raises(MappingError, match=r"nothing was taken of orders \(its customers were\)"):
        shop.collect(source=source_of(customers, ORDERS))
    with pytest.raises(MappingError, match="must be wrong; nothing was taken\\.\n"):
        shop.collect(source=source_of(ORDERS, customers, name="other"))
