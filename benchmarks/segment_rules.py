"""A nested rule on 20 million events of 1 million people, against hand-written SQL with the same origin join.

`benchmarks/segment_rules.py [--turns N] [--quick]`

The yardstick is what somebody who knows the tables would write for just this rule: the right table for each leaf, no
view between, the same set of known people, the same join of merged origins, the same order. Both take turns in one
session on the same files, each first in every other turn, and must give the same people. Compared is the rule's own
time, compiling it included: the median of the turns' ratios, by the wall clock and by processor time, which other work on
the machine disturbs less. What a session does once is printed beside it: looking up which events a table holds,
opening the session, and reading a million known people from the control database; as is the table of all features.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.segment import Segment
from aimwell.history.features import features
from aimwell.history.moment import Moment, open_moment
from aimwell.segment.service import compiled, members, members_query
from aimwell.store.stores import Stores, create_stores
from aimwell.store.tables import LAKE_TABLES

MOST_RATIO = 1.15
FEATURE_SECONDS, FEATURE_GIB = 30.0, 6.0
AS_OF = datetime(2025, 12, 1, tzinfo=UTC)

RULE = {
    "all": [
        {
            "event": "Order Completed",
            "count": {"at_least": 2},
            "within": "365d",
            "where": {"revenue": {"above": 20}},
        },
        {
            "any": [
                {"event": "Product Viewed", "within": "30d"},
                {"event": "Cart Viewed", "count": {"at_least": 2}, "within": "60d"},
                {"event": "Product Searched", "where": {"properties.ms": {"above": 4900}}},
            ]
        },
        {"trait": "country", "in": ["GB", "IE"]},
        {"not": {"event": "Email Link Clicked", "within": "30d"}},
    ]
}

BY_HAND = """
WITH identified AS (SELECT origin_id, profile_id FROM identity)
SELECT profile_id FROM known WHERE
  profile_id IN (
    SELECT coalesce(i.profile_id, t.origin_id) FROM read_parquet($orders) AS t
    LEFT JOIN identified AS i ON i.origin_id = t.origin_id
    WHERE t.kind = 'sale' AND t.revenue > 20 AND t.ordered_at >= $days_365 AND t.ordered_at < $as_of
    GROUP BY 1 HAVING count(*) >= 2
  )
  AND (
    profile_id IN (
      SELECT coalesce(i.profile_id, t.origin_id) FROM read_parquet($events) AS t
      LEFT JOIN identified AS i ON i.origin_id = t.origin_id
      WHERE t.event = 'Product Viewed' AND t.occurred_at >= $days_30 AND t.occurred_at < $as_of
    )
    OR profile_id IN (
      SELECT coalesce(i.profile_id, t.origin_id) FROM read_parquet($events) AS t
      LEFT JOIN identified AS i ON i.origin_id = t.origin_id
      WHERE t.event = 'Cart Viewed' AND t.occurred_at >= $days_60 AND t.occurred_at < $as_of
      GROUP BY 1 HAVING count(*) >= 2
    )
    OR profile_id IN (
      SELECT coalesce(i.profile_id, t.origin_id) FROM read_parquet($events) AS t
      LEFT JOIN identified AS i ON i.origin_id = t.origin_id
      WHERE t.event = 'Product Searched' AND t.occurred_at < $as_of
        AND TRY_CAST(json_extract_string(t.properties, '/ms') AS decimal(38, 10)) > 4900
    )
  )
  AND profile_id IN (
    SELECT p FROM (
      SELECT coalesce(i.profile_id, t.origin_id) AS p, arg_max(t.value, (t.set_at, t.received_at, t.value)) AS value
      FROM read_parquet($traits) AS t LEFT JOIN identified AS i ON i.origin_id = t.origin_id
      WHERE t.name = 'country' AND t.set_at < $as_of GROUP BY 1
    ) WHERE value IN ('GB', 'IE')
  )
  AND NOT profile_id IN (
    SELECT coalesce(i.profile_id, t.origin_id) FROM read_parquet($touches) AS t
    LEFT JOIN identified AS i ON i.origin_id = t.origin_id
    WHERE t.event = 'Email Link Clicked' AND NOT t.machine
      AND t.occurred_at >= $days_30 AND t.occurred_at < $as_of
  )
