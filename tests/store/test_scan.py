"""The query that reads a version: canonical columns whatever the files hold."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

from aimwell.store.scan import scan
from aimwell.store.tables import LAKE_TABLES
from aimwell.store.versions import TableVersion

USAGE = TableVersion("usage", 1, ("/a b/it's.parquet",), LAKE_TABLES["usage"].schema)
NAMES = ", ".join(f'"{name}"' for name in LAKE_TABLES["usage"].names)


def test_a_version_is_read_by_its_list_of_files() -> None:
    text = scan(USAGE).sql("duckdb")
    assert text == f"SELECT {NAMES} FROM READ_PARQUET(['/a b/it''s.parquet'])"  # noqa: S608 - compared


def test_a_version_without_files_is_read_as_no_rows() -> None:
    text = scan(replace(USAGE, files=())).sql("duckdb")
    assert text.startswith('SELECT CAST(NULL AS TEXT) AS "origin_id", CAST(NULL AS TEXT) AS "name"')
    assert text.endswith("WHERE FALSE")
    assert "READ_PARQUET" not in text


def test_a_column_that_an_old_version_lacks_is_null() -> None:
    old = pa.schema([field for field in USAGE.schema if field.name != "unit"])
    text = scan(replace(USAGE, schema=old)).sql("duckdb")
    assert 'CAST(NULL AS TEXT) AS "unit"' in text
    assert text.count("NULL") == 1


def test_files_of_different_width_are_joined_by_name() -> None:
    text = scan(replace(USAGE, widened=True)).sql("duckdb")
    assert "UNION ALL BY NAME" in text
    assert "UNION_BY_NAME = TRUE" in text.upper()
    assert text.startswith(f"SELECT {NAMES} FROM (")  # noqa: S608 - compared


@pytest.mark.parametrize("name", LAKE_TABLES)
def test_every_table_has_its_columns_in_order(name: str) -> None:
    table = LAKE_TABLES[name]
    for files in ((), ("/x.parquet",)):
        query = scan(TableVersion(name, 0, files, table.schema))
        assert query.named_selects == list(table.names)
