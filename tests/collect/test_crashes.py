"""Killed at any moment, run by two at once, on a full disk: in the end as after one clean run."""

from __future__ import annotations

import json
import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aimwell.collect import collect, loads, publish_prepared, status
from aimwell.collect import service as service_module
from aimwell.errors import LeaseLostError, StorageFullError
from aimwell.store.stores import Stores, open_stores
from child import child
from collecting import NOW, ORDERS, Shop, source_of
from small_disk import WAYS, SmallDisk, small_disk_of
from whole_state import content, state

# argv: workspace, folder of the files, source as JSON
RUN = """
import json, sys
from datetime import datetime, UTC
from pathlib import Path
from aimwell.collect import collect
from aimwell.definitions.catalogue import check
from aimwell.store.stores import open_stores
stores = open_stores(Path(sys.argv[1]))
source = check(json.loads(sys.argv[3]))
print("ready", flush=True)
collect(stores, source, root=Path(sys.argv[2]), now=datetime.now(UTC))
print("done", flush=True)
"""


def full_source() -> Any:
    orders = {
        **ORDERS,
        "map": {**ORDERS["map"], "email": "email"},
        "traits": {"country": "country"},
    }
    customers = {"entity": "customers", "map": {"customer_id": "customer", "email": "email"}}
    products = {"entity": "products", "map": {"sku": "sku"}}
    return source_of(orders, customers, products, consent={"soft_opt_in": ["email"]})


def document(source: Any) -> str:
    return json.dumps(source.document())


@pytest.fixture
def clean(empty_workspace: Path, tmp_path: Path) -> Iterator[Shop]:
    """A second workspace with the same key, for the clean run."""
    stores = open_stores(shutil.copytree(empty_workspace, tmp_path / "clean"))
    folder = tmp_path / "files"
    folder.mkdir(exist_ok=True)
    yield Shop(stores, folder)
    stores.close()


def run_through(shop: Shop, source: Any) -> float:
    """Collect in a child process; seconds from its start of work to its end."""
    with child(RUN, shop.stores.root, shop.folder, document(source)) as process:
        assert process.line() == "ready"
        begun = time.monotonic()
        assert process.line() == "done"
        return time.monotonic() - begun


def kill_within(shop: Shop, source: Any, seconds: float) -> bool:
    """Collect in a child process and kill it after `seconds`; False where it was quicker."""
    with child(RUN, shop.stores.root, shop.folder, document(source)) as process:
        assert process.line() == "ready"
        if process.wait(seconds):
            return False
        process.kill()
        return True


@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("wanted", [2, pytest.param(60, marks=pytest.mark.long)])
def test_killed_at_any_moment_and_run_again_it_is_as_if_it_had_run_once(
    empty_workspace: Path, tmp_path: Path, clean: Shop, wanted: int, seed: int
) -> None:
    """Each time anew until so many were killed: killed at up to three moments, then left to end."""
    source, draw, killed, rounds = full_source(), random.Random(seed), 0, 0  # noqa: S311
    clean.write(content(0, 3_000))
    whole = run_through(clean, source)
    expected = state(clean)
    while killed < wanted:
        rounds += 1
        assert rounds <= 3 * wanted, "nearly every run ends before it can be killed"
        folder = tmp_path / f"round {rounds}"
        folder.mkdir()
        shop = Shop(open_stores(shutil.copytree(empty_workspace, folder / "shop")), folder)
        shop.write(content(0, 3_000))
        for _ in range(3):
            if not kill_within(shop, source, draw.uniform(0.0, whole)):
                break
            killed += 1
        shop.report(source=source)
        assert shop.report(source=source).already_collected
        assert state(shop) == expected
        assert list(shop.stores.folder("staging").iterdir()) == []
        shop.stores.close()
        shutil.rmtree(folder)


STEPS = ("new_folder", "prepare", "publish")


# In the short run each step and each table once.
CRASHES = [
    pytest.param(step, table, marks=[] if place == table - 1 else [pytest.mark.long])
    for place, step in enumerate(STEPS)
    for table in (1, 2, 3)
]


