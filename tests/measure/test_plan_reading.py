"""All that is measured of a plan is measured of the same people, within the same strata, by the same groups."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

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
