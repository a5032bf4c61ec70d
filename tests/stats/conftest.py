"""Real customers for the statistics tests: what each spent before 1 September 2011 and in the 90 days after it."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import pytest

from data_folder import data_path

_QUERY = """
WITH lines AS (
    SELECT CustomerID AS id, InvoiceNo AS invoice, CAST(InvoiceDate AS TIMESTAMP) AS bought_at,
           Country AS country, CAST(Quantity AS DOUBLE) * CAST(UnitPrice AS DOUBLE) AS amount
    FROM read_csv(?, header = true, all_varchar = true)
    WHERE CustomerID IS NOT NULL
), orders AS (
    SELECT id, invoice, sum(amount) AS amount, max(bought_at) AS bought_at, max(country) AS country
    FROM lines WHERE bought_at < TIMESTAMP '2011-09-01' AND invoice NOT LIKE 'C%'
    GROUP BY id, invoice
), buyers AS (
    SELECT id, max(bought_at) AS last_at, sum(amount) AS gross, max(country) AS country,
           count(*) FILTER (amount > 20) AS orders
    FROM orders GROUP BY id
), before AS (
    SELECT id, sum(amount) AS spent FROM lines
    WHERE bought_at < TIMESTAMP '2011-09-01' GROUP BY id
), after AS (
    SELECT id, sum(amount) AS spent FROM lines
    WHERE bought_at >= TIMESTAMP '2011-09-01' AND bought_at < TIMESTAMP '2011-11-30' GROUP BY id
)
SELECT id, coalesce(after.spent, 0) AS after, before.spent AS before, orders,
       country IN ('United Kingdom', 'EIRE') AS near,
       ntile(5) OVER (ORDER BY last_at, id) AS recency, ntile(5) OVER (ORDER BY gross, id) AS monetary
FROM buyers JOIN before USING (id) LEFT JOIN after USING (id)
ORDER BY id
"""


@dataclass(frozen=True)
class Customers:
    """Some customers: `after` is spend in the 90 days from 1 September 2011, `before` all spend before it."""

    ids: list[str]
    after: np.ndarray
    before: np.ndarray


@pytest.fixture(scope="session")
def customer_groups() -> dict[str, Customers]:
    """All customers of Online Retail, those lapsing who had spent much, and of these the repeat buyers nearby."""
    path = data_path("online-retail/online_retail.csv.gz")
    connection = duckdb.connect()
    connection.execute("SET enable_progress_bar = false")
    table = connection.execute(_QUERY, [str(path)]).fetchnumpy()
    lapsing = (table["recency"] <= 2) & (table["monetary"] >= 4)
    groups = {
        "all": np.ones(len(lapsing), dtype=bool),
        "lapsing": lapsing,
        "lapsing_repeat": lapsing & (table["orders"] >= 2) & table["near"],
    }
    return {
        name: Customers(
            ids=[str(origin) for origin in table["id"][chosen]],
            after=np.asarray(table["after"][chosen], dtype=np.float64),
            before=np.asarray(table["before"][chosen], dtype=np.float64),
        )
        for name, chosen in groups.items()
    }
