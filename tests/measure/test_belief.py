"""The Bayesian view beside a campaign: by hand, and with earlier campaigns as its prior."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from aimwell.decide.stored import load_plan
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
    bad = belief(people, [Earlier(math.log1p(one), 0.02) for one in (-0.3, -0.31, -0.29, -0.3)])
    assert "4 earlier campaigns" in bad.prior
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
    plan = load_plan(lite.control, plan_id)
    summary = {**plan.summary, "starts_at": day(120).isoformat()}
    later = replace(plan, plan_id="later", campaign="another", summary=summary)
    assert earlier_lifts(lite, later) == ()
    store_report(lite, result)
    relative = result.lifts["revenue"].relative
    (found,) = earlier_lifts(lite, later)
    assert found.log_ratio == pytest.approx(math.log1p(relative.estimate))
    reach = math.log1p(relative.upper) - math.log1p(relative.lower)
    assert found.error == pytest.approx(reach / 3.92, rel=1e-3)
    assert earlier_lifts(lite, replace(later, plan_id=plan_id)) == ()
    assert earlier_lifts(lite, replace(later, summary=plan.summary)) == ()
    # A later wave of the same campaign holds out the same people, so its errors go with those of this one.
    assert earlier_lifts(lite, replace(later, campaign=plan.campaign)) == ()
