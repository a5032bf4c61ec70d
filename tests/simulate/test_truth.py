from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from aimwell.errors import SimulateError
from aimwell.simulate import (
    GROUPS,
    Action,
    ShopSpec,
    average_effect,
    open_shop,
    potential_outcomes,
    true_effect,
)

SPEC = ShopSpec(people=40_000, seed=9, orders_per_year=8, dropout_mean=0.1, return_share=0.08)
SENT = SPEC.end + timedelta(days=10, hours=9)
TEN = Action(name="ten", discount_share=0.1, valid_days=7)
CASES = {
    "reminder": (SPEC, Action(name="reminder"), 14),
    "ten-percent": (SPEC, TEN, 30),
    "ten-percent-short-window": (SPEC, TEN, 2.5),
    "free-shipping": (SPEC, Action(name="free", free_shipping=True), 14),
    "both-featured-sms": (
        SPEC,
        Action(
            name="all", channel="sms", discount_share=0.25, free_shipping=True, featured="Gifts"
        ),
        60,
    ),
    "all-disturbed": (
        replace(
            SPEC,
            do_not_disturb_share=1.0,
            persuadable_share=0.0,
            sure_thing_share=0.0,
            push_days=20,
        ),
        TEN,
        45,
    ),
    "disturbed-often-there-not-for-long": (
        replace(
            SPEC,
            do_not_disturb_share=1.0,
            persuadable_share=0.0,
            sure_thing_share=0.0,
            orders_per_year=60,
            dropout_mean=0.5,
            push=0.8,
        ),
        Action(name="reminder"),
        60,
    ),
    "all-persuadable": (
        replace(
            SPEC, do_not_disturb_share=0.0, persuadable_share=1.0, sure_thing_share=0.0, pull=0.4
        ),
        TEN,
        10,
    ),
    "no-shops-many-prospects": (
        replace(SPEC, shops=0, prospect_share=0.7),
        Action(name="free", free_shipping=True),
        90,
    ),
}


def _column(table, name):
    return table[name].to_numpy()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_simulated_people_do_on_average_what_is_expected_of_them(case):
    spec, action, window = case
    shop = open_shop(spec)
    effect = true_effect(shop, action, sent_at=SENT, window_days=window)
    outcome = potential_outcomes(shop, action, sent_at=SENT, window_days=window)
    assert effect["customer_id"].equals(outcome["customer_id"])
    groups = np.array(effect["group"].to_pylist())
    scores = {}
    for group in set(groups):
        inside = groups == group
        for figure in ("orders", "revenue", "margin"):
            parts = [_column(outcome, f"{figure}_{arm}") for arm in ("without", "with")]
            expected = [_column(effect, f"{figure}_{arm}") for arm in ("without", "with")]
            scores[group, figure, "without"] = _score((parts[0] - expected[0])[inside])
            lift = parts[1] - parts[0] - _column(effect, figure)
            scores[group, figure, "effect"] = _score(lift[inside])
        for arm in ("without", "with"):
            buys = _column(outcome, f"orders_{arm}") > 0
            scores[group, "p_buy", arm] = _score((buys - _column(effect, f"p_buy_{arm}"))[inside])
    worst = max(scores, key=lambda name: abs(scores[name]))
    assert abs(scores[worst]) < 4.2, (worst, scores[worst])


def _score(differences):
    """Mean over its standard error; 0 where nothing differs at all."""
    if np.abs(differences).max() < 1e-9:
        return 0.0
    return differences.mean() / differences.std() * np.sqrt(differences.size)


@pytest.fixture(scope="module")
def effect():
    return true_effect(open_shop(SPEC), TEN, sent_at=SENT, window_days=14)


def _of(effect, group, name):
    return _column(effect, name)[np.array(effect["group"].to_pylist()) == group]


def test_persuadables_buy_more(effect):
    assert (_of(effect, "persuadable", "orders") > 0).all()
    assert (_of(effect, "persuadable", "p_buy") > 0).all()
    assert _of(effect, "persuadable", "profit").mean() > 0


@pytest.mark.parametrize("group", ["sure_thing", "lost_cause"])
def test_sure_things_and_lost_causes_buy_as_before_but_take_the_discount(effect, group):
    assert np.abs(_of(effect, group, "orders")).max() < 1e-12
    assert np.abs(_of(effect, group, "p_buy")).max() < 1e-12
    assert (_of(effect, group, "margin") <= 1e-12).all()
    assert (_of(effect, group, "profit") < 0).all()


def test_a_discount_to_sure_things_costs_more_than_one_to_lost_causes(effect):
    assert (
        _of(effect, "sure_thing", "margin").mean()
        < 1.5 * _of(effect, "lost_cause", "margin").mean()
        < 0
    )


def test_contact_drives_away_those_who_do_not_want_it(effect):
    there = _of(effect, "do_not_disturb", "orders_without") > 0
    assert (_of(effect, "do_not_disturb", "orders")[there] < 0).all()
    assert (_of(effect, "do_not_disturb", "p_buy")[there] < 0).all()
    assert _of(effect, "do_not_disturb", "profit").mean() < 0


def test_a_reminder_costs_the_sure_things_only_its_postage():
    effect = true_effect(open_shop(SPEC), Action(name="reminder"), sent_at=SENT, window_days=14)
    for group in ("sure_thing", "lost_cause"):
        assert (_of(effect, group, "margin") == 0).all()
        assert np.allclose(_of(effect, group, "profit"), -SPEC.channel_costs["email"])


def test_everybody_is_in_one_of_the_four_groups(effect):
    assert set(effect["group"].to_pylist()) == set(GROUPS)
    assert effect["person"].to_pylist() == list(range(SPEC.people))


def test_longer_windows_hold_more_orders_and_more_effect():
    shop = open_shop(replace(SPEC, people=2000))
    tables = [true_effect(shop, TEN, sent_at=SENT, window_days=days) for days in (1, 7, 30, 90)]
    for shorter, longer in pairwise(tables):
        assert (_column(longer, "orders_without") >= _column(shorter, "orders_without")).all()
        assert (_of(longer, "persuadable", "orders") >= _of(shorter, "persuadable", "orders")).all()


def test_averages_count_a_person_once(effect):
    shop = open_shop(SPEC)
    ids = effect["customer_id"].slice(0, 50).to_pylist()
    mean = average_effect(shop, effect, ids)
    assert mean["revenue"] == pytest.approx(_column(effect, "revenue")[:50].mean())
    assert average_effect(shop, effect, ids + ids) == mean
    assert set(mean) >= {"orders", "revenue", "margin", "profit", "p_buy"}


def test_an_average_over_nobody_is_refused(effect):
    with pytest.raises(SimulateError, match="nobody"):
        average_effect(open_shop(SPEC), effect, [])


@pytest.mark.parametrize(
    ("sent", "days"),
    [
        (SPEC.end - timedelta(seconds=1), 14),
        (SPEC.end, 0),
        (SPEC.end, float("nan")),
        (SPEC.end, float("inf")),
        (SPEC.end + timedelta(days=170), 30),
        (datetime(2026, 1, 10), 14),  # noqa: DTZ001 - a moment without a zone is what is refused
    ],
)
@pytest.mark.parametrize("ask", [true_effect, potential_outcomes])
def test_a_window_that_is_not_simulated_is_refused(ask, sent, days):
    with pytest.raises(SimulateError, match=r"not simulated|no time zone"):
        ask(open_shop(SPEC), TEN, sent_at=sent, window_days=days)
