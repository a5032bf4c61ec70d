"""What all promotion added, by people whom no campaign may contact: their arms, their time, and what is said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from aimwell.decide.holdouts import held_out
from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.holdout import Holdout
from aimwell.errors import MeasureError, UnknownDefinitionError
from aimwell.measure.executive import executive
from aimwell.measure.global_holdout import measure_holdout
from aimwell.store.stores import Stores
from campaigns import NOW, add_sent, set_up
from command import command_in
from shop import add_orders, day, make_stores, origin

BEGAN = (NOW + timedelta(days=4)).date()
HOLDOUT = {
    "kind": "holdout",
    "name": "always-on",
    "share": 0.25,
    "rotates": "30d",
    "starts": BEGAN.isoformat(),
    "ends": (BEGAN + timedelta(days=60)).isoformat(),
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """In two periods who may be contacted spends 12 more than the 50 to 70 that everybody spends; somebody new is no part of it."""
    stores = make_stores(tmp_path_factory.mktemp("holdout"), margin_default=0.5)
    names = set_up(stores, 240, holdout=HOLDOUT)
    found = definitions.find(stores.control, Holdout, "always-on")
    rng = np.random.default_rng(1)
    rows = []
    for period in range(2):
        start = day(64 + 30 * period)
        held = held_out(found, [origin(stores, name) for name in names], moment=start)
        for number, (name, out) in enumerate(zip(names, held, strict=True)):
            revenue = 50 + number % 20 + rng.normal(0, 2) + 12.0 * (not out)
            rows.append(
                {
                    "customer": name,
                    "order_id": f"{period}-{name}",
                    "ordered_at": start + timedelta(days=3),
                    "revenue": revenue,
                }
            )
    rows.append(
        {
            "customer": "late",
            "order_id": "late",
            "ordered_at": day(70),
            "revenue": 5_000,
        }
    )
    add_orders(stores, rows)
    yield stores
    stores.close()


def test_each_period_compares_all_who_were_known_when_it_began(shop: Stores) -> None:
    now = day(64 + 45)
    found = measure_holdout(shop, "always-on", until=now, now=now, permutations=1999)
    first, second = found.periods
    assert first.starts_at.date() == BEGAN
    assert (first.finished, second.finished) == (True, False)
    assert first.people + first.held_out == 240
    assert second.people + second.held_out == 241
    assert 40 < first.held_out < 80
    assert found.metric == "margin"
    assert first.difference.covers(6.0)
    assert first.total.estimate == pytest.approx(first.people * first.difference.estimate)
    assert "always valid" in second.difference.method
    assert found.total.lower > 0.0
    assert "2 periods of " in found.sentence
    assert "all promotion together added £" in found.sentence
    assert "Aimwell sent nobody anything" in found.sentence
    json.dumps(found.to_dict(), allow_nan=False)


def test_periods_of_which_nothing_is_known_are_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stores = make_stores(tmp_path / "lasting", margin_default=0.5)
    set_up(stores, 40, holdout={**HOLDOUT, "ends": None, "starts": day(45).date().isoformat()})
    add_sent(stores, ["somebody"], at=day(50))
    stores.close()
    told = command_in(tmp_path, monkeypatch, capsys)(
        *("measure", "holdout", "always-on", "--workspace", stores.root)
    )
    assert told.err.count("nothing to compare") == 1
    assert "per person" not in told.out
    assert "Aimwell sent nobody anything" not in told.out


def test_only_periods_that_begin_in_the_time_count(shop: Stores) -> None:
    now = day(200)
    one = measure_holdout(shop, "always-on", since=day(90), until=day(100), now=now)
    assert [period.starts_at for period in one.periods] == [day(94)]
    none = measure_holdout(shop, "always-on", until=day(60), now=day(60))
    assert none.periods == ()
    assert "No period" in none.sentence
    with pytest.raises(UnknownDefinitionError):
        measure_holdout(shop, "allways", until=now, now=now)
    with pytest.raises(MeasureError, match="time zone"):
        measure_holdout(shop, "always-on", until=now, now=now.replace(tzinfo=None))


def test_the_executive_page_says_what_it_says(shop: Stores) -> None:
    found = executive(shop, since=None, until=day(95), now=day(95))
    (step,) = found.steps
    assert (step.verb, step.sentence) == ("all promotion", found.holdouts[0].sentence)
    assert executive(shop, since=None, until=day(60), now=day(60)).holdouts == ()


def test_the_command_prints_the_periods(
    shop: Stores,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = command_in(tmp_path, monkeypatch, capsys)
    told = run("measure", "holdout", "always-on", "--workspace", shop.root).out
    assert "held out" in told
    assert str(BEGAN.year) in told
    body = json.loads(
        run("measure", "holdout", "always-on", "--json", "--workspace", shop.root).out
    )
    assert body["periods"][0]["held_out"] > 40
    assert date.fromisoformat(body["periods"][0]["starts_at"][:10]) == BEGAN
