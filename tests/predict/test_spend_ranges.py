"""Intervals of spend: they hold as often as they say in each band of expectation, and begin at 0 where many bring nothing."""

from __future__ import annotations

import numpy as np
import pytest

from aimwell.predict.spend_ranges import learn_ranges


def spends(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """What was expected, and what came: from nine in ten who bring nothing to nearly all who bring something."""
    rng = np.random.default_rng(seed)
    chance = rng.uniform(0.1, 0.995, count)
    amount = 20 + 60 * chance
    came = np.where(rng.random(count) < chance, rng.gamma(3, amount / 3), 0.0)
    return chance * amount, came


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_later_people_lie_within_as_often_as_is_said_in_every_band(confidence: float) -> None:
    learnt = learn_ranges(*spends(20_000, 1), confidence=confidence)
    later, real = spends(20_000, 2)
    lower, upper = learnt.of(later)
    held = (real >= lower) & (real <= upper)
    # Of those likelier than that to bring nothing, the interval is 0 alone and holds more often.
    may = upper > 0
    assert held[may].mean() == pytest.approx(confidence, abs=0.012)
    band = np.searchsorted(np.quantile(later[may], [0.25, 0.5, 0.75]), later)
    for place in range(4):
        assert held[may & (band == place)].mean() == pytest.approx(confidence, abs=0.025)


def test_where_many_bring_nothing_it_begins_at_nothing() -> None:
    learnt = learn_ranges(*spends(20_000, 1))
    assert learnt.low[0] == 0
    assert learnt.low[-1] > 0
    assert len(learnt.low) == len(learnt.high) == len(learnt.edges) + 1 == 20


def test_hardly_anybody_makes_one_band_and_equal_expectations_no_edges() -> None:
    rng = np.random.default_rng(0)
    one = learn_ranges(np.full(150, 5.0), rng.gamma(2, 2, 150))
    assert one.edges == ()
    same = learn_ranges(np.full(1_000, 5.0), rng.gamma(2, 2, 1_000))
    lower, upper = same.of(np.array([5.0, 10.0]))
    assert (lower < upper).all()
    assert upper[1] == pytest.approx(2 * upper[0])
