"""The canonical tables: every column once, with type and meaning, and nothing personal."""

from __future__ import annotations

import re

import pyarrow as pa
import pytest

from aimwell.errors import SchemaMismatchError
from aimwell.store.rows import CheckedRows, check_table
from aimwell.store.schema import metadata
from aimwell.store.tables import LAKE_TABLES, MONEY, TIME, LakeTable
from lake_rows import events

TYPES = {pa.string(), pa.int64(), pa.float64(), pa.bool_(), MONEY, TIME}
# What the vault keeps, and words under which it might slip in.
PERSONAL = re.compile(r"mail|phone|street|postcode|birth|first_name|last_name|^ip$|address", re.I)


@pytest.mark.parametrize("table", LAKE_TABLES.values(), ids=LAKE_TABLES)
def test_each_table_is_documented_and_holds_nothing_personal(table: LakeTable) -> None:
    assert table.row.endswith(".")
    assert len(set(table.names)) == len(table.names)
    for column in table.columns:
        assert column.help.endswith("."), column.name
        assert column.type in TYPES, column.name
        assert not PERSONAL.search(column.name), column.name
        assert re.fullmatch(r"[a-z][a-z0-9_]*", column.name)


@pytest.mark.parametrize("table", LAKE_TABLES.values(), ids=LAKE_TABLES)
def test_each_table_says_where_its_rows_came_from(table: LakeTable) -> None:
    assert {"source", "load_id", "received_at"} <= set(table.names)
    for field in table.schema:
        assert field.nullable != next(c.required for c in table.columns if c.name == field.name)


def test_a_column_means_the_same_in_every_table() -> None:
    types: dict[str, set[pa.DataType]] = {}
    for table in LAKE_TABLES.values():
        for column in table.columns:
            types.setdefault(column.name, set()).add(column.type)
    # A trait and an answer are text; a feature and a market figure are numbers. A payment is money, usage is not.
    # Of touches it is said whether a machine did them, of events why they are held for a machine's.
    mixed = {name for name, found in types.items() if len(found) > 1}
    assert mixed <= {"value", "lines", "amount", "machine"}


def test_tables_of_the_control_database_are_keyed_and_their_choices_told() -> None:
    for table in metadata.tables.values():
        assert table.primary_key.columns, table.name
        for column in table.columns:
            if column.name == "state":
                assert column.comment, f"{table.name}.state needs its states in its comment"


def test_rows_come_in_canonical_order_whatever_order_they_had() -> None:
    table, rows = LAKE_TABLES["events"], events(["a"])
    turned = rows.select(list(reversed(rows.column_names)))
    assert check_table(table, turned).schema == table.schema
    reader = CheckedRows(table, iter(turned.to_batches())).reader()
    assert reader.schema == table.schema
    assert reader.read_all().equals(rows)


def test_a_stream_keeps_the_error_that_broke_it() -> None:
    wrong = CheckedRows(LAKE_TABLES["events"], iter(pa.table({"x": [1]}).to_batches()))
    with pytest.raises(SchemaMismatchError):
        wrong.reader().read_all()
    assert isinstance(wrong.error, SchemaMismatchError)
