"""All that is measured of a plan is measured of the same people, within the same strata, by the same groups."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from aimwell.decide.stored import places
from aimwell.deliver import service as deliver
from aimwell.measure.service import measure, measure_over_time, measure_segments
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from campaigns import NOW, executed, set_up
from shop import add_orders, add_traits, day, make_stores, origin

TOWN = {"kind": "segment", "name": "town", "rule": {"trait": "area", "in": ["town"]}}
LATE = {"kind": "segment", "name": "late", "rule": {"trait": "area", "in": ["late"]}}


@pytest.fixture(scope="module")
def sold(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stores, str]]:
    """A stratified campaign whose policy passed some people over; who lives in town buys ten times as much."""
    stores = make_stores(tmp_path_factory.mktemp("strata"), margin_default=0.5)
    names = set_up(stores, 300, town=TOWN, late=LATE, spring={"holdout": 0.3, "stratify": ["town"]})
    areas = [(name, "town") for name in names[:60]] + [(name, "late") for name in names[100:200]]
    add_traits(stores, [{"customer": who, "name": "area", "value": area} for who, area in areas])
    plan_id = executed(stores).plan_id
    deliver.run_sending(stores, plan_id, clock=lambda: NOW + timedelta(seconds=2))
    arms = {place.profile_id: place.arm for place in places(stores.control, plan_id)}
    people = metadata.tables["plan_people"]
    over = [o for name in names[::4] if arms[o := origin(stores, name)] == "treatment"]
    with stores.control.begin() as connection:
        connection.execute(
            sa.update(people)
            .where(people.c.plan_id == plan_id, people.c.profile_id.in_(over))
            .values(arm="passed", action=None, variant=None)
        )
    rng = np.random.default_rng(1)
    rows = []
    for number, name in enumerate(names):
        got = arms[origin(stores, name)] == "treatment" and origin(stores, name) not in over
        revenue = (100.0 if number < 60 else 10.0) + rng.normal(0, 2) + 5.0 * got
        when = NOW + timedelta(days=1 + number % 12)
        rows.append(
            {"customer": name, "order_id": f"n{name}", "ordered_at": when, "revenue": revenue}
        )
    add_orders(stores, rows)
    yield stores, plan_id
    stores.close()


def test_report_segments_and_periods_agree_on_everybody(sold: tuple[Stores, str]) -> None:
    stores, plan_id = sold
    report = measure(stores, plan_id, now=day(100), permutations=199)
    segments = measure_segments(stores, plan_id, now=day(100), metrics=["revenue"])
    periods = measure_over_time(stores, plan_id, now=day(100))
    whole = report.lifts["revenue"].difference.estimate
    (everyone,) = segments.everyone
    assert everyone.difference.estimate == pytest.approx(whole, abs=1e-9)
    window = next(period for period in periods.periods if period.end == 14.0)
    assert window.so_far.estimate == pytest.approx(whole, abs=1e-9)
    assert everyone.treated_n == report.treated.people
    passed = sum(place.arm == "passed" for place in places(stores.control, plan_id))
    assert passed > 30
    assert report.treated.people + report.control.people == 300
    assert any("past spend and strata" in note for note in periods.notes)


def test_strata_take_their_noise_out_of_segments_and_periods(sold: tuple[Stores, str]) -> None:
    stores, plan_id = sold
    (everyone,) = measure_segments(stores, plan_id, now=day(100), metrics=["revenue"]).everyone
    width = everyone.difference.upper - everyone.difference.lower
    # Without strata, town alone leaves a standard deviation of forty, and so some ten on each side.
    assert width < 3.0
    window = measure_over_time(stores, plan_id, now=day(100)).periods[1].so_far
    assert window.upper - window.lower < 3.0
    (late,) = (
        row
        for row in measure_segments(stores, plan_id, now=day(100), metrics=["revenue"]).rows
        if row.group == "late"
    )
    assert late.difference.covers(5.0 * 0.75)
    assert late.treated_n + late.control_n == 100


def test_what_an_earlier_wave_added_is_not_taken_off_a_later_one(tmp_path: Path) -> None:
    """Who is held out stays held out, so what people bought since the first wave is an effect of it and nothing to adjust by."""
    stores = make_stores(tmp_path, margin_default=0.5)
    names = set_up(stores, 200, spring={"holdout": 0.3})
    rng = np.random.default_rng(4)
    taste = rng.normal(100, 30, 200)
    for wave in range(2):
        began = NOW + timedelta(days=15 * wave)
        plan_id = executed(stores, now=began).plan_id
        deliver.run_sending(stores, plan_id, clock=lambda at=began: at + timedelta(seconds=2))
        arms = {place.profile_id: place.arm for place in places(stores.control, plan_id)}
        add_orders(
            stores,
            [
                {
                    "customer": name,
                    "order_id": f"{wave}-{name}",
                    "ordered_at": began + timedelta(days=3),
                    "revenue": taste[number]
                    + rng.normal(0, 3)
                    + 40.0 * (arms[origin(stores, name)] == "treatment"),
                }
                for number, name in enumerate(names)
            ],
        )
    found = measure(stores, plan_id, now=day(120), permutations=199)
    # Adjusted by all that was spent before, the second wave would seem to add next to nothing.
    assert found.lifts["revenue"].difference.covers(40.0)
    assert found.series is not None
    first, second = found.series.rows[0].waves
    assert second.difference.covers(20.0)
    assert found.series.rows[0].correlations[0][1] > 0.9
    assert abs(first.difference.estimate - second.difference.estimate) < 3.0
    stores.close()
