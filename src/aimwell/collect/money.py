"""Money in the workspace's currency: as it is, or by dated rates of the lake, else refused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlglot import exp

from aimwell.errors import CurrencyError
from aimwell.store.engine import Session
from aimwell.store.lake import Lake
from aimwell.store.sql import column, sql

__all__ = ["convert_money"]


def convert_money(
    session: Session,
    lake: Lake,
    *,
    money: Sequence[str],
    time: str,
    to: str,
    now: datetime,
) -> list[str]:
    """Make the money of `fresh` the currency `to`; returns the currencies that were found.

    Args:
        session: With `fresh`, which has a `currency`.
        lake: Its table `market` holds rates, as 'rate:EUR:GBP': what one euro was in pounds from then on.
        money: Columns that hold money.
        time: Column that says when; a row without a time takes the rate of `now`.
        to: The workspace's currency.
        now: The present.

    Raises:
        CurrencyError: There is no rate for some row's currency at its time.
    """
    found = [row[0] for row in session.rows(sql("SELECT DISTINCT currency FROM fresh ORDER BY 1"))]
    if found in ([], [to]):
        return found
    session.bind("market", lake.pin("market").tables["market"])
    session.bind(
        "rates",
        sql(
            """
            SELECT split_part(name, ':', 2) AS rate_of, value AS rate, set_at AS rate_at FROM market
            WHERE name LIKE 'rate:%' AND split_part(name, ':', 3) = :to AND value > 0
            """,
            to=to,
        ),
    )
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
    _refuse_unrated(session, to)
    converted = [
        exp.alias_(sql("CAST(:x * rate AS decimal(18, 4))", x=column(name)), name, quoted=True)
        for name in money
    ]
    replaced = exp.Star(except_=[exp.column("rate"), exp.column("rate_time")], replace=converted)
    session.bind("fresh", exp.select(replaced).from_("rated"))
    return found


def _refuse_unrated(session: Session, to: str) -> None:
    rows = session.rows(
        sql(
            """
            SELECT currency, count(*), min(rate_time) FROM rated WHERE rate IS NULL
            GROUP BY currency ORDER BY 2 DESC
            """
        )
    )
    if rows:
        currency, count, first = rows[0]
        others = f" (and {', '.join(row[0] for row in rows[1:])})" if len(rows) > 1 else ""
        raise CurrencyError(
            f"{count:,} rows are in {currency}{others}, and there is no rate to {to} for {first:%Y-%m-%d}. "
            f"Nothing was taken. Put rates into the lake's table market, named 'rate:{currency}:{to}', or say "
            "the right `currency`.",
            currency=currency,
        )
