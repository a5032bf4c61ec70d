"""Space around values, and texts that stand for a missing value: whether few of them or all are so."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest

from aimwell.collect.evidence import count_values
from aimwell.collect.fields import TargetField
from aimwell.collect.null_texts import has_space, is_null_text, trimmed, without_nulls
from aimwell.definitions.source_values import Value
from aimwell.store.engine import DuckDBEngine
from aimwell.store.sql import sql
from collecting import COLUMNS, Shop, source_of

TEXTS = [
    "",
    " ",
    "a",
    " a",
    "a ",
    "\ta",
    "a\t",
    "\na",
    "a\u00a0",
    "\ufeffa",
    "a b",
    "é",
    "!",
    "NULL",
]


def test_looking_for_space_finds_what_trimming_takes_away() -> None:
    with DuckDBEngine(threads=1).session() as session:
        for text in TEXTS:
            x = sql(":x", x=text)
            [(odd, plain, cut)] = session.rows(
                sql(
                    "SELECT (:odd), (:plain), (:cut)",
                    odd=has_space(x, odd=True),
                    plain=has_space(x, odd=False),
                    cut=trimmed(x),
                )
            )
            assert odd == (cut != text), repr(text)
            if not set(text) & set("\t\n\u00a0\ufeff") and text:
                assert plain == odd, repr(text)


def test_a_text_is_missing_only_where_it_is_one_of_those_said() -> None:
    nulls = ("", "NULL", "n/a")
    expected = {"": True, "NULL": True, "n/a": True, "null": False, "N": False, "x": False}
    with DuckDBEngine(threads=1).session() as session:
        for text, missing in expected.items():
            session.bind("texts", pa.table({"x": [text]}))
            [(null, value)] = session.rows(
                sql(
                    "SELECT (:null), (:value) FROM texts",
                    null=is_null_text("x", nulls),
                    value=without_nulls("x", nulls),
                )
            )
            assert bool(null) is missing
            assert value == (None if missing else text)


@pytest.mark.parametrize(
    ("kind", "null", "wrong"),
    [("number", "-999", "abc"), ("time", "1900-01-01", "abc"), ("id", "0.0", "abc")],
)
def test_a_missing_value_that_looks_like_one_does_not_count_as_one(
    kind: str, null: str, wrong: str
) -> None:
    field = TargetField("x", kind, Value(column="x"), required=False)  # type: ignore[arg-type]
    with DuckDBEngine(threads=1).session() as session:
        session.bind("texts", pa.table({"x": [null, wrong]}))
        counts = count_values(session, "texts", [field], (null,), odd_spaces=True)
    assert (counts.values["x"], counts.nulls["x"], counts.plain["x"]) == (1, 1, 0)


def test_a_number_for_missing_does_not_hide_a_text_in_the_column(shop: Shop) -> None:
    load = shop.collect(
        f"{COLUMNS}\n1,2026-01-05,ann,mug,2,4.50\n2,2026-01-05,bob,mug,-999,4.50\n"
        "3,2026-01-05,cid,mug,many,4.50\n",
        source_of(nulls=["", "-999"]),
    )
    assert load.rows_taken == 1
    assert load.quarantined_by_reason == {"missing": 1, "not_a_number": 1}


@pytest.mark.parametrize(
    ("delimiter", "space"),
    [(",", " "), (",", "\t"), (",", "\u00a0"), (",", "\n"), ("\t", "\t"), ("\t", "\n")],
)
def test_any_space_around_values_is_no_part_of_them(shop: Shop, delimiter: str, space: str) -> None:
    def wide(text: str) -> str:
        return f'"{space}{text}{space}"'

    rows = [["1", "2026-01-05", "ann", wide("mug"), wide("2"), "4.50"]]
    rows += [["2", "2026-01-05", "bob", wide("NULL"), wide("1"), "4.50"]]
    lines = [delimiter.join(row) for row in [COLUMNS.split(","), *rows]]
    load = shop.collect("\n".join(lines) + "\n", source_of(delimiter=delimiter))
    assert load.rows_taken == 2
    assert shop.rows("order_lines", "sku", "quantity") == [("mug", Decimal(2)), (None, Decimal(1))]
    assert load.gaps == {"sku": 1}


def test_a_line_feed_in_the_only_row_of_a_file_without_a_header(shop: Shop) -> None:
    file = {"path": "orders.csv", "header": False, "columns": COLUMNS.split(",")}
    shop.collect('1,2026-01-05,ann,"mug\n",2,4.50\n', source_of(files={"file": file}))
    assert shop.rows("order_lines", "sku") == [("mug",)]
