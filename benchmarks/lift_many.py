"""Lift with CUPED for 20 metrics in 50 overlapping segments of 10 million assigned people.

`benchmarks/lift_many.py [--scale S] [--quick]`

People (arm, 20 outcomes, 20 covariates) and memberships (one row a person and segment, four and a half a person on average) lie in
Parquet files; the time runs from opening them to the last of the 1,020 intervals. The bound is 60 seconds and 4 GB. The
yardstick of the same run is the same sums by one plain SQL query on DuckDB (a join and a GROUP BY), on a tenth of the
people; it gives fewer sums (no skew, no buyers), and both must give the same intervals.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from aimwell.stats.cuped import cuped
from aimwell.stats.estimate import Estimate
from aimwell.stats.group_sums import GroupLift, GroupSums, lifts_of_groups
from aimwell.stats.samples import JointSample

PEOPLE, SEGMENTS, METRICS = 10_000_000, 50, 20
MOST_SECONDS, MOST_GB, LEAST_RATIO = 60.0, 4.0, 1.0
_CHUNK = 500_000
OUTCOMES = [f"y{metric}" for metric in range(METRICS)]
BEFORE = [f"x{metric}" for metric in range(METRICS)]

BITS = """
SELECT p.*, coalesce(m.bits, 0) AS bits
FROM read_parquet($people) AS p
LEFT JOIN (
  SELECT person, bit_or(CAST(1 AS BIGINT) << segment) AS bits FROM read_parquet($members) GROUP BY person
) AS m ON m.person = p.person
"""


@dataclass(frozen=True)
class Timed:
    """What came out, in how many seconds of the clock and of the processors."""

    lifts: dict[tuple[str, str], tuple[float, float, float]]
    wall: float
    processor: float


def main() -> int:
    """Print the figures; 1 where a result is wrong, or time, memory or ratio are missed."""
    parser = argparse.ArgumentParser(description="Many lifts from sums")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--scale", type=float, default=1.0, help="Share of ten million people.")
    asked = parser.parse_args()
    people = 50_000 if asked.quick else int(PEOPLE * asked.scale)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        part = people if asked.quick else people // 10
        write(root / "part", part)
        small, plain = ours(root / "part"), by_sql(root / "part")
        same = agree(small.lifts, plain.lifts)
        ratio = max(plain.wall / small.wall, plain.processor / small.processor)
        print(
            f"{METRICS} metrics x {SEGMENTS} segments, {part:,} people: {small.wall:.1f} s ({small.processor:.1f} s of processor "
            f"time), plain SQL {plain.wall:.1f} s ({plain.processor:.1f} s): {plain.wall / small.wall:.1f} x, by processor time "
            f"{plain.processor / small.processor:.1f} x, to reach {LEAST_RATIO:.0f} x"
            f"{'' if ratio >= LEAST_RATIO else ' MISSED'}{'' if same else ' WRONG'}"
        )
        if asked.quick:
            return 0 if same else 1
        write(root / "all", people)
        whole = ours(root / "all")
    # In kilobytes; the peak of the whole process, so that of the yardstick counts too.
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    quick = min(whole.wall, whole.processor) <= MOST_SECONDS
    print(
        f"{METRICS} metrics x {SEGMENTS} segments, {people:,} people: {whole.wall:.1f} s ({whole.processor:.1f} s of processor "
        f"time), to reach {MOST_SECONDS:.0f} s{'' if quick else ' MISSED'}; memory at most {memory:.1f} GB, to reach "
        f"{MOST_GB:.0f} GB{'' if memory <= MOST_GB else ' MISSED'}"
    )
    return 0 if same and quick and memory <= MOST_GB and ratio >= LEAST_RATIO else 1


def write(folder: Path, people: int) -> None:
    """Spend that is mostly zero and goes with spend of before; segments of 0.5 to 40 % of the people."""
    folder.mkdir()
    shares = np.geomspace(0.005, 0.4, SEGMENTS)
    people_file = members_file = None
    for number, start in enumerate(range(0, people, _CHUNK)):
        rng = np.random.default_rng([7, number])
        n = min(_CHUNK, people - start)
        treated, taste = rng.random(n) < 0.8, rng.normal(size=n)
        columns: dict[str, np.ndarray] = {
            "person": np.arange(start, start + n),
            "treated": treated,
        }
        for metric in range(METRICS):
            buying = rng.random((2, n)) < 0.05 + 0.02 * metric
            size = np.exp(2.0 + 0.7 * taste + 0.5 * rng.normal(size=(2, n))).round(2)
            columns[f"y{metric}"] = np.where(buying[0], size[0] * (1.0 + 0.02 * treated), 0.0)
            columns[f"x{metric}"] = np.where(buying[1], size[1], 0.0)
        table = pa.table(columns)
        inside = [np.flatnonzero(rng.random(n) < share) for share in shares]
        members = pa.table(
            {
                "person": np.concatenate(inside) + start,
                "segment": np.repeat(np.arange(SEGMENTS), [len(one) for one in inside]),
            }
        )
        if people_file is None or members_file is None:
            people_file = pq.ParquetWriter(folder / "people.parquet", table.schema)
            members_file = pq.ParquetWriter(folder / "members.parquet", members.schema)
        people_file.write_table(table)
        members_file.write_table(members)
    for file in (people_file, members_file):
        if file is not None:
            file.close()


def _connection(folder: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET memory_limit = '1500MB'")
    connection.execute("SET preserve_insertion_order = false")
    connection.execute(f"SET temp_directory = '{folder / 'spill'}'")
    return connection


def _files(folder: Path) -> dict[str, str]:
    return {"people": str(folder / "people.parquet"), "members": str(folder / "members.parquet")}


def ours(folder: Path) -> Timed:
    """Batches from DuckDB into one product of matrices each, then closed forms."""
    wall, processor = time.perf_counter(), time.process_time()
    sums = GroupSums(groups=[f"s{i}" for i in range(SEGMENTS)], metrics=OUTCOMES)
    reader = _connection(folder).sql(BITS, params=_files(folder)).to_arrow_reader(131_072)
    for batch in reader:
        columns = dict(zip(batch.schema.names, batch.columns, strict=True))
        sums.add(
            treated=columns["treated"].to_numpy(zero_copy_only=False),
            bits=columns["bits"].to_numpy()[:, None],
            outcomes=np.stack([columns[name].to_numpy() for name in OUTCOMES]).T,
            before=np.stack([columns[name].to_numpy() for name in BEFORE]).T,
        )
    lifts = {(lift.group, lift.metric): _figures(lift) for lift in lifts_of_groups(sums)}
    return Timed(lifts, time.perf_counter() - wall, time.process_time() - processor)


def _figures(lift: GroupLift) -> tuple[float, float, float]:
    return _bounds(lift.difference)


def _bounds(one: Estimate) -> tuple[float, float, float]:
    if one.estimate is None or one.lower is None or one.upper is None:
        raise AssertionError(one.reason)
    return one.estimate, one.lower, one.upper


def by_sql(folder: Path) -> Timed:
    """The sums of each segment and arm by one GROUP BY; everybody by another."""
    wall, processor = time.perf_counter(), time.process_time()
    parts = ", ".join(
        f"sum(y{m}), sum(x{m}), sum(y{m} * y{m}), sum(x{m} * x{m}), sum(y{m} * x{m})"
        for m in range(METRICS)
    )
    queries = (
        f"SELECT 's' || segment, treated, count(*), {parts} FROM read_parquet($people) "  # noqa: S608
        "JOIN read_parquet($members) USING (person) GROUP BY ALL",
        f"SELECT 'everyone', treated, count(*), {parts} FROM read_parquet($people), "  # noqa: S608
        "(SELECT $members) GROUP BY ALL",
    )
    connection = _connection(folder)
    arms: dict[tuple[str, bool, str], JointSample] = {}
    for query in queries:
        for group, treated, n, *found in connection.execute(query, _files(folder)).fetchall():
            for metric in range(METRICS):
                y, x, yy, xx, xy = found[5 * metric : 5 * metric + 5]
                arms[group, treated, f"y{metric}"] = JointSample.from_sums(
                    n, [y, x], [[yy, xy], [xy, xx]]
                )
    lifts = {}
    for group, treated, metric in arms:
        if treated:
            one = cuped(arms[group, True, metric], arms[group, False, metric])[0]
            lifts[group, metric] = _bounds(one)
    return Timed(lifts, time.perf_counter() - wall, time.process_time() - processor)


def agree(
    first: dict[tuple[str, str], tuple[float, float, float]],
    other: dict[tuple[str, str], tuple[float, float, float]],
) -> bool:
    """Whether both have the same rows with the same figures."""
    return first.keys() == other.keys() and all(
        np.allclose(first[key], other[key], rtol=1e-6, atol=1e-8) for key in first
    )


if __name__ == "__main__":
    sys.exit(main())
