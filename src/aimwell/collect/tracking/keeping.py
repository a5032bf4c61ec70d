"""What of a flush goes to the control database: personal parts, people, identifiers, and rows that were set aside.

All of it may be done again after a crash and changes nothing then.
"""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from aimwell.collect.identities import keep_identifiers
from aimwell.collect.nobody import no_address, no_number
from aimwell.collect.tracking.sources import settings_of
from aimwell.collect.tracking.taking import Flush
from aimwell.privacy.contact_points import normalise_emails, normalise_phones
from aimwell.privacy.hashing import identifier_hash_by, identifier_hash_sql
from aimwell.privacy.message_parts import keep_parts, keep_statements
from aimwell.privacy.vault import keep_rows, known_rows
from aimwell.store.sql import sql, union_all
from aimwell.store.tables import TIME

__all__ = ["keep_faults", "keep_messages"]

_BATCH = 50_000
_TRACKING = "tracking"
_SEPARATOR = "\x1f"


def keep_messages(flush: Flush) -> None:
    """Keep the personal side of the taken messages: before the lake gets the rest, so that nothing can be lost."""
    _bind_contacts(flush)
    session, received = flush.session, flush.received_until()
    parts = sql(
        """
        SELECT f.vault_key, f.origin_id, f.source, any_value(m.hidden) AS content,
               min(f.occurred_at) AS first_at, max(f.occurred_at) AS last_at
        FROM taken AS f JOIN messages AS m ON m.n = f.n
        GROUP BY f.vault_key, f.origin_id, f.source ORDER BY f.vault_key
        """
    )
    for batch in session.batches(parts, rows=_BATCH):
        rows = _in_micros(pa.table(batch), "first_at", "last_at")
        keep_parts(flush.stores, rows, received_at=received)
    for batch in session.batches(_statements(), rows=_BATCH):
        rows = _in_micros(pa.table(batch), "said_at")
        keep_statements(flush.stores, rows, received_at=received)
    for name in sorted(row[0] for row in session.rows(sql("SELECT source FROM kinds"))):
        for batch in session.batches(_identifiers(flush, name), rows=_BATCH):
            rows = _in_micros(pa.table(batch), "first_seen_at")
            keep_identifiers(flush.stores, rows, source=name, received_at=received)


def _in_micros(rows: pa.Table, *names: str) -> pa.Table:
    for name in names:
        place = rows.schema.get_field_index(name)
        rows = rows.set_column(place, name, rows.column(place).cast(TIME))
    return rows


def _bind_contacts(flush: Flush) -> None:
    """`emails` and `phones` (source, raw, normal): each text that was given, and its normal form."""
    session = flush.session
    for name in ("email", "phone"):
        given = session.table(
            sql(
                """
                SELECT DISTINCT f.source, s.value AS raw FROM statements AS s JOIN taken AS f ON f.n = s.n
                WHERE s.field = :name
                """,
                name=name,
            )
        )
        raw = given.column("raw").cast(pa.string()).combine_chunks()
        if name == "email":
            normal = normalise_emails(raw)
        else:
            own = flush.stores.settings.country
            countries = [
                (flush.sources[one].country if one in flush.sources else None) or own
                for one in given.column("source").to_pylist()
            ]
            normal = normalise_phones(raw, pa.array(countries, pa.string()))
        sources = given.column("source").combine_chunks()
        columns = {
            "source": sources,
            "raw": raw,
            "normal": _somebodys(flush, name, sources, normal.cast(pa.string())),
        }
        session.bind(f"{name}s", pa.table(columns))


def _somebodys(flush: Flush, name: str, sources: pa.Array, normal: pa.Array) -> pa.Array:
    """Addresses or numbers without those that are nobody's by the word of their source."""
    nobodys = no_address if name == "email" else no_number
    for source in pc.unique(sources).to_pylist():
        words = settings_of(flush.sources.get(source)).nobody
        odd = pc.and_(pc.equal(sources, source), pc.fill_null(nobodys(normal, words), False))
        normal = pc.if_else(odd, pa.scalar(None, pa.string()), normal)
    return normal


def _statements() -> exp.Expr:
    """What is said of each person, field by field: the normal form of addresses and numbers, all else as it came."""
    return sql(
        """
        SELECT origin_id, source, field, value, max(occurred_at) AS said_at FROM (
          SELECT f.origin_id, f.source, s.field, f.occurred_at,
                 CASE s.field WHEN 'email' THEN e.normal WHEN 'phone' THEN p.normal ELSE s.value END AS value
          FROM statements AS s JOIN taken AS f ON f.n = s.n
          LEFT JOIN emails AS e ON s.field = 'email' AND e.source = f.source AND e.raw = s.value
          LEFT JOIN phones AS p ON s.field = 'phone' AND p.source = f.source AND p.raw = s.value
          UNION ALL
          SELECT origin_id, source, 'customer_id', occurred_at, user_id FROM taken WHERE user_id IS NOT NULL
        ) AS said WHERE value IS NOT NULL
        GROUP BY origin_id, source, field, value ORDER BY origin_id
        """
    )


