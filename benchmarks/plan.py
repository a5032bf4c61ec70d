"""A plan for a million people and six actions, against the bare reads and writes of as many rows.

`benchmarks/plan.py [--people N] [--quick] [--only TEXT] [--profile]`

Four plans: at random; at random within a budget, a channel's capacity, an offer's stock and a segment's ceiling; by a policy
learnt from an imported experiment of 30,000 people within the same limits, its learning and judging included; and at the time and through
the channel at which each person acts, by models of eight messages a person. The yardstick reads the same
consents, addresses and known people from the control database and writes as many rows of plan_people, by the database's driver
itself. The goal is 60 seconds a plan and 4 GB. `--quick`: 20,000 people.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb

from aimwell.decide.service import plan
from aimwell.definitions import service as definitions
from aimwell.definitions.catalogue import check
from aimwell.predict.responding.channels import channel_preferences
from aimwell.predict.timing.kept_times import train_best_times
from aimwell.store.stores import Stores, create_stores
from segment_rules import AS_OF, batches, fill

MOST_SECONDS, MOST_GB = 60.0, 4.0
EVENTS_A_PERSON = 4
LEARNT = 30_000
OFFERS = ("ten", "ship", "gift")
CHANNELS = {"email": 0.01, "second": 0.05}
ACTIONS = [(offer, channel) for offer in OFFERS for channel in CHANNELS]


def main() -> int:
    """Print a line for each plan; 1 where the time or the memory is missed."""
    parser = argparse.ArgumentParser(description="A plan for a million people")
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="", help="Only plans whose name holds this.")
    parser.add_argument("--profile", action="store_true", help="Where the time goes.")
    asked = parser.parse_args()
    people = 20_000 if asked.quick else asked.people
    fine = True
    with tempfile.TemporaryDirectory() as folder:
        stores = create_stores(Path(folder, "shop"), identity_key=bytes(32), margin_default=0.4)
        fill(stores, people, people * EVENTS_A_PERSON)
        permit(stores, people)
        experiment(stores, min(people, LEARNT))
        bare = yardstick(stores)
        limits = {
            "budget": 0.01 * people,
            "limits": [{"segment": "british", "at_most": people // 20}],
        }
        shapes: dict[str, tuple[dict[str, Any], bool]] = {
            "at random": ({"choose": "random"}, False),
            "at random within limits": ({"choose": "random", **limits}, True),
            "by a policy within limits": ({"learn_from": "pilot", **limits}, True),
            "at own times and channels": ({"predicted_channel": {}}, False),
        }
        for name, (policy, limited) in shapes.items():
            if asked.only not in name:
                continue
            predicted = "predicted_channel" in policy
            if predicted:
                habits(stores, people)
            define(stores, policy, people if limited else None, predicted=predicted)
            seconds, processor = planned(stores, profile=asked.profile)
            good = asked.quick or min(seconds, processor) <= MOST_SECONDS
            fine = fine and good
            print(
                f"{name:<26} {people:,} people × {len(ACTIONS)} actions: {seconds:.1f} s, {processor:.1f} s of processor time, "
                f"{processor / bare:.1f} × the bare reads and writes ({bare:.1f} s){'' if good else '  MISSED'}"
            )
        stores.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    small = asked.quick or peak <= MOST_GB
    print(f"peak memory {peak:.2f} GB{'' if small else '  MISSED'}")
    return 0 if fine and small else 1


def permit(stores: Stores, people: int) -> None:
    """An address and a consent for nine in ten."""
    with duckdb.connect(":memory:") as connection:
        ids = [
            row[0]
            for row in connection.execute(
                "SELECT substr(md5('person ' || i), 1, 24) FROM range($1) AS t(i) WHERE i % 10 > 0",
                [people],
            ).fetchall()
        ]
    with stores.control.begin() as control:
        control.exec_driver_sql(
            "INSERT INTO identifiers (kind, value_hash, origin_id, source, first_seen_at) "
            "VALUES ('email', ?, ?, 'crm', '2024-01-01 00:00:00.000000')",
            [(f"h{one}", one) for one in ids],
        )
        control.exec_driver_sql(
            "INSERT INTO consents (origin_id, purpose, channel, state, occurred_at, basis, source) "
            "VALUES (?, 'marketing', 'email', 'granted', '2024-01-02 00:00:00.000000', 'opt_in', 'crm')",
            [(one,) for one in ids],
        )


def experiment(stores: Stores, people: int) -> None:
    """A pilot with all six actions, imported: what somebody spent rises by how much they had viewed."""
    arms = ["control", *(f"{offer}-{channel}" for offer, channel in ACTIONS)]
    listed = ", ".join(f"'{arm}'" for arm in arms)
    origin = "substr(md5('person ' || i), 1, 24)"
    arm = f"list_extract([{listed}], 1 + CAST(hash(i, 3) % {len(arms)} AS INTEGER))"
    given = (
        "'pilot' AS load_id, 'crm' AS source, TIMESTAMPTZ '2025-10-20 00:00:00+00' AS received_at"
    )
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
        for name, columns in {
            "assignments": f"'pilot' AS experiment, NULL AS plan_id, {origin} AS origin_id, {arm} AS arm, NULL AS action, "
            f"NULL AS variant, NULL AS bucket, {1 / len(arms)!r} AS probability, "
            f"TIMESTAMPTZ '2025-10-01 00:00:00+00' AS assigned_at, {given}",
            "outcomes": f"'pilot' AS experiment, {origin} AS origin_id, 'margin' AS name, "
            f"10 + (hash(i, 5) % 1000) / 100 + (CASE WHEN {arm} = 'control' THEN 0 ELSE (hash(i, 7) % 300) / 100 END) AS value, "
            f"14 AS window_days, TIMESTAMPTZ '2025-10-15 00:00:00+00' AS observed_at, {given}",
        }.items():
            query = f"SELECT {columns} FROM range({people}) AS t(i)"  # noqa: S608 - text of this file
            stores.lake.append(name, batches(connection, name, query))


def habits(stores: Stores, people: int) -> None:
    """Eight messages each, answered in the morning or the evening, in one channel more than in the other; and models of both."""
    origin = "substr(md5('person ' || (i % $people)), 1, 24)"
    channel = f"list_extract({list(CHANNELS)!r}, 1 + CAST((i // $people) % 2 AS INTEGER))"
    at = "TIMESTAMPTZ '2025-09-20 10:00:00+00' + to_days(CAST(8 * (i // $people) AS INTEGER))"
    hour = "to_hours(CASE WHEN i % 2 = 0 THEN 10 ELSE 21 END)"
    answers = (
        "hash(i, 11) % 10 < CASE WHEN (i // $people + (i % $people) // 2) % 2 = 0 THEN 7 ELSE 1 END"
    )
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
        for event, moment, test in (("Sent", at, "TRUE"), ("Clicked", f"{at} + {hour}", answers)):
            text = (
                f"SELECT {origin} AS origin_id, '{event} ' || i AS touch_id, 'Email {event}' AS event, {moment} AS occurred_at, {channel} AS channel, "  # noqa: S608
                f"'week' AS campaign, FALSE AS machine FROM range(8 * $people) AS t(i) WHERE {test}"
            )
            query = text.replace("$people", str(people))
            stores.lake.append("touches", batches(connection, "touches", query))
    train_best_times(stores, as_of=AS_OF, check_days=20, name="acts-at", now=AS_OF)
    channel_preferences(stores, as_of=AS_OF, check_days=20, now=AS_OF)


def define(
    stores: Stores, policy: dict[str, Any], limited_to: int | None, *, predicted: bool
) -> None:
    """The campaign with this policy."""
    found: list[dict[str, Any]] = [
        {
            "kind": "segment",
            "name": "british",
            "rule": {"trait": "country", "in": ["GB"]},
        },
        {
            "kind": "template",
            "name": "hello",
            "variants": [
                {"name": name, "subject": "Hello", "html": "<p>Hello</p>"} for name in "ab"
            ],
        },
        {
            "kind": "contact_policy",
            "name": "default",
            "caps": [{"count": 2, "days": 7}],
            "quiet_hours": {"start": "21:00", "end": "08:00"},
        },
        {
            "kind": "campaign",
            "name": "large",
            "audience": {"everyone": True},
            "goal": {"value": "margin", "window": "14d"},
            "actions": [{"offer": o, "channel": c, "template": "hello"} for o, c in ACTIONS],
            "policy": policy,
            "schedule": {"at": "2025-12-02T09:00", "best_time": {}} if predicted else {},
        },
    ]
    for name in OFFERS:
        stock = {"stock": limited_to // 10} if limited_to and name == "gift" else {}
        found.append({"kind": "offer", "name": name, "benefit": {"percent": 10}, **stock})
    for name, cost in CHANNELS.items():
        capacity = {"capacity": limited_to // 10} if limited_to and name == "second" else {}
        found.append(
            {
                "kind": "channel",
                "name": name,
                "sender": {"address": "shop@shop.example"},
                "sink": {},
                "cost": cost,
                **capacity,
            }
        )
    definitions.apply(stores.control, [check(one) for one in found], now=AS_OF, by="benchmark")


def planned(stores: Stores, *, profile: bool) -> tuple[float, float]:
    """Seconds of a plan, by the clock and by the processor."""
    watch = cProfile.Profile(time.process_time)
    start, worked = time.perf_counter(), time.process_time()
    if profile:
        watch.enable()
    made = plan(stores, "large", now=AS_OF, by="benchmark")
    if profile:
        watch.disable()
        pstats.Stats(watch).sort_stats("cumulative").print_stats(35)
    used = time.perf_counter() - start, time.process_time() - worked
    summary = made.summary
    print(
        f"  {summary['treated']:,} contacted, {summary['control']:,} held out, {summary['passed']:,} passed over, "
        f"{sum(summary['excluded'].values()):,} left out, cost {summary['cost']:,.0f}"
    )
    return used


def yardstick(stores: Stores) -> float:
    """Processor seconds of reading what a plan reads and writing what it writes, by the driver itself."""
    start = time.process_time()
    with stores.control.read() as connection:
        people = [
            row[0]
            for row in connection.exec_driver_sql("SELECT profile_id FROM profiles").fetchall()
        ]
        for query in (
            "SELECT origin_id, state FROM consents",
            "SELECT origin_id FROM identifiers",
            "SELECT profile_id, timezone FROM profiles",
        ):
            connection.exec_driver_sql(query).fetchall()
    with stores.control.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE bare AS SELECT * FROM plan_people")
        connection.exec_driver_sql(
            "INSERT INTO bare (plan_id, profile_id, origin_id, bucket, arm, action, variant, probability, cost, send_at) "
            "VALUES ('p', ?, ?, 1, 'treatment', 'ten-email', 'a', 0.1, 100, '2025-12-01 00:00:00.000000')",
            [(one, one) for one in people],
        )
        connection.exec_driver_sql("DROP TABLE bare")
    return time.process_time() - start


if __name__ == "__main__":
    sys.exit(main())
