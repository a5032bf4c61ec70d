"""The next purchase of many people by a sequence model: acts turned into numbers and scored in chunks, against the bare network.

`benchmarks/sequence_models.py [--people 200000] [--network gru] [--quick]`

People have 1 to 64 acts, 12 in the mean. Yardstick in the same run: the network alone on blocks of the same people
that are ready, padded and in memory. Ours may take 2.5 times as long in all, from Arrow rows to probabilities.
"""

from __future__ import annotations

import argparse
import resource
import time
from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import torch

from aimwell.predict.deep.acts import PURCHASE
from aimwell.predict.deep.day_law import Watched, day_spans
from aimwell.predict.deep.fitting import day_law, fit_network
from aimwell.predict.deep.networks import determined, make_network, tensors
from aimwell.predict.deep.sequences import Reading, Sequences, sequences_of
from aimwell.predict.timing.waits import Waits

HOW = Reading(
    names=(PURCHASE, "Product Viewed", "Email Opened"), most=64, revenue_scale=30.0, seasonal=False
)
ENDS = day_spans(60)
CHUNK = 20_000
BATCH = 4_096
MOST_RATIO = 2.5


def main() -> int:
    """Print the figures; 1 where ours takes longer than it may."""
    parser = argparse.ArgumentParser(description="Sequence models of many people")
    parser.add_argument("--people", type=int, default=200_000)
    parser.add_argument("--network", choices=("gru", "transformer"), default="gru")
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    people = 20_000 if asked.quick else asked.people
    first = made(min(people, 2_000), 0)
    rows = sequences_of(*first, date(2026, 6, 30), HOW)
    model = fit_network(
        asked.network,
        rows,
        Watched(np.full(len(rows), 60.0), np.arange(len(rows)) % 3 == 0),
        np.arange(len(rows)) % 5 == 0,
        reading=HOW,
        ends=ENDS,
        trained_as_of=datetime(2026, 6, 30, tzinfo=UTC),
        seed=0,
        rounds_max=1,
        seconds_max=60,
    ).model
    ours = theirs = 0.0
    for number, start in enumerate(range(0, people, CHUNK)):
        acts, waits = made(min(CHUNK, people - start), number)
        began = time.process_time()
        rows = sequences_of(acts, waits, date(2026, 6, 30), HOW)
        day_law(model, rows, waits.waited).within(14)
        ours += time.process_time() - began
        theirs += bare(asked.network, rows)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    ratio = ours / theirs
    print(
        f"{people:,} people, {asked.network}: {ours:.1f} s of processor time, {memory:.2f} GiB at most; the bare network "
        f"{theirs:.1f} s, {ratio:.2f} x, at most {MOST_RATIO:.2f} x{'' if ratio <= MOST_RATIO else ' MISSED'}"
    )
    return 0 if ratio <= MOST_RATIO or asked.quick else 1


def made(people: int, seed: int) -> tuple[pa.Table, Waits]:
    """Acts and waits as they are read of a workspace."""
    rng = np.random.default_rng(seed)
    lengths = np.minimum(1 + rng.geometric(1 / 12, people), 64)
    total = int(lengths.sum())
    whose = np.repeat(np.arange(people), lengths)
    place = np.arange(total) - np.repeat(lengths.cumsum() - lengths, lengths)
    ago = (np.repeat(lengths, lengths) - place) * 5.0
    acts = pa.table(
        {
            "profile_id": pa.array([f"{number:024d}" for number in range(people)]).take(
                pa.array(whose)
            ),
            "event": pa.array(np.array(HOW.names, dtype=object)[rng.integers(0, 3, total)]),
            "ago": ago,
            "acts": rng.integers(1, 4, total).astype(float),
            "revenue": rng.exponential(30, total),
        }
    )
    gaps = (lengths // 3).astype(float)
    return acts, Waits(
        gaps, np.where(gaps > 0, 3.0, 0.0), gaps * 0.3, np.full(people, 5.0), np.ones(people)
    )


def bare(network: str, rows: Sequences) -> float:
    """Seconds of processor time of the network alone, on blocks that are ready."""
    order = np.argsort(rows.lengths, kind="stable")
    ready = [
        tensors(rows.padded(order[start : start + BATCH])) for start in range(0, len(order), BATCH)
    ]
    with determined(0), torch.no_grad():
        net = make_network(network, events=len(HOW.names), most=64, spans=len(ENDS)).eval()
        began = time.process_time()
        for block in ready:
            net(*block)
        return time.process_time() - began


if __name__ == "__main__":
    raise SystemExit(main())
