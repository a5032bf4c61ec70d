"""Sums of days, brought forward by what is new, are those of counting anew: whatever comes in, late or corrected, in whatever order."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aimwell.deliver import service as deliver
from aimwell.measure.day_sums.messages import local_days
from aimwell.measure.day_sums.service import Brought, bring_forward, sums_of_days
from aimwell.measure.service import measure
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores, open_stores
from campaigns import NOW, executed, set_up
from child import child
from shop import add_orders, day, make_stores, merge_people

LATER = day(100)
_messages, _events = metadata.tables["messages"], metadata.tables["message_events"]


def shop_of(
    folder: Path, people: int = 30, control_url: str | None = None
) -> tuple[Stores, list[str], str]:
    stores = make_stores(folder, control_url, margin_default=0.4, timezone="Europe/London")
    names = set_up(stores, people, spring={"holdout": 0.3})
    plan_id = executed(stores).plan_id
    deliver.run_sending(stores, plan_id, clock=lambda: NOW + timedelta(seconds=2))
    return stores, names, plan_id


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a plan whose messages have left."""
    stores, _names, _plan = shop_of(tmp_path_factory.mktemp("base"))
    stores.close()
    return stores.root


@pytest.fixture
def stores(tmp_path: Path, base: Path) -> Iterator[Stores]:
    opened = copied(base, tmp_path / "copy")
    yield opened
    opened.close()


def copied(base: Path, folder: Path) -> Stores:
    shutil.copytree(base, folder)
    return open_stores(folder)


def brought(stores: Stores, **more: Any) -> Brought:
    return bring_forward(stores, now=LATER, **more)


def befall(stores: Stores, number: int, event: str, *, machine: bool = False) -> None:
    with stores.control.begin() as connection:
        ids = (
            connection.execute(sa.select(_messages.c.message_id).order_by("message_id"))
            .scalars()
            .all()
        )
        row = {
            "message_id": ids[number % len(ids)],
            "event": event,
            "occurred_at": NOW + timedelta(hours=3),
            "machine": machine,
            "signs": [],
        }
        connection.execute(sa.insert(_events), [row])  # fmt: skip


def order(name: str, number: int, days: float, revenue: float, **more: Any) -> dict[str, Any]:
    return {"customer": name, "order_id": f"o{number}", "ordered_at": NOW + timedelta(days=days), "revenue": revenue, **more}  # fmt: skip


def same_anew(stores: Stores) -> None:
    standing = sums_of_days(stores)
    assert brought(stores, anew=True).anew == "it was asked for"
    assert sums_of_days(stores) == standing


def name_of(number: int) -> str:
    return f"c{number % 30:05}"


ARRIVALS = st.lists(
    st.one_of(
        st.tuples(st.just("sale"), st.integers(0, 5), st.integers(-4, 18), st.integers(1, 90)),
        st.tuples(st.just("return"), st.integers(0, 5), st.integers(-4, 18), st.integers(1, 90)),
        st.tuples(st.just("addition"), st.integers(0, 5), st.integers(-4, 18), st.integers(-30, 30)),
        st.tuples(st.just("event"), st.integers(0, 20), st.integers(0, 4), st.booleans()),
        st.tuples(st.just("forward"), st.just(0), st.just(0), st.just(0)),
    ),
    max_size=16,
)  # fmt: skip
_KINDS = ("Email Opened", "Email Link Clicked", "Unsubscribed", "Email Bounced", "Spam Complaint")


def arrive(stores: Stores, arrivals: list[tuple[Any, ...]]) -> None:
    """Each order number is sold once, to the person of that number; returns and differences may come before."""
    sold: set[int] = set()
    for what, number, when, much in arrivals:
        if what == "forward":
            brought(stores)
        elif what == "event":
            befall(stores, number, _KINDS[when], machine=bool(much))
        elif what == "sale" and number not in sold:
            sold.add(number)
            add_orders(stores, [order(name_of(number), number, when, much)])
        elif what == "return":
            add_orders(stores, [order(name_of(number), number, when, much, kind="return", original_order_id=f"o{number}")])  # fmt: skip
        elif what == "addition":
            add_orders(stores, [order(name_of(number), number, when, much, kind="addition")])


CALM = settings(deadline=None, suppress_health_check=list(HealthCheck))


@settings(CALM, max_examples=6)
@given(arrivals=ARRIVALS)
def test_brought_forward_is_counted_anew(
    base: Path, tmp_path_factory: pytest.TempPathFactory, arrivals: list[tuple[Any, ...]]
) -> None:
    stores = copied(base, tmp_path_factory.mktemp("one") / "copy")
    brought(stores)
    arrive(stores, arrivals)
    brought(stores)
    same_anew(stores)
    stores.close()


@pytest.mark.long
@pytest.mark.timeout(1800)
@settings(CALM, max_examples=60)
@given(arrivals=ARRIVALS)
def test_brought_forward_is_counted_anew_many_times(
    base: Path, tmp_path_factory: pytest.TempPathFactory, arrivals: list[tuple[Any, ...]]
) -> None:
    stores = copied(base, tmp_path_factory.mktemp("one") / "copy")
    arrive(stores, arrivals)
    brought(stores)
    same_anew(stores)
    stores.close()


BRINGING = """
import sys
from datetime import datetime
from pathlib import Path
from aimwell.errors import MeasureError
from aimwell.measure.day_sums.service import bring_forward
from aimwell.store.stores import open_stores
stores = open_stores(Path(sys.argv[1]))
print("ready", flush=True)
while True:
    try:
        bring_forward(stores, now=datetime.fromisoformat(sys.argv[2]))
    except MeasureError:
        pass
    print("step", flush=True)
"""


