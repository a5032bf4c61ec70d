"""Money in the workspace's currency: as it is, or by the newest rate of the lake that held at the time.

The lake's table `market` holds rates, as 'rate:EUR:GBP': what one euro was in pounds from then on. The inverse of
'rate:GBP:EUR' serves where it is newer, or the only one known. A row before the first rate of its currency goes to
quarantine.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa
from sqlglot import exp

from aimwell.collect.staging import Check
from aimwell.store.engine import Session
from aimwell.store.lake import TableVersion
from aimwell.store.sql import column, sql

__all__ = ["NO_RATE", "convert_money", "first_rates", "rate_checks"]

NO_RATE = "no_rate"
"""Reason of rows that wait for a rate."""

_CHECKS_MAX = 12  # a check is a bit of 64; the rest of the currencies share the last one


def bind_rates(session: Session, market: TableVersion | pa.Table, to: str) -> None:
    """Bind `rates` (rate_of, rate_at, rate): one for each currency and moment, into the currency `to`.

    Where several stand for one moment a direct rate comes before an inverse one, and what was collected first
    before what came later, so that the same order never gets another value.
    """
    session.bind("market", market)
    session.bind(
        "rates",
        sql(
            """
            SELECT rate_of, rate_at, rate FROM (
              SELECT *, row_number() OVER (PARTITION BY rate_of, rate_at
                                           ORDER BY inverse, received_at, source, rate) AS place
              FROM (
                SELECT split_part(name, ':', 2) AS rate_of, set_at AS rate_at, value AS rate,
                       0 AS inverse, received_at, source
                FROM market
                WHERE name LIKE 'rate:%' AND split_part(name, ':', 3) = :to AND value > 0
                UNION ALL
                SELECT split_part(name, ':', 3), set_at, 1 / value, 1, received_at, source
                FROM market
                WHERE name LIKE 'rate:%' AND split_part(name, ':', 2) = :to AND value > 0
              ) AS told
            ) AS placed WHERE place = 1
            """,
            to=to,
        ),
    )


def first_rates(
    session: Session, market: TableVersion | pa.Table, currencies: Sequence[str], to: str
) -> dict[str, datetime | None]:
    """For each currency but `to`: from when on there is a rate; None: there is none at all."""
    foreign = [currency for currency in currencies if currency != to]
    if not foreign:
        return {}
    bind_rates(session, market, to)
    known = dict(session.rows(sql("SELECT rate_of, min(rate_at) FROM rates GROUP BY rate_of")))
    return {currency: known.get(currency) for currency in foreign}


def rate_checks(
    firsts: dict[str, datetime | None], *, to: str, own: str, time: exp.Expr, has_money: exp.Expr
) -> list[Check]:
    """Checks that find rows for which there is no rate.

    Args:
        firsts: Of `first_rates`.
        to: The workspace's currency.
        own: Currency of rows that say none.
        time: When the row's money was paid.
        has_money: Whether a row has any.
    """
    checks: list[Check] = []
    told = sorted(firsts.items())
    for currency, first in told[:_CHECKS_MAX]:
        before = f" before {first:%Y-%m-%d %H:%M} UTC" if first is not None else ""
        detail = (
            f"there is no rate to {to} for {currency} (rate:{currency}:{to}){before}; take one with "
            "`aimwell collect rates FILE`, then collect these files again"
        )
        checks.append(_check(detail, _unrated(currency, first, own, time), has_money))
    if rest := told[_CHECKS_MAX:]:
        names = ", ".join(currency for currency, _ in rest)
        detail = f"there is no rate to {to} at its time for its currency, which is one of {names}"
        tests = [_unrated(currency, first, own, time) for currency, first in rest]
        checks.append(_check(detail, exp.or_(*tests), has_money))
    return checks


def _unrated(currency: str, first: datetime | None, own: str, time: exp.Expr) -> exp.Expr:
    early = sql(":time < :first", time=time, first=first) if first is not None else sql("TRUE")
    return sql(
        "(coalesce(currency, :own) = :currency AND :early)",
        own=own,
        currency=currency,
        early=exp.paren(early),
    )


def _check(detail: str, unrated: exp.Expr, has_money: exp.Expr) -> Check:
    test = sql("coalesce(:money AND :unrated, FALSE)", money=exp.paren(has_money), unrated=unrated)
    return Check("currency", NO_RATE, detail, test)


def convert_money(
    session: Session,
    market: TableVersion | pa.Table,
    *,
    money: Sequence[str],
    time: str,
    to: str,
    now: datetime,
) -> list[str]:
    """Make the money of `fresh` the currency `to`; returns the currencies that were found.

    Args:
        session: With `fresh`, which has a `currency`, and whose rows all passed `rate_checks`.
        market: The lake's table.
        money: Columns that hold money.
        time: Column that says when; a row without a time takes the rate of `now`.
        to: The workspace's currency.
        now: The present.
    """
    found = [row[0] for row in session.rows(sql("SELECT DISTINCT currency FROM fresh ORDER BY 1"))]
    if found in ([], [to]):
        return found
    bind_rates(session, market, to)
    when = sql("coalesce(:time, :now)", time=column(time), now=now)
    session.materialise(
        "rated",
        sql(
            """
            SELECT u.*, CASE WHEN u.currency = :to THEN 1 ELSE r.rate END AS rate
            FROM (SELECT *, :time AS rate_time FROM :rows AS rows) AS u ASOF LEFT JOIN rates AS r
              ON u.currency = r.rate_of AND u.rate_time >= r.rate_at
            """,
            to=to,
            time=when,
            rows=sql("SELECT * FROM fresh"),
        ),
    )
    converted = [
        exp.alias_(sql("CAST(:x * rate AS decimal(18, 4))", x=column(name)), name, quoted=True)
        for name in money
    ]
    replaced = exp.Star(except_=[exp.column("rate"), exp.column("rate_time")], replace=converted)
    session.bind("fresh", exp.select(replaced).from_("rated"))
    return found
