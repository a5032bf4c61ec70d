"""What the lake knew before a load began, to fill gaps of its rows with: of a product, of a person.

Only what was received before the load began counts, so that a load which is repeated after a crash fills the same; and
nothing of somebody who was erased.
"""

from __future__ import annotations

from sqlglot import exp

from aimwell.collect.identities import customer_kind
from aimwell.collect.job import Job
from aimwell.definitions.source_standards import Fill
from aimwell.privacy.erased import bind_erased, not_erased
from aimwell.privacy.hashing import identifier_hash_sql
from aimwell.store.sql import column, sql

__all__ = ["bind_known", "key_of"]

_BEFORE = "known_before"


def key_of(job: Job, fill: Fill, table: str) -> exp.Expr:
    """By what a row of `table` is looked up among what is known."""
    key = column(fill.key, table)
    if fill.known_table == "products":
        return key
    kind = customer_kind(job.source.id_namespace)
    return identifier_hash_sql(job.stores.identity_key, kind, key)


def bind_known(job: Job, fill: Fill, name: str, key: exp.Expr) -> None:
    """Make `name`: grp, middle (the newest value as text) and whence (the source that said it), of the keys of
    `formed`.

    Args:
        job: With `formed`.
        fill: With `known_in`.
        name: Of the table.
        key: Of a row of `formed`, as `key_of` gives it.
    """
    session, table = job.session, fill.known_table
    session.bind(_BEFORE, job.stores.lake.pin(table).tables[table])
    if table == "products":
        value, grp = column(fill.known_field, "k"), column("sku", "k")
        which: exp.Expr = sql("TRUE")
    else:
        bind_erased(job.stores, session)
        value, grp = column("value", "k"), column("origin_id", "k")
        which = sql("k.name = :trait AND :there", trait=fill.known_field, there=not_erased("k"))
    session.materialise(
        name,
        sql(
            """
            SELECT arg_max(k.source, ROW(k.set_at, k.received_at, k.source)) AS whence, :grp AS grp,
                   CAST(arg_max(:value, ROW(k.set_at, k.received_at, k.source)) AS varchar) AS middle
            FROM known_before AS k
            WHERE :value IS NOT NULL AND k.received_at < :began AND :which
              AND :grp IN (SELECT :key FROM formed)
            GROUP BY 2
            """,
            grp=grp,
            value=value,
            began=job.now,
            which=which,
            key=key,
        ),
    )
