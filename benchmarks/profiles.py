"""The current state of 1 million profiles over 20 million events: after 10,000 new events for their people alone, and in full.

`benchmarks/profiles.py [--people N] [--quick]`

The yardstick is the full refresh in the same run. It comes last and must find nothing to change: then the state of the few
is what the full one gives.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
from pathlib import Path

import duckdb

from aimwell.history.computed import refresh_computed
from aimwell.history.current import refresh_state
from aimwell.store.stores import Stores, create_stores
from aimwell.unify.profiles import refresh_profiles
from segment_rules import AS_OF, batches, fill, timed

MOST_RATIO, MOST_GIB = 1 / 20, 6.0


def main() -> int:
    """Print the figures; 1 where the state is wrong or the ratio is missed."""
    parser = argparse.ArgumentParser(description="Refreshing a few profiles against refreshing all")
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    people = 10_000 if asked.quick else asked.people
    events, new = people * 20, people // 100
    with tempfile.TemporaryDirectory() as folder:
        stores = create_stores(Path(folder, "shop"), identity_key=bytes(32))
        fill(stores, people, events)
        first = timed(lambda: refreshed(stores))
        touched = add_events(stores, people, new)
        few = timed(lambda: refresh_state(stores, touched, AS_OF))
        whole = timed(lambda: refreshed(stores))
        stores.close()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    wall, processor = few.wall / whole.wall, few.processor / whole.processor
    fast = min(wall, processor) <= MOST_RATIO and memory <= MOST_GIB
    print(
        f"state of {people:,} profiles, {events:,} events: written first {first.wall:.1f} s ({first.processor:.1f} s of "
        f"processor time), compared in full {whole.wall:.1f} s ({whole.processor:.1f} s), at most {memory:.1f} GiB, to "
        f"reach {MOST_GIB:.0f} GiB"
    )
    print(
        f"after {new:,} new events the {len(touched):,} people concerned: {few.wall:.2f} s ({few.processor:.2f} s): "
        f"1/{1 / wall:.0f} of the full refresh, by processor time 1/{1 / processor:.0f}, to reach 1/20"
        f"{'' if fast else ' MISSED'}"
    )
    if whole.result != (0, 0):
        print(f"the full refresh changed {whole.result} rows after the few WRONG")
        return 1
    return 0 if fast or asked.quick else 1


def refreshed(stores: Stores) -> tuple[int, int]:
    """Of everybody: rows of profiles that changed, and of their computed traits."""
    return refresh_profiles(stores, now=AS_OF), refresh_computed(stores, now=AS_OF)


def add_events(stores: Stores, people: int, events: int) -> list[str]:
    """New events of the last day; returns the profiles to which they belong."""
    query = f"""
        SELECT 'n' || i AS event_id, substr(md5('person ' || (hash(i * 31) % {people})), 1, 24) AS origin_id,
               TIMESTAMPTZ '2025-11-30 00:00:00+00' + to_seconds((hash(i) % 86000)::BIGINT) AS occurred_at,
               'Product Viewed' AS event, 's1' AS sku, 'c1' AS category
        FROM range({events}) AS t(i)
        """  # noqa: S608 - numbers of this file
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
        stores.lake.append("events", batches(connection, "events", query))
        origins = {row[1] for row in connection.execute(query).fetchall()}
    with stores.read_control() as connection_:
        merged = dict(
            connection_.exec_driver_sql(
                "SELECT origin_id, profile_id FROM identity_overrides"
            ).all()
        )
    return sorted({merged.get(origin, origin) for origin in origins})


if __name__ == "__main__":
    sys.exit(main())
