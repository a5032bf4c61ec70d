"""Who is one person: a million profiles of three million identifiers, and then ten thousand newcomers.

`benchmarks/identity.py [--people 1000000] [--quick] [--postgres URL]`

People have a customer id, an e-mail address or a browser; most give an address, half a telephone number, one in twenty has
registered twice, one in five signs in on a browser that was anonymous before; families share numbers, kiosks and desks
share addresses with hundreds. The yardstick of a full run is SciPy's connected components over arrays that are loaded,
numbered and cleaned already, which knows no names, limits or browsers and writes nothing; that of the incremental run is the
full one, and it must leave exactly what a full run would.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import sqlalchemy as sa

from aimwell.collect.identities import keep_identifiers
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores, create_stores
from aimwell.unify.components import components
from aimwell.unify.identity import resolve, resolve_around

NOW = datetime(2026, 11, 1, tzinfo=UTC)

# A person's origins: a (customer id, e-mail address or browser), b (a second account), c (the browser before it signed in).
_PEOPLE = """
CREATE TABLE people AS
SELECT n, substr(md5('a' || n), 1, 24) AS a,
       CASE WHEN hash(n, 1) % 20 = 0 AND n % 20 < 14 THEN substr(md5('b' || n), 1, 24) END AS b,
       CASE WHEN hash(n, 2) % 5 = 0 AND n % 20 < 17 THEN substr(md5('c' || n), 1, 24) END AS c,
       CASE WHEN n % 20 < 14 THEN 'customer_id' WHEN n % 20 < 17 THEN 'email' ELSE 'anonymous_id' END AS own,
       CASE WHEN n % 20 < 14 AND hash(n, 3) % 10 < 8 THEN
         CASE WHEN hash(n, 4) % 400 = 0 THEN 'desk' || hash(n, 5) % 20 ELSE 'e' || n END END AS email,
       CASE WHEN n % 20 < 17 AND hash(n, 6) % 2 = 0 THEN
         CASE WHEN hash(n, 7) % 50 = 0 THEN 'p' || n // 3 ELSE 'q' || n END END AS phone,
       TIMESTAMPTZ '2024-01-01' + INTERVAL 1 MINUTE * (hash(n, 8) % 1000000) AS seen
