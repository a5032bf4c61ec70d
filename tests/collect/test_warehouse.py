"""Tables of a warehouse come in from where they lie: one version of a Delta table, or a folder of Parquet files."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from aimwell.collect import collect
from aimwell.collect.explaining import explain
from aimwell.definitions.kinds.source import Source
from aimwell.errors import DefinitionError, MappingError, SourceFileError
from collecting import NOW, Shop, source_of


def rows_of(*numbers: int, **more: object) -> pa.Table:
    """Orders of these numbers, with the types that a warehouse gives them."""
    day = datetime(2026, 1, 5, 10, tzinfo=UTC)
    return pa.table(
        {
            "order": pa.array(numbers, pa.int64()),
            "day": pa.array([day] * len(numbers), pa.timestamp("us", "UTC")),
            "customer": [f"c{number}" for number in numbers],
            "sku": ["mug"] * len(numbers),
            "qty": pa.array([2] * len(numbers), pa.int32()),
            "price": pa.array([4.5] * len(numbers), pa.float64()),
            **{name: [value] * len(numbers) for name, value in more.items()},
        }
    )


def source(**more: object) -> Source:
    return source_of(files={"rows": {"table": "wh/orders", **more}})


def orders(shop: Shop) -> list[str]:
    return [row[0] for row in shop.rows("order_lines", "order_id")]


def table(shop: Shop) -> Path:
    (shop.folder / "wh").mkdir(exist_ok=True)
    return shop.folder / "wh" / "orders"


def test_a_delta_table_that_grew_gives_only_what_came(shop: Shop) -> None:
    write_deltalake(table(shop), rows_of(9223372036854775807, 2))
    before = sorted(path.stat().st_mtime_ns for path in table(shop).rglob("*"))
    load = collect(shop.stores, source(), root=shop.folder, now=NOW).loads[0]
    assert (load.rows_read, load.rows_taken, load.quarantined) == (2, 2, 0)
    assert orders(shop) == ["2", "9223372036854775807"]
    assert sorted(path.stat().st_mtime_ns for path in table(shop).rglob("*")) == before
    assert collect(shop.stores, source(), root=shop.folder, now=NOW).already_collected
    write_deltalake(table(shop), rows_of(3), mode="append")
    write_deltalake(table(shop), rows_of(4), mode="append")
    load = collect(shop.stores, source(), root=shop.folder, now=NOW).loads[0]
    assert (load.rows_read, load.rows_taken) == (2, 2)
    assert collect(shop.stores, source(), root=shop.folder, now=NOW).already_collected
    again = collect(shop.stores, source(), root=shop.folder, now=NOW, from_start=True).loads[0]
    assert (again.rows_read, again.rows_taken, again.known) == (4, 0, 4)
    assert orders(shop) == ["2", "3", "4", "9223372036854775807"]


def test_a_delta_table_whose_rows_were_changed_is_read_anew_and_known_rows_are_known(
    shop: Shop,
) -> None:
    write_deltalake(table(shop), rows_of(1, 2, 3))
    collect(shop.stores, source(), root=shop.folder, now=NOW)
    delta = DeltaTable(table(shop))
    delta.delete('"order" = 3')
    write_deltalake(table(shop), rows_of(4), mode="append")
    load = collect(shop.stores, source(), root=shop.folder, now=NOW).loads[0]
    assert (load.rows_read, load.rows_taken, load.known) == (3, 1, 2)
    DeltaTable(table(shop)).optimize.compact()
    write_deltalake(table(shop), rows_of(5), mode="append")
    load = collect(shop.stores, source(), root=shop.folder, now=NOW).loads[0]
    assert (load.rows_read, load.rows_taken) == (1, 1)


def test_partitions_and_columns_that_came_later_are_columns(shop: Shop) -> None:
    write_deltalake(table(shop), rows_of(1, shop="west ern"), partition_by=["shop"])
    later = rows_of(2, shop="east", coupon="TEN")
    write_deltalake(table(shop), later, mode="append", schema_mode="merge")
    entity = source_of().entities[0].model_dump(by_alias=True, exclude_unset=True)
    entity["map"] |= {"shop_id": "shop", "coupon": "coupon"}
    asked = source_of(entity, files={"rows": {"table": "wh/orders"}})
    collect(shop.stores, asked, root=shop.folder, now=NOW)
    assert shop.rows("orders", "order_id", "shop_id", "coupon") == [
        ("1", "west ern", None),
        ("2", "east", "TEN"),
    ]
    assert explain(shop.stores, asked, root=shop.folder, now=NOW).entities[0].sample_rows == 2


def test_a_version_of_the_past_can_be_read(shop: Shop) -> None:
    write_deltalake(table(shop), rows_of(1))
    write_deltalake(table(shop), rows_of(2), mode="append")
    collect(shop.stores, source(version=0), root=shop.folder, now=NOW)
    assert orders(shop) == ["1"]
    with pytest.raises(SourceFileError, match="of version 9 cannot be opened"):
        collect(shop.stores, source(version=9), root=shop.folder, now=NOW)


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("delta.enableDeletionVectors", "true", "deletion vectors"),
        ("delta.columnMapping.mode", "name", "column mapping"),
    ],
)
def test_what_cannot_be_applied_is_refused_in_words(
    shop: Shop, setting: str, value: str, words: str
) -> None:
    write_deltalake(table(shop), rows_of(1))
    log = table(shop) / "_delta_log" / f"{0:020}.json"
    log.write_text(
        log.read_text().replace('"configuration":{}', f'"configuration":{{"{setting}":"{value}"}}')
    )
    with pytest.raises(SourceFileError, match=words):
        collect(shop.stores, source(), root=shop.folder, now=NOW)
    assert orders(shop) == []


def test_a_folder_of_parquet_files_is_a_table(shop: Shop) -> None:
    for part, numbers in (("month=1", (1, 2)), ("month=2", (3,))):
        (table(shop) / part).mkdir(parents=True)
        pq.write_table(rows_of(*numbers), table(shop) / part / "data.parquet")
    load = collect(shop.stores, source(), root=shop.folder, now=NOW).loads[0]
    assert (load.rows_taken, orders(shop)) == (3, ["1", "2", "3"])
    assert {file.name for file in load.files} == {
        "wh/orders/month=1/data.parquet",
        "wh/orders/month=2/data.parquet",
    }
    assert collect(shop.stores, source(), root=shop.folder, now=NOW).already_collected
    pq.write_table(rows_of(4, 5), table(shop) / "month=2" / "more.parquet")
    load = collect(shop.stores, source(), root=shop.folder, now=NOW).loads[0]
    assert (load.rows_read, load.rows_taken, load.known) == (5, 2, 3)


def test_a_bad_row_of_a_table_waits_as_it_stands_there(shop: Shop) -> None:
    write_deltalake(
        table(shop),
        pa.concat_tables([rows_of(1), rows_of(2).set_column(4, "qty", pa.array([0], pa.int32()))]),
    )
    load = collect(shop.stores, source(), root=shop.folder, now=NOW).loads[0]
    assert load.quarantined_by_reason == {"zero_quantity": 1}


def test_a_table_that_is_absent_damaged_or_changed_is_told(shop: Shop) -> None:
    (shop.folder / "wh").mkdir()
    (shop.folder / "wh" / "order").mkdir()
    with pytest.raises(SourceFileError, match=r"There is no table .*Did you mean 'order'\?"):
        collect(shop.stores, source(), root=shop.folder, now=NOW)
    table(shop).mkdir()
    with pytest.raises(SourceFileError, match="neither a Delta table nor a folder with Parquet"):
        collect(shop.stores, source(), root=shop.folder, now=NOW)
    (table(shop) / "half.parquet").write_bytes(b"PAR1 and so on")
    with pytest.raises(SourceFileError, match="is not a whole Parquet file"):
        collect(shop.stores, source(), root=shop.folder, now=NOW)
    (table(shop) / "half.parquet").unlink()
    write_deltalake(table(shop), rows_of(1))
    collect(shop.stores, source(), root=shop.folder, now=NOW)
    write_deltalake(
        table(shop),
        rows_of(2).rename_columns(["order", "day", "customer", "sku", "qty", "amount"]),
        mode="overwrite",
        schema_mode="overwrite",
    )
    with pytest.raises(MappingError, match="mapped to 'price'"):
        collect(shop.stores, source(), root=shop.folder, now=NOW)
    [data] = DeltaTable(table(shop)).file_uris()
    Path(data.removeprefix("file://")).unlink()
    with pytest.raises(SourceFileError, match="is gone"):
        collect(shop.stores, source(), root=shop.folder, now=NOW)
    (table(shop) / "_delta_log" / f"{1:020}.json").write_text("no json")
    with pytest.raises(SourceFileError, match="its log is damaged"):
        collect(shop.stores, source(), root=shop.folder, now=NOW)
    assert orders(shop) == ["1"]


def test_a_table_stays_inside_its_folder() -> None:
    for path in ("/etc", "../other", "file:///etc", "s3://key:secret@bucket/table"):
        with pytest.raises(DefinitionError):
            source_of(files={"rows": {"table": path}})
