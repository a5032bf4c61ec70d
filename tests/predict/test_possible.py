"""What customers may really bring: intervals that hold as often as they say, of one person and of a sum, heap at 0 or not."""

from __future__ import annotations

import numpy as np
import pytest

from aimwell.predict.bgnbd import BgNbd
from aimwell.predict.futures import simulate_customers
from aimwell.predict.gamma_gamma import GammaGamma, fit_gamma_gamma
from aimwell.predict.laws import Law, fit_law
from aimwell.predict.lifetime_value import LifetimeValues, lifetime_value
from aimwell.predict.places import PlacesCheck, check_places
from aimwell.predict.possible import Tails, even_tails
from aimwell.predict.purchases import PurchaseHistory, summarise_purchases

SPEND = GammaGamma(p_=6.25, q_=3.74, v_=15.45)
RARE = BgNbd(r_=0.243, alpha_=4.414, a_=0.793, b_=2.426)
EAGER = BgNbd(r_=1.5, alpha_=4.0, a_=0.6, b_=4.0)
SURE = BgNbd(r_=4.0, alpha_=4.0, a_=0.05, b_=8.0)
HORIZON_DAYS = 182.0


def lived(truth: BgNbd, size: int, seed: int) -> tuple[PurchaseHistory, np.ndarray]:
    """Customers with rates and spends of their own, and what they bring in the half year to come."""
    rng = np.random.default_rng([seed, 5])
    history, future = simulate_customers(
        truth, rng.uniform(20, 40, size), horizon=26, rng=rng, spending=SPEND
    )
    assert history.spend is not None
    total = history.frequency * np.nan_to_num(history.spend)
    rate = rng.gamma(SPEND.p_ * history.frequency + SPEND.q_) / (SPEND.v_ + total)
    money = np.zeros(size)
    buys = future > 0
    money[buys] = rng.gamma(SPEND.p_ * future[buys]) / rate[buys]
    return history, money


def told(
    history: PurchaseHistory,
    money: np.ndarray,
    *,
    law: Law = "bgnbd",
    horizon_days: float = HORIZON_DAYS,
    confidence: float = 0.95,
    tails: Tails | None = None,
) -> LifetimeValues:
    return lifetime_value(
        history,
        fit_law(history, law),
        fit_gamma_gamma(history),
        horizon_days=horizon_days,
        margin=None,
        discount_monthly=0,
        confidence=confidence,
        draws=400,
        tails=tails,
        came=money,
    )


def inside(found: LifetimeValues, money: np.ndarray) -> tuple[float, float]:
    """Share of people in their interval; all, and those whose interval is not 0 alone."""
    assert found.possible is not None
    lower, upper = found.possible
    known = np.isfinite(lower)
    held = (money >= lower) & (money <= upper)
    return float(held[known].mean()), float(held[known & (upper > 0)].mean())


def sum_held(found: LifetimeValues, money: np.ndarray) -> bool:
    assert found.total_possible is not None
    return found.total_possible.covers(float(money[np.isfinite(found.value)].sum()))


def checked(found: LifetimeValues) -> PlacesCheck:
    assert found.places is not None
    result = check_places(found.places)
    assert result is not None
    return result


@pytest.mark.parametrize(("confidence", "least", "most"), [(0.95, 0.93, 0.97), (0.8, 0.77, 0.83)])
def test_where_the_law_is_theirs_intervals_hold_as_often_as_they_say(
    confidence: float, least: float, most: float
) -> None:
    history, money = lived(EAGER, 2_500, seed=1)
    found = told(history, money, confidence=confidence)
    # Half of them bring nothing: a lower end of 0 leaves the whole of the other tail above.
    assert (money == 0).mean() > 0.4
    assert least <= inside(found, money)[1] <= most
    assert sum_held(found, money)


def test_who_may_bring_nothing_has_one_tail_and_who_surely_buys_has_two() -> None:
    history, money = lived(EAGER, 1_500, seed=2)
    found = told(history, money)
    assert found.possible is not None
    lower, upper = found.possible
    heap = (lower == 0) & (upper > 0)
    assert heap.sum() > 300
    assert (money[heap] > upper[heap]).mean() == pytest.approx(0.05, abs=0.02)
    history, money = lived(SURE, 1_500, seed=2)
    found = told(history, money)
    assert found.possible is not None
    lower, upper = found.possible
    free = lower > 0
    assert free.sum() > 1_000
    assert (money[free] > upper[free]).mean() == pytest.approx(0.025, abs=0.02)
    assert (money[free] < lower[free]).mean() == pytest.approx(0.025, abs=0.02)


def test_places_lie_evenly_where_the_law_is_theirs_and_not_where_spend_is_foretold_too_high() -> (
    None
):
    history, money = lived(EAGER, 1_500, seed=3)
    right = checked(told(history, money))
    assert right.tails is None
    assert right.held.covers(0.95)
    assert right.held_80.covers(0.8)
    wrong = checked(told(history, money / 3))
    assert wrong.tails is not None
    assert wrong.tails.upper < 0.95
    assert (wrong.above.upper or 1.0) < 0.025


