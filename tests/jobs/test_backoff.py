"""Waits between attempts grow, have an end, and are drawn apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.jobs.backoff import Backoff


def test_waits_double_up_to_the_longest() -> None:
    backoff = Backoff(first_seconds=5, factor=2, longest_seconds=60, spread=0.5)
    assert [backoff.seconds(n, draw=1.0) for n in range(1, 7)] == [5, 10, 20, 40, 60, 60]
    assert [backoff.seconds(n, draw=0.0) for n in range(1, 4)] == [2.5, 5, 10]


def test_without_spread_nothing_is_left_to_chance() -> None:
    backoff = Backoff(spread=0)
    assert backoff.seconds(3, draw=0.0) == backoff.seconds(3, draw=1.0) == 20


@pytest.mark.parametrize("attempt", [10_000, 10**9])
def test_a_high_attempt_is_no_trouble(attempt: int) -> None:
    assert Backoff().seconds(attempt, draw=1.0) == 3600


def test_a_factor_of_one_never_grows() -> None:
    backoff = Backoff(first_seconds=7, factor=1)
    assert backoff.seconds(1000, draw=1.0) == 7


@given(st.integers(1, 100), st.floats(0, 1), st.floats(0, 1))
def test_a_wait_lies_between_nothing_and_the_longest(
    attempt: int, draw: float, spread: float
) -> None:
    backoff = Backoff(spread=spread)
    wait = backoff.seconds(attempt, draw=draw)
    assert 0 <= wait <= backoff.longest_seconds
    assert wait <= backoff.seconds(attempt + 1, draw=draw)
