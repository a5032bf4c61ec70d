"""Which good rows are not taken: repeats of a row in the same files, and rows that an earlier load took.

The table `gone` holds `n` and `why`: 'duplicate' (the same row stands earlier in these files), 'known' (an
earlier load took it), 'changed' (an earlier load took this line with other values) and 'conflict' (these files
hold this numbered line twice with different values); 'rate_conflict' likewise of exchange rates.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from aimwell.collect.order_lines import LINE_NUMBER_AT
from aimwell.collect.statements import ALWAYS
from aimwell.store.engine import Session
from aimwell.store.sql import column, identifier, sql, union_all

__all__ = [
    "GONE",
    "bind_fresh",
    "has_rows",
    "keep_all_rows",
    "sort_out_events",
    "sort_out_lines",
    "sort_out_rates",
    "sort_out_rows",
    "sort_out_tracked",
]

GONE = "gone"


def sort_out_lines(
    session: Session, *, numbered: bool, repeats: bool, has_known: bool, has_sku: bool = True
) -> None:
    """Make `gone` of `staged` order lines.

    Args:
        session: With `staged` and, where `has_known`, `lake_lines`: the lines of this source in the lake.
        numbered: Lines have numbers, with which their ids end.
        repeats: Equal lines are further purchases, so that a line like a known one may be a new one.
        has_known: Whether the lake has any lines of the source.
        has_sku: Whether the lines tell a product.
    """
    session.bind("good", sql("SELECT * FROM staged WHERE faults = 0"))
    place = [sql("order_id"), sql("kind"), sql("line"), _returned_at()]
    # Equal numbered lines stand in the same place, so where no place occurs twice no line does.
    twice = not numbered or _has_repeats(session, place)
    parts: list[exp.Expr] = [_repeats([sql("line_id")], "duplicate") if twice else _nobody()]
    session.materialise(GONE, union_all(parts))
    if numbered and twice:
        conflicts = _repeats(place, "conflict", among=_left())
        session.materialise("conflicts", conflicts)
        parts.append(sql("SELECT * FROM conflicts"))
    if has_known:
        known = sql(
            """
            SELECT n, 'known' AS why FROM :rest AS rest
            WHERE line_id IN (SELECT line_id FROM lake_lines)
            """,
            rest=_left(),
        )
        session.materialise("known", known)
        parts.append(sql("SELECT * FROM known"))
        if numbered or not repeats:
            parts.append(_changed(numbered, has_sku))
    if len(parts) > 1:
        session.materialise("all_gone", union_all([sql("SELECT * FROM gone"), *parts[1:]]))
        # A numbered line may be both in conflict here and known from before; one reason is enough.
        session.materialise(GONE, sql("SELECT n, min(why) AS why FROM all_gone GROUP BY n"))


def _has_repeats(session: Session, keys: Sequence[exp.Expr]) -> bool:
    """Whether two good rows seem to have equal keys: their short hashes are equal."""
    query = sql(
        "SELECT 1 FROM (SELECT :short AS h FROM good) AS t GROUP BY h HAVING count(*) > 1 LIMIT 1",
        short=_short_hash(keys),
    )
    return bool(session.rows(query))


def _nobody() -> exp.Query:
    query = sql("SELECT n, 'duplicate' AS why FROM good WHERE FALSE")
    assert isinstance(query, exp.Query)  # noqa: S101 - it is a SELECT
    return query


def _short_hash(keys: Sequence[exp.Expr]) -> exp.Expr:
    return exp.Anonymous(this="hash", expressions=[key.copy() for key in keys])


def _left() -> exp.Query:
    """Good rows that are no duplicates of others."""
    query = sql("SELECT * FROM good ANTI JOIN gone USING (n)")
    assert isinstance(query, exp.Query)  # noqa: S101 - it is a SELECT
    return query


def _changed(numbered: bool, has_sku: bool) -> exp.Expr:
    """Lines that the lake has with other values. Without numbers: the same product, as many of it, in the same
    order at the same moment."""
    if numbered:
        return sql(
            """
            SELECT n, 'changed' AS why FROM :rest AS rest
            WHERE n NOT IN (SELECT n FROM known)
              AND (order_id, kind, coalesce(line, ''), coalesce(:returned, :always))
                  IN (SELECT (order_id, kind, substr(line_id, :start), coalesce(:returned, :always))
                      FROM lake_lines)
            """,
            rest=_left(),
            returned=_returned_at(),
            always=ALWAYS,
            start=LINE_NUMBER_AT,
        )
    return sql(
        """
        SELECT n, 'changed' AS why FROM :rest AS rest
        WHERE n NOT IN (SELECT n FROM known)
          AND (order_id, kind, ordered_at, :product, quantity)
              IN (SELECT (order_id, kind, ordered_at, coalesce(sku, ''), quantity) FROM lake_lines)
        """,
        rest=_left(),
        product=sql("coalesce(sku, '')") if has_sku else exp.Literal.string(""),
    )


def _returned_at() -> exp.Expr:
    """When a line came back: the same line may come back in parts, at different moments."""
    return sql("CASE kind WHEN 'return' THEN ordered_at END")


def sort_out_tracked(session: Session, sources: Sequence[str], *, days: int) -> None:
    """Add to `gone` the lines of orders that tracking messages brought: they count once, as 'known'.

    Args:
        session: With `good`, `gone` and the lake's orders as `all_lake_orders`.
        sources: Tracking sources whose order numbers mean the same.
        days: An order of the same number so close in time is the same.
    """
    if not sources:
        return
    tracked = sql(
        """
        SELECT r.n, 'known' AS why FROM :rest AS r
        WHERE EXISTS (
          SELECT 1 FROM all_lake_orders AS o
          WHERE o.order_id = r.order_id AND o.kind = 'sale' AND o.source IN :sources
            AND abs(date_diff('second', o.ordered_at, r.ordered_at)) <= :most
        )
        """,
        rest=_left(),
        sources=list(sources),
        most=days * 86_400,
    )
    session.materialise("tracked", tracked)
    parts = [exp.select("n", "why").from_(name) for name in (GONE, "tracked")]
    session.materialise("all_gone", union_all(parts))
    session.materialise(GONE, sql("SELECT * FROM all_gone"))


def sort_out_events(session: Session, *, has_known: bool) -> None:
    """Make `gone` of `staged` events; the lake's are bound as `lake_events` where `has_known`."""
    session.bind("good", sql("SELECT * FROM staged WHERE faults = 0"))
    session.materialise(GONE, _repeats([sql("event_id")], "duplicate"))
    if has_known:
        known = sql(
            """
            SELECT n, 'known' AS why FROM :rest AS rest
            WHERE event_id IN (SELECT event_id FROM lake_events)
            """,
            rest=_left(),
        )
        session.materialise("all_gone", union_all([sql("SELECT * FROM gone"), known]))
        session.materialise(GONE, sql("SELECT * FROM all_gone"))


