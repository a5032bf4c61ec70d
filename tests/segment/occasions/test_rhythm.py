"""Orders against the calendar: an occasion that is there is found, and none where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from aimwell.segment.occasions.rhythm import LEADS, Group, Rhythm, measure

DAYS = 730
CHRISTMASES = (150, 515)


def made(
    rng: np.random.Generator, times: float, *, lead: int = 14, growth: float = 1.0
) -> np.ndarray:
    """Two years of orders that grow, hang together from day to day, and are none on Sundays; `times` as many in the windows."""
    noise = np.zeros(DAYS)
    for day in range(1, DAYS):
        noise[day] = 0.8 * noise[day - 1] + rng.normal(0, 0.1)
    rate = 40 * np.exp(noise) * (1 + growth * np.arange(DAYS) / DAYS)
    for day in CHRISTMASES:
        rate[day - lead : day + 1] *= times
    week = np.array([1, 1, 1, 1, 1.3, 0.6, 0])[np.arange(DAYS) % 7]
    return rng.poisson(rate * week)


def judged(orders: np.ndarray, days: tuple[int, ...] = CHRISTMASES) -> Rhythm:
    found = measure([Group(days, orders)], leads=LEADS, after=0, weekday=0)
    assert found is not None
    return found


def test_where_there_is_no_occasion_few_seem_one() -> None:
    rng = np.random.default_rng(1)
    found = [judged(made(rng, 1.0)).p_value for _ in range(60)]
    assert sum(p <= 0.05 for p in found) <= 5  # at most one in twenty, of sixty


def test_an_occasion_is_found_with_its_size_and_lead_time() -> None:
    rng = np.random.default_rng(2)
    found = [judged(made(rng, 1.7)) for _ in range(20)]
    assert all(one.p_value <= 0.05 for one in found)
    assert np.mean([one.ratio for one in found]) == pytest.approx(1.7, abs=0.1)
    assert sum(one.lower <= 1.7 <= one.upper for one in found) >= 17
    assert np.median([one.lead for one in found]) == 14
    assert np.median([one.half_before or 0 for one in found]) == pytest.approx(7, abs=1)
    assert all(one.windows == one.whole == 2 for one in found)


def test_a_growing_shop_and_closed_days_are_no_occasion() -> None:
    rng = np.random.default_rng(3)
    assert judged(made(rng, 1.0, growth=20.0)).ratio == pytest.approx(1, abs=0.35)
    orders = made(rng, 1.0)
    orders[CHRISTMASES[0] + 1 : CHRISTMASES[0] + 12] = 0  # the shop is closed after it
    assert judged(orders).ratio == pytest.approx(1, abs=0.3)


def test_people_of_two_calendars_are_held_each_against_their_own() -> None:
    rng = np.random.default_rng(4)
    north, south = made(rng, 2.0), np.roll(made(rng, 2.0), 98)
    days = tuple(day + 98 for day in CHRISTMASES)
    both = measure([Group(CHRISTMASES, north), Group(days, south)], leads=LEADS, after=0, weekday=0)
    assert both is not None
    assert both.p_value <= 0.05
    assert both.windows == 4
    assert both.ratio == pytest.approx(2, abs=0.3)


def test_goods_are_held_against_all_orders_of_the_day() -> None:
    rng = np.random.default_rng(5)
    everything = made(rng, 3.0)  # people come more, for whatever reason
    goods = rng.binomial(everything, 0.1)
    found = measure([Group(CHRISTMASES, goods)], leads=LEADS, after=0, weekday=0, among=everything)
    assert found is not None
    assert found.ratio == pytest.approx(1, abs=0.2)
    assert found.p_value > 0.05


def test_what_was_not_seen_is_not_judged() -> None:
    nothing = np.zeros(DAYS, dtype=np.int64)
    assert measure([], leads=LEADS, after=0, weekday=0) is None
    assert measure([Group(CHRISTMASES, nothing)], leads=LEADS, after=0, weekday=0) is None
    orders = made(np.random.default_rng(6), 1.0)
    assert measure([Group((5_000,), orders)], leads=LEADS, after=0, weekday=0) is None