def at_once(stores: Stores, draw: random.Random, *, rounds: int) -> None:
    """Two count while orders and events come in, and are killed amid it; one that began before the last rows is among them."""
    for turn in range(rounds):
        with (
            child(BRINGING, stores.root, LATER.isoformat()) as one,
            child(BRINGING, stores.root, LATER.isoformat()) as two,
        ):
            assert (one.line(), two.line()) == ("ready", "ready")
            for number in range(3):
                name = name_of(draw.randrange(30))
                add_orders(stores, [order(name, 1_000 + turn * 10 + number, number, 20)])
                befall(stores, draw.randrange(20), "Email Opened")
                time.sleep(draw.random() * 0.1)
            one.kill()
            time.sleep(draw.random() * 0.05)
            two.kill()
    brought(stores)
    same_anew(stores)
    assert sum(row["orders"] for row in sums_of_days(stores)[1]) == 3 * rounds


@pytest.mark.slow
def test_two_that_count_at_once_and_are_killed_count_nothing_twice(
    stores: Stores, seed: int
) -> None:
    at_once(stores, random.Random(seed), rounds=1)  # noqa: S311 - moments to kill at


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_hundred_that_count_and_are_killed_count_nothing_twice(stores: Stores, seed: int) -> None:
    at_once(stores, random.Random(seed), rounds=50)  # noqa: S311 - moments to kill at


def test_the_sums_are_those_of_the_report(tmp_path: Path, control_url: str) -> None:
    stores, names, plan_id = shop_of(tmp_path, 40, control_url)
    rows = [order(name, n, 1 + n % 9, 10 + n % 5) for n, name in enumerate(names) if n % 3]
    rows += [order(names[1], 1, 3, 4, kind="return", original_order_id="o1")]
    rows += [order(names[2], 2, 5, 12, kind="return", original_order_id="o2")]
    rows += [order(names[4], 900, 2, 3, kind="return", original_order_id=names[4])]
    add_orders(stores, rows)
    befall(stores, 0, "Email Opened")
    befall(stores, 1, "Email Opened", machine=True)
    brought(stores)
    found = measure(stores, plan_id, now=LATER, permutations=199)
    messages, orders = sums_of_days(stores)
    for arm, here in ((found.treated, True), (found.control, False)):
        mine = [row for row in orders if bool(row["action"]) is here]
        assert sum(row["revenue"] for row in mine) == Decimal(str(round(arm.revenue, 4)))
        assert sum(row["orders"] for row in mine) == arm.orders
        assert sum(row["buyers"] for row in mine) == arm.buyers
    assert sum(row["sent"] for row in messages) == found.delivery.sent
    assert sum(row["opened"] for row in messages) == found.delivery.opened == 1
    assert sum(row["opened_machine"] for row in messages) == found.delivery.opened_machine == 1
    assert float(sum(row["cost"] for row in messages)) == pytest.approx(found.costs.contact)
    stores.close()


def test_only_what_is_new_is_counted(stores: Stores) -> None:
    assert brought(stores).anew == "it is the first time"
    quiet = brought(stores)
    assert (quiet.plans, quiet.people, quiet.anew) == ((), 0, None)
    add_orders(stores, [order(name_of(1), 1, 2, 30), order(name_of(1), 2, 3, 5)])
    assert brought(stores).people == 1
    befall(stores, 3, "Unsubscribed")
    moved = brought(stores)
    assert len(moved.plans) == 1
    assert moved.people == 0
    assert sum(row["unsubscribed"] for row in sums_of_days(stores)[0]) == 1
    same_anew(stores)


def test_merged_people_are_counted_anew(stores: Stores) -> None:
    add_orders(stores, [order(name_of(1), 1, 2, 30), order(name_of(2), 2, 3, 5)])
    brought(stores)
    merge_people(stores, [name_of(1), name_of(2)])
    assert brought(stores).anew == "people were merged, divided or erased"
    add_orders(stores, [order(name_of(2), 3, 4, 7)])
    assert brought(stores).people == 1
    same_anew(stores)


def test_a_sale_of_before_the_start_that_comes_after_its_return_takes_the_return_out(
    stores: Stores,
) -> None:
    brought(stores)
    add_orders(stores, [order(name_of(1), 1, 2, 8, kind="return", original_order_id="o1")])
    brought(stores)
    assert sum(row["revenue"] for row in sums_of_days(stores)[1]) == -8
    add_orders(stores, [order(name_of(1), 1, -3, 20)])
    brought(stores)
    assert sums_of_days(stores)[1] == []


def test_where_an_old_version_is_gone_everything_is_counted_anew(stores: Stores) -> None:
    add_orders(stores, [order(name_of(1), 1, 2, 30)])
    brought(stores)
    add_orders(stores, [order(name_of(2), 2, 2, 30)])
    stores.lake.compact("orders")
    stores.lake.vacuum("orders", retention_hours=0)
    assert brought(stores).anew == "what was there before cannot be read any more"
    assert sum(row["orders"] for row in sums_of_days(stores)[1]) == 2


def test_days_end_at_local_midnight_also_where_clocks_change() -> None:
    # In London clocks go forward on 29 March 2026, so that day has 23 hours.
    first, last = day(86.5), day(88.2)
    found = local_days(first, last, "Europe/London")
    assert [name for name, _end in found] == ["2026-03-28", "2026-03-29", "2026-03-30"]
    lengths = [(b - a).total_seconds() / 3600 for (_n, a), (_m, b) in pairwise(found)]
    assert lengths == [23, 24]
