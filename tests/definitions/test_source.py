"""Sources: what a document may say, and that every fault of a wrong one is told."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from sqlglot import exp

from aimwell.definitions.catalogue import KINDS, check, json_schema
from aimwell.definitions.kinds.source import OrdersEntity, Source
from aimwell.definitions.source_expressions import column_parts, parse_expression
from aimwell.definitions.source_inputs import FileSpec, format_by_name
from aimwell.errors import DefinitionError


@pytest.mark.parametrize(
    ("name", "format_"),
    [
        ("orders-*.csv.gz", "csv"),
        ("exports/orders.XLSX", "excel"),
        ("ga4-*.jsonl*", "jsonl"),
        ("answer.json", "json"),
        ("s3://shop/lake/*.parquet", "parquet"),
        ("tabs.tab.zip", "tsv"),
        ("exports/2026-01", None),
        ("all.zip", None),
    ],
)
def test_the_ending_of_a_name_tells_the_format(name: str, format_: str | None) -> None:
    assert format_by_name(name) == format_
    file = FileSpec.model_validate(name)
    assert file.format_in(None) == (format_ or "csv")
    assert file.format_in("text") == "text", "what the source says comes first"


GOOD = """
kind: source
name: shop
format: csv
files:
  lines: {path: [lines-*.csv.gz, old/lines.csv], delimiter: ";", header: false, columns: [a, b, c]}
  people: people.csv
currency: EUR
timezone: Europe/Berlin
country: DE
dates: ["%d.%m.%Y", iso]
consent: {opt_in: {email: newsletter}, soft_opt_in: [email], wording: "Yes."}
limits: {quantity: 500, earliest: "2000-01-01"}
entities:
  - entity: orders
    from: lines
    join: [{file: people, "on": {b: id}, required: true}]
    where: "a <> ''"
    map:
      order_id: a
      ordered_at: [when, the day]
      unit_price: {expression: "CAST(c AS DECIMAL(18,2)) / 100"}
      currency: {constant: EUR}
      customer_id: people.id
    once_per_order: []
    shipping_codes: [POST]
  - entity: customers
    from: people
    map: {customer_id: id}
    traits: {country: land}
