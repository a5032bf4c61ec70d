import csv
import errno
import gzip
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aimwell.errors import SimulateError, StorageFullError
from aimwell.simulate import (
    Action,
    Dirt,
    ShopSpec,
    answer,
    open_shop,
    write_answer,
    write_sources,
)
from aimwell.simulate.cells import open_cell
from aimwell.simulate.customers import CUSTOMER_SCHEMA
from aimwell.simulate.orders import ORDER_SCHEMA
from aimwell.simulate.sinks import csv_sink

SPEC = ShopSpec(people=9000, seed=8, end=datetime(2024, 7, 1, tzinfo=UTC))
DIRTY = replace(
    SPEC,
    people=800,
    dirt=Dirt(
        duplicate_lines=11,
        mixed_dates=5,
        unreadable_dates=4,
        text_quantities=3,
        absurd_quantities=2,
    ),
)


def _csv_rows(path):
    return list(csv.DictReader(io.StringIO(gzip.decompress(path.read_bytes()).decode())))


def _bytes(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("shop with ünusual #name")


@pytest.fixture(scope="module")
def counts(folder):
    return write_sources(open_shop(SPEC), folder)


def test_the_same_seed_writes_the_same_bytes(folder, counts, tmp_path):
    write_sources(open_shop(SPEC), tmp_path)
    assert _bytes(tmp_path) == _bytes(folder)
    assert set(_bytes(folder)) == {
        "orders.csv.gz",
        "customers.csv.gz",
        "products.csv.gz",
        "events.jsonl.gz",
    }


def test_another_seed_writes_another_shop(folder, counts, tmp_path):
    write_sources(open_shop(replace(SPEC, seed=9)), tmp_path)
    for name, content in _bytes(tmp_path).items():
        assert content != (folder / name).read_bytes()


def test_the_counts_are_those_of_the_files(folder, counts):
    orders, customers, products = (
        _csv_rows(folder / f"{name}.csv.gz") for name in ("orders", "customers", "products")
    )
    events = gzip.decompress((folder / "events.jsonl.gz").read_bytes()).decode().splitlines()
    sales = [row for row in orders if not row["order_id"].startswith("C")]
    assert counts.order_rows == len(orders)
    assert counts.order_lines == len(sales)
    assert counts.orders == len({row["order_id"] for row in sales})
    assert counts.return_lines == len(orders) - len(sales)
    assert counts.anonymous_lines == sum(not row["customer_id"] for row in sales)
    assert counts.anonymous_orders == len(
        {row["order_id"] for row in sales if not row["customer_id"]}
    )
    assert counts.customers == len(customers) == len({row["customer_id"] for row in customers})
    assert counts.customers == counts.people + counts.second_accounts
    assert counts.email_opt_ins == sum(row["email_opt_in"] == "yes" for row in customers)
    assert counts.products == len(products)
    assert counts.products_without_cost == sum(not row["unit_cost"] for row in products)
    assert counts.events == len(events)
    assert {row["customer_id"] for row in orders if row["customer_id"]} <= {
        row["customer_id"] for row in customers
    }
    buyers = {row["customer_id"] for row in sales if row["customer_id"]}
    assert counts.prospects <= counts.people - len(buyers) + counts.second_accounts
    revenue = sum(
        int(row["quantity"]) * Decimal(row["unit_price"]) - Decimal(row["discount"])
        for row in orders
    )
    assert counts.revenue_minor == revenue * 100
    json.loads(events[-1])


def test_files_have_the_promised_columns(folder, counts):
    head = {
        name: list(_csv_rows(folder / f"{name}.csv.gz")[0])
        for name in ("orders", "customers", "products")
    }
    assert head["orders"] == ORDER_SCHEMA.names
    assert head["products"] == ["sku", "name", "category", "brand", "price", "unit_cost"]
    assert {"customer_id", "email", "phone", "birth_date", "email_opt_in", "sms_opt_in"} <= set(
        head["customers"]
    )


def test_parquet_holds_the_same_as_csv(folder, counts, tmp_path):
    in_parquet = write_sources(open_shop(SPEC), tmp_path, format="parquet", events=False)
    assert replace(in_parquet, files=(), events=0) == replace(counts, files=(), events=0)
    assert {path.name for path in in_parquet.files} == {
        "orders.parquet",
        "customers.parquet",
        "products.parquet",
    }
    for name, schema in (("orders", ORDER_SCHEMA), ("customers", CUSTOMER_SCHEMA)):
        table = pq.read_table(tmp_path / f"{name}.parquet").cast(schema)
        rows = _csv_rows(folder / f"{name}.csv.gz")
        assert table.column_names == list(rows[0])
        for column in table.column_names:
            text = table[column].cast(pa.string()).fill_null("").to_pylist()
            assert text == [row[column] for row in rows]


def test_progress_is_told_cell_by_cell(tmp_path):
    told = []
    write_sources(
        open_shop(SPEC),
        tmp_path,
        events=False,
        progress=lambda done, all_: told.append((done, all_)),
    )
    assert told == [(8192, 9000), (9000, 9000)]


def test_dirty_files_hold_the_faults_that_were_asked_for(tmp_path):
    clean = write_sources(open_shop(replace(DIRTY, dirt=Dirt())), tmp_path / "clean")
    counts = write_sources(open_shop(DIRTY), tmp_path / "dirty")
    assert counts.dirt == DIRTY.dirt.counts()
    assert replace(counts, dirt={}, files=(), order_rows=0) == replace(
        clean, dirt={}, files=(), order_rows=0
    )
    assert counts.order_rows == clean.order_rows + 11
    clean_rows = {tuple(row.values()) for row in _csv_rows(tmp_path / "clean" / "orders.csv.gz")}
    dirty_rows = [tuple(row.values()) for row in _csv_rows(tmp_path / "dirty" / "orders.csv.gz")]
    assert len(dirty_rows) == counts.order_rows
    assert sum(row not in clean_rows for row in dirty_rows) == 5 + 4 + 3 + 2


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_more_dirt_than_lines_is_refused_and_leaves_no_file(tmp_path, format):
    shop = open_shop(replace(DIRTY, people=2, dirt=Dirt(zero_quantities=10_000)))
    with pytest.raises(SimulateError, match="too few sales"):
        write_sources(shop, tmp_path, format=format)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_format_is_refused(tmp_path):
    with pytest.raises(SimulateError, match="csv and parquet"):
        write_sources(open_shop(DIRTY), tmp_path, format="xlsx")


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(SimulateError, match="cannot be written to"):
        write_sources(open_shop(DIRTY), tmp_path / "taken")


def test_a_full_disk_is_told_as_such_and_leaves_what_was_there(tmp_path):
    path = tmp_path / "orders.csv.gz"
    path.write_text("before")
    with pytest.raises(StorageFullError, match="disk is full"), csv_sink(path, ORDER_SCHEMA):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert [item.name for item in tmp_path.iterdir()] == ["orders.csv.gz"]
    assert path.read_text() == "before"


def _messages(shop):
    cell = open_cell(shop, 0)
    n = len(cell.people)
    return pa.table(
        {
            "message_id": [f"m{number}" for number in range(n)],
            "customer_id": cell.accounts.ids_of_account(np.arange(n), np.zeros(n, np.int64)),
            "action": ["ten"] * n,
            "sent_at": pa.array([shop.spec.end] * n, pa.timestamp("us", "UTC")),
        }
    )


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_the_answer_is_written_in_the_form_of_the_history(tmp_path, format):
    shop = open_shop(SPEC)
    asked = {
        "actions": [Action(name="ten", discount_share=0.1)],
        "until": SPEC.end + timedelta(days=20),
    }
    written = write_answer(shop, _messages(shop), tmp_path, format=format, **asked)
    expected = answer(shop, _messages(shop), **asked)
    assert (written.order_lines, written.touches) == (
        len(expected.order_lines),
        len(expected.touches),
    )
    orders, events = written.files
    if format == "parquet":
        assert pq.read_table(orders).cast(ORDER_SCHEMA).equals(expected.order_lines)
        assert pq.read_table(events)["event"].equals(expected.touches["event"])
        return
    assert [path.name for path in written.files] == ["orders_after.csv.gz", "events_after.jsonl.gz"]
    rows = _csv_rows(orders)
    assert [row["order_id"] for row in rows] == expected.order_lines["order_id"].to_pylist()
    lines = [json.loads(line) for line in gzip.decompress(events.read_bytes()).splitlines()]
    assert [line["properties"]["email_id"] for line in lines] == expected.touches[
        "message_id"
    ].to_pylist()
    assert len({line["message_id"] for line in lines}) == len(lines)


def test_nothing_of_the_history_comes_again_in_the_answer(folder, counts, tmp_path):
    shop = open_shop(SPEC)
    written = write_answer(
        shop, _messages(shop).slice(0, 0), tmp_path, actions=[], until=SPEC.last, suffix="later"
    )
    assert written.files[0].name == "orders_later.csv.gz"
    before = {row["order_id"] for row in _csv_rows(folder / "orders.csv.gz")}
    after = _csv_rows(written.files[0])
    assert not before & {row["order_id"] for row in after}
    assert min(row["ordered_at"] for row in after) >= SPEC.end.strftime("%Y-%m-%d %H:%M:%SZ")
