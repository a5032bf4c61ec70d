"""A campaign's effect by period, from a real plan on a workspace, and what is said of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from aimwell.decide.stored import places
from aimwell.errors import MeasureError
from aimwell.measure.service import measure_over_time
from aimwell.store.stores import Stores
from campaigns import NOW, executed, set_up
from command import Run, command_in
from shop import add_orders, make_stores, origin

HOURS = timedelta(hours=1)


@pytest.fixture
def lite(tmp_path: Path) -> Iterator[Stores]:
    opened = make_stores(tmp_path, margin_default=0.4)
    yield opened
    opened.close()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return command_in(tmp_path, monkeypatch, capsys)


def stocked_up(stores: Stores) -> str:
    """Contacted people buy much in the first days and nothing after the window; the others buy a little each week."""
    names = set_up(stores, 90)
    plan_id = executed(stores).plan_id
    arms = {place.profile_id: place.arm for place in places(stores.control, plan_id)}
    rows = []
    for number, name in enumerate(names):
        contacted = arms[origin(stores, name)] == "treatment"
        days = (1, 2, 3) if contacted else (2, 9, 16, 20, 24)
        rows += [
            {
                "customer": name,
                "order_id": f"{name}-{day}",
                "ordered_at": NOW + timedelta(days=day, minutes=number),
                "revenue": (60 if contacted else 15) + number % 7,
            }
            for day in days
        ]
    add_orders(stores, rows)
    return plan_id


def test_sales_pulled_forward_are_seen_after_the_window(lite: Stores) -> None:
    found = measure_over_time(lite, stocked_up(lite), now=NOW + timedelta(days=60))
    assert [(p.first, p.end) for p in found.periods] == [(0.0, 7.0), (7.0, 14.0), (14.0, 28.0)]
    assert found.sentence.startswith("The daily effect fades")
    assert "pulled forward from later" in found.sentence
    assert found.periods[2].effect.upper < 0.0
    assert any("Only" in note and "held-out" in note for note in found.notes)
    json.dumps(found.to_dict(), allow_nan=False)


def test_while_the_window_is_open_that_is_not_known_yet(lite: Stores) -> None:
    plan_id = stocked_up(lite)
    found = measure_over_time(lite, plan_id, now=NOW + timedelta(days=10), after=timedelta(days=7))
    assert [(p.first, p.end) for p in found.periods] == [(0.0, 7.0), (7.0, 10.0)]
    assert "measure again after" in found.sentence
    first = measure_over_time(lite, plan_id, now=NOW + 20 * HOURS)
    assert "two are needed" in first.sentence
    with pytest.raises(MeasureError, match="0 or more"):
        measure_over_time(lite, plan_id, now=NOW + timedelta(days=10), after=-HOURS)


def test_the_command_prints_a_line_a_period(run: Run, lite: Stores) -> None:
    plan_id = stocked_up(lite)
    told = run("measure", "over-time", plan_id, "--workspace", lite.root)
    assert "14 to 28 (after the window)" in told.out
    assert "fades" in told.out.splitlines()[0]
    assert "\N{MINUS SIGN}" in told.out
    assert not re.search(r"-\d", told.out)
    assert max(map(len, told.out.splitlines()[2:6])) <= 110
    body = run(
        "measure", "over-time", plan_id, "--after", 7, "--json", "--workspace", lite.root
    ).json
    assert body["measured_days"] == 21.0
