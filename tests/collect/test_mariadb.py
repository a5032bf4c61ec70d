"""A MariaDB (or MySQL) server is read by PyMySQL as PostgreSQL is: streamed, read only, from a cursor on, nothing half done.

A long proof, because the server is no need of the other tests: see mariadb.py for how it is installed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import sqlalchemy as sa

from aimwell.collect import collect, databases
from aimwell.errors import SourceAwayError, SourceDatabaseError
from collecting import NOW, Shop, source_of
from mariadb import MariaServer, running_mariadb

pytestmark = pytest.mark.long

ENTITY = {
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


@pytest.fixture(scope="module")
def server() -> Iterator[MariaServer]:
    with running_mariadb() as found:
        yield found


@pytest.fixture
def sales(server: MariaServer, monkeypatch: pytest.MonkeyPatch) -> sa.Engine:
    """An empty table, whose database's URL is in the environment."""
    monkeypatch.setenv("SHOP_DB", server.url)
    engine = sa.create_engine(server.url.replace("mysql:", "mysql+pymysql:"), poolclass=sa.NullPool)
    run(
        engine,
        "DROP TABLE IF EXISTS sales",
        "CREATE TABLE sales (id BIGINT, ordered DATETIME, customer TEXT, sku VARCHAR(20), qty INT, price DECIMAL(12, 4), "
        "changed DATETIME(6))",
    )
    return engine


def run(engine: sa.Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))


def add(engine: sa.Engine, number: int, changed: str) -> None:
    row = f"({number}, '2026-01-05 10:00:00', 'c{number}', 'mug', 2, 4.5, '{changed}')"
    run(engine, f"INSERT INTO sales VALUES {row}")  # noqa: S608 - of the test's own numbers


def orders(shop: Shop) -> list[str]:
    return [row[0] for row in shop.rows("order_lines", "order_id")]


def source(**spec: object) -> object:
    body = {} if "query" in spec or "table" in spec else {"table": "sales"}
    return source_of(ENTITY, files={"rows": {"database": {"env": "SHOP_DB"}, **body, **spec}})


def take(shop: Shop, asked: object) -> object:
    return collect(shop.stores, asked, root=shop.folder, now=NOW).loads[0]  # type: ignore[arg-type]


def test_rows_come_in_as_they_are_and_from_the_cursor_on(shop: Shop, sales: sa.Engine) -> None:
    asked = source(cursor="changed")
    add(sales, 9223372036854775807, "2026-01-05 11:00:00.000001")
    load = take(shop, asked)
    assert (load.rows_taken, load.quarantined) == (1, 0)  # type: ignore[attr-defined]
    assert shop.rows("order_lines", "order_id", "unit_price", "ordered_at") == [
        ("9223372036854775807", Decimal("4.5000"), datetime(2026, 1, 5, 10, tzinfo=UTC))
    ]
    add(sales, 2, "2026-01-05 11:00:00.000001")
    add(sales, 3, "2026-01-05 09:00:00")
    load = take(shop, asked)
    assert (load.rows_read, load.rows_taken, load.known) == (2, 1, 1)  # type: ignore[attr-defined]


def test_a_source_is_only_read_and_what_is_wrong_is_told(
    shop: Shop, sales: sa.Engine, server: MariaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(sales, 1, "2026-01-05 11:00:00")
    for asked in (
        source(query="DELETE FROM sales RETURNING *"),
        source(query="SELECT nothing FROM sales"),
        source(query="SELECT FROM"),
        source(table="sale"),
    ):
        with pytest.raises(SourceDatabaseError, match=r"does not answer|no table 'sale'"):
            take(shop, asked)
    for url in (
        server.url.replace("geheim", "falsch"),
        server.url.replace("/shop", "/nowhere"),
    ):
        monkeypatch.setenv("SHOP_DB", url)
        with pytest.raises(SourceDatabaseError, match="refuses us") as told:
            take(shop, source())
        assert "falsch" not in str(told.value)
    monkeypatch.setenv("SHOP_DB", "mysql://a:b@127.0.0.1:9/shop")
    with pytest.raises(SourceAwayError, match="cannot be reached"):
        take(shop, source())
    assert orders(shop) == []
    with sales.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM sales")).scalar() == 1


def test_a_server_that_is_killed_half_way_leaves_nothing(
    shop: Shop, sales: sa.Engine, server: MariaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(
        sales,
        "INSERT INTO sales SELECT seq, '2026-01-05', concat('c', seq), 'mug', 1, 2, '2026-01-05' + INTERVAL seq SECOND "
        "FROM seq_1_to_30000",
    )
    real, killed = databases._text, threading.Event()

    def slow(value: object) -> str | None:
        if str(value) == "c12000" and not killed.is_set():
            server.kill_hard()
            killed.set()
        return real(value)

    monkeypatch.setattr(databases, "_text", slow)
    with pytest.raises(SourceAwayError, match="went away while it was read"):
        take(shop, source(cursor="changed"))
    assert (killed.is_set(), orders(shop)) == (True, [])
    server.start()
    load = take(shop, source(cursor="changed"))
    assert (load.rows_read, load.rows_taken) == (30_000, 30_000)  # type: ignore[attr-defined]
