"""All features of 1 million people with 20 million events, every table of theirs filled: seconds and memory.

`benchmarks/features.py [--quick]`

To the shop of `segment_rules` come 4 million order lines of 5,000 products, and for a part of the people subscriptions, use of
them, reviews, answers, payments and points, so that no part of the catalogue is spared for want of rows. The yardstick is a
count, a sum and a last time of each large table.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import duckdb

from aimwell.history.features import feature_names, features
from aimwell.history.moment import open_moment
from aimwell.store.stores import Stores, create_stores
from segment_rules import AS_OF, MONEY, WHEN, WHO, batches, fill, measure_features

LINES = 0.2

MORE = {
    "order_lines": (
        LINES,
        f"""
        'l' || i AS line_id, 'o' || i AS order_id, {WHO} AS origin_id, {WHEN} AS ordered_at,
        CASE WHEN i % 20 = 0 THEN 'return' ELSE 'sale' END AS kind, 's' || hash(i * 3) % 5000 AS sku, true AS goods,
        (CASE WHEN i % 20 = 0 THEN -1 ELSE 1 END)::DECIMAL(18, 4) AS quantity, {MONEY} AS unit_price,
        0::DECIMAL(18, 4) AS discount, (CASE WHEN i % 20 = 0 THEN -1 ELSE 1 END * {MONEY})::DECIMAL(18, 4) AS revenue
        """,
    ),
    "subscriptions": (
        0.01,
        f"""
        'u' || i % 100000 AS subscription_id, {WHO} AS origin_id, ['active', 'ended'][(1 + hash(i) % 2)::BIGINT] AS state,
        TIMESTAMPTZ '2024-01-01 00:00:00+00' AS started_at, {WHEN} AS set_at
        """,
    ),
    "usage": (0.02, f"{WHO} AS origin_id, 'minutes' AS name, 5.0 AS amount, {WHEN} AS occurred_at"),
    "reviews": (
        0.01,
        f"'r' || i AS review_id, {WHO} AS origin_id, (1 + i % 5)::DOUBLE AS rating, 5.0 AS rating_max, {WHEN} AS reviewed_at",
    ),
    "answers": (
        0.01,
        f"{WHO} AS origin_id, 's' || i % 3 AS survey, 'nps' AS question, 7.0 AS number, {WHEN} AS answered_at",
    ),
    "payments": (
        0.02,
        f"""
        'p' || i AS payment_id, {WHO} AS origin_id, 'charge' AS kind, ['paid', 'late'][(1 + hash(i) % 2)::BIGINT] AS state,
        {MONEY} AS amount, {WHEN} AS set_at
        """,
    ),
    "loyalty": (
        0.02,
        f"{WHO} AS origin_id, 'points' AS programme, 50.0 AS balance, {WHEN} AS set_at",
    ),
    "products": (
        None,
        """
        's' || i AS sku, 'c' || i % 40 AS category, TIMESTAMPTZ '2024-01-01 00:00:00+00' AS set_at
        """,
    ),
}
"""Table → rows for each event (None: one for each of 5,000 products) and columns."""


def main() -> int:
    """Print the figures; 1 where a result is wrong or a figure is missed."""
    parser = argparse.ArgumentParser(description="All features of everybody")
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    people, events = (10_000, 200_000) if asked.quick else (1_000_000, 20_000_000)
    with tempfile.TemporaryDirectory() as folder:
        stores = create_stores(Path(folder, "shop"), identity_key=bytes(32))
        fill(stores, people, events)
        fill_more(stores, people, events)
        fine = measure_features(stores, people, events, binding=not asked.quick)
        fine &= every_feature_has_values(stores)
        stores.close()
    return 0 if fine else 1


def fill_more(stores: Stores, people: int, events: int) -> None:
    """The other tables, made by the engine's own hash, so always the same."""
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
        for name, (share, columns) in MORE.items():
            rows = 5_000 if share is None else int(events * share)
            # The same people and times as the orders of `fill`, whose lines they are.
            text = columns.format(key=1, people=people)
            query = f"SELECT {text} FROM range({rows}) AS t(i)"  # noqa: S608 - text of this file
            stores.lake.append(name, batches(connection, name, query))


def every_feature_has_values(stores: Stores) -> bool:
    """Of a few people; a feature without any would have cost nothing."""
    with stores.read_control() as control:
        rows = control.exec_driver_sql("SELECT profile_id FROM profiles LIMIT 3000").fetchall()
    with open_moment(stores, as_of=AS_OF, people=[row[0] for row in rows]) as moment:
        table = features(moment)
    empty = [name for name in feature_names() if table.column(name).null_count == len(table)]
    if empty:
        print(f"without a value: {', '.join(empty)}")
    return not empty


if __name__ == "__main__":
    sys.exit(main())
