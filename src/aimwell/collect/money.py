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

from aimwell.collect.known import GONE
from aimwell.collect.staging import Check
from aimwell.store.engine import Session
from aimwell.store.lake import TableVersion
from aimwell.store.sql import column, sql, union_all

__all__ = [
    "NO_RATE",
    "RATE_MAX",
    "RATE_MIN",
    "TOO_LARGE",
    "bind_rates",
    "bind_standing",
    "convert_money",
    "first_rates",
    "rate_checks",
]

NO_RATE = "no_rate"
"""Reason of rows that wait for a rate."""

TOO_LARGE = "converted_out_of_range"
"""Reason of rows whose money is absurd in the workspace's currency: they wait for another rate."""

RATE_MIN, RATE_MAX = 1e-7, 1e7
"""No two currencies in use are further apart; what is beyond is a slip, and is never used."""

# Far below what a column of money holds, so that an order of many such lines can still be summed.
_CONVERTED_MAX = 1e13

_CHECKS_MAX = 12  # a check is a bit of 64; the rest of the currencies share the last one


def bind_standing(session: Session, market: TableVersion | pa.Table | exp.Query) -> None:
    """Bind `standing` (name, set_at, rate, source, received_at): of each pair and moment the newest statement.

    It counts whatever source it came from; what was converted by an older one stays as it is.
    """
    session.bind("market", market)
    session.bind(
        "standing",
        sql(
            """
            SELECT name, set_at, rate, source, received_at FROM (
              SELECT name, set_at, value AS rate, source, received_at,
                     row_number() OVER (PARTITION BY name, set_at
                                        ORDER BY received_at DESC, source DESC, load_id DESC, value) AS place
              FROM market WHERE name LIKE 'rate:%'
            ) AS placed WHERE place = 1
            """
        ),
    )


def bind_rates(session: Session, market: TableVersion | pa.Table | exp.Query, to: str) -> None:
    """Bind `rates` (rate_of, rate_at, rate, name, received_at): one for each currency and moment, into `to`.

    For one moment a direct rate comes before an inverse one. Rates beyond `RATE_MIN` to `RATE_MAX`, which an
    earlier version took, are passed over.
    """
    bind_standing(session, market)
    session.bind(
        "rates",
        sql(
            """
            SELECT rate_of, rate_at, rate, name, received_at FROM (
              SELECT *, row_number() OVER (PARTITION BY rate_of, rate_at ORDER BY inverse) AS place
              FROM (
                SELECT split_part(name, ':', 2) AS rate_of, set_at AS rate_at, rate, 0 AS inverse,
                       name, received_at
                FROM standing
                WHERE split_part(name, ':', 3) = :to AND rate BETWEEN :least AND :most
                UNION ALL
                SELECT split_part(name, ':', 3), set_at, 1 / rate, 1, name, received_at
                FROM standing
                WHERE split_part(name, ':', 2) = :to AND rate BETWEEN :least AND :most
              ) AS told
            ) AS placed WHERE place = 1
            """,
            to=to,
            least=RATE_MIN,
            most=RATE_MAX,
        ),
    )


def first_rates(
    session: Session,
    market: TableVersion | pa.Table | exp.Query,
    currencies: Sequence[str],
    to: str,
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
    market: TableVersion | pa.Table | exp.Query,
    *,
    money: Sequence[str],
    time: str,
    to: str,
    now: datetime,
) -> list[str]:
    """Make the money of `fresh` the currency `to`; returns the currencies that were found.

    Rows whose money becomes absurd leave `fresh`; they are noted in `gone` as `TOO_LARGE`.

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
    kept = _without_absurd(session, money, to)
    converted = [
        exp.alias_(sql("CAST(:x * rate AS decimal(18, 4))", x=column(name)), name, quoted=True)
        for name in money
    ]
    replaced = exp.Star(except_=[exp.column("rate"), exp.column("rate_time")], replace=converted)
    session.bind("fresh", exp.select(replaced).from_(kept))
    return found


def _without_absurd(session: Session, money: Sequence[str], to: str) -> str:
    """The name of the `rated` rows without those whose converted money is absurd, which go to `gone`."""
    tests = [
        sql("abs(CAST(:x AS double) * rate) > :most", x=column(name), most=_CONVERTED_MAX)
        for name in money
    ]
    absurd = sql(
        "SELECT n FROM rated WHERE currency <> :to AND coalesce(:any, FALSE)",
        to=to,
        any=exp.paren(exp.or_(*tests)),
    )
    session.materialise("absurd", absurd)
    if not session.rows(sql("SELECT n FROM absurd LIMIT 1")):
        return "rated"
    gone = exp.to_table(GONE)
    more = sql(
        "SELECT n, :why AS why FROM absurd ANTI JOIN :gone USING (n)", why=TOO_LARGE, gone=gone
    )
    session.materialise("all_gone", union_all([sql("SELECT n, why FROM :gone", gone=gone), more]))
    session.materialise(GONE, sql("SELECT * FROM all_gone"))
    session.materialise("sound", sql("SELECT * FROM rated ANTI JOIN absurd USING (n)"))
    return "sound"
