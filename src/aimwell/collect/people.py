"""The people of a load: their origins, what of them goes to the vault, and their identifiers.

A row's `person` is one letter and an identifier: `c` a customer id, `e` an e-mail address, `p` a telephone
number. The origin is the keyed hash of that identifier, so the same person has the same origin in every load.
"""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
from sqlglot import exp

from aimwell.collect.identities import customer_kind, keep_identifiers
from aimwell.collect.provenance import json_text
from aimwell.privacy.hashing import identifier_hash_sql
from aimwell.privacy.vault import PERSON_FIELDS, keep_people
from aimwell.store.engine import Session
from aimwell.store.sql import column, sql
from aimwell.store.stores import Stores
from aimwell.store.tables import TIME

__all__ = ["bind_origins", "keep_persons"]

_BATCH = 50_000


def bind_origins(stores: Stores, session: Session, namespace: str | None) -> None:
    """Make `origins` (person, origin_id) of the good rows of `staged`, each person once."""
    kinds = {"c": customer_kind(namespace), "e": "email", "p": "phone"}
    value = sql("substr(person, 2)")
    hashes = exp.Case(
        ifs=[
            exp.If(
                this=sql("left(person, 1) = :mark", mark=mark),
                true=identifier_hash_sql(stores.identity_key, kind, value),
            )
            for mark, kind in kinds.items()
        ]
    )
    session.materialise(
        "origins",
        sql(
            """
            SELECT person, :hashes AS origin_id
            FROM (SELECT DISTINCT person FROM staged WHERE faults = 0 AND person IS NOT NULL) AS people
            """,
            hashes=hashes,
        ),
    )


def keep_persons(
    stores: Stores,
    session: Session,
    names: tuple[str, ...],
    *,
    source: str,
    namespace: str | None,
    seen: str,
    now: datetime,
) -> int:
    """Keep the people of `fresh` in the vault, and their identifiers.

    Args:
        stores: Where to.
        session: With `fresh` and `origins`.
        names: Mapped fields; those of PERSON_FIELDS, and `vault.…` go to the vault.
        source: Source definition.
        namespace: Of the customer ids.
        seen: Column of `fresh` that tells when the person was seen; may be null.
        now: When it was collected.

    Returns:
        Number of different people.
    """
    fields = [name for name in PERSON_FIELDS if name in names]
    extra = json_text("vault", names)
    rows = (
        exp.select(
            "o.origin_id",
            *(exp.alias_(sql("arg_max(:x, n)", x=column(name, "f")), name) for name in fields),
            *([exp.alias_(sql("arg_max(:x, n)", x=extra), "extra")] if _has_vault(names) else []),
        )
        .from_(exp.to_table("fresh").as_("f"))
        .join(exp.to_table("origins").as_("o"), on="o.person = f.person")
        .group_by("o.origin_id")
    )
    people = 0
    for batch in session.batches(rows, rows=_BATCH):
        people += keep_people(stores, pa.table(batch), source=source, set_at=now)
    for name in ("customer_id", "email", "phone"):
        if name in names:
            _keep_identifier(
                stores, session, name, source=source, namespace=namespace, seen=seen, now=now
            )
    return people


def _has_vault(names: tuple[str, ...]) -> bool:
    return any(name.startswith("vault.") for name in names)


def _keep_identifier(
    stores: Stores,
    session: Session,
    name: str,
    *,
    source: str,
    namespace: str | None,
    seen: str,
    now: datetime,
) -> None:
    kind = customer_kind(namespace) if name == "customer_id" else name
    x = column(name, "f")
    rows = sql(
        """
        SELECT origin_id, first_seen_at, :called AS kind, :hashed AS value_hash
        FROM (
          SELECT o.origin_id, :x AS x, coalesce(min(:seen), :now) AS first_seen_at
          FROM fresh AS f JOIN origins AS o ON o.person = f.person
          WHERE :x IS NOT NULL GROUP BY ALL
        ) AS found
        """,
        called=kind,
        hashed=identifier_hash_sql(stores.identity_key, kind, sql("x")),
        x=x,
        seen=column(seen, "f"),
        now=now,
    )
    for batch in session.batches(rows, rows=_BATCH):
        table = pa.table(batch)
        times = table.column("first_seen_at").cast(TIME)
        keep_identifiers(
            stores,
            table.set_column(table.schema.get_field_index("first_seen_at"), "first_seen_at", times),
            source=source,
        )
