"""Traits: what rows tell of a person that does not identify them, as rows of the lake when it is news."""

from __future__ import annotations

from datetime import datetime

from sqlglot import exp

from aimwell.collect.fields import under
from aimwell.collect.provenance import Provenance
from aimwell.collect.statements import make_news
from aimwell.store.engine import Session
from aimwell.store.lake import TableVersion
from aimwell.store.sql import column, sql, union_all

__all__ = ["mark_table", "trait_table"]


def trait_table(
    session: Session,
    names: tuple[str, ...],
    lake: TableVersion | exp.Query,
    provenance: Provenance,
    *,
    dated_by: str | None,
    now: datetime,
) -> exp.Query | None:
    """`traits` of the rows that were taken; None where no trait is mapped.

    Args:
        session: With `told` (n, person, the traits, the date) and `origins`.
        names: Mapped fields.
        lake: The lake's table of traits.
        provenance: The load.
        dated_by: Column of `told` from which a statement holds; None: undated.
        now: When it was collected.
    """
    traits = under("traits", names)
    if not traits:
        return None
    when = column(dated_by, "t") if dated_by else sql("CAST(NULL AS timestamptz)")
    session.bind(
        "said",
        union_all(
            [
                sql(
                    """
                    SELECT t.n, o.origin_id AS k1, :last AS k2, {'value': :x} AS v, :set_at AS set_at
                    FROM told AS t JOIN origins AS o ON o.person = t.person WHERE :x IS NOT NULL
                    """,
                    last=last,
                    x=column(name, "t"),
                    set_at=when,
                )
                for last, name in traits.items()
            ]
        ),
    )
    session.bind("lake_traits", lake)
    session.bind(
        "before",
        sql(
            """
            SELECT origin_id AS k1, name AS k2, {'value': value} AS v, set_at FROM lake_traits
            WHERE source = :source
            """,
            source=provenance.source,
        ),
    )
    make_news(session, now=now)
    return (
        exp.select("k1 AS origin_id", "k2 AS name", "v.value AS value", "set_at")
        .select(*provenance.columns())
        .from_("news")
    )


def mark_table(provenance: Provenance) -> exp.Expr:
    """`trait_marks` of the statements that `trait_table` found to be news."""
    return sql(
        """
        SELECT w.k1 AS origin_id, w.k2 AS name, w.set_at, any_value(m.how) AS how, min(m.was) AS original,
               :source AS source, :load_id AS load_id, :received_at AS received_at
        FROM news AS w
        JOIN said AS s ON s.k1 = w.k1 AND s.k2 = w.k2 AND s.v = w.v
        JOIN marks AS m ON m.n = s.n AND m.field = 'traits.' || s.k2
        GROUP BY w.k1, w.k2, w.set_at
        """,
        source=provenance.source,
        load_id=provenance.load_id,
        received_at=provenance.received_at,
    )
