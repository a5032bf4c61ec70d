import numpy as np
import pytest

from aimwell.simulate import ShopSpec, open_shop
from aimwell.simulate.lives import expected_orders, live, live_on
from aimwell.simulate.people import simulate_people
from aimwell.simulate.seasons import to_seconds

CELLS = 4


@pytest.fixture(scope="module")
def shop():
    return open_shop(ShopSpec(people=CELLS * 8192, seed=11, dropout_mean=0.2, prospect_share=0.2))


@pytest.fixture(scope="module")
def lives(shop):
    cells = []
    for cell in range(CELLS):
        people = simulate_people(shop, cell)
        cells.append((people, live(shop, people, cell=cell)))
    return cells


def _z(differences):
    return differences.mean() / differences.std() * np.sqrt(differences.size)


def test_history_has_as_many_orders_as_bg_nbd_expects(lives):
    """After a first order: (1 - p) to go on, then (1 - exp(-rate p t)) / p orders (Fader et al. 2005)."""
    differences = []
    for people, life in lives:
        counts = np.bincount(life.orders.person, minlength=len(people))
        t = people.end - people.signup
        repeat = (
            (1 - people.dropout) * -np.expm1(-people.rate * people.dropout * t) / people.dropout
        )
        buyers = ~people.prospect
        differences.append((counts - 1 - repeat)[buyers])
        assert (counts[people.prospect] == 0).all()
    assert abs(_z(np.concatenate(differences))) < 4


@pytest.mark.parametrize(("first", "days"), [(0, 30), (12.4, 14), (60, 120)])
def test_windows_after_the_history_have_the_expected_orders(shop, lives, first, days):
    differences = []
    for cell, (people, life) in enumerate(lives):
        times = live_on(shop, people, life, cell=cell)
        begin = to_seconds(shop.spec.end) + round(first * 86400)
        end = begin + round(days * 86400)
        inside = (times.at >= begin) & (times.at < end)
        counts = np.bincount(times.person[inside], minlength=len(people))
        season = [
            shop.calendar.season_time(people.habits, np.full(len(people), t)) for t in (begin, end)
        ]
        differences.append(counts - expected_orders(people, life, begin=season[0], end=season[1]))
    assert abs(_z(np.concatenate(differences))) < 4


def test_nobody_who_left_orders_again(shop, lives):
    for cell, (people, life) in enumerate(lives):
        times = live_on(shop, people, life, cell=cell)
        assert life.there[times.person].all()


def test_orders_lie_between_sign_up_and_the_end_in_order_of_time(shop, lives):
    for people, life in lives:
        assert (np.diff(life.orders.at) >= 0).all()
        assert (
            life.orders.at >= life.signup_at[life.orders.person]
        ).mean() > 0.999  # clocks change
        assert life.orders.at.min() >= shop.start
        assert life.orders.at.max() < shop.end
        latest = np.full(len(people), -1)
        np.maximum.at(latest, life.orders.person, life.orders.at)
        assert (latest[~people.prospect] == life.latest_at[~people.prospect]).all()


def test_a_cell_is_the_same_whatever_was_simulated_before_it(shop, lives):
    people = simulate_people(shop, 3)
    again = live(shop, people, cell=3)
    assert np.array_equal(again.orders.at, lives[3][1].orders.at)
    assert np.array_equal(again.orders.person, lives[3][1].orders.person)
