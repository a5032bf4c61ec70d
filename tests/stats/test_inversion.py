"""Finding the bounds, also where a test rejects and then accepts again."""

from __future__ import annotations

import numpy as np
import pytest

from aimwell.stats.inversion import Hypothesis, Reference, _Curve, references


def _curve(rows) -> _Curve:
    return _Curve(*np.array(rows, dtype=float).T)


def _reference(*others, complete: bool = True) -> Reference:
    """Seen: a difference of −s with a standard error of 1, so the statistic of hypothesis s is −s."""
    return Reference(0.0, _curve([[0, -1, 1, 0, 0]]), _curve(others), complete)


def test_a_bound_is_where_a_division_is_just_as_far_out():
    # Four divisions with the statistics 0, 1, 2 and 3 whatever s: the lower test at 30 % needs two of them.
    reference = _reference(*([t, 0, 1, 0, 0] for t in range(4)))
    assert reference.bound(-1, share=0.3) == pytest.approx(-2.0, abs=1e-6)
    # Upwards the statistic falls to 0 and below: all four are as low only from s = 0 inwards, none beyond.
    assert reference.bound(1, share=0.3) == pytest.approx(0.0, abs=1e-6)


def test_no_effect_stays_inside_when_its_own_test_does_not_reject_it():
    """One division's error nearly vanishes at s = −5, where it is far out again."""
    spike = [1, 0, 25 + 1e-4, 10, 1]
    reference = _reference([0, 0, 1, 0, 0], spike)
    assert reference.p_value(-5.0) > 0.4
    assert reference.bound(-1, share=0.4, null=0.0) > -3.0
    assert reference.bound(-1, share=0.4, null=-5.0) == -5.0


def test_where_nothing_is_rejected_there_is_no_bound():
    # The first division is the seen one over again: as far out as it under every hypothesis.
    reference = _reference([0, -1, 1, 0, 0], [9, 0, 1, 0, 0])
    assert reference.bound(-1, share=0.4) is None
    assert reference.bound(1, share=0.4) is None


def test_a_family_may_end_before_its_test_rejects():
    reference = _reference([-3, 0, 1, 0, 0], [-3, 0, 1, 0, 0])
    assert reference.bound(1, share=0.4) == pytest.approx(3.0, abs=1e-6)
    assert reference.bound(1, share=0.4, limit=2.0) is None
    assert reference.bound(1, share=0.4, limit=3.5) == pytest.approx(3.0, abs=1e-6)


def test_a_random_sample_counts_what_was_seen_as_one_more_division():
    reference = _reference(*([0, 0, 1, 0, 0],) * 19, complete=False)
    assert reference.p_value(-50.0) == 2 / 20
    assert reference.p_value(0.0) == 1.0


def test_families_that_depend_on_nothing_have_no_reference():
    base, still = np.array([1.0, 4.0, 2.0, 8.0, 5.0]), np.zeros(5)
    mark = np.array([1.0, 1.0, 0.0, 0.0, 0.0])
    found = references(
        [Hypothesis(base, still), Hypothesis(still, mark), Hypothesis(base, mark)],
        drawn=2,
        drawn_is_treated=True,
        divisions=100,
        seed=1,
    )
    assert found[:2] == [None, None]
    assert found[2].origin == pytest.approx(2.5 - 5.0)
    nothing = references(
        [Hypothesis(base, still)], drawn=2, drawn_is_treated=True, divisions=100, seed=1
    )
    assert nothing == [None]