"""


def good() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(GOOD)
    return document


def faults(**changes: Any) -> dict[str, str]:
    """Path → problem of the good document with changes."""
    with pytest.raises(DefinitionError) as caught:
        check({**good(), **changes})
    return {fault.path: fault.problem for fault in caught.value.faults}


def orders(**changes: Any) -> list[dict[str, Any]]:
    first, second = good()["entities"]
    return [{**first, **changes}, second]


def test_sources_are_applied_first_but_for_the_surveys_that_they_name() -> None:
    assert list(KINDS)[:2] == ["survey", "source"]


def test_a_document_reads_back_as_it_was_written() -> None:
    source = check(good())
    assert isinstance(source, Source)
    assert check(source.document()) == source
    written = source.document()
    assert written["files"]["people"] == "people.csv"
    assert written["entities"][0]["map"]["order_id"] == "a"
    assert written["entities"][0]["map"]["ordered_at"] == ["when", "the day"]
    assert written["entities"][0]["from"] == "lines"


def test_short_forms_mean_the_long_ones() -> None:
    source = check(good())
    assert isinstance(source, Source)
    assert source.files["people"].path == ("people.csv",)
    first = source.entities[0]
    assert isinstance(first, OrdersEntity)
    assert first.map.order_id.column == "a"
    assert first.map.ordered_at.path == ("when", "the day")
    assert source.file_of(source.entities[1]) == "people"
    short = {**good(), "consent": "none"}
    plain = check(short)
    assert isinstance(plain, Source)
    assert plain.consent is None


def test_a_country_that_there_is_not_is_told() -> None:
    assert "The United Kingdom is GB" in faults(country="UK")["country"]
    assert check({**good(), "country": "XK"})


def test_every_fault_is_told_with_its_path() -> None:
    found = faults(
        currency="Euro",
        timezone="Europe/Berln",
        country="Germany",
        encoding="utf-9",
        dates=["%H:%M", "%d.%m.%Y %Z"],
        files={"lines": "/etc/passwd", "people": {"path": [], "colums": ["x"]}},
        entities=[
            {
                "entity": "orders",
                "from": "lines",
                "map": {"oder_id": "a", "ordered_at": {"column": "a", "constant": "b"}},
                "where": "(SELECT 1)",
            },
            {"entity": "invoices", "map": {}},
            {"entity": "customers", "map": {"first_name": "x"}},
        ],
        limit={},
    )
    assert found["timezone"].endswith("Did you mean 'Europe/Berlin'?")
    assert "order_id" in found["entities[0].map.oder_id"]
    assert found["entities[0].map.order_id"] == "this field is required"
    assert found["entities[0].map.ordered_at"].startswith("give one of: a column")
    assert found["entities[0].where"].startswith("a query is not allowed here")
    assert found["entities[1]"].startswith("`entity` must be orders, customers, products, events")
    assert "nobody knows who it is" in found["entities[2].map"]
    assert found["files.people.colums"] == "unknown field. Did you mean 'columns'?"
    assert found["limit"] == "unknown field. Did you mean 'limits'?"
    assert {
        "currency",
        "country",
        "encoding",
        "dates[0]",
        "dates[1]",
        "files.lines.path[0]",
        "files.people.path",
    } <= set(found)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"entities": orders(**{"from": "lins"})}, "Did you mean 'lines'?"),
        ({"entities": orders(**{"from": None})}, "must say which file it is `from`"),
        ({"entities": orders(join=[{"file": "peple", "on": "id"}])}, "Did you mean 'people'?"),
        (
            {"files": {"lines": {"path": "a.csv", "header": False}, "people": "p.csv"}},
            "need the names of their columns",
        ),
        (
            {"files": {"lines": {"path": "a.csv", "columns": ["a", "a"]}, "people": "p.csv"}},
            "two columns have the same name",
        ),
        (
            {"entities": orders(map={"order_id": "a", "ordered_at": "b"})},
            "map unit_price or line_total",
        ),
        ({"entities": orders(not_goods_pattern="(")}, "this pattern is wrong"),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(changes: dict[str, Any], told: str) -> None:
    assert told in " ".join(faults(**changes).values())


def test_the_schema_of_a_source_tells_every_target() -> None:
    schema = json_schema("source")
    targets = schema["$defs"]["OrdersMap"]["properties"]
    assert "The shop's number of the order." in targets["order_id"]["description"]
    assert set(schema["properties"]) >= {"files", "entities", "consent", "timezone"}


# --- expressions ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "CASE WHEN a LIKE 'C%' THEN 'return' ELSE 'sale' END",
        "value.\"offer id\" || '-' || b",
        "TIMESTAMP '2018-07-01' + to_hours(CAST(t AS BIGINT))",
        "coalesce(nullif(trim(a), ''), upper(b))",
        "regexp_replace(a, '[.]0$', '') IS NOT NULL AND NOT b IN ('x', 'y')",
        "a BETWEEN 1 AND 2 OR -a % 2 = 0",
        "strptime(a, '%d.%m.%Y')",
        "a = b -- and a remark",
    ],
)
def test_harmless_expressions_are_allowed(text: str) -> None:
    assert parse_expression(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "(SELECT 1)",
        "a IN (SELECT x FROM t)",
        "EXISTS (SELECT 1)",
        "read_csv('/etc/passwd')",
        "read_text('/etc/passwd')",
        "getenv('HOME')",
        "sum(a)",
        "count(*)",
        "row_number() OVER ()",
        "random()",
        "now()",
        "a; DROP TABLE x",
        "ATTACH 'x'",
        "COPY a TO 'x'",
        "PRAGMA x",
        ":a",
        "?",
        "$1",
        "*",
        "COLUMNS('a')",
        "unnest(a)",
        "CAST(a AS BLOB)",
        "CAST(a AS STRUCT(x INT))",
        "a::JSON",
        "a -> 'x'",
        "[1, 2]",
        "{'a': 1}",
        "a[1]",
        "lambda x: x",
        "list_transform(a, x -> x)",
        "query('SELECT 1')",
        "current_setting('x')",
        "regexp_replace(a, b, 'c')",
        "regexp_matches(a, '(')",
        "(1, 2)",
        "a IN ()",
        "",
        "a b",
        "'never closed",
        "1" + "+1" * 2_000,
        "(" * 900 + "a" + ")" * 900,
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_expression(text)


def test_columns_are_named_by_their_parts() -> None:
    tree = parse_expression('orders."Order Date" || x')
    assert [column_parts(c) for c in tree.find_all(exp.Column)] == [
        ("orders", "Order Date"),
        ("x",),
    ]
