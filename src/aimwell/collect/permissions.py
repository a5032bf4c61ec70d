"""Lists of what people allowed, and of addresses that must not be contacted."""

from __future__ import annotations

import pyarrow as pa
import sqlalchemy as sa
from sqlglot import exp

from aimwell.collect.consents import bind_answers_before
from aimwell.collect.job import Job
from aimwell.privacy.consent import record
from aimwell.privacy.hashing import identifier_hash_sql
from aimwell.store.control import insert_missing
from aimwell.store.schema import metadata
from aimwell.store.sql import column, sql, union_all
from aimwell.store.tables import TIME

__all__ = ["keep_consents", "keep_suppressions"]

_suppressions = metadata.tables["suppressions"]
_BATCH = 20_000


def keep_consents(job: Job) -> dict[str, int]:
    """Record the answers of `fresh`; returns 'email granted' → answers.

    An answer without a date is taken for given when it was collected, and only where it is news: a list that still
    says yes does not undo a withdrawal that came by another way.
    """
    counts: dict[str, int] = {}
    session = job.session
    purposes = session.rows(sql("SELECT DISTINCT purpose FROM fresh ORDER BY 1"))
    for (purpose,) in purposes:
        bind_answers_before(job.stores, session, purpose)
        rows = sql(
            """
            SELECT o.origin_id, f.channel, f.state, coalesce(f.occurred_at, :now) AS occurred_at,
                   CASE f.state WHEN 'revoked' THEN 'request' ELSE 'opt_in' END AS basis,
                   arg_max(f.wording, f.n) AS wording
            FROM fresh AS f JOIN origins AS o ON o.person = f.person
            LEFT JOIN ours ON ours.origin_id = o.origin_id AND ours.channel = f.channel
            LEFT JOIN refused ON refused.origin_id = o.origin_id AND refused.channel = f.channel
            WHERE f.purpose = :purpose AND (
              f.occurred_at IS NOT NULL
              OR (ours.state IS DISTINCT FROM f.state
                  AND NOT (f.state = 'granted' AND refused.origin_id IS NOT NULL)))
            GROUP BY ALL
            """,
            now=job.now,
            purpose=purpose,
        )
        for batch in session.batches(rows, rows=_BATCH):
            table = pa.table(batch)
            for name, value in (("purpose", purpose), ("source", job.source.name)):
                same = pa.array([value] * table.num_rows, pa.string())
                table = table.append_column(name, same)
            place = table.schema.get_field_index("occurred_at")
            times = table.column("occurred_at").cast(TIME)
            record(job.stores, table.set_column(place, "occurred_at", times), received_at=job.now)
            found = table.group_by(["channel", "state"]).aggregate([([], "count_all")]).to_pylist()
            for one in found:
                key = f"{one['channel']} {one['state']}"
                counts[key] = counts.get(key, 0) + one["count_all"]
    return counts


def keep_suppressions(job: Job) -> int:
    """Keep the addresses of `fresh` as keyed hashes, never to be contacted; returns how many are new."""
    parts = []
    for name, usual in (("email", "email"), ("phone", "sms")):
        if name in job.names:
            hashed = identifier_hash_sql(job.stores.identity_key, name, column(name))
            parts.append(
                sql(
                    """
                    SELECT coalesce(channel, :usual) AS channel, :hashed AS address_hash, reason,
                           coalesce(occurred_at, :now) AS occurred_at, n
                    FROM fresh WHERE :x IS NOT NULL
                    """,
                    usual=usual,
                    hashed=hashed,
                    now=job.now,
                    x=column(name),
                )
            )
    rows = sql(
        """
        SELECT channel, address_hash, arg_min(reason, n) AS reason, min(occurred_at) AS occurred_at
        FROM :rows AS r GROUP BY channel, address_hash
        """,
        rows=exp.paren(union_all(parts)),
    )
    count = sa.select(sa.func.count()).select_from(_suppressions)
    with job.stores.control.read() as connection:
        before = connection.execute(count).scalar_one()
    for batch in job.session.batches(rows, rows=_BATCH):
        table = pa.table(batch)
        place = table.schema.get_field_index("occurred_at")
        table = table.set_column(place, "occurred_at", table.column("occurred_at").cast(TIME))
        values = [{**row, "source": job.source.name} for row in table.to_pylist()]
        with job.stores.control.begin() as connection:
            insert_missing(connection, _suppressions, values)
    with job.stores.control.read() as connection:
        return int(connection.execute(count).scalar_one()) - int(before)
