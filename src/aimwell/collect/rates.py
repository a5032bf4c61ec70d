"""Exchange rates: a row is what one unit of a currency was worth in another from a day on.

They become rows of the lake's table `market`, named 'rate:EUR:GBP'. A rate stands once it is taken, because money
was converted by it: another value for the same day goes to quarantine.
"""

from __future__ import annotations

from sqlglot import exp

from aimwell.collect.currencies import CURRENCIES
from aimwell.collect.fields import FieldKind
from aimwell.collect.null_texts import is_one_of
from aimwell.collect.provenance import Provenance
from aimwell.collect.staging import Check
from aimwell.store.engine import Session
from aimwell.store.sql import sql

__all__ = ["RATE_TARGETS", "jump_warnings", "rate_rows", "rate_table"]

RATE_TARGETS: tuple[tuple[str, FieldKind], ...] = (
    ("date", "time"),
    ("from_currency", "currency"),
    ("to_currency", "currency"),
    ("rate", "rate"),
)
"""Columns of `typed` for rates."""

_JUMP_MAX = 1.25  # between two rates of a pair; an inverted or misplaced one jumps further
_JUMPS_TOLD = 5


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


def rate_table(provenance: Provenance) -> exp.Query:
    """`market` of `fresh`."""
    return exp.select(
        "name",
        sql("CAST(NULL AS varchar) AS key"),
        "rate AS value",
        "set_at",
        *provenance.columns(),
    ).from_("fresh")


def jump_warnings(session: Session) -> list[str]:
    """Steps between neighbouring rates of a pair that are too large to be true, at most five in full.

    `fresh` has the new rates, `lake_rates` those that stand. They are taken all the same: some are true.
    """
    rows = session.rows(
        sql(
            """
            SELECT name, prior, rate, set_at, new FROM (
              SELECT name, rate, set_at, new OR coalesce(lag(new) OVER w, FALSE) AS new,
                     lag(rate) OVER w AS prior
              FROM (
                SELECT name, set_at, rate, TRUE AS new FROM fresh
                UNION ALL SELECT name, set_at, rate, FALSE FROM lake_rates
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
        for name, prior, rate, set_at, _ in rows[:_JUMPS_TOLD]
    ]
    more = len(rows) - len(told)
    return [*told, f"and {more:,} more jumps of rates"] if more else told
