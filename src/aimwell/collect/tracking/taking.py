"""From the working tables of a flush to rows of the lake: which messages are new, whose they are, what they tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from sqlglot import exp

from aimwell.collect.desk import Desk
from aimwell.collect.identities import customer_kind
from aimwell.collect.known import GONE
from aimwell.collect.money import convert_money
from aimwell.collect.statements import make_news
from aimwell.collect.tracking.floods import mark_floods
from aimwell.collect.tracking.flushes import load_id
from aimwell.collect.tracking.row_index import RowIndex
from aimwell.collect.tracking.sheets import SHEETS
from aimwell.definitions.kinds.source import Source
from aimwell.privacy.erased import bind_erased, not_erased
from aimwell.privacy.hashing import identifier_hash_by
from aimwell.store.engine import DuckDBSession
from aimwell.store.lake import Snapshot
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = ["Flush", "bind_sheets", "take_messages", "touched_origins", "write_tables"]


@dataclass(frozen=True)
class Flush:
    """What the work on one flush needs.

    Attributes:
        folder: Where its files for the lake are written.
        recheck: Something was collected since the last flush: orders that waited may go now.
    """

    stores: Stores
    desk: Desk
    sources: Mapping[str, Source]
    snapshot: Snapshot
    folder: Path
    flush_id: str
    now: datetime
    recheck: bool = True

    @property
    def session(self) -> DuckDBSession:
        """The engine's session."""
        return self.desk.session

    def bind_lake(self, table: str, name: str) -> None:
        """Bind a table of the lake as it was when the work began."""
        self.session.bind(name, self.snapshot.tables[table])

    def bind_orders(self, table: str, name: str, asked: str) -> None:
        """Bind those files of `orders` or `order_lines` that may hold one of the orders of `asked` (order_id), or what
        came back of it."""
        keys = {"orders": (("order_id",), ("original_order_id",)), "order_lines": (("order_id",),)}
        folder = self.stores.folder(f"{table.replace('_', '-')}-index")
        index = RowIndex(folder, self.session, *keys[table])
        self.session.bind(name, index.narrowed(self.snapshot.tables[table], asked))

    def received_until(self) -> datetime | None:
        """When the last of the taken messages came. Who was erased before that had no part in them, or came again."""
        [(last,)] = self.session.rows(sql("SELECT max(received_at) FROM taken"))
        return last if isinstance(last, datetime) else None

    def write(self, table: str, query: exp.Expr) -> int:
        """Write rows for a table of the lake; returns how many."""
        folder = self.folder / table
        self.desk.write_files(query, folder)
        files = sorted(folder.glob("*.parquet"))
        rows = sum(int(pq.read_metadata(file).num_rows) for file in files)
        if not rows:
            for file in files:
                file.unlink()
        return rows

    def provenance(
        self, source: str = "f.source", received: str = "f.received_at"
    ) -> list[exp.Expr]:
        """The columns that every table of the lake ends with."""
        return [
            sql(f"{source} AS source"),
            sql(":load_id AS load_id", load_id=load_id(self.flush_id)),
            sql(f"{received} AS received_at"),
        ]


def bind_sheets(session: DuckDBSession, found: Mapping[str, Sequence[Path]]) -> None:
    """Bind each working table to its files, empty ones too."""
    for name, schema in SHEETS.items():
        files = found[name]
        if not files:
            session.bind(name, schema.empty_table())
            continue
        listed = exp.Array(expressions=[exp.Literal.string(str(file)) for file in files])
        scan = exp.Table(this=sql("read_parquet(:files)", files=listed))
        session.bind(name, exp.select("*").from_(scan))


