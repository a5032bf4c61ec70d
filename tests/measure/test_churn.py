"""After how long a customer counts as lost."""

from __future__ import annotations

from aimwell.measure.churn import GAPS_MIN, lapse_period


def test_the_period_holds_nine_gaps_of_ten() -> None:
    assert lapse_period({7: 80, 30: 10, 90: 10}).days == 30
    assert lapse_period({7: 80, 30: 9, 90: 11}).days == 90
    assert lapse_period({5: GAPS_MIN}).days == 5


def test_few_gaps_give_no_period_but_a_reason() -> None:
    for gaps in ({}, {7: GAPS_MIN - 1}):
        found = lapse_period(gaps)
        assert found.days is None
        assert "gaps between purchases" in (found.reason or "")
