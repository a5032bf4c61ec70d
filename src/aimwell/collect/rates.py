"""Exchange rates: a row is what one unit of a currency was worth in another from a day on.

They become rows of the lake's table `market`, named 'rate:EUR:GBP'. Of several statements for one moment the one that
was received last counts, whatever its source, for rows collected from then on; what was converted before stands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import pyarrow as pa
from sqlglot import exp

from aimwell.collect.field_kinds import FieldKind
from aimwell.collect.money import RATE_MAX, RATE_MIN, bind_rates, bind_standing
from aimwell.collect.null_texts import is_one_of
from aimwell.collect.provenance import Provenance
from aimwell.collect.staging import Check
from aimwell.currencies import CURRENCIES
from aimwell.store.engine import Session
from aimwell.store.lake import TableVersion
from aimwell.store.sql import sql

__all__ = [
    "RATE_TARGETS",
    "bind_known_rates",
    "change_warnings",
    "jump_warnings",
    "rate_rows",
    "rate_table",
]

RATE_TARGETS: tuple[tuple[str, FieldKind], ...] = (
    ("date", "time"),
    ("from_currency", "currency"),
    ("to_currency", "currency"),
    ("rate", "rate"),
)
"""Columns of `typed` for rates."""

_JUMP_MAX = 1.25  # between two rates of a pair; an inverted or misplaced one jumps further
_TOLD_MAX = 5  # of warnings of one kind


def rate_rows(currency: str) -> tuple[exp.Query, list[Check]]:
    """A query over `typed` (n, name, set_at, rate), and the checks; `currency` is that of rows that say none."""
    into = sql("coalesce(to_currency, :currency)", currency=currency)
    rows = exp.select(
        "n",
        exp.alias_(sql("concat('rate:', from_currency, ':', :other)", other=into), "name"),
        "date AS set_at",
        "rate",
    ).from_("typed")
    checks = [
        Check(
            "rate",
            "rate_not_positive",
            "a rate is above zero",
            sql("coalesce(rate <= 0, FALSE)"),
        ),
        Check(
            "rate",
            "rate_out_of_range",
            "the rate is too large: it is at most 10,000,000",
            sql("coalesce(rate > :most, FALSE)", most=RATE_MAX),
        ),
        Check(
            "rate",
            "rate_out_of_range",
            "the rate is too small: it is at least 0.0000001",
            sql("coalesce(rate > 0 AND rate < :least, FALSE)", least=RATE_MIN),
        ),
        *(
            Check(
                name,
                "unknown_currency",
                f"{name} is no code of a currency in use (ISO 4217)",
                sql(
                    ":x IS NOT NULL AND NOT :known",
                    x=value,
                    known=is_one_of(value, sorted(CURRENCIES)),
                ),
            )
            for name, value in (("from_currency", sql("from_currency")), ("to_currency", into))
        ),
        Check(
            "from_currency",
            "same_currency",
            "a currency has no rate to itself",
            sql("coalesce(from_currency = :other, FALSE)", other=into),
        ),
    ]
    return rows, checks


def bind_known_rates(
    session: Session, market: TableVersion | pa.Table | exp.Query, source: str
) -> None:
    """Bind `standing` (see `bind_standing`) and `own_rates` (name, set_at, rate): what the source said last."""
    bind_standing(session, market)
    session.bind(
        "own_rates",
        sql(
            """
            SELECT name, set_at, arg_max(value, received_at) AS rate FROM market
            WHERE name LIKE 'rate:%' AND source = :source GROUP BY name, set_at
            """,
            source=source,
        ),
    )


def rate_table(provenance: Provenance) -> exp.Query:
    """`market` of `fresh`. A statement is received after the one that it replaces, whatever the clock said."""
    received = sql(
        "greatest(:now, coalesce(s.received_at + INTERVAL 1 MICROSECOND, :now)) AS received_at",
        now=provenance.received_at,
    )
    origin = [one for one in provenance.columns() if one.alias != "received_at"]
    query = sql(
        """
        SELECT f.name, CAST(NULL AS varchar) AS dimension, CAST(NULL AS varchar) AS key,
               f.rate AS value, CAST(NULL AS varchar) AS text, f.set_at
        FROM fresh AS f LEFT JOIN standing AS s ON s.name = f.name AND s.set_at = f.set_at
        """
    )
    assert isinstance(query, exp.Query)  # noqa: S101 - it is a SELECT
    return query.select(*origin, received)


class _Change(NamedTuple):
    name: str
    set_at: datetime
    before: float
    now: float
    source: str


def change_warnings(
    session: Session,
    market: TableVersion | pa.Table | exp.Query,
    orders: TableVersion | pa.Table | exp.Query,
    currencies: Mapping[str, Sequence[str]],
    *,
    source: str,
    to: str,
) -> list[str]:
    """What `fresh` rates replace: the value, whose it was, and how many orders were converted by it.

    Args:
        session: With `fresh` and `standing`.
        market, orders: The lake's tables.
        currencies: Load of orders → currencies of its rows before they were converted.
        source: Whose the fresh rates are.
        to: The workspace's currency.
    """
    changes = [
        _Change(*row)
        for row in session.rows(
            sql(
                """
                SELECT f.name, f.set_at, s.rate, f.rate, s.source FROM fresh AS f
                JOIN standing AS s ON s.name = f.name AND s.set_at = f.set_at
                WHERE s.rate <> f.rate ORDER BY f.set_at, f.name
                """
            )
        )
    ]
    if not changes:
        return []
    counts = _converted(session, market, orders, currencies, to)
    told = [_told(change, counts, source) for change in changes[:_TOLD_MAX]]
    if rest := changes[_TOLD_MAX:]:
        hit = [counts.get((one.name, one.set_at), (0, True)) for one in rest]
        orders_hit = _orders(sum(count for count, _ in hit), exact=all(exact for _, exact in hit))
        told.append(f"and {len(rest):,} more rates have other values from now on; {orders_hit}")
    return told


def _told(
    change: _Change, counts: Mapping[tuple[str, datetime], tuple[int, bool]], source: str
) -> str:
    moment = f"{change.name} from {change.set_at:%Y-%m-%d %H:%M} UTC"
    orders = _orders(*counts.get((change.name, change.set_at), (0, True)))
    if change.source == source:
        return f"{moment} is corrected from {change.before:.10g} to {change.now:.10g}; {orders}"
    return (
        f"{moment}: source '{change.source}' says {change.before:.10g}, '{source}' says {change.now:.10g}. What was "
        f"received last counts from now on, which is {change.now:.10g}; {orders}"
    )


def _orders(count: int, exact: bool) -> str:
    if not count:
        return "no order had been converted by the old value"
    least = "" if exact else "up to "
    return (
        f"{least}{count:,} {'order' if count == 1 else 'orders'} had been converted by the old value and "
        f"{'stands' if count == 1 else 'stand'} as converted"
    )


def _converted(
    session: Session,
    market: TableVersion | pa.Table | exp.Query,
    orders: TableVersion | pa.Table | exp.Query,
    currencies: Mapping[str, Sequence[str]],
    to: str,
) -> dict[tuple[str, datetime], tuple[int, bool]]:
    """(name, moment) of standing rates → orders converted by each, and whether that is exact.

    The lake does not keep an order's own currency. Where a load's rows were of several, each of its orders may have
    been of each: the count is then a bound.
    """
    rows = [
        (load_id, one, len(found) == 1)
        for load_id, found in currencies.items()
        for one in found
        if one != to
    ]
    columns = zip(*rows, strict=True) if rows else ((), (), ())
    types = (pa.string(), pa.string(), pa.bool_())
    arrays = [pa.array(list(one), kind) for one, kind in zip(columns, types, strict=True)]
    session.bind("foreign_loads", pa.table(arrays, names=["load_id", "currency", "only"]))
    session.bind("lake_orders", orders)
    bind_rates(session, market, to)
    query = sql(
        """
        SELECT r.name, r.rate_at, count(*), bool_and(o.only) FROM (
          SELECT l.currency, l.only, s.ordered_at, s.received_at
          FROM lake_orders AS s JOIN foreign_loads AS l ON l.load_id = s.load_id
          WHERE s.kind = 'sale'
        ) AS o ASOF JOIN rates AS r ON o.currency = r.rate_of AND o.ordered_at >= r.rate_at
        WHERE o.received_at >= r.received_at GROUP BY r.name, r.rate_at
        """
    )
    return {(name, at): (count, exact) for name, at, count, exact in session.rows(query)}


def jump_warnings(session: Session) -> list[str]:
    """Steps between neighbouring rates of a pair that are too large to be true, at most five in full.

    `fresh` has the new rates, `standing` those of all sources that stand and are not replaced. They are taken all the
    same: some are true.
    """
    rows = session.rows(
        sql(
            """
            SELECT name, prior, rate, set_at, new FROM (
              SELECT name, rate, set_at, new OR coalesce(lag(new) OVER w, FALSE) AS new,
                     lag(rate) OVER w AS prior
              FROM (
                SELECT name, set_at, rate, TRUE AS new FROM fresh
                UNION ALL SELECT name, set_at, rate, FALSE
                FROM standing ANTI JOIN fresh USING (name, set_at)
              ) AS together
              WINDOW w AS (PARTITION BY name ORDER BY set_at)
            ) AS steps
            WHERE new AND greatest(rate / prior, prior / rate) > :most ORDER BY set_at, name
            """,
            most=_JUMP_MAX,
        )
    )
    told = [
        f"{name} jumps from {prior:g} to {rate:g} on {set_at:%Y-%m-%d}; it was taken. Is it the right way round, "
        "and the decimal mark in its place?"
        for name, prior, rate, set_at, _ in rows[:_TOLD_MAX]
    ]
    more = len(rows) - len(told)
    return [*told, f"and {more:,} more jumps of rates"] if more else told