def take_messages(flush: Flush) -> int:
    """Make `taken` of the messages that the lake does not have; returns how many they are.

    A message is known by source and message id. Of several with one id in the same flush the first that came stands.
    """
    session = flush.session
    _bind_kinds(flush)
    session.materialise(
        "first_of",
        sql("SELECT min(n) AS n, source, event_id FROM messages GROUP BY source, event_id"),
    )
    index = RowIndex(flush.stores.folder("message-index"), session, ("source", "event_id"))
    known = index.narrowed(flush.snapshot.tables["events"], "first_of")
    session.bind("known_events", known)
    session.materialise(
        "new_numbers",
        sql(
            """
            SELECT f.n FROM first_of AS f ANTI JOIN (
              SELECT source, event_id FROM known_events WHERE source IN (SELECT source FROM kinds)
            ) AS k ON k.source = f.source AND k.event_id = f.event_id
            """
        ),
    )
    key = flush.stores.identity_key
    session.materialise(
        "whose",
        sql(
            """
            SELECT m.n, CASE WHEN m.user_id IS NOT NULL THEN :customer ELSE :anonymous END AS origin_id
            FROM messages AS m JOIN kinds AS k ON k.source = m.source
            WHERE m.n IN (SELECT n FROM new_numbers)
            """,
            customer=identifier_hash_by(key, sql("k.kind"), sql("m.user_id")),
            anonymous=identifier_hash_by(
                key, exp.Literal.string("anonymous_id"), sql("m.anonymous_id")
            ),
        ),
    )
    part_key = identifier_hash_by(
        key, exp.Literal.string("part"), sql("concat(w.origin_id, ':', m.source, ':', m.hidden)")
    )
    session.materialise(
        "taken",
        sql(
            """
            SELECT m.n, m.source, m.type, m.event_id, m.event, w.origin_id, m.user_id, m.anonymous_id,
                   m.previous_id, m.device_id, m.email, m.phone, m.occurred_at, m.received_at,
                   :part_key AS vault_key
            FROM messages AS m JOIN whose AS w ON w.n = m.n WHERE :stays
            """,
            part_key=part_key,
            # What was on its way when its sender was erased is nobody's any more.
            stays=not_erased("w", received_in="m") if bind_erased(flush.stores, session) else True,
        ),
    )
    [(count,)] = session.rows(sql("SELECT count(*) FROM taken"))
    return int(count)


def _bind_kinds(flush: Flush) -> None:
    """`kinds` (source, kind, currency): what a userId of each source is, and its money's currency."""
    session = flush.session
    names = [row[0] for row in session.rows(sql("SELECT DISTINCT source FROM messages ORDER BY 1"))]
    own = flush.stores.settings.currency
    found = [flush.sources.get(name) for name in names]
    columns = {
        "source": names,
        "kind": [customer_kind(source.id_namespace if source else None) for source in found],
        "currency": [(source.currency if source else None) or own for source in found],
    }
    session.bind(
        "kinds", pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
    )


def write_tables(flush: Flush) -> dict[str, int]:
    """Write what the taken messages tell for the lake; returns rows by table."""
    rows = {"events": _write_events(flush), "traits": _write_traits(flush)}
    rows["accounts"], rows["account_members"] = _write_accounts(flush)
    rows["products"] = _write_products(flush)
    return rows


def _in_own_currency(flush: Flush, rows: exp.Expr, money: str) -> None:
    """Make `fresh` of `rows` (n, occurred_at, currency, money …) with its money in the workspace's currency.

    Where no rate is known it is null: the message itself, with its amount and currency, is kept as it came.
    """
    session = flush.session
    session.materialise("fresh", rows)
    session.materialise(GONE, sql("SELECT CAST(0 AS bigint) AS n, '' AS why WHERE FALSE"))
    convert_money(
        session,
        flush.snapshot.tables["market"],
        money=[money],
        time="occurred_at",
        to=flush.stores.settings.currency,
        now=flush.now,
    )


def _write_events(flush: Flush) -> int:
    _in_own_currency(
        flush,
        sql(
            """
            SELECT t.n, t.occurred_at, coalesce(m.currency, k.currency) AS currency,
                   TRY_CAST(m.revenue AS decimal(18, 4)) AS revenue
            FROM messages AS m JOIN taken AS t ON t.n = m.n JOIN kinds AS k ON k.source = m.source
            WHERE m.revenue IS NOT NULL
            """
        ),
        "revenue",
    )
    flush.session.materialise("paid", sql("SELECT n, revenue FROM fresh"))
    mark_floods(flush)
    query = sql(
        """
        SELECT f.event_id, f.origin_id, f.event, f.occurred_at, m.session_id, m.sku, m.category, p.revenue,
               TRY_CAST(m.quantity AS decimal(18, 4)) AS quantity, m.properties, m.type AS message_type,
               m.envelope, f.vault_key,
               CASE WHEN m.robot THEN 'user_agent' WHEN l.n IS NOT NULL THEN 'flood' END AS machine
        FROM messages AS m JOIN taken AS f ON f.n = m.n LEFT JOIN paid AS p ON p.n = m.n
        LEFT JOIN flooding AS l ON l.n = m.n
        """
    )
    return flush.write("events", _with(query, flush.provenance()))


