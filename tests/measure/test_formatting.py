"""Numbers as a reader sees them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from aimwell.measure.formatting import (
    count_of,
    date_words,
    days_words,
    minute_words,
    money,
    money_interval,
    number,
    percent,
    places_for,
    points,
    points_interval,
    ratio,
    signed_number,
)
from aimwell.measure.shown import p_words, shown_interval, signed
from aimwell.stats.estimate import Estimate


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (312.4, "GBP", "£312"),
        (-40, "GBP", "−£40.00"),
        (-1234.5, "USD", "−$1,234"),
        (99.994, "EUR", "€99.99"),
        (99.996, "EUR", "€100"),
        (0.4, "JPY", "¥0"),
        (-0.4, "JPY", "¥0"),
        (1234567, "JPY", "¥1,234,567"),
        (12, "CHF", "CHF\N{NO-BREAK SPACE}12.00"),
        (-12, "CHF", "−CHF\N{NO-BREAK SPACE}12.00"),
        (0.0, "GBP", "£0.00"),
        (-0.001, "GBP", "£0.00"),
        (5, "XYZ", "XYZ\N{NO-BREAK SPACE}5.00"),
    ],
)
def test_money_has_its_sign_its_symbol_and_the_places_that_suit_it(
    amount: float, currency: str, text: str
) -> None:
    assert money(amount, currency) == text


def test_amounts_shown_together_have_the_same_places() -> None:
    assert places_for([312.0, -40.0, 660.0], "GBP") == 0
    assert places_for([3.0, None, -4.0], "GBP") == 2
    assert places_for([3.0], "JPY") == 0
    assert places_for([], "GBP") == 2
    estimate = Estimate(estimate=312.0, lower=-40.0, upper=660.0, confidence=0.95, method="m")
    assert money_interval(estimate, "GBP") == "−£40 to £660"
    assert shown_interval(estimate, "money", "GBP") == "−£40 to £660"


def test_percentages_and_points() -> None:
    assert percent(12.345) == "12.3%"
    assert percent(0.123) == "0.12%"
    assert percent(0) == "0.0%"
    assert percent(-3.21) == "−3.2%"
    assert points(1.24) == "+1.2 points"
    assert points(-0.5) == "−0.50 points"
    assert points(0) == "0.0 points"
    assert points_interval(-0.39, 8.9) == "−0.4 to +8.9 points"


def test_other_numbers() -> None:
    assert ratio(3.14159) == "3.14"
    assert ratio(60.46) == "60.5"
    assert number(0.25039) == "0.2504"
    assert number(12.345) == "12.35"
    assert number(-1234.5) == "−1,234"
    assert days_words(14) == "14 days"
    assert days_words(1) == "1 day"
    assert days_words(1.25) == "30 hours"
    assert days_words(2.5) == "2.5 days"
    assert p_words(None) == "–"
    assert (p_words(0.0004), p_words(0.032), p_words(0.4)) == ("under 0.001", "0.032", "0.40")


def test_a_day_is_that_of_the_readers_time_zone() -> None:
    midnight_in_london = datetime(2011, 8, 31, 23, tzinfo=UTC)
    assert date_words(midnight_in_london, "Europe/London") == "1 September 2011"
    assert date_words(midnight_in_london, "America/New_York") == "31 August 2011"
    assert (
        minute_words(midnight_in_london, "Europe/London")
        == "1 September 2011, 00:00 (Europe/London)"
    )


def test_a_difference_bears_its_sign_and_nothing_bears_none() -> None:
    assert signed(3.0, "money", "GBP") == "+£3.00"
    assert signed(-3.0, "money", "GBP") == "−£3.00"
    assert signed(0.001, "money", "GBP") == "£0.00"
    assert signed(2.0, "points", "GBP") == "+2.0 points"


def test_a_difference_has_its_sign_and_a_real_minus() -> None:
    assert signed_number(1234.5) == "+1,234.50"
    assert signed_number(-0.3, 1) == "\N{MINUS SIGN}0.3"
    assert signed_number(0.0) == "0.00"
    assert signed_number(-0.3, 0) == signed_number(0.3, 0) == "0"


def test_one_is_not_many() -> None:
    assert count_of(1, "person", "people") == "1 person"
    assert count_of(1234, "person", "people") == "1,234 people"
    assert count_of(0, "person", "people") == "0 people"
