"""A replay killed at any moment, or run by two at once: each row is taken once, none is lost."""

from __future__ import annotations

import csv
import random
import time
from pathlib import Path

import pytest

from aimwell.collect import quarantine
from aimwell.collect.corrections import read_corrections
from aimwell.collect.replaying import replay, write_quarantine
from child import child
from collecting import NOW, Shop
from databases import shortly_on
from whole_state import content

# argv: workspace, file of corrections
REPLAY = """
import sys
from datetime import datetime, UTC
from pathlib import Path
from aimwell.collect.corrections import read_corrections
from aimwell.collect.replaying import replay
from aimwell.store.stores import open_stores
stores = open_stores(Path(sys.argv[1]))
corrections = read_corrections(Path(sys.argv[2]))
print("ready", flush=True)
report = replay(stores, "shop", corrections=corrections, now=datetime.now(UTC))
print(f"done {report.left} {report.stay} {report.gone}", flush=True)
"""
ROWS = 1_000


def prepared(shop: Shop) -> Path:
    """A collected file of which each fiftieth row waits; the rows written out, corrected but for a few."""
    shop.collect(content(0, ROWS))
    path = shop.folder / "bad.csv"
    write_quarantine(shop.stores, "shop", path, by="ann")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows):
        row["qty"] = "3" if number % 10 else "none"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def assert_all_is_well(shop: Shop, before: int) -> None:
    lines = shop.rows("order_lines", "line_id", "quantity")
    assert len(lines) == len(set(lines)) == before + 18
    assert sum(quantity == 3 for _, quantity in lines) >= 18
    assert quarantine(shop.stores).counts == {"shop": {"not_a_number": 2}}
    # The whole file again: every row is known, in one form or the other.
    load = shop.collect(content(0, ROWS) + "9999,2026-01-05,zoe,mug,1,1,z@example.com,GB\n")
    assert (load.rows_taken, load.quarantined) == (1, 0)
    assert quarantine(shop.stores).counts == {"shop": {"not_a_number": 2}}


@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("wanted", [2, pytest.param(40, marks=pytest.mark.long)])
@shortly_on("postgresql")
def test_a_replay_killed_at_any_moment_and_run_again_takes_each_row_once(
    shop_on_both: Shop, wanted: int, seed: int
) -> None:
    shop = shop_on_both
    path = prepared(shop)
    before, draw = len(shop.rows("order_lines")), random.Random(seed)  # noqa: S311
    longest = 0.5
    for _ in range(wanted):
        with child(REPLAY, shop.stores.root, path) as process:
            assert process.line() == "ready"
            begun = time.monotonic()
            if process.wait(draw.uniform(0.0, longest)):
                longest = max(0.05, (time.monotonic() - begun) * 0.9)
            else:
                process.kill()
    replay(shop.stores, "shop", corrections=read_corrections(path), now=NOW)
    assert_all_is_well(shop, before)


@pytest.mark.long
def test_two_replays_at_once_of_the_same_file_take_each_row_once(shop_on_both: Shop) -> None:
    shop = shop_on_both
    path = prepared(shop)
    before = len(shop.rows("order_lines"))
    with (
        child(REPLAY, shop.stores.root, path) as one,
        child(REPLAY, shop.stores.root, path) as two,
    ):
        assert [one.line(), two.line()] == ["ready", "ready"]
        told = sorted([one.line(), two.line()])
        assert [one.end(), two.end()] == [0, 0]
    # The second finds nobody waiting of those that the first took; what stayed it tries once more.
    assert told == ["done 0 0 20", "done 18 2 0"]
    assert_all_is_well(shop, before)