def _write_traits(flush: Flush) -> int:
    query = sql(
        """
        SELECT f.origin_id, t.name, t.value, f.occurred_at AS set_at
        FROM said_traits AS t JOIN taken AS f ON f.n = t.n
        """
    )
    return flush.write("traits", _with(query, flush.provenance()))


def _write_accounts(flush: Flush) -> tuple[int, int]:
    accounts = sql(
        """
        SELECT a.account_id, a.name, a.industry, a.country, a.size, a.stage, f.occurred_at AS set_at, a.properties
        FROM said_accounts AS a JOIN taken AS f ON f.n = a.n
        WHERE coalesce(a.name, a.industry, a.country, a.stage, a.properties) IS NOT NULL OR a.size IS NOT NULL
        """
    )
    members = sql(
        """
        SELECT a.account_id, f.origin_id, a.role, 'member' AS state, f.occurred_at AS set_at
        FROM said_accounts AS a JOIN taken AS f ON f.n = a.n
        """
    )
    return (
        flush.write("accounts", _with(accounts, flush.provenance())),
        flush.write("account_members", _with(members, flush.provenance())),
    )


def _write_products(flush: Flush) -> int:
    session = flush.session
    _in_own_currency(
        flush,
        sql(
            """
            SELECT t.n, t.occurred_at, t.received_at, t.source, coalesce(p.currency, k.currency) AS currency, p.sku,
                   p.name, p.category, p.brand, TRY_CAST(p.price AS decimal(18, 4)) AS price
            FROM said_products AS p JOIN taken AS t ON t.n = p.n JOIN kinds AS k ON k.source = t.source
            """
        ),
        "price",
    )
    session.bind(
        "said",
        sql(
            """
            SELECT n, sku AS k1, source AS k2, occurred_at AS set_at,
                   {'name': name, 'category': category, 'brand': brand, 'price': price} AS v
            FROM fresh WHERE coalesce(name, category, brand) IS NOT NULL OR price IS NOT NULL
            """
        ),
    )
    session.materialise("said_skus", sql("SELECT DISTINCT k1 AS sku FROM said"))
    if not session.rows(sql("SELECT 1 FROM said_skus LIMIT 1")):
        return 0
    flush.bind_lake("products", "lake_products")
    session.bind(
        "before",
        sql(
            """
            SELECT sku AS k1, source AS k2, set_at,
                   {'name': name, 'category': category, 'brand': brand, 'price': price} AS v
            FROM lake_products
            WHERE sku IN (SELECT sku FROM said_skus) AND source IN (SELECT source FROM kinds)
            """
        ),
    )
    make_news(session, now=flush.now)
    query = sql(
        """
        SELECT f.k1 AS sku, f.v.name AS name, f.v.category AS category, f.v.brand AS brand, f.v.price AS price,
               CAST(NULL AS decimal(18, 4)) AS unit_cost, f.set_at, CAST(NULL AS varchar) AS properties
        FROM news AS f
        """
    )
    return flush.write("products", _with(query, flush.provenance("f.k2", "f.set_at")))


def _with(query: exp.Expr, columns: list[exp.Expr]) -> exp.Select:
    assert isinstance(query, exp.Select)  # noqa: S101 - each text above is a SELECT
    return query.select(*columns)


def touched_origins(flush: Flush) -> frozenset[str]:
    """The origins of the taken messages."""
    rows = flush.session.rows(exp.select("origin_id").distinct().from_("taken"))
    return frozenset(row[0] for row in rows)