@pytest.mark.parametrize(("step", "table"), CRASHES)
def test_a_crash_between_any_two_steps_is_mended_by_the_next_run(
    shop: Shop, clean: Shop, monkeypatch: pytest.MonkeyPatch, step: str, table: int
) -> None:
    """As a kill there would: whatever cleans up after an error is left out."""
    source = full_source()
    shop.write(content(0, 300))
    clean.report(source=source)
    with monkeypatch.context() as patch:
        calls = iter(range(1, 100))

        class Killed(BaseException):
            pass

        def dies(*arguments: Any, **named: Any) -> Any:
            if next(calls) == table:
                raise Killed
            return real(*arguments, **named)

        if step == "publish":  # in the middle of it: some tables have their rows, some have not
            real: Any = shop.stores.lake.append_files
            patch.setattr(type(shop.stores.lake), "append_files", lambda _, *a, **k: dies(*a, **k))
        else:
            real = getattr(loads, step)
            patch.setattr(service_module.loads, step, dies)
        with pytest.raises(Killed):
            collect(shop.stores, source, root=shop.folder, now=NOW)
    shop.report(source=source)
    assert state(shop) == state(clean)


def test_what_was_prepared_is_ended_also_when_its_files_are_gone(
    shop: Shop, clean: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = full_source()
    shop.write(content(0, 300))
    clean.report(source=source)

    def never(*_: object) -> None:
        raise StorageFullError("full")

    with monkeypatch.context() as patch:
        patch.setattr(service_module.loads, "publish", never)
        with pytest.raises(StorageFullError):
            collect(shop.stores, source_of(ORDERS), root=shop.folder, now=NOW)
    assert [load.state for load in status(shop.stores)] == ["prepared"]
    (shop.folder / "orders.csv").unlink()
    assert len(publish_prepared(shop.stores)) == 1
    assert [load.state for load in status(shop.stores)] == ["done"]
    assert len(shop.rows("order_lines")) == len(clean.rows("order_lines"))


def test_an_overlapping_file_after_a_crash_finds_what_was_prepared(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first load died after it was prepared; the second, of a longer file, must not count its lines again."""

    def never(*_: object) -> None:
        raise StorageFullError("full")

    shop.write(content(0, 300))
    with monkeypatch.context() as patch:
        patch.setattr(service_module.loads, "publish", never)
        with pytest.raises(StorageFullError):
            collect(shop.stores, source_of(), root=shop.folder, now=NOW)
    load = shop.collect(content(0, 400))
    assert load.known > 250
    ids = [row[0] for row in shop.rows("order_lines", "line_id")]
    assert len(ids) == len(set(ids))
    assert len([row for row in shop.rows("orders", "order_id", "kind") if row[1] == "sale"]) == len(
        {row[0] for row in shop.rows("orders", "order_id")}
    )


@pytest.mark.parametrize("rounds", [1, pytest.param(10, marks=pytest.mark.long)])
def test_two_at_once_of_the_same_file_take_each_line_once(
    shop: Shop, clean: Shop, rounds: int
) -> None:
    source = full_source()
    for number in range(rounds):
        shop.write(content(0, 600 * (number + 1)))
        arguments = (shop.stores.root, shop.folder, document(source))
        with child(RUN, *arguments) as one, child(RUN, *arguments) as two:
            assert (one.line(), two.line()) == ("ready", "ready")
            assert (one.line(), two.line()) == ("done", "done")
    clean.report(source=source)
    ids = [row[0] for row in shop.rows("order_lines", "line_id")]
    assert len(ids) == len(set(ids))
    if rounds == 1:
        assert state(shop) == state(clean)
    else:
        assert sorted(ids) == sorted(row[0] for row in clean.rows("order_lines", "line_id"))


def test_two_at_once_of_overlapping_files_lose_and_double_nothing(shop: Shop, clean: Shop) -> None:
    shop.write(content(0, 900), "a.csv")
    shop.write(content(600, 1_500), "b.csv")
    sources = [source_of(files=name) for name in ("a.csv", "b.csv")]
    with (
        child(RUN, shop.stores.root, shop.folder, document(sources[0])) as one,
        child(RUN, shop.stores.root, shop.folder, document(sources[1])) as two,
    ):
        assert (one.line(), two.line()) == ("ready", "ready")
        assert (one.line(), two.line()) == ("done", "done")
    clean.collect(content(0, 1_500), source_of())
    ids = sorted(row[0] for row in shop.rows("order_lines", "line_id"))
    assert ids == sorted(row[0] for row in clean.rows("order_lines", "line_id"))
    totals = {}
    for whose in (shop, clean):
        sums: dict[str, Any] = {}
        for order, revenue in whose.rows("orders", "order_id", "revenue"):
            sums[order] = sums.get(order, 0) + revenue
        totals[whose] = sums
    assert totals[shop] == totals[clean]


def test_a_load_that_was_overtaken_takes_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Held up so long that another process took the source over and collected: what was worked out is stale."""
    shop.write(content(0, 100))
    real = loads.prepare

    def late(stores: Stores, *arguments: Any, **named: Any) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(service_module.loads, "prepare", real)
            shop.write(content(0, 120), "more.csv")
            collect(stores, source_of(files="more.csv"), root=shop.folder, now=NOW)
        real(stores, *arguments, **named)

    monkeypatch.setattr(service_module.loads, "prepare", late)
    with pytest.raises(LeaseLostError, match="Another process collected 'shop'"):
        collect(shop.stores, source_of(), root=shop.folder, now=NOW)
    monkeypatch.undo()
    assert shop.collect(source=source_of()).rows_taken == 0
    ids = [row[0] for row in shop.rows("order_lines", "line_id")]
    assert len(ids) == len(set(ids))


# --- a full disk ------------------------------------------------------------------------------------------


@pytest.fixture(params=WAYS)
def small_disk(
    request: pytest.FixtureRequest, empty_workspace: Path, tmp_path: Path
) -> Iterator[tuple[SmallDisk, Shop]]:
    """A workspace on a disk of a few megabytes, the files on another."""
    files = tmp_path / "files"
    files.mkdir(exist_ok=True)
    with small_disk_of(12, tmp_path / "small disk", way=request.param) as disk:
        stores = open_stores(shutil.copytree(empty_workspace, disk.folder / "workspace"))
        yield disk, Shop(stores, files)
        stores.close()


def _is_told_and_mended(
    disk: SmallDisk, shop: Shop, clean: Shop, source: Any, progress: Any = None
) -> None:
    """Collecting fails in words; with room again it ends as one clean run."""
    with pytest.raises(StorageFullError, match=r"disk is full[^.]*\. Free some space") as caught:
        collect(shop.stores, source, root=shop.folder, now=NOW, progress=progress)
    disk.free()
    assert caught.value.retryable
    shop.report(source=source)
    assert state(shop) == state(clean)
    assert list(shop.stores.folder("staging").iterdir()) == []
    assert list(shop.stores.folder("collecting").iterdir()) == []


# A limit is one on each file, and none of the workspace's has more than some 300 kB here.
_LEAVES = {"limit": range(50_000, 250_000, 50_000), "mount": range(50_000, 900_000, 50_000)}


@pytest.mark.parametrize(
    ("small_disk", "leave"),
    [
        *((way, 30_000) for way in WAYS),
        *(pytest.param(way, n, marks=pytest.mark.long) for way in WAYS for n in _LEAVES[way]),
    ],
    indirect=["small_disk"],
)
def test_a_full_disk_is_told_and_with_room_again_all_is_as_after_one_clean_run(
    small_disk: tuple[SmallDisk, Shop], clean: Shop, leave: int
) -> None:
    source = full_source()
    disk, shop = small_disk
    shop.write(content(0, 6_000))
    clean.report(source=source)
    disk.fill(leave)
    _is_told_and_mended(disk, shop, clean, source)


# In the short run each step once, on a full disk or at a limit by turns.
STEPS_ON_DISKS = [
    pytest.param(way, f"{step} orders", marks=[] if (place + turn) % 2 == 0 else [pytest.mark.long])
    for place, step in enumerate(("checking", "taking", "keeping"))
    for turn, way in enumerate(WAYS)
]


@pytest.mark.parametrize(("small_disk", "at"), STEPS_ON_DISKS, indirect=["small_disk"])
def test_a_disk_that_others_fill_meanwhile_is_told_at_each_step(
    small_disk: tuple[SmallDisk, Shop], clean: Shop, at: str
) -> None:
    """Whatever a step needs, there is none of it left when it begins."""
    source = full_source()
    disk, shop = small_disk
    shop.write(content(0, 6_000))
    clean.report(source=source)
    said: list[str] = []

    def progress(what: str, _done: int, _total: int | None) -> None:
        said.append(what)
        if what == at:
            disk.fill(0)

    _is_told_and_mended(disk, shop, clean, source, progress)
    # Small rows are checked in memory, so that a disk that is full by then is met when they are written.
    assert said[-1] == ("taking orders" if at == "checking orders" else at)
