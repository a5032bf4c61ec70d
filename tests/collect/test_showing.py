"""What is shown before and after: explanations, suggestions, sources from a command line, quarantine, status."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from aimwell.collect import (
    collect,
    explain,
    inline_source,
    quarantine,
    read_columns,
    status,
    suggest_mapping,
)
from aimwell.collect.personal_signs import personal_kind
from aimwell.errors import CollectError, DefinitionError, MappingError, SourceFileError
from aimwell.store.schema import metadata
from collecting import COLUMNS, NOW, ORDERS, Shop, source_of

BAD = f"""{COLUMNS}
1,2026-01-05,ann@example.com,mug,2,4.50
2,2026-01-06,bob@example.com,mug,two,4.50
3,never,cat@example.com,mug,1,4.50
"""

# --- explain ----------------------------------------------------------------------------------------------


def test_a_form_of_dates_is_told_once_with_or_without_a_time_of_day(shop: Shop) -> None:
    shop.write(
        COLUMNS + "\n1,31/12/2024,a@example.com,mug,1,2\n2,31/12/2024 09:30,b@example.com,mug,1,2\n"
    )
    [found] = explain(shop.stores, source_of(ORDERS), root=shop.folder, now=NOW).entities
    [read_as] = [field.read_as for field in found.fields if field.target == "ordered_at"]
    assert read_as.endswith(", ISO or %d/%m/%Y, %d-%m-%Y")


def test_an_explanation_shows_how_each_field_is_read(shop: Shop) -> None:
    shop.write(
        "order;day;customer;email;qty;price;extra;Phone\n1;31.01.2026;ann;ann@example.com;2;4,50;x;1\n"
        "2;01.02.2026;;;1;5,25;;\n3;soon;bob;;1;5,25;;\n"
    )
    entity = {
        **ORDERS,
        "map": {k: v for k, v in ORDERS["map"].items() if k != "sku"} | {"email": "email"},
        "where": "\"order\" <> '9'",
    }
    explanation = explain(
        shop.stores, source_of(entity, timezone="Europe/London"), root=shop.folder, now=NOW
    )
    [found] = explanation.entities
    fields = {field.target: field for field in found.fields}
    assert fields["ordered_at"].read_as == "time in Europe/London, ISO or %d.%m.%Y"
    assert fields["unit_price"].read_as == "number with the decimal mark ','"
    assert fields["email"].read_as == "e-mail address"
    assert fields["email"].where_to == "hash in lake, value in vault"
    assert fields["email"].missing_share == pytest.approx(2 / 3)
    assert fields["order_id"].where_to == "lake"
    assert (found.sample_rows, found.refused, found.unmapped) == (
        3,
        {"not_a_time": 1},
        ("extra", "Phone"),
    )
    assert found.suggestions == {"phone": "Phone"}
    assert "not mapped, and looks personal: Phone (phone)" in found.warnings
    first, second = found.rows
    assert first["ordered_at"] == datetime(2026, 1, 31, tzinfo=UTC)
    assert (first["unit_price"], first["revenue"], first["kind"]) == (Decimal("4.5"), 9, "sale")
    assert first["email"] == "a…"
    assert second["customer_id"] is None
    assert found.files[0].delimiter == ";"
    assert (
        json.loads(json.dumps(explanation.to_dict()))["entities"][0]["rows"][0]["revenue"]
        == "9.0000"
    )


def test_explaining_changes_nothing(shop: Shop) -> None:
    shop.write(BAD)
    explain(shop.stores, source_of(), root=shop.folder, now=NOW)
    for table in ("orders", "order_lines", "quarantine"):
        assert shop.rows(table) == []
    with shop.stores.read_control() as connection:
        for name in ("loads", "vault_people", "vault_rows", "identifiers", "consents"):
            assert connection.execute(sa.select(metadata.tables[name])).all() == []
    assert list(shop.stores.folder("collecting").iterdir()) == []


def test_an_explanation_of_a_big_file_reads_only_its_beginning(shop: Shop) -> None:
    shop.write(
        COLUMNS + "\n" + "".join(f"{n},2026-01-05,ann,{'sku' * 20}{n},1,1\n" for n in range(80_000))
    )
    [found] = explain(shop.stores, source_of(), root=shop.folder, now=NOW).entities
    assert 10_000 < found.sample_rows < 79_000
    assert found.refused == {}


# --- suggestions ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "entity", "expected"),
    [
        (
            "InvoiceNo StockCode Description Quantity InvoiceDate UnitPrice CustomerID Country",
            "orders",
            {
                "order_id": "InvoiceNo",
                "sku": "StockCode",
                "description": "Description",
                "quantity": "Quantity",
                "ordered_at": "InvoiceDate",
                "unit_price": "UnitPrice",
                "customer_id": "CustomerID",
            },
        ),
        (
            "order_id order_item_id product_id seller_id shipping_limit_date price freight_value",
            "orders",
            {
                "order_id": "order_id",
                "line": "order_item_id",
                "sku": "product_id",
                "unit_price": "price",
                "shipping": "freight_value",
            },
        ),
        (
            "household_id store_id basket_id product_id quantity sales_value retail_disc week transaction_timestamp",
            "orders",
            {
                "customer_id": "household_id",
                "shop_id": "store_id",
                "order_id": "basket_id",
                "sku": "product_id",
                "quantity": "quantity",
                "line_total": "sales_value",
                "ordered_at": "transaction_timestamp",
            },
        ),
        (
            "Customer ID,First Name,Last Name,Email,Phone,Accepts Marketing,Zip,Country",
            "customers",
            {
                "customer_id": "Customer ID",
                "first_name": "First Name",
                "last_name": "Last Name",
                "email": "Email",
                "phone": "Phone",
                "postcode": "Zip",
            },
        ),
        (
            "sku name category brand price unit_cost",
            "products",
            {n: n for n in ["sku", "name", "category", "brand", "price", "unit_cost"]},
        ),
        (
            "event_time event_type product_id category_code price user_id user_session",
            "events",
            {
                "occurred_at": "event_time",
                "event": "event_type",
                "sku": "product_id",
                "category": "category_code",
                "customer_id": "user_id",
                "session_id": "user_session",
                "revenue": "price",
            },
        ),
    ],
)
def test_well_known_columns_are_recognised(
    columns: str, entity: str, expected: dict[str, str]
) -> None:
    names = columns.split(",") if "," in columns else columns.split()
    found = suggest_mapping(names)
    assert found.entity == entity
    assert dict(found.map) == expected


def test_traits_consent_and_personal_columns_are_told_apart() -> None:
    sample = {"contact": ["a@example.com", "b@example.com"], "free": ["x", "y"]}
    found = suggest_mapping(
        ["order_id", "Country", "email_opt_in", "Billing Street", "contact", "free"],
        sample,
        entity="orders",
    )
    assert dict(found.traits) == {"country": "Country"}
    assert dict(found.opt_in) == {"email": "email_opt_in"}
    assert dict(found.personal) == {"Billing Street": "street", "contact": "email"}
    assert found.unmapped == ("free",)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("E-Mail", "email"),
        ("customer_mobile", None),
        ("Mobile", "phone"),
        ("Telefon", None),
        ("IP_Address", "ip"),
        ("Date of Birth", "birth_date"),
        ("zip", "postcode"),
        ("Surname", "last_name"),
        ("Comments", "free text"),
        ("country", None),
        ("sku", None),
    ],
)
def test_personal_names_are_known(name: str, kind: str | None) -> None:
    assert personal_kind(name) == kind


# --- a source from a command line -------------------------------------------------------------------------


def test_a_file_and_pairs_make_the_same_source_as_a_document(shop: Shop) -> None:
    file = shop.write(
        f"{COLUMNS},Country\n1,2026-01-05,ann,mug,2,4.50,GB\n", "my orders [2026].csv"
    )
    mapping = {
        "order_id": "order",
        "ordered_at": "day",
        "customer_id": "customer",
        "quantity": "qty",
        "unit_price": "price",
        "kind": "CASE WHEN \"order\" LIKE 'C%' THEN 'return' ELSE 'sale' END",
        "trait.country": "Country",
    }
    settings = {
        "currency": "GBP",
        "timezone": "Europe/London",
        "keep_repeats": True,
        "decimal": None,
    }
    source, root, suggestion = inline_source("orders", file, mapping=mapping, settings=settings)
    assert source.name == "orders"
    assert root == shop.folder
    assert source.entities[0].map.sku is not None  # a column that is called as its target
    assert suggestion.map["sku"] == "sku"
    [load] = collect(shop.stores, source, root=root, now=NOW).loads
    assert (load.rows_taken, load.sales, load.statements) == (1, 1, 1)


def test_later_files_of_the_same_form_are_the_same_source(shop: Shop) -> None:
    mapping = {target: str(column) for target, column in ORDERS["map"].items()}
    for name, rows in (("a.csv", 3), ("b.csv", 5)):
        file = shop.write(
            COLUMNS + "\n" + "".join(f"{n},2026-01-05,ann,mug,1,1\n" for n in range(rows)), name
        )
        source, root, _ = inline_source("orders", file, mapping=mapping)
        [load] = collect(shop.stores, source, root=root, now=NOW).loads
    assert (load.known, load.rows_taken) == (3, 2)


def test_a_mapping_that_lacks_something_is_refused_with_a_suggestion(shop: Shop) -> None:
    file = shop.write("InvoiceNo,InvoiceDate,Qty,Price\n1,2026-01-05,1,1\n")
    with pytest.raises(DefinitionError) as caught:
        inline_source("orders", file, mapping={"quantity": "Qty"}, settings={"currency": "pounds"})
    told = str(caught.value)
    assert "map.order_id: nothing is mapped to it" in told
    assert "currency: no code of a currency" in told
    assert "three capital letters, as GBP" in told
    for option in ("order_id=InvoiceNo", "ordered_at=InvoiceDate", "unit_price=Price"):
        assert f"Add `--map {option}`" in told


def test_the_form_of_a_file_is_told_by_its_name(shop: Shop) -> None:
    pq.write_table(pa.table({"order": ["1"], "day": ["2026-01-05"]}), shop.folder / "a.parquet")
    shop.write('{"order": 1, "at": {"day": 2}}\n', "b.jsonl")
    shop.write("a;b;c\n1;2;3\n", "c.csv")
    assert read_columns(shop.folder / "a.parquet") == ("order", "day")
    assert read_columns(shop.folder / "b.jsonl") == ("at", "at.day", "order")
    assert read_columns(shop.folder / "c.csv") == ("a", "b", "c")
    for name, told in (("none.csv", "There is no file"), ("empty.csv", "is empty")):
        (shop.folder / "empty.csv").touch()
        with pytest.raises(SourceFileError, match=told):
            read_columns(shop.folder / name)
    shop.write("no parquet", "d.parquet")
    with pytest.raises(SourceFileError, match="not a whole Parquet file"):
        read_columns(shop.folder / "d.parquet")


# --- quarantine and status --------------------------------------------------------------------------------


def test_quarantine_tells_reasons_and_shows_rows_only_when_asked(shop_on_both: Shop) -> None:
    shop = shop_on_both
    shop.collect(BAD)
    hidden = quarantine(shop.stores)
    assert hidden.total == 2
    assert hidden.counts == {"shop": {"not_a_number": 1, "not_a_time": 1}}
    assert [(row.file, row.line, row.field, row.reason) for row in hidden.rows] == [
        ("orders.csv", 3, "quantity", "not_a_number"),
        ("orders.csv", 4, "ordered_at", "not_a_time"),
    ]
    assert "example.com" not in json.dumps(hidden.to_dict())
    shown = quarantine(shop.stores, "shop", limit=1, reveal=True)
    assert json.loads(str(shown.rows[0].content)) == dict(
        zip(
            COLUMNS.split(","),
            ["2", "2026-01-06", "bob@example.com", "mug", "two", "4.50"],
            strict=True,
        )
    )
    assert (len(shown.rows), shown.total) == (1, 2)
    assert quarantine(shop.stores, "another").rows == ()
    with shop.stores.read_control() as connection:
        [entry] = connection.execute(sa.select(metadata.tables["audit_log"])).all()
    assert (entry.action, entry.subject, entry.detail) == (
        "quarantine revealed",
        "shop",
        {"rows": 1},
    )


def test_rows_that_wait_twice_count_once_and_those_taken_since_apart(shop: Shop) -> None:
    equal = f"{BAD}{BAD.splitlines()[-1]}\n"
    shop.collect(equal)
    assert quarantine(shop.stores).total == 3  # equal rows of one file are rows nevertheless
    shop.write(equal, "copy.csv")
    limits = {"quantity": 500}
    shop.collect(source=source_of(files="copy.csv", limits=limits), now=NOW + timedelta(hours=1))
    again = quarantine(shop.stores)
    assert (again.total, again.taken_since) == (3, 0)
    assert {row.file for row in again.rows} == {"copy.csv"}
    nothing = {**ORDERS, "where": "qty <> 'two'"}
    shop.collect(source=source_of(nothing), now=NOW + timedelta(hours=2))
    left = quarantine(shop.stores)
    assert left.counts == {"shop": {"not_a_time": 2}}
    assert left.taken_since == 1


def test_what_was_not_reached_after_a_failure_is_not_said_to_be_running(shop: Shop) -> None:
    source = source_of(ORDERS, {"entity": "products", "map": {"sku": "sku"}})
    with pytest.raises(MappingError):
        shop.collect("sku,qty\nmug,1\n", source)
    told = {one.entity: (one.state, one.error) for one in status(shop.stores)}
    assert told["products"] == (
        "failed",
        "It was not looked at, because orders before it failed.",
    )
    done = shop.report(f"{COLUMNS}\n1,2026-01-05,ann,mug,2,4.50\n", source).loads
    assert [one.state for one in done] == ["taken", "taken"]


def test_status_lists_loads_the_newest_first(shop: Shop) -> None:
    shop.collect(BAD)
    later = NOW + timedelta(days=1)
    with pytest.raises(CollectError):
        shop.collect("nothing,like,it\n1,2,3\n", now=later)
    failed, done = status(shop.stores)
    assert (failed.state, failed.report) == ("failed", None)
    assert "nothing was taken" in str(failed.error)
    assert "order_id is mapped to 'order'" in str(failed.error)
    assert (done.state, done.entity, done.started_at) == ("done", "orders", NOW)
    assert done.report is not None
    assert done.report.rows_taken == 1
    assert json.loads(json.dumps(done.to_dict()))["report"]["quarantined"] == 2
    assert len(status(shop.stores, limit=1)) == 1


def test_a_file_name_may_look_like_a_pattern(tmp_path: Path) -> None:
    file = tmp_path / "orders[1]*.csv"
    file.write_text("order_id,ordered_at,quantity,unit_price\n1,2026-01-05,1,1\n")
    source, root, _ = inline_source("orders", file, mapping={})
    assert [str(path) for path in root.glob(source.files["file"].path[0])] == [str(file)]


def test_a_file_that_another_source_has_taken_is_warned_of(shop: Shop) -> None:
    rows = COLUMNS + "\n1,2026-01-05,ann,mug,2,4.50\n"
    assert not shop.collect(rows).warnings
    other = source_of(name="till")
    [explained] = explain(shop.stores, other, root=shop.folder, now=NOW).entities
    for warnings in (explained.warnings, shop.collect(source=other).warnings):
        assert (
            "orders.csv was taken already by the source 'shop': each of its rows counts twice"
            in " ".join(warnings)
        )
    other_rows = shop.collect(rows.replace("\n1,", "\n2,"), source=other)
    assert not other_rows.warnings
