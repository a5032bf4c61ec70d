"""A choice in words: money with its currency and no more digits than its interval bears."""

from __future__ import annotations

import pytest

from aimwell.decide.policies.words import choice_words, gain_words, worth_words
from aimwell.stats.estimate import Estimate


def gain(value: float, half: float) -> Estimate:
    return Estimate(
        estimate=value, lower=value - half, upper=value + half, confidence=0.95, method="made"
    )


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (gain(0.02171, 0.0113), "+0.022 GBP per person (+0.010 to +0.033)"),
        (gain(1.23456, 0.4), "+1.23 GBP per person (+0.83 to +1.63)"),
        (gain(1234.5678, 310.2), "+1,234.57 GBP per person (+924.37 to +1,544.77)"),
        (gain(0.5, 0.49999), "+0.50 GBP per person (+0.00 to +1.00)"),
    ],
)
def test_money_has_as_many_places_as_its_interval_bears(found: Estimate, words: str) -> None:
    assert gain_words(found, "GBP") == words


def test_what_is_no_money_has_four_digits_and_no_currency() -> None:
    assert gain_words(gain(0.021714, 0.0113), None) == "+0.02171 per person (+0.01041 to +0.03301)"
    assert worth_words(0.05, gain(0.02, 0.01), None) == "0.05"


def test_the_smallest_gain_that_counts_never_reads_as_nothing() -> None:
    assert worth_words(0.0004, gain(0.5, 0.2), "GBP") == "0.0004 GBP"


def test_a_gain_that_nothing_reaches_is_said_all_the_same() -> None:
    assert worth_words(float("inf"), gain(0.5, 0.2), "GBP") == "inf GBP"


def test_each_verdict_says_its_gain_in_the_currency() -> None:
    for verdict in ("personalise", "does not pay", "cannot tell"):
        words = choice_words(verdict, "nobody", "T", gain(0.5, 1), 0.1, 7, currency="EUR")
        assert "+0.50 EUR per person (-0.50 to +1.50)" in words
