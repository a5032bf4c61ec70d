"""Two hundred segments in one pass against two hundred single ones, and again after a few people were touched.

The yardstick of the pass is the same segments refreshed one by one (a sample of them, times their number); that of the few
people is the pass itself. Members are compared with those that `members` gives for each rule by itself.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from aimwell.definitions import service as definitions
from aimwell.definitions.catalogue import check
from aimwell.history.touched import note_touched
from aimwell.segment.membership.following import follow
from aimwell.segment.membership.refreshing import current_members, refresh
from aimwell.segment.service import members
from aimwell.store.stores import Stores, create_stores
from segment_rules import AS_OF, TABLES, batches, fill, timed

LEAST_TIMES, MOST_SHARE = 5.0, 1 / 20
SEGMENTS, SAMPLE = 200, 6


def main() -> int:
    """Print the figures; 1 where a result is wrong or a ratio is missed."""
    parser = argparse.ArgumentParser(description="Many segments in one pass")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--scale", type=float, default=1.0, help="Share of a million people.")
    asked = parser.parse_args()
    scale = 0.01 if asked.quick else asked.scale
    people, events, touched = int(1e6 * scale), int(2e7 * scale), int(1e4 * scale)
    with tempfile.TemporaryDirectory() as folder:
        stores = create_stores(Path(folder, "shop"), identity_key=bytes(32))
        fill(stores, people, events)
        define(stores)
        fine = measure(stores, people, events, touched, binding=not asked.quick)
        stores.close()
    return 0 if fine else 1


def define(stores: Stores) -> None:
    """Two hundred segments as shops have them: three leaves each of some ninety, one in five asks for another one."""
    draw = random.Random(7)  # noqa: S311
    names = ["Product Viewed", "Product Added", "Cart Viewed", "Login", "Product Searched"]
    found: list[dict[str, Any]] = []
    for number in range(SEGMENTS):
        span = draw.choice(["7d", "30d", "90d", "365d"])
        parts: list[dict[str, Any]] = [
            {
                "event": draw.choice(names),
                "within": span,
                "count": {"at_least": draw.randint(1, 3)},
            },
            draw.choice(
                [
                    {"event": "Order Completed", "within": span},
                    {"event": "Order Completed", "sum": {"of": "revenue", "above": 100}},
                    {"event": "Order Completed", "last": {"before": span}},
                    {"not": {"event": "Email Link Clicked", "within": span}},
                ]
            ),
        ]
        if number % 5 == 4:
            parts.append({"segment": f"s{draw.randrange(number)}"})
        else:
            parts.append(
                {"trait": "country", "in": draw.choice([["GB"], ["GB", "IE"], ["DE", "FR"]])}
            )
        found.append(
            {"kind": "segment", "name": f"s{number}", "rule": {draw.choice(["all", "any"]): parts}}
        )
    definitions.apply(
        stores.control, [check(one) for one in found], now=AS_OF - timedelta(days=1), by="benchmark"
    )


def measure(stores: Stores, people: int, events: int, touched: int, *, binding: bool) -> bool:
    """The pass, single ones, and the few."""
    at = AS_OF
    together = timed(lambda: refresh(stores, now=at))
    draw = random.Random(1)  # noqa: S311
    sample = draw.sample(range(SEGMENTS), SAMPLE)
    single = []
    for number in sample:
        name = f"s{number}"
        by_rule = members(stores, name, as_of=AS_OF)
        if not current_members(stores, name).select(["profile_id"]).equals(by_rule):
            print(f"{name} has other members in the pass than by its rule WRONG")
            return False
        at += timedelta(seconds=1)
        single.append(timed(lambda name=name, at=at: refresh(stores, now=at, segments=[name])))  # type: ignore[misc]
    times = SEGMENTS / SAMPLE
    alone = (times * sum(one.wall for one in single), times * sum(one.processor for one in single))
    gain = max(alone[0] / together.wall, alone[1] / together.processor)
    print(
        f"{SEGMENTS} segments, {people:,} people, {events:,} events: one pass {together.wall:.1f} s "
        f"({together.processor:.1f} s of processor time), one by one (from {SAMPLE} of them) {alone[0]:.0f} s "
        f"({alone[1]:.0f} s): {alone[0] / together.wall:.1f} x, by processor time {alone[1] / together.processor:.1f} x, "
        f"to reach {LEAST_TIMES:.0f} x{'' if gain >= LEAST_TIMES else ' MISSED'}"
    )
    came = add_events(stores, people, touched)
    note_touched(stores, came)
    few = timed(lambda: follow(stores, clock=lambda: AS_OF + timedelta(minutes=1)))
    share = min(few.wall / together.wall, few.processor / together.processor)
    print(
        f"after {few.result.people:,} touched people: {few.wall:.2f} s ({few.processor:.2f} s of processor time), of the "
        f"pass {few.wall / together.wall:.3f}, by processor time {few.processor / together.processor:.3f}, to reach "
        f"{MOST_SHARE:.2f}{'' if share <= MOST_SHARE else ' MISSED'}"
    )
    return (gain >= LEAST_TIMES and share <= MOST_SHARE) or not binding


def add_events(stores: Stores, people: int, touched: int) -> list[str]:
    """One event each of so many people, just before the look."""
    import duckdb

    _share, columns = TABLES["events"]
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
        text = columns.format(key=99, people=people)
        query = (
            f"SELECT * REPLACE (TIMESTAMPTZ '2025-12-01 00:00:30+00' AS occurred_at) FROM "  # noqa: S608 - text of this file
            f"(SELECT {text} FROM range({touched}) AS t(i))"
        )
        stores.lake.append("events", batches(connection, "events", query))
        rows = connection.sql(f"SELECT DISTINCT origin_id FROM ({query})").fetchall()  # noqa: S608
    return [row[0] for row in rows]


if __name__ == "__main__":
    sys.exit(main())