def sort_out_rows(session: Session, names: Sequence[str]) -> None:
    """Make `gone` of `staged` rows that may be told again: only equal rows of these files are left out."""
    session.bind("good", sql("SELECT * FROM staged WHERE faults = 0"))
    whole = exp.Anonymous(this="row", expressions=[column(name) for name in names])
    session.materialise(GONE, _repeats([whole], "duplicate"))


def keep_all_rows(session: Session) -> None:
    """Make an empty `gone` of `staged` rows: equal ones are further ones."""
    session.bind("good", sql("SELECT * FROM staged WHERE faults = 0"))
    session.materialise(GONE, sql("SELECT n, 'duplicate' AS why FROM good WHERE FALSE"))


def _repeats(keys: Sequence[exp.Expr], why: str, among: exp.Query | None = None) -> exp.Query:
    """Rows whose keys an earlier row has. Only keys whose short hash occurs twice are compared in full."""
    rows = among if among is not None else sql("SELECT * FROM good")
    place = exp.Window(
        this=exp.RowNumber(),
        partition_by=[key.copy() for key in keys],
        order=exp.Order(expressions=[exp.Ordered(this=column("n"))]),
    )
    query = sql(
        """
        SELECT n, :why AS why FROM (
          SELECT n, :place AS place FROM :rows AS r
          WHERE :short IN (SELECT h FROM (SELECT n, :short AS h FROM :rows AS s) AS t
                           GROUP BY h HAVING count(*) > 1)
        ) AS placed
        WHERE place > 1
        """,
        place=place,
        short=_short_hash(keys),
        rows=rows,
        why=why,
    )
    assert isinstance(query, exp.Query)  # noqa: S101 - it is a SELECT
    return query


def sort_out_rates(session: Session) -> None:
    """Make `gone` of `staged` rates; `own_rates` (name, set_at, rate) is what the source said last of each moment.

    A source that says the same again says nothing new. Of two values for one moment in these files the first stands.
    """
    session.bind("good", sql("SELECT * FROM staged WHERE faults = 0"))
    moment = [sql("name"), sql("set_at")]
    session.materialise(GONE, _repeats([*moment, sql("rate")], "duplicate"))
    known = sql(
        """
        SELECT n, 'known' AS why
        FROM :rest AS r JOIN own_rates AS k
          ON r.name = k.name AND r.set_at = k.set_at AND r.rate = k.rate
        """,
        rest=_left(),
    )
    session.materialise("known", known)
    new = sql("SELECT * FROM :rest AS r ANTI JOIN known USING (n)", rest=_left())
    assert isinstance(new, exp.Query)  # noqa: S101 - it is a SELECT
    session.materialise("conflicts", _repeats(moment, "rate_conflict", among=new))
    parts = [exp.select("n", "why").from_(name) for name in (GONE, "known", "conflicts")]
    session.materialise("all_gone", union_all(parts))
    session.materialise(GONE, sql("SELECT * FROM all_gone"))


def bind_fresh(session: Session, name: str = "fresh") -> None:
    """Bind the rows that are to be taken."""
    session.bind(name, _left() if has_rows(session, GONE) else sql("SELECT * FROM good"))


def has_rows(session: Session, name: str) -> bool:
    """Whether the table or view has any row."""
    return bool(session.rows(exp.select("1").from_(exp.Table(this=identifier(name))).limit(1)))
