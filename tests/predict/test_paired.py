"""Whether one prediction beats another, person by person: groups count once, and 'cannot tell' is an answer."""

from __future__ import annotations

import numpy as np
import pytest

from aimwell.predict.paired import paired_difference, verdict_of


def test_rows_that_are_copies_of_a_group_add_no_certainty() -> None:
    rng = np.random.default_rng(1)
    gain = rng.normal(0.1, 1.0, 200)
    once = paired_difference(gain)
    copied = paired_difference(np.repeat(gain, 5), groups=np.repeat(np.arange(200), 5))
    assert copied.estimate == pytest.approx(once.estimate)
    assert copied.lower == pytest.approx(once.lower)
    assert copied.upper == pytest.approx(once.upper)


def test_the_interval_is_the_usual_one_where_each_group_has_one_row() -> None:
    gain = np.array([1.0, 2.0, 4.0, 5.0])
    found = paired_difference(gain, groups=np.arange(4))
    assert found.estimate == paired_difference(gain).estimate
    assert found.lower == pytest.approx(paired_difference(gain).lower)
    reach = 1.9599640 * gain.std(ddof=1) / 2
    assert (found.estimate, found.lower, found.upper) == pytest.approx((3, 3 - reach, 3 + reach))


@pytest.mark.parametrize(
    ("gain", "verdict"),
    [([0.9, 1.0, 1.1], "better"), ([-0.9, -1.0, -1.1], "worse"), ([-1.0, 0.1, 1.0], "cannot tell")],
)
def test_a_verdict_needs_the_whole_interval_on_one_side(gain: list[float], verdict: str) -> None:
    assert verdict_of(paired_difference(np.array(gain))) == verdict


def test_one_group_gives_no_interval_and_no_verdict() -> None:
    found = paired_difference(np.array([1.0, 2.0]), groups=np.zeros(2, dtype=np.int64))
    assert found.estimate is None
    assert "fewer than two groups" in (found.reason or "")
    assert verdict_of(found) == "cannot tell"
