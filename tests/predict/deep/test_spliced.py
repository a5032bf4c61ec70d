"""A law of two: the near one up to its horizon, the far one beyond, and days that undo probabilities throughout."""

from __future__ import annotations

import numpy as np
import pytest

from aimwell.predict.deep.day_law import DayLaw, day_spans
from aimwell.predict.deep.spliced import Spliced
from aimwell.predict.timing.renewal import NextGap, Renewal
from aimwell.predict.timing.waits import Waits

HORIZON = 30


@pytest.fixture(scope="module")
def far() -> NextGap:
    waits = Waits(
        np.array([0.0, 5, 12]),
        np.array([0.0, 3, 2]),
        np.zeros(3),
        np.array([4.0, 20, 90]),
        np.ones(3),
    )
    return Renewal(3.2, 0.6, 0.7, 0.6, 2.0).next_gap(waits)


@pytest.fixture(scope="module")
def spliced(far: NextGap) -> Spliced:
    ends = day_spans(HORIZON)
    rates = np.random.default_rng(2).uniform(0.005, 0.05, (3, len(ends)))
    return Spliced(DayLaw(far.waited, rates, ends), far)


def test_up_to_the_horizon_it_is_the_near_law(spliced: Spliced) -> None:
    for days in (1, 7, 29, HORIZON):
        assert spliced.within(days).tolist() == spliced.near.within(days).tolist()


def test_beyond_it_is_the_far_law_of_those_who_have_not_come(
    spliced: Spliced, far: NextGap
) -> None:
    for days in (31, 60, 400):
        stayed = (1 - spliced.within(days)) / (1 - spliced.within(HORIZON))
        truth = (1 - far.within(days)) / (1 - far.within(HORIZON))
        assert stayed == pytest.approx(truth)
    assert spliced.within(1e7) == pytest.approx(spliced.returns, rel=1e-3)


def test_a_near_law_that_agrees_changes_nothing(far: NextGap) -> None:
    ends = tuple(range(1, HORIZON + 1))
    stay = np.stack([1 - far.within(day) for day in (0, *ends)], axis=1)
    same = Spliced(DayLaw(far.waited, -np.diff(np.log(stay), axis=1), ends), far)
    assert same.returns == pytest.approx(far.returns)
    for share in (0.05, 0.25, 0.5, 0.75, 0.95):
        assert np.abs(same.days_if_back(share) - far.days_if_back(share)).max() <= 1


def test_days_undo_probabilities(spliced: Spliced) -> None:
    for share in (0.05, 0.25, 0.5, 0.75, 0.95):
        days = spliced.days_if_back(share)
        for row, day in enumerate(days):
            assert spliced.within(day)[row] >= share * spliced.returns[row] - 1e-6
            if day > 1:
                assert spliced.within(day - 1)[row] <= share * spliced.returns[row] + 1e-6