def test_too_few_to_tell_a_tail_keep_even_ones_and_nobody_has_no_check() -> None:
    few = check_places(np.full(150, 0.5))
    assert few is not None
    assert few.below.estimate == 0
    assert few.tails is None
    assert check_places(np.array([np.nan])) is None


def test_tails_that_are_given_are_the_ends_of_the_interval() -> None:
    history, money = lived(EAGER, 400, seed=4)
    narrow, wide = (
        told(history, money, tails=tails).possible
        for tails in (Tails(0.25, 0.75), Tails(0.01, 0.99))
    )
    assert narrow is not None
    assert wide is not None
    assert (narrow.upper <= wide.upper).all()
    assert (narrow.lower >= wide.lower).all()
    assert narrow.upper.sum() < 0.7 * wide.upper.sum()


def test_the_interval_of_a_sum_has_chance_in_it_which_the_parameters_alone_have_not() -> None:
    history, money = lived(RARE, 600, seed=5)
    found = told(history, money)
    total, possible = found.total, found.total_possible
    assert possible is not None
    assert possible.lower is not None
    assert possible.upper is not None
    assert total.upper is not None
    assert possible.upper - possible.lower > 1.2 * (total.upper - (total.lower or 0))
    assert sum_held(found, money)


@pytest.mark.long
@pytest.mark.parametrize("truth", [RARE, EAGER], ids=["rare", "eager"])
@pytest.mark.parametrize(("confidence", "least", "most"), [(0.95, 0.93, 0.97), (0.8, 0.77, 0.83)])
def test_over_many_shops_of_their_law_people_and_sums_hold_as_often_as_they_say(
    truth: BgNbd, confidence: float, least: float, most: float
) -> None:
    people, everybody, sums, places = [], [], [], []
    for seed in range(100, 140):
        history, money = lived(truth, 1_000, seed)
        found = told(history, money, confidence=confidence)
        for share, where in zip(inside(found, money), (everybody, people), strict=True):
            where.append(share)
        sums.append(sum_held(found, money))
        assert found.places is not None
        places.append(found.places)
    assert least <= np.mean(people) <= most
    tenths = np.histogram(np.concatenate(places), 10, (0, 1))[0] / 40_000
    # Parameters of a thousand customers are off a little, the same way for all of a shop.
    assert tenths == pytest.approx(np.full(10, 0.1), abs=0.02)
    print(confidence, np.mean(people), np.mean(everybody), sum(sums), tenths.round(3))
    # Of 40 sums chance leaves 38 ± 2.7 within 95 %, 32 ± 5 within 80 %.
    reach = 2.6 * np.sqrt(confidence * (1 - confidence) / 40)
    assert np.mean(sums) == pytest.approx(confidence, abs=reach)


def stopping_shop(people: int, cut: int, seed: int) -> tuple[PurchaseHistory, np.ndarray]:
    """Customers who stop at any moment (Pareto/NBD), until day `cut`, and their revenue of the 90 days after it."""
    rng = np.random.default_rng(seed)
    who, when, paid = [], [], []
    for person in range(people):
        at, rate = rng.uniform(0, 120), rng.gamma(1.5) / 20
        stops, amount = at + rng.exponential() * 150 / rng.gamma(2), 300 / rng.gamma(4)
        while at < min(stops, cut + 90):
            who.append(person)
            when.append(at)
            paid.append(float(rng.gamma(6) * amount / 6))
            at += float(rng.exponential() / rate)
    days = np.datetime64("2026-01-01") + np.floor(when).astype("timedelta64[D]")
    values, persons = np.array(paid), np.array(who)
    until = np.datetime64("2026-01-01") + np.timedelta64(cut - 1, "D")
    ids, history = summarise_purchases(persons, days, values, until=until.astype(object))
    later = np.array(when) >= cut
    came = np.bincount(persons[later], weights=values[later], minlength=people)
    return history, came[ids]


@pytest.mark.long
def test_by_a_law_that_is_not_theirs_the_last_period_mends_the_intervals_of_the_next() -> None:
    as_they_were, mended, told_apart = [], [], 0
    for seed in range(8):
        before = checked(told(*stopping_shop(2_000, 210, seed), horizon_days=90))
        history, money = stopping_shop(2_000, 300, seed)
        as_they_were.append(told(history, money, horizon_days=90))
        tails = before.tails or even_tails(0.95)
        mended.append((told(history, money, horizon_days=90, tails=tails), tails))
        told_apart += before.tails is not None
    assert told_apart >= 5
    # BG/NBD lets nobody stop while they do not buy, so what comes lies too low among the draws.
    first = np.mean([checked(one).tenths[-1] for one in as_they_were])
    assert first < 0.07
    held = [
        ((one.places > tails.lower) & (one.places < tails.upper)).mean()  # type: ignore[operator]
        for one, tails in mended
    ]
    assert np.mean(held) == pytest.approx(0.95, abs=0.01)
