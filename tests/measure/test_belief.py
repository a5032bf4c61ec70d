"""The Bayesian view beside a campaign: by hand, and with earlier campaigns as its prior."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from aimwell.deliver import service as deliver
from aimwell.measure.belief import Earlier, belief, earlier_lifts
from aimwell.measure.people import People
from aimwell.measure.service import measure, store_report
from aimwell.store.stores import Stores
from campaigns import NOW, executed, set_up
from shop import add_orders, day, make_stores


@pytest.fixture
def lite(tmp_path: Path) -> Iterator[Stores]:
    opened = make_stores(tmp_path, margin_default=0.4)
    yield opened
    opened.close()


def _people(make_people: Callable[..., People]) -> People:
    rng = np.random.default_rng(1)
    cell = [0] * 300 + [-1] * 200
    return make_people(cell, revenue=rng.gamma(2.0, 10.0, 500) + 2.0 * (np.array(cell) == 0))


def test_few_campaigns_leave_the_weak_prior(make_people: Callable[..., People]) -> None:
    people = _people(make_people)
    found = belief(people, [Earlier(0.1, 0.05)] * 2)
    assert "no effect on average" in found.prior
    control = people.revenue[~people.treated].mean()
    gap = people.revenue[people.treated].mean() - control
    assert 0.0 < found.difference.estimate < gap
    assert found.better == pytest.approx(0.97, abs=0.05)


def test_earlier_campaigns_are_the_prior_where_they_are_enough(
    make_people: Callable[..., People],
) -> None:
    people = _people(make_people)
    bad = belief(people, [Earlier(-0.3, 0.02), Earlier(-0.31, 0.02), Earlier(-0.29, 0.02)])
    assert "3 earlier campaigns" in bad.prior
    assert bad.better < 0.05
    assert bad.loss_if_sent > bad.loss_if_not


def test_without_people_or_spend_there_is_no_belief(make_people: Callable[..., People]) -> None:
    assert belief(make_people([0, 0, -1]), []) is None
    assert belief(make_people([0, 0, -1, -1]), []) is None


def test_reports_of_plans_that_were_over_before_are_read(lite: Stores) -> None:
    names = set_up(lite, 60)
    plan_id = executed(lite).plan_id
    deliver.run_sending(lite, plan_id, clock=lambda: NOW + timedelta(seconds=2))
    add_orders(
        lite,
        [
            {
                "customer": name,
                "order_id": f"n-{name}",
                "ordered_at": NOW + timedelta(days=2),
                "revenue": 20 + number % 9,
            }
            for number, name in enumerate(names)
        ],
    )
    result = measure(lite, plan_id, now=day(100), permutations=199)
    assert any("Seen the Bayesian way" in line for line in result.methods)
    assert earlier_lifts(lite, "later", starts_at=day(120)) == ()
    store_report(lite, result)
    relative = result.lifts["revenue"].relative
    (found,) = earlier_lifts(lite, "later", starts_at=day(120))
    assert found.lift == pytest.approx(relative.estimate)
    assert found.error == pytest.approx((relative.upper - relative.lower) / 3.92, rel=1e-3)
    assert earlier_lifts(lite, plan_id, starts_at=day(120)) == ()
    assert earlier_lifts(lite, "later", starts_at=NOW) == ()
