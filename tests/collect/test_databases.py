"""Rows of databases come in once: from the cursor on, nothing lost or doubled, whatever goes away when."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
import sqlalchemy as sa

from aimwell.collect import collect, databases
from aimwell.collect.explaining import explain
from aimwell.definitions.kinds.source import Source
from aimwell.errors import (
    DefinitionError,
    MappingError,
    PrivacyError,
    SourceAwayError,
    SourceDatabaseError,
)
from collecting import NOW, Shop, source_of
from postgres import PostgresServer

MAP = {
    "entity": "orders",
    "map": {
        "order_id": "id",
        "ordered_at": "ordered",
        "customer_id": "customer",
        "sku": "sku",
        "quantity": "qty",
        "unit_price": "price",
    },
}
CREATE = (
    "CREATE TABLE sales (id BIGINT, ordered TIMESTAMP, customer TEXT, sku TEXT, qty INTEGER, price NUMERIC(12, 4), "
    "changed TIMESTAMP)"
)


def source(**spec: object) -> Source:
    body = {"table": "sales"} if "query" not in spec and "table" not in spec else {}
    return source_of(MAP, files={"rows": {"database": {"env": "SHOP_DB"}, **body, **spec}})


class Sales:
    """The database of a shop."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = sa.create_engine(url, poolclass=sa.NullPool)
        self.run(CREATE)

    def run(self, text: str, **values: object) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.text(text), values)

    def add(self, order: int, changed: str | None, sku: str = "mug") -> None:
        self.run(
            "INSERT INTO sales VALUES (:id, :day, :customer, :sku, 2, 4.5, :changed)",
            id=order,
            day="2026-01-05 10:00:00",
            customer=f"c{order}",
            sku=sku,
            changed=changed,
        )


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def sales(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Sales]:
    """A database on each kind, whose URL is in the environment."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'sales.sqlite3'}"
        found = Sales(url)
        monkeypatch.setenv("SHOP_DB", url)
        yield found
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    url = server.fresh_database()
    monkeypatch.setenv("SHOP_DB", url)
    yield Sales(url)
    server.drop(url)


def orders(shop: Shop) -> list[str]:
    return [row[0] for row in shop.rows("order_lines", "order_id")]


def test_a_table_comes_in_as_it_is_and_is_known_the_second_time(shop: Shop, sales: Sales) -> None:
    sales.add(9223372036854775807, "2026-01-05 11:00:00")
    load = collect(shop.stores, source(), root=shop.folder, now=NOW).loads[0]
    assert (load.rows_taken, load.quarantined) == (1, 0)
    assert shop.rows("order_lines", "order_id", "quantity", "unit_price", "ordered_at") == [
        (
            "9223372036854775807",
            Decimal(2),
            Decimal("4.5000"),
            datetime(2026, 1, 5, 10, tzinfo=UTC),
        )
    ]
    assert collect(shop.stores, source(), root=shop.folder, now=NOW).already_collected


def test_rows_at_the_cursor_are_neither_lost_nor_doubled(shop: Shop, sales: Sales) -> None:
    asked = source(cursor="changed")
    sales.add(1, "2026-01-05 11:00:00")
    sales.add(2, "2026-01-05 12:00:00")
    collect(shop.stores, asked, root=shop.folder, now=NOW)
    sales.add(3, "2026-01-05 12:00:00")  # at the very moment of the last one
    sales.add(4, "2026-01-05 13:00:00")
    sales.add(5, "2026-01-05 09:00:00")  # came late: behind the cursor
    load = collect(shop.stores, asked, root=shop.folder, now=NOW).loads[0]
    assert (load.rows_read, load.rows_taken, load.known) == (3, 2, 1)
    assert orders(shop) == ["1", "2", "3", "4"]
    late = source(cursor="changed", overlap="1d")
    collect(shop.stores, late, root=shop.folder, now=NOW)
    assert orders(shop) == ["1", "2", "3", "4", "5"]
    sales.add(6, "2026-01-05 08:00:00")
    again = collect(shop.stores, asked, root=shop.folder, now=NOW, from_start=True).loads[0]
    assert (again.rows_read, again.rows_taken, again.known) == (6, 1, 5)
    sales.add(7, None)
    load = collect(shop.stores, asked, root=shop.folder, now=NOW).loads[0]
    assert (load.rows_read, load.rows_taken) == (2, 1)
    sales.add(8, "2026-01-05 14:00:00")  # the one without a value is read each time, and taken once
    load = collect(shop.stores, asked, root=shop.folder, now=NOW).loads[0]
    assert (load.rows_read, load.rows_taken, load.known) == (3, 1, 2)
    assert orders(shop) == ["1", "2", "3", "4", "5", "6", "7", "8"]


def test_a_query_is_asked_in_the_databases_own_words(shop: Shop, sales: Sales) -> None:
    for number in range(1, 4):
        sales.add(number, f"2026-01-05 1{number}:00:00", sku="a:b" if number == 2 else "x")
    query = "SELECT * FROM sales WHERE sku <> 'a:b';"
    asked = source(query=query, cursor="id")
    assert collect(shop.stores, asked, root=shop.folder, now=NOW).loads[0].rows_taken == 2
    assert orders(shop) == ["1", "3"]
    explained = explain(shop.stores, asked, root=shop.folder, now=NOW)
    assert explained.entities[0].sample_rows == 2


def test_the_cursor_stays_where_it_was_when_nothing_was_taken(
    shop: Shop, sales: Sales, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = source(cursor="changed")
    sales.add(1, "2026-01-05 11:00:00")
    wrong = source_of(
        {"entity": "orders", "map": {**MAP["map"], "sku": "product"}},  # type: ignore[dict-item]
        files={"rows": {"database": {"env": "SHOP_DB"}, "table": "sales", "cursor": "changed"}},
    )
    with pytest.raises(MappingError, match="no such column"):
        collect(shop.stores, wrong, root=shop.folder, now=NOW)
    assert collect(shop.stores, asked, root=shop.folder, now=NOW).loads[0].rows_taken == 1
    sales.add(2, "2026-01-05 12:00:00")
    real = databases.pq.ParquetWriter

    class Dying(real):  # type: ignore[misc, valid-type]
        def write_table(self, *_: object) -> None:
            raise sa.exc.InterfaceError("the server went away", None, Exception())

    monkeypatch.setattr(databases.pq, "ParquetWriter", Dying)
    with pytest.raises(SourceAwayError) as told:
        collect(shop.stores, asked, root=shop.folder, now=NOW)
    assert told.value.retryable
    monkeypatch.undo()
    monkeypatch.setenv("SHOP_DB", sales.url)
    assert orders(shop) == ["1"]
    collect(shop.stores, asked, root=shop.folder, now=NOW)
    assert orders(shop) == ["1", "2"]


@pytest.mark.postgres
def test_a_server_that_is_killed_half_way_leaves_nothing_half_done(
    shop: Shop, crash_postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = crash_postgres.create_database("sales")
    monkeypatch.setenv("SHOP_DB", url)
    found = Sales(url)
    found.run(
        "INSERT INTO sales SELECT i, TIMESTAMP '2026-01-05', 'c' || i, 'mug', 1, 2, TIMESTAMP '2026-01-05' + i * "
        "INTERVAL '1 second' FROM generate_series(1, 30000) AS t(i)"
    )
    asked = source(cursor="changed")
    real, killed = databases._text, threading.Event()

    def slow(value: object) -> str | None:
        if str(value) == "c12000" and not killed.is_set():
            crash_postgres.kill_hard()
            killed.set()
        return real(value)

    monkeypatch.setattr(databases, "_text", slow)
    with pytest.raises(SourceAwayError, match="went away while it was read"):
        collect(shop.stores, asked, root=shop.folder, now=NOW)
    assert killed.is_set()
    assert orders(shop) == []
    with pytest.raises(SourceAwayError):
        collect(shop.stores, asked, root=shop.folder, now=NOW)
    crash_postgres.start()
    load = collect(shop.stores, asked, root=shop.folder, now=NOW).loads[0]
    assert (load.rows_read, load.rows_taken) == (30_000, 30_000)


def test_a_table_or_a_column_that_is_gone_is_told(shop: Shop, sales: Sales) -> None:
    sales.add(1, "2026-01-05 11:00:00")
    with pytest.raises(SourceDatabaseError, match=r"no table 'sale'.*Did you mean 'sales'\?"):
        collect(shop.stores, source(table="sale"), root=shop.folder, now=NOW)
    with pytest.raises(SourceDatabaseError, match="does not answer the query"):
        collect(shop.stores, source(query="SELECT nothing FROM sales"), root=shop.folder, now=NOW)
    with pytest.raises(SourceDatabaseError, match=r"changed_at"):
        collect(shop.stores, source(cursor="changed_at"), root=shop.folder, now=NOW)
    collect(shop.stores, source(), root=shop.folder, now=NOW)
    sales.run("ALTER TABLE sales RENAME COLUMN price TO amount")
    with pytest.raises(MappingError, match="mapped to 'price', but rows of the database has"):
        collect(shop.stores, source(), root=shop.folder, now=NOW)
    assert orders(shop) == ["1"]


def test_a_source_is_only_read(shop: Shop, sales: Sales) -> None:
    sales.add(1, "2026-01-05 11:00:00")
    for query in ("DELETE FROM sales RETURNING *", "SELECT 1; DELETE FROM sales"):
        with pytest.raises(SourceDatabaseError):
            collect(shop.stores, source(query=query), root=shop.folder, now=NOW)
    with sales.engine.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM sales")).scalar() == 1


@pytest.mark.postgres
def test_a_wrong_password_is_told_without_saying_it(
    shop: Shop, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = sa.make_url(postgres_server.fresh_database())
    wrong = url.set(username="stranger", password="geheim")
    monkeypatch.setenv("SHOP_DB", wrong.render_as_string(hide_password=False))
    with pytest.raises(SourceDatabaseError, match="refuses us") as told:
        collect(shop.stores, source(), root=shop.folder, now=NOW)
    assert "geheim" not in str(told.value)
    postgres_server.drop(url.render_as_string(hide_password=False))


def test_a_url_that_is_wrong_or_absent_is_told_without_saying_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("SHOP_DB", raising=False)
    with pytest.raises(PrivacyError, match="SHOP_DB"):
        collect(shop.stores, source(), root=shop.folder, now=NOW)
    absent = tmp_path / "absent.sqlite3"
    for url, words in (
        ("my secret", "cannot be understood"),
        (f"sqlite:///{absent}", "SQLite file that is not there"),
        ("oracle://a:geheim@h/x", "needs a driver"),
        ("nosuch://a:geheim@h/x", "cannot be understood"),
    ):
        monkeypatch.setenv("SHOP_DB", url)
        with pytest.raises(SourceDatabaseError, match=words) as told:
            collect(shop.stores, source(), root=shop.folder, now=NOW)
        assert "geheim" not in str(told.value)
    assert not absent.exists()
    damaged = tmp_path / "damaged.sqlite3"
    damaged.write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    monkeypatch.setenv("SHOP_DB", f"sqlite:///{damaged}")
    with pytest.raises(SourceDatabaseError):
        collect(shop.stores, source(), root=shop.folder, now=NOW)


def test_a_definition_that_asks_nothing_or_twice_is_refused() -> None:
    for spec in (
        {"table": None},
        {"query": "SELECT 1", "table": "sales"},
        {"table": "sales", "overlap": "1d"},
        {"table": "sales", "database": "postgresql://a:b@c/d"},
    ):
        with pytest.raises(DefinitionError):
            source_of(MAP, files={"rows": {"database": {"env": "X"}, **spec}})


def test_a_sqlite_file_that_is_being_written_is_read_as_it_was(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'sales.sqlite3'}"
    monkeypatch.setenv("SHOP_DB", url)
    found = Sales(url)
    found.add(1, "2026-01-05 11:00:00")
    writer = sqlite3.connect(tmp_path / "sales.sqlite3", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("DELETE FROM sales")
    assert collect(shop.stores, source(), root=shop.folder, now=NOW).loads[0].rows_taken == 1
    writer.execute("ROLLBACK")
    writer.close()


class DuckFile:
    """A shop's database in a DuckDB file, whose URL is in the environment."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run(CREATE)

    def run(self, statement: str) -> None:
        with duckdb.connect(str(self.path)) as connection:
            connection.execute(statement)

    def add(self, order: int, changed: str | None) -> None:
        word = "NULL" if changed is None else f"'{changed}'"
        row = f"({order}, '2026-01-05 10:00', 'c{order}', 'mug', 2, 4.5, {word})"
        self.run(f"INSERT INTO sales VALUES {row}")  # noqa: S608 - of the test's own numbers