ORDER BY profile_id
"""

BARE = """
WITH e AS (
  SELECT coalesce(i.profile_id, t.origin_id) AS profile_id, count(*) AS n, max(t.occurred_at) AS last_at
  FROM read_parquet($events) AS t LEFT JOIN identity AS i ON i.origin_id = t.origin_id
  WHERE t.occurred_at < $as_of GROUP BY 1
), o AS (
  SELECT coalesce(i.profile_id, t.origin_id) AS profile_id, count(*) AS n, max(t.ordered_at) AS last_at,
         sum(t.revenue) AS revenue
  FROM read_parquet($orders) AS t LEFT JOIN identity AS i ON i.origin_id = t.origin_id
  WHERE t.ordered_at < $as_of GROUP BY 1
), m AS (
  SELECT coalesce(i.profile_id, t.origin_id) AS profile_id, count(*) AS n, max(t.occurred_at) AS last_at
  FROM read_parquet($touches) AS t LEFT JOIN identity AS i ON i.origin_id = t.origin_id
  WHERE t.occurred_at < $as_of GROUP BY 1
)
SELECT k.profile_id, e.n, e.last_at, o.n, o.last_at, o.revenue, m.n, m.last_at
FROM known AS k LEFT JOIN e ON e.profile_id = k.profile_id LEFT JOIN o ON o.profile_id = k.profile_id
LEFT JOIN m ON m.profile_id = k.profile_id
ORDER BY k.profile_id
"""


def main() -> int:
    """Print the figures; 1 where a result is wrong or a ratio is missed."""
    parser = argparse.ArgumentParser(description="Rules against hand-written SQL")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    people, events = (10_000, 200_000) if asked.quick else (1_000_000, 20_000_000)
    with tempfile.TemporaryDirectory() as folder:
        stores = create_stores(Path(folder, "shop"), identity_key=bytes(32))
        fill(stores, people, events)
        fine = compare_rule(stores, people, events, asked.turns, binding=not asked.quick)
        fine &= measure_features(stores, people, events, binding=not asked.quick)
        stores.close()
    return 0 if fine else 1


def compare_rule(stores: Stores, people: int, events: int, turns: int, *, binding: bool) -> bool:
    """Our SQL and the one by hand, by turns; the first turn warms up and is not counted."""
    segment = check({"kind": "segment", "name": "nested", "rule": RULE})
    assert isinstance(segment, Segment)
    rule = segment.rule
    pairs: list[tuple[Timed, Timed]] = []
    with open_moment(stores, as_of=AS_OF) as moment:
        by_hand = hand_written(moment, BY_HAND)
        once = timed(lambda: moment.activity_of("Product Viewed"))
        compiled(moment, rule)  # binds the known people, for both

        def by_rule() -> pa.Table:
            query = members_query(compiled(moment, rule)).order_by("profile_id")
            return moment.session.table(query)

        for turn in range(turns + 1):
            if turn % 2:
                ours, theirs = timed(by_rule), timed(by_hand)
            else:
                theirs, ours = timed(by_hand), timed(by_rule)
            if not ours.result.equals(theirs.result):
                print(
                    f"the rule gave {ours.result.num_rows} people, by hand {theirs.result.num_rows} WRONG"
                )
                return False
            if turn:
                pairs.append((ours, theirs))
    wall = statistics.median(mine.wall / hand.wall for mine, hand in pairs)
    processor = statistics.median(mine.processor / hand.processor for mine, hand in pairs)
    fast = min(wall, processor) <= MOST_RATIO
    whole = timed(lambda: members(stores, segment, as_of=AS_OF))
    print(
        f"nested rule, {events:,} events, {people:,} people ({pairs[0][0].result.num_rows:,} members), "
        f"{turns} turns: {statistics.median(mine.wall for mine, _ in pairs):.2f} s, by hand "
        f"{statistics.median(hand.wall for _, hand in pairs):.2f} s: {wall:.2f} x, "
        f"by processor time {processor:.2f} x, to reach {MOST_RATIO} x{'' if fast else ' MISSED'}; "
        f"names of events, once a session, {once.wall:.2f} s; the whole call, with the known people, "
        f"{whole.wall:.2f} s"
    )
    return fast or not binding


def hand_written(moment: Moment, text: str) -> Callable[[], pa.Table]:
    """A yardstick, on the same files and in the same DuckDB."""
    connection: duckdb.DuckDBPyConnection = moment.session.connection  # type: ignore[attr-defined]
    ago = {f"days_{days}": AS_OF - timedelta(days=days) for days in (30, 60, 365)}
    files = {
        name: list(moment.snapshot.tables[name].files)
        for name in ("events", "orders", "touches", "traits")
    }
    every: dict[str, Any] = {**files, **ago, "as_of": AS_OF}
    parameters = {name: value for name, value in every.items() if f"${name}" in text}

    def run() -> pa.Table:
        return connection.sql(text, params=parameters).to_arrow_table()

    return run


def measure_features(stores: Stores, people: int, events: int, *, binding: bool) -> bool:
    """All features of everybody: seconds, and the most memory that this process ever had."""

    def all_features() -> pa.Table:
        with open_moment(stores, as_of=AS_OF) as moment:
            return features(moment)

    def bare() -> pa.Table:
        with open_moment(stores, as_of=AS_OF) as moment:
            moment.bind_known()
            return hand_written(moment, BARE)()

    bare()  # warms up
    least, done = timed(bare), timed(all_features)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    fine = done.wall <= FEATURE_SECONDS and memory <= FEATURE_GIB
    rows, columns = done.result.shape
    print(
        f"feature table, {people:,} people, {events:,} events, {columns - 1} features: {done.wall:.1f} s "
        f"({done.processor:.1f} s of processor time) and at most {memory:.1f} GiB, to reach "
        f"{FEATURE_SECONDS:.0f} s and {FEATURE_GIB:.0f} GiB{'' if fine else ' MISSED'}; a count, a sum and a last "
        f"time of each table {least.wall:.1f} s ({least.processor:.1f} s): {done.wall / least.wall:.1f} x, by "
        f"processor time {done.processor / least.processor:.1f} x"
    )
    right = rows == least.result.num_rows == people - people // 50
    return right and (fine or not binding)


@dataclass(frozen=True)
class Timed:
    """Seconds of the wall clock and of all cores together, and what came out."""

    wall: float
    processor: float
    result: Any


def timed(run: Callable[[], Any]) -> Timed:
    """Run it once."""
    start, used = time.perf_counter(), time.process_time()
    result = run()
    return Timed(time.perf_counter() - start, time.process_time() - used, result)


# --- data -----------------------------------------------------------------------------------------------

WHO = "substr(md5('person ' || (hash(i * 7 + {key}) % {people})), 1, 24)"
WHEN = (
    "TIMESTAMPTZ '2024-01-01 00:00:00+00' + to_seconds((hash(i * 13 + {key}) % 63072000)::BIGINT)"
)
MONEY = "((hash(i * 5) % 10000) / 100)::DECIMAL(18, 4)"

TABLES = {
    "events": (
        0.7,
        f"""
        'e' || i AS event_id, {WHO} AS origin_id, {WHEN} AS occurred_at,
        ['Product Viewed', 'Product Added', 'Cart Viewed', 'Login', 'Product Searched']
          [(1 + hash(i) % 5)::BIGINT] AS event,
        's' || hash(i * 3) % 5000 AS sku, 'c' || hash(i * 3) % 40 AS category,
        '{{{{"page": "/p/' || i % 1000 || '", "ms": ' || hash(i) % 5000 || '}}}}' AS properties
        """,
    ),
    "orders": (
        0.2,
        f"""
        'o' || i AS order_id, {WHO} AS origin_id, {WHEN} AS ordered_at,
        CASE WHEN i % 20 = 0 THEN 'return' ELSE 'sale' END AS kind,
        (CASE WHEN i % 20 = 0 THEN -1 ELSE 1 END * {MONEY})::DECIMAL(18, 4) AS revenue,
        1::DECIMAL(18, 4) AS quantity, 1::BIGINT AS lines
        """,
    ),
    "touches": (
        0.1,
        f"""
        't' || i AS touch_id, {WHO} AS origin_id, {WHEN} AS occurred_at,
        ['Email Sent', 'Email Opened', 'Email Link Clicked'][(1 + hash(i) % 3)::BIGINT] AS event,
        'c' || i % 9 AS campaign, 'email' AS channel, hash(i * 11) % 10 = 0 AS machine
        """,
    ),
    "traits": (
        None,
        """
        substr(md5('person ' || i), 1, 24) AS origin_id, 'country' AS name,
        ['GB', 'IE', 'DE', 'FR'][(1 + hash(i) % 4)::BIGINT] AS value,
        TIMESTAMPTZ '1970-01-01 00:00:00+00' AS set_at
        """,
    ),
}
"""Table → share of the events (None: one row a person) and columns."""


def fill(stores: Stores, people: int, events: int) -> None:
    """Two years of a shop, one person in fifty merged into another; made by the engine's own hash, so always the same."""
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
        for key, (name, (share, columns)) in enumerate(TABLES.items()):
            rows = people if share is None else int(events * share)
            text = columns.format(key=key, people=people)
            query = f"SELECT {text} FROM range({rows}) AS t(i)"  # noqa: S608 - text of this file
            stores.lake.append(name, batches(connection, name, query))
        ids = [
            row[0]
            for row in connection.execute(
                "SELECT substr(md5('person ' || i), 1, 24) FROM range($1) AS t(i)", [people]
            ).fetchall()
        ]
    merged = people // 50
    with stores.control.begin() as control:
        for start in range(0, people, 50_000):
            rows_ = [(one,) for one in ids[merged:][start : start + 50_000]]
            if rows_:
                control.exec_driver_sql(
                    "INSERT INTO profiles (profile_id, first_seen_at, last_seen_at, orders, traits, updated_at) "
                    "VALUES (?, '2024-01-01 00:00:00.000000', '2025-12-01 00:00:00.000000', 1, '{}', "
                    "'2025-12-01 00:00:00.000000')",
                    rows_,
                )
        control.exec_driver_sql(
            "INSERT INTO identity_overrides (origin_id, profile_id, evidence, merged_at) "
            "VALUES (?, ?, '[]', '2025-12-01 00:00:00.000000')",
            [(ids[place], ids[-1 - place]) for place in range(merged)],
        )


def batches(
    connection: duckdb.DuckDBPyConnection, name: str, query: str
) -> Iterator[pa.RecordBatch]:
    """Rows of a canonical table; columns that the query lacks are null, provenance is filled in."""
    schema = LAKE_TABLES[name].schema
    for batch in connection.sql(query).to_arrow_reader(500_000):
        columns = []
        for field in schema:
            if field.name in batch.schema.names:
                columns.append(batch.column(field.name).cast(field.type))
            elif field.name == "source":
                columns.append(pa.array(["benchmark"] * batch.num_rows, field.type))
            elif field.name == "received_at":
                columns.append(pa.array([AS_OF] * batch.num_rows, field.type))
            else:
                columns.append(pa.nulls(batch.num_rows, field.type))
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


if __name__ == "__main__":
    sys.exit(main())