def _identifiers(flush: Flush, source: str) -> exp.Expr:
    """Each identifier of the source's messages with its origin, and when it was seen first."""
    key = flush.stores.identity_key
    parts = [
        sql(
            "SELECT k.kind, t.user_id AS value, t.origin_id, t.occurred_at FROM mine AS t, kinds AS k WHERE k.source = t.source"
        ),
        sql(
            "SELECT 'anonymous_id' AS kind, anonymous_id AS value, origin_id, occurred_at FROM mine"
        ),
        sql("SELECT 'device_id' AS kind, device_id AS value, origin_id, occurred_at FROM mine"),
        sql(
            """
            SELECT 'email' AS kind, e.normal AS value, t.origin_id, t.occurred_at
            FROM mine AS t JOIN emails AS e ON e.source = t.source AND e.raw = t.email
            """
        ),
        sql(
            """
            SELECT 'phone' AS kind, p.normal AS value, t.origin_id, t.occurred_at
            FROM mine AS t JOIN phones AS p ON p.source = t.source AND p.raw = t.phone
            """
        ),
    ]
    pair = sql("concat(previous_id, :sep, coalesce(user_id, anonymous_id))", sep=_SEPARATOR)
    # The id that was used before may have been a userId or an anonymousId.
    before_known = identifier_hash_by(key, sql("k.kind"), sql("t.previous_id"))
    before_unknown = identifier_hash_sql(key, "anonymous_id", sql("t.previous_id"))
    parts += [
        sql(
            "SELECT 'alias' AS kind, :pair AS value, origin_id, occurred_at FROM mine WHERE previous_id IS NOT NULL",
            pair=pair,
        ),
        *(
            sql(
                """
                SELECT 'alias' AS kind, :pair AS value, :origin AS origin_id, t.occurred_at
                FROM mine AS t, kinds AS k WHERE k.source = t.source AND t.previous_id IS NOT NULL
                """,
                pair=pair,
                origin=origin,
            )
            for origin in (before_known, before_unknown)
        ),
        sql(
            """
            SELECT k.kind, t.previous_id AS value, :origin AS origin_id, t.occurred_at
            FROM mine AS t, kinds AS k WHERE k.source = t.source AND t.previous_id IS NOT NULL
            """,
            origin=before_known,
        ),
        sql(
            "SELECT 'anonymous_id' AS kind, t.previous_id AS value, :origin AS origin_id, t.occurred_at FROM mine AS t WHERE t.previous_id IS NOT NULL",
            origin=before_unknown,
        ),
    ]
    flush.session.bind("mine", sql("SELECT * FROM taken WHERE source = :source", source=source))
    return sql(
        """
        SELECT origin_id, min(occurred_at) AS first_seen_at, kind, :hashed AS value_hash
        FROM :parts AS found WHERE value IS NOT NULL
        GROUP BY origin_id, kind, value ORDER BY value_hash
        """,
        hashed=identifier_hash_by(key, sql("kind"), sql("value")),
        parts=union_all(parts),
    )


_NO_ORDERS = sql(
    """
    SELECT f.source, o.reason, o.field, o.detail,
           CAST(json_object('messageId', f.event_id, 'event', f.event, 'properties', o.content) AS varchar) AS content,
           f.received_at
    FROM said_orders AS o JOIN taken AS f ON f.n = o.n WHERE o.reason IS NOT NULL
    """
)


def _bind_noted(flush: Flush) -> None:
    """`noted` (source, row_hash, reason): what the lake says of these very messages. It is asked only where the vault
    has one of them, whose contents stay there for as long as it waits."""
    session = flush.session
    hashes = [row[0] for row in session.rows(sql("SELECT DISTINCT row_hash FROM found_wrong"))]
    with flush.stores.read_control() as connection:
        known = known_rows(connection, hashes)
    if not known:
        session.bind("noted", sql("SELECT source, row_hash, reason FROM found_wrong WHERE FALSE"))
        return
    flush.bind_lake("quarantine", "all_quarantine")
    session.bind("known_hashes", pa.table({"row_hash": pa.array(known, pa.string())}))
    session.materialise(
        "noted",
        sql(
            """
            SELECT source, row_hash, reason FROM all_quarantine
            WHERE row_hash IN (SELECT row_hash FROM known_hashes)
            """
        ),
    )


def keep_faults(flush: Flush) -> Counter[str]:
    """Keep what could not be taken in the vault and write the reasons for the lake; returns reason → messages.

    The same message that was set aside before for the same reason is not noted again.
    """
    session = flush.session
    hashed = identifier_hash_sql(flush.stores.identity_key, "row", sql("content"))
    session.materialise(
        "found_wrong",
        sql(
            """
            SELECT source, row_hash, reason, any_value(field) AS field, any_value(detail) AS detail,
                   any_value(content) AS content, min(received_at) AS received_at
            FROM (SELECT *, :hashed AS row_hash FROM :all AS every) AS f
            GROUP BY source, row_hash, reason
            """,
            hashed=hashed,
            all=union_all([sql("SELECT * FROM faults"), _NO_ORDERS.copy()]),
        ),
    )
    _bind_noted(flush)
    session.materialise(
        "set_aside",
        sql(
            """
            SELECT * FROM found_wrong AS f
            WHERE (f.source, f.row_hash, f.reason) NOT IN (SELECT (source, row_hash, reason) FROM noted)
            """
        ),
    )
    for source in sorted({row[0] for row in session.rows(sql("SELECT source FROM set_aside"))}):
        rows = sql(
            "SELECT DISTINCT row_hash, content FROM set_aside WHERE source = :source", source=source
        )
        for batch in session.batches(rows, rows=_BATCH):
            keep_rows(flush.stores, pa.table(batch), source=source, kept_at=flush.now)
    query = sql(
        """
        SELECT f.row_hash, :file AS file, CAST(NULL AS bigint) AS line, f.field, f.reason, f.detail
        FROM set_aside AS f
        """,
        file=_TRACKING,
    )
    assert isinstance(query, exp.Select)  # noqa: S101 - the text above is one
    flush.write("quarantine", query.select(*flush.provenance()))
    return Counter(
        dict(session.rows(sql("SELECT reason, count(*) FROM set_aside GROUP BY reason")))
    )