@pytest.fixture
def duck(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DuckFile:
    path = tmp_path / "shop.duckdb"
    monkeypatch.setenv("SHOP_DB", f"duckdb:///{path}")
    return DuckFile(path)


def test_a_duckdb_file_is_read_from_the_cursor_on(shop: Shop, duck: DuckFile) -> None:
    duck.add(9223372036854775807, "2026-01-05 11:00:00.000001")
    asked = source(cursor="changed")
    assert collect(shop.stores, asked, root=shop.folder, now=NOW).loads[0].rows_taken == 1
    assert shop.rows("order_lines", "order_id", "unit_price", "ordered_at") == [
        ("9223372036854775807", Decimal("4.5000"), datetime(2026, 1, 5, 10, tzinfo=UTC))
    ]
    duck.add(2, "2026-01-05 11:00:00.000001")
    duck.add(3, "2026-01-05 10:59:00")
    duck.add(4, None)
    load = collect(shop.stores, asked, root=shop.folder, now=NOW).loads[0]
    assert (load.rows_read, load.rows_taken, load.known) == (3, 2, 1)
    late = source(query="SELECT * FROM sales WHERE sku = 'mug';", cursor="changed", overlap="1d")
    load = collect(shop.stores, late, root=shop.folder, now=NOW).loads[0]
    assert (load.rows_read, load.rows_taken) == (4, 1)
    assert explain(shop.stores, late, root=shop.folder, now=NOW).entities[0].sample_rows == 4


def test_a_duckdb_file_is_only_read_and_what_is_wrong_is_told(
    shop: Shop, duck: DuckFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    duck.add(1, "2026-01-05 11:00:00")
    (tmp_path / "secret.csv").write_text("a\n1\n")
    for spec, words in (
        ({"query": "DELETE FROM sales RETURNING *"}, "does not answer the query"),
        ({"query": f"FROM read_csv('{tmp_path / 'secret.csv'}')"}, "does not answer the query"),
        ({"query": f"COPY sales TO '{tmp_path / 'out.csv'}'"}, "does not answer the query"),
        ({"query": "SELECT nothing FROM sales"}, "nothing"),
        ({"table": "sale"}, "Did you mean .*sales"),
        ({"cursor": "changed_at"}, "no column 'changed_at'"),
    ):
        with pytest.raises(SourceDatabaseError, match=words):
            collect(shop.stores, source(**spec), root=shop.folder, now=NOW)
    assert not (tmp_path / "out.csv").exists()
    writing = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); input()"
    )
    command = [sys.executable, "-c", writing, str(duck.path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as other:  # type: ignore[call-overload]
        assert other.stdout.readline() == "open\n"
        with pytest.raises(SourceAwayError, match="being written by another program"):
            collect(shop.stores, source(), root=shop.folder, now=NOW)
        other.communicate("\n")
    assert collect(shop.stores, source(), root=shop.folder, now=NOW).loads[0].rows_taken == 1
    monkeypatch.setenv("SHOP_DB", f"duckdb:///{tmp_path / 'absent.duckdb'}")
    with pytest.raises(SourceDatabaseError, match="DuckDB file that is not there"):
        collect(shop.stores, source(), root=shop.folder, now=NOW)
    (tmp_path / "absent.duckdb").write_text("no database")
    with pytest.raises((SourceDatabaseError, SourceAwayError)):
        collect(shop.stores, source(), root=shop.folder, now=NOW)


@pytest.mark.parametrize(
    ("url", "install"),
    [
        ("mysql://a:geheim@h/x", r"pip install 'aimwell\[mysql\]'"),
        ("oracle://a:geheim@h/x", "pip install oracledb"),
        ("snowflake://a:geheim@h/x", "pip install snowflake-sqlalchemy"),
        ("mysql+nosuch://a:geheim@h/x", "pip install"),
    ],
)
def test_a_driver_that_is_lacking_is_told_with_how_to_install_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, url: str, install: str
) -> None:
    monkeypatch.setitem(sys.modules, "pymysql", None)
    monkeypatch.setenv("SHOP_DB", url)
    with pytest.raises(SourceDatabaseError, match=install) as told:
        collect(shop.stores, source(), root=shop.folder, now=NOW)
    assert "geheim" not in str(told.value)