FROM range(:first, :last) AS r(n)
"""
_ROWS = """
SELECT kind, substr(md5(kind || value), 1, 24) AS value_hash, origin_id, min(seen) AS first_seen_at FROM (
  SELECT own AS kind, a AS value, a AS origin_id, seen FROM people
  UNION ALL SELECT 'customer_id', b, b, seen FROM people WHERE b IS NOT NULL
  UNION ALL SELECT 'anonymous_id', c, c, seen FROM people WHERE c IS NOT NULL
  UNION ALL SELECT 'anonymous_id', c, a, seen FROM people WHERE c IS NOT NULL
  UNION ALL SELECT 'email', email, a, seen FROM people WHERE email IS NOT NULL
  UNION ALL SELECT 'email', email, b, seen FROM people WHERE email IS NOT NULL AND b IS NOT NULL
  UNION ALL SELECT 'phone', phone, a, seen FROM people WHERE phone IS NOT NULL
  UNION ALL SELECT 'device_id', 'd' || n, a, seen FROM people WHERE hash(n, 9) % 3 = 0
  UNION ALL SELECT 'device_id', 'd' || n, c, seen FROM people WHERE hash(n, 9) % 3 = 0 AND c IS NOT NULL
) AS r GROUP BY ALL ORDER BY kind, value_hash, origin_id
"""


def main() -> int:
    """Measure and print; 1 where a figure to reach is missed or the two runs disagree."""
    parser = argparse.ArgumentParser(description="Resolve identities.")
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--quick", action="store_true", help="20,000 people")
    parser.add_argument("--postgres", metavar="URL", help="an empty PostgreSQL database")
    asked = parser.parse_args()
    people = 20_000 if asked.quick else asked.people
    with tempfile.TemporaryDirectory() as folder, _stores(Path(folder), asked.postgres) as stores:
        return _measure(stores, people, quick=asked.quick)


def _measure(stores: Stores, people: int, *, quick: bool) -> int:
    with _timed() as kept:
        rows = _keep(stores, 0, people)
    print(f"{people:,} people, {rows.num_rows:,} identifiers (kept in {kept[0]:.1f} s)")
    yardstick = _yardstick(rows)
    with _timed() as full:
        first = resolve(stores, now=NOW)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(
        f"full run: {full[0]:.1f} s ({full[1]:.1f} s of processor time), {first.rows:,} overrides"
    )
    print(
        f"  peak memory of the process {memory:.2f} GiB; SciPy over loaded arrays {yardstick:.2f} s"
    )
    with _timed() as again:
        second = resolve(stores, now=NOW)
    print(f"the same again: {again[0]:.1f} s ({again[1]:.1f} s), {second.rows} changes")
    touched = _newcomers(stores, people)
    with _timed() as around:
        changed = resolve_around(stores, touched, now=NOW)
    with _timed():
        rest = resolve(stores, now=NOW)
    share = around[1] / again[1]
    print(
        f"{len(touched):,} touched origins: {around[0]:.2f} s ({around[1]:.2f} s), "
        f"{changed.rows if changed else 'everybody was looked at'} changes; 1/{1 / share:.0f} of a full run"
    )
    print(f"  what a full run changes after it: {rest.rows}")
    met = quick or share <= 1 / 20
    return 0 if met and changed is not None and (second.rows, rest.rows) == (0, 0) else 1


def _keep(stores: Stores, first: int, last: int) -> pa.Table:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        made = _PEOPLE.replace(":first", str(int(first))).replace(":last", str(int(last)))
        connection.execute(made)
        rows = connection.sql(_ROWS).to_arrow_table()
    keep_identifiers(stores, rows, source="bench")
    return rows


def _newcomers(stores: Stores, people: int) -> list[str]:
    """3,000 new people and 7,000 known ones of whom a new browser, or a neighbour's number, is seen."""
    new = _keep(stores, people, people + min(3_000, people // 10))
    with stores.read_control() as connection:
        table = metadata.tables["identifiers"]
        query = sa.select(table.c.origin_id).where(table.c.kind == "customer_id")
        every = max(people // 20_000, 1)
        known = sorted(connection.execute(query).scalars())[::every][:7_000]
    rows = [("anonymous_id", f"{o[:20]}new0", o) for o in known[:6_000]]
    rows += [
        ("phone", f"{a[:20]}new1", o)
        for a, b in zip(known[6_000::2], known[6_001::2], strict=False)
        for o in (a, b)
    ]
    columns = [pa.array(values) for values in zip(*rows, strict=True)]
    seen = pa.array([NOW] * len(rows), pa.timestamp("us", tz="UTC"))
    names = ["kind", "value_hash", "origin_id", "first_seen_at"]
    keep_identifiers(stores, pa.table([*columns, seen], names=names), source="bench")
    return sorted({*new["origin_id"].to_pylist(), *known})


def _yardstick(rows: pa.Table) -> float:
    with duckdb.connect() as connection:
        connection.register("rows", rows)
        edges = connection.sql(
            """
            SELECT dense_rank() OVER (ORDER BY origin_id) - 1 AS o,
                   dense_rank() OVER (ORDER BY kind, value_hash) - 1 AS x FROM rows
            """
        ).fetchnumpy()
    began = time.perf_counter()
    components(int(edges["o"].max()) + 1, int(edges["x"].max()) + 1, edges["o"], edges["x"])
    return time.perf_counter() - began


@contextmanager
def _timed() -> Iterator[list[float]]:
    """Seconds by the clock, and of processor time."""
    found: list[float] = []
    began, spent = time.perf_counter(), time.process_time()
    yield found
    found += [time.perf_counter() - began, time.process_time() - spent]


@contextmanager
def _stores(folder: Path, url: str | None) -> Iterator[Stores]:
    stores = create_stores(folder / "workspace", control_url=url)
    try:
        yield stores
    finally:
        stores.close()


if __name__ == "__main__":
    raise SystemExit(main())
